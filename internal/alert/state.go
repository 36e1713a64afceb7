package alert

import (
	"math"
	"slices"
	"time"
)

// This file holds what is remembered of one group: its last levels and when it last raised an event.

// never is the time of what has not happened. It is far before every other time.
const never = math.MinInt64

// Rules say how a State judges levels.
type Rules struct {
	DetectFlapping bool
	Low, High      float64       // shares of weighted changes below which flapping ends, above which it begins
	ChangesOnly    bool          // an unchanged level is no event
	MaxInterval    time.Duration // after which an unchanged level is due all the same; 0 is never
}

// State is what is known of one group of an alert. Its fields are exported so that it can be
// saved; use [NewState] to make one.
type State struct {
	History        []Level // ring of the last levels
	Newest         int     // index of the newest one
	Flapping       bool
	Changed        bool  // the newest level differs from the one before
	Expired        bool  // it does not, but has not been sent for Rules.MaxInterval
	FirstTriggered int64 // time of the event that ended OK
	LastTriggered  int64 // time of the last event
}

// NewState returns a State that remembers the last n levels, at least 2, all OK at first.
func NewState(n int) State {
	return State{History: make([]Level, max(n, 2)), FirstTriggered: never, LastTriggered: never}
}

// Repair makes a loaded State fit for use: it has n levels afterwards, of which the newest stay.
func (s *State) Repair(n int) {
	n = max(n, 2)
	intact := len(s.History) > 0 && s.Newest >= 0 && s.Newest < len(s.History)
	if !intact || slices.ContainsFunc(s.History, func(l Level) bool { return !l.valid() }) {
		*s = NewState(n)
		return
	}
	if len(s.History) == n {
		return
	}
	ring := make([]Level, n)
	for i, j := n-1, s.Newest; i >= 0 && n-i <= len(s.History); i-- {
		ring[i] = s.History[j]
		j = before(j, len(s.History))
	}
	s.History, s.Newest = ring, n-1
}

// Level returns the newest level.
func (s *State) Level() Level { return s.History[s.Newest] }

// Calm reports whether another OK would neither raise an event nor be worth to remember.
func (s *State) Calm(r *Rules) bool { return !r.DetectFlapping && !s.Changed && s.Level() == OK }

// Add takes note of the level at time t.
func (s *State) Add(t int64, l Level, r *Rules) {
	s.Changed = s.History[s.Newest] != l
	s.Newest++
	if s.Newest == len(s.History) {
		s.Newest = 0
	}
	s.History[s.Newest] = l
	if r.DetectFlapping {
		switch p := s.changes(); {
		case p > r.High:
			s.Flapping = true
		case p < r.Low:
			s.Flapping = false
		}
	}
	s.Expired = !s.Changed && r.MaxInterval != 0 && since(s.LastTriggered, t) >= r.MaxInterval
}

// changes returns the weighted share of the levels that differ from the one before. It goes round
// the ring from the newest level on, with a weight that grows, so the newest change counts least
// and the oldest level is compared with the newest: that is how Kapacitor does it, and users'
// thresholds are tuned to it.
func (s *State) changes() float64 {
	n := len(s.History)
	weight, step := 0.8, 0.4/float64(n-1)
	sum := 0.0
	for i := range n - 1 {
		c := (i + s.Newest) % n
		if s.History[c] != s.History[before(c, n)] {
			sum += weight
		}
		weight += step
	}
	return sum / float64(n-1)
}

// PointRaises reports whether the level just added, that of a point, is an event.
func (s *State) PointRaises(r *Rules) bool {
	return !s.suppressed(r) && (s.Level() != OK || s.Changed)
}

// BatchRaises reports whether the level just added, that of a batch, is an event. Unlike with
// points, a recovery is one even while the group is flapping.
func (s *State) BatchRaises(r *Rules) bool {
	if s.Level() == OK {
		return s.Changed
	}
	return !s.suppressed(r)
}

func (s *State) suppressed(r *Rules) bool {
	return r.DetectFlapping && s.Flapping || r.ChangesOnly && !s.Changed && !s.Expired
}

// Trigger takes note that the newest level became an event, at time t.
func (s *State) Trigger(t int64) {
	s.LastTriggered = t
	if s.History[before(s.Newest, len(s.History))] == OK {
		s.FirstTriggered = t
	}
}

// Duration returns how long the group has not been OK: the time from the event that ended OK to
// the last one. It is the longest possible one if the former was never sent, because of flapping.
func (s *State) Duration() time.Duration { return since(s.FirstTriggered, s.LastTriggered) }

// Resume makes a group go on where an event left it that this state has not seen. The time is now
// that of the group's first point, or of the event if there is no point at hand. It reports
// whether the level has changed. Unlike with Kapacitor, the duration goes on from when the group
// left OK, which the event knows.
func (s *State) Resume(now int64, stored EventState, r *Rules) bool {
	changed := stored.Level != s.Level()
	if changed {
		s.Add(now, stored.Level, r)
	}
	if changed || stored.Level != OK {
		s.LastTriggered = stored.Time
		s.FirstTriggered = stored.Time - int64(stored.Duration)
		if stored.Duration == math.MaxInt64 {
			s.FirstTriggered = never
		}
	}
	return changed
}

func before(i, n int) int {
	if i == 0 {
		return n - 1
	}
	return i - 1
}

// since returns the time from a to b, as far as a Duration can hold it.
func since(a, b int64) time.Duration {
	if a == never {
		return math.MaxInt64
	}
	d := b - a
	switch {
	case b > a && d < 0:
		return math.MaxInt64
	case b < a && d > 0:
		return math.MinInt64
	}
	return time.Duration(d)
}
