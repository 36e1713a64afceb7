package alerter

import (
	"sync"
	"time"

	"github.com/influxdata/telegraf/selfstat"
)

// stats counts what happens to deliveries, per kind of handler; "" stands for what reached none.
type stats struct {
	collector *selfstat.Collector
	mu        sync.Mutex
	byKind    map[string]*counters
}

type counters struct {
	delivered, failed, retried, dropped, repeated, queued, muted, held counter
}

// A counter is a selfstat.Stat; without a collector it counts nothing.
type counter struct{ selfstat.Stat }

func (c counter) Incr(n int64) {
	if c.Stat != nil {
		c.Stat.Incr(n)
	}
}

func newStats(c *selfstat.Collector) *stats {
	return &stats{collector: c, byKind: map[string]*counters{}}
}

// get returns the counters of a kind; a name that the kinds do not know comes from a script, and
// there may be any number of them.
func (s *stats) get(kind string) *counters {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.byKind[kind]
	if c != nil {
		return c
	}
	if len(s.byKind) >= 64 {
		if kind = "other"; s.byKind[kind] != nil {
			return s.byKind[kind]
		}
	}
	tags := map[string]string{}
	if kind != "" {
		tags["handler"] = kind
	}
	c = &counters{
		delivered: s.register("delivered", tags), failed: s.register("failed", tags), retried: s.register("retried", tags),
		dropped: s.register("dropped", tags), repeated: s.register("repeated", tags), queued: s.register("queue_length", tags),
		muted: s.register("muted", tags), held: s.register("held", tags),
	}
	s.byKind[kind] = c
	return c
}

func (s *stats) register(field string, tags map[string]string) counter {
	if s.collector == nil {
		return counter{}
	}
	return counter{s.collector.Register("alerter", field, tags)}
}

// heartbeat returns the counters of heartbeats.
func (s *stats) heartbeat() (c struct{ sent, failed, withheld counter }) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.sent, c.failed = s.register("heartbeats", map[string]string{}), s.register("heartbeats_failed", map[string]string{})
	c.withheld = s.register("heartbeats_withheld", map[string]string{})
	return c
}

// mutes sets the number of mutes that are on.
func (s *stats) mutes(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.collector != nil {
		s.collector.Register("alerter", "mutes", map[string]string{}).Set(int64(n))
	}
}

func (s *stats) close() {
	if s.collector != nil {
		s.collector.UnregisterAll()
	}
}

// A limiter reports one cause once per interval, and how often it came meanwhile.
type limiter struct {
	every time.Duration
	now   func() time.Time
	mu    sync.Mutex
	seen  map[string]*sighting
}

type sighting struct {
	at     time.Time
	hidden int
}

// maxCauses bounds what a limiter remembers; further causes share one entry.
const maxCauses = 512

func newLimiter(every time.Duration, now func() time.Time) *limiter {
	return &limiter{every: every, now: now, seen: map[string]*sighting{}}
}

// log reports err unless its cause was reported lately.
func (l *limiter) log(logf func(string, ...any), cause string, err error) {
	l.mu.Lock()
	now := l.now()
	s := l.seen[cause]
	if s == nil && len(l.seen) >= maxCauses {
		for k, old := range l.seen {
			if now.Sub(old.at) >= l.every {
				delete(l.seen, k)
			}
		}
		if len(l.seen) >= maxCauses {
			cause = ""
			s = l.seen[cause]
		}
	}
	if s != nil && now.Sub(s.at) < l.every {
		s.hidden++
		l.mu.Unlock()
		return
	}
	hidden := 0
	if s != nil {
		hidden = s.hidden
	}
	l.seen[cause] = &sighting{at: now}
	l.mu.Unlock()
	if hidden > 0 {
		logf("%v (and %d more like this)", err, hidden)
		return
	}
	logf("%v", err)
}
