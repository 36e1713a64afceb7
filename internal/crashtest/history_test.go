package crashtest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
)

// This file defines what is promised.

// A history is what happened to an agent and around it, crashes included, in its order.
type history []moment

type moment struct {
	at   time.Time
	what any
}

// What happens is one of these.
type (
	// An agent was started.
	started struct{}
	// The data say so: a point was given to the engine.
	pushed struct {
		host  string
		level alert.Level
	}
	// The outbox has handed over an event, so it is in its journal.
	handed struct{ id string }
	// A receiver has an event. It answers later.
	got struct {
		receiver string
		event    *alert.Event
	}
	// The receiver's answer has arrived.
	answered struct{ receiver, id string }
	// The process has died, or with it the machine.
	crashed struct{ unplugged bool }
	// A mute was to be made, or to be removed, and was.
	muting struct{ id string }
	muted  struct {
		id, host string
		end      time.Time
	}
	unmuting struct{ id string }
	unmuted  struct{ id string }
	// These are the mutes that have not been removed.
	listed struct{ ids []string }
	// A task that counts points has said how many it knows of.
	counted struct{ n int }
)

func (m moment) String() string {
	s := m.at.Format("05.000 ")
	switch x := m.what.(type) {
	case pushed:
		return s + fmt.Sprintf("data: %s is %s", x.host, x.level)
	case handed:
		return s + "handed over " + short(x.id)
	case got:
		e := x.event
		return s + fmt.Sprintf("receiver %s has %s: %s is %s, was %s, for %s", x.receiver, short(e.EventID), e.ID, e.Level, e.Previous, e.Duration)
	case answered:
		return s + fmt.Sprintf("receiver %s answered %s", x.receiver, short(x.id))
	case crashed:
		return s + map[bool]string{true: "CRASH of the machine", false: "CRASH of the process"}[x.unplugged]
	default:
		return s + fmt.Sprintf("%T%v", x, x)
	}
}

func short(id string) string { return id[:min(len(id), 6)] }

func (h history) String() string {
	var b strings.Builder
	for _, m := range h {
		b.WriteString(m.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// A promise says what the receivers must have got in the end.
type promise struct {
	receivers []string
	// latency is how long a sync takes at most.
	latency time.Duration
	// checkpoint is the interval between two.
	checkpoint time.Duration
	// muting says that what hosts do may be nobody's business for a while.
	muting bool
	// failing says that disks may be unable to tell of mutes.
	failing bool
}

// A stream is what one receiver gets of one series.
type stream struct {
	events []*alert.Event // without repeats
	last   map[string]int // where in the history an event was got last
	index  map[string]int // in events
	next   int            // index that what comes in this life must have at least
	began  int64          // when the present alert did
	level  alert.Level    // as the receiver believes
}

// broken returns which promise a history does not keep, or "".
func (p *promise) broken(h history) string {
	streams := map[[2]string]*stream{}
	answers := map[[2]string]int{} // places in the history
	must := map[string]int{}
	levels := map[string]alert.Level{}
	for i, m := range h {
		switch x := m.what.(type) {
		case crashed:
			for _, s := range streams {
				s.next = 0
			}
		case pushed:
			levels[x.host] = x.level
		case handed:
			if _, ok := must[x.id]; !ok {
				must[x.id] = i
			}
		case answered:
			answers[[2]string{x.receiver, x.id}] = i
		case got:
			key := [2]string{x.receiver, x.event.ID}
			s := streams[key]
			if s == nil {
				s = &stream{last: map[string]int{}, index: map[string]int{}}
				streams[key] = s
			}
			answer, ok := answers[[2]string{x.receiver, x.event.EventID}]
			if !ok {
				answer = i
			}
			delete(answers, [2]string{x.receiver, x.event.EventID})
			why := p.takes(h, s, i, x.event, answer)
			if why == "" && !p.failing {
				why = p.mutes(h[:i+1], must[x.event.EventID], x.event)
			}
			if why != "" {
				return fmt.Sprintf("receiver %s, %s, event %s: %s", x.receiver, x.event.ID, short(x.event.EventID), why)
			}
		case listed:
			if why := listedOK(h[:i], x); why != "" {
				return why
			}
		case counted:
			// What was there one interval before the crash is there after it.
			if why := p.counted(h[:i], x.n); why != "" {
				return why
			}
		}
	}
	for _, receiver := range p.receivers {
		for id, i := range must {
			if !p.muting && !slices.ContainsFunc(h, func(m moment) bool {
				g, ok := m.what.(got)
				return ok && g.receiver == receiver && g.event.EventID == id
			}) {
				return fmt.Sprintf("event %s, which was handed over at %s, never reached receiver %s", short(id), h[i].at.Format("05.000"), receiver)
			}
		}
		for series, level := range levels {
			last := alert.OK
			if s := streams[[2]string{receiver, series}]; s != nil {
				last = s.level
			}
			if last != level {
				return fmt.Sprintf("receiver %s believes that %s is %s, but it is %s", receiver, series, last, level)
			}
		}
	}
	return ""
}

// takes returns what is wrong with an event that a receiver has got at h[i]. The answer is the one to the
// time before, if there was one.
func (p *promise) takes(h history, s *stream, i int, e *alert.Event, answer int) string {
	before, again := s.last[e.EventID]
	s.last[e.EventID], s.level = i, e.Level
	if again {
		at := s.index[e.EventID]
		if at < s.next {
			return "it comes behind a newer one, or twice"
		}
		s.next = at + 1
		crashes := 0
		for c := before; c < i; c++ {
			x, ok := h[c].what.(crashed)
			if !ok {
				continue
			}
			// Between the answer and the note of it no time passes, and between that and its sync not more
			// than this.
			grace := time.Duration(0)
			if x.unplugged {
				grace = journal.SyncLag + 2*p.latency
			}
			if c < answer || h.running(answer, c) <= grace {
				return ""
			}
			crashes++
		}
		if crashes == 0 {
			return "it comes again, and there was no crash"
		}
		return fmt.Sprintf("it comes again, though it was answered at %s", h[answer].at.Format("05.000"))
	}
	last := alert.OK
	if n := len(s.events); n > 0 {
		b := s.events[n-1]
		last = b.Level
		if e.Time < b.Time {
			// Known gap: what was held comes once more if the machine died before the spool had on the disk
			// that a newer event, which a receiver has already, takes its place. That one comes again, too.
			lost := slices.ContainsFunc(h[s.last[b.EventID]:i], func(m moment) bool { return m.what == crashed{unplugged: true} })
			if p.muting && lost {
				return ""
			}
			return "it is older than the one before"
		}
	}
	switch {
	case e.Level == alert.OK && last == alert.OK:
		return "it is a recovery without its alert"
	case p.muting && e.Level != last:
		s.index[e.EventID] = len(s.events)
		s.events = append(s.events, e)
		s.next = len(s.events)
		return ""
	case e.Previous != last || e.NodePrevious != last:
		return fmt.Sprintf("it says that the level was %s and %s, but the one before said %s", e.Previous, e.NodePrevious, last)
	case e.Level == last:
		return "it is no change of the level"
	}
	if last == alert.OK {
		s.began = e.Time
	}
	if want := time.Duration(e.Time - s.began); e.Duration != want {
		return fmt.Sprintf("it says that the alert has lasted %s; it is %s", e.Duration, want)
	}
	s.index[e.EventID] = len(s.events)
	s.events = append(s.events, e)
	s.next = len(s.events)
	return ""
}

// mutes returns what is wrong if an event that a receiver has got at the end of h was muted when it was handed
// over.
func (p *promise) mutes(h history, handed int, e *alert.Event) string {
	now := h[len(h)-1].at
	for i, m := range h[:handed] {
		x, ok := m.what.(muted)
		if !ok || x.host != e.ID || e.Level == alert.OK || !now.Before(x.end) {
			continue
		}
		removed := slices.ContainsFunc(h[i:], func(m moment) bool { return m.what == unmuting{x.id} })
		if !removed && h[handed].at.Sub(m.at) > mutePoll {
			return fmt.Sprintf("mute %s, made at %s, covers it", x.id, m.at.Format("05.000"))
		}
	}
	return ""
}

// counted returns what is wrong with the number of points that a task knows of after h.
func (p *promise) counted(h history, n int) string {
	least, most := 0, 0
	for i, m := range h {
		if _, ok := m.what.(pushed); !ok {
			continue
		}
		most++
		if !slices.ContainsFunc(h[i:], func(c moment) bool {
			_, ok := c.what.(crashed)
			return ok && !m.at.Before(c.at.Add(-p.checkpoint-4*p.latency))
		}) {
			least++
		}
	}
	if n < least || n > most {
		return fmt.Sprintf("a task knows of %d points; it must know of %d, and there were %d", n, least, most)
	}
	return ""
}

// listedOK returns what is wrong with a list of mutes after h.
func listedOK(h history, l listed) string {
	for _, m := range h {
		switch x := m.what.(type) {
		case muted:
			if !slices.Contains(l.ids, x.id) && !slices.ContainsFunc(h, func(m moment) bool { return m.what == unmuting{x.id} }) {
				return fmt.Sprintf("mute %s is lost", x.id)
			}
		case unmuted:
			if slices.Contains(l.ids, x.id) {
				return fmt.Sprintf("mute %s is back", x.id)
			}
		}
	}
	for _, id := range l.ids {
		if !slices.ContainsFunc(h, func(m moment) bool { return m.what == muting{id} }) {
			return fmt.Sprintf("mute %s comes from nowhere", id)
		}
	}
	return ""
}

// running returns how long agents were running between two moments.
func (h history) running(from, to int) (d time.Duration) {
	for i := from; i < to; i++ {
		if _, ok := h[i].what.(crashed); !ok {
			d += h[i+1].at.Sub(h[i].at)
		}
	}
	return d
}
