// Package ratelog keeps errors that come again and again from filling the log.
package ratelog

import (
	"sync"
	"time"
)

// A Limiter reports one cause once per interval, and how often it came meanwhile. It is safe for
// concurrent use.
type Limiter struct {
	every time.Duration
	now   func() time.Time

	mu   sync.Mutex
	seen map[string]*sighting
}

type sighting struct {
	at     time.Time
	hidden int
}

// maxCauses bounds what a limiter remembers; further causes share one entry.
const maxCauses = 512

// New returns a limiter for an interval.
func New(every time.Duration) *Limiter {
	return &Limiter{every: every, now: time.Now, seen: map[string]*sighting{}}
}

// Log has logf, which is a method of some logger, report err, unless its cause was reported lately.
func (l *Limiter) Log(logf func(format string, args ...any), cause string, err error) {
	hidden, ok := l.take(cause)
	switch {
	case !ok:
	case hidden > 0:
		logf("%v (and %d more like this)", err, hidden)
	default:
		logf("%v", err)
	}
}

// take reports whether a cause is to be logged, and how often it came unreported before.
func (l *Limiter) take(cause string) (hidden int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
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
		return 0, false
	}
	if s != nil {
		hidden = s.hidden
	}
	l.seen[cause] = &sighting{at: now}
	return hidden, true
}
