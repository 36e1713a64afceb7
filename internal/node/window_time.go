package node

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/window"
)

// A timeWindow is a window of one group whose length is a duration.
type timeWindow struct {
	n *windowNode
	spec.Forward
	group *point.Group
	state struct {
		Begun   bool
		Name    string // of the group's first message
		Next    int64  // next time to emit at
		Content window.Content
	}
}

func (w *timeWindow) State() any { return &w.state }

func (w *timeWindow) reset() {
	s := &w.state
	s.Begun, s.Name, s.Next = false, "", 0
	s.Content = w.n.plan.New()
}

// Restored computes what was not saved.
func (w *timeWindow) Restored() {
	if w.n.changed() {
		w.reset()
	}
	w.state.Content.Restored()
}

// begin sets the first emission when the group's first message arrives at t.
func (w *timeWindow) begin(name string, t int64) {
	s := &w.state
	s.Begun, s.Name = true, name
	if !w.n.fillPeriod {
		s.Next = t + int64(w.n.every)
		if w.n.align {
			s.Next = w.n.grid.Truncate(s.Next)
		}
		return
	}
	s.Next = t + int64(w.n.period)
	if w.n.align {
		full := s.Next
		if s.Next = w.n.grid.Truncate(full); s.Next <= full {
			s.Next += int64(w.n.every)
		}
	}
}

func (w *timeWindow) Point(p *point.Point) {
	s := &w.state
	if !s.Begun {
		w.begin(p.Name, p.Time)
	}
	if w.n.every == 0 {
		s.Content.Add(p)
		w.slide(p.Time)
		return
	}
	w.flush(p.Time)
	s.Content.Push(p, s.Next-int64(w.n.period))
}

// slide emits the window that ends with t, of a window that has no every.
func (w *timeWindow) slide(t int64) {
	s := &w.state
	if t < s.Next {
		return
	}
	s.Content.DropBefore(t - int64(w.n.period) + 1)
	s.Next = t
	s.Content.Emit(s.Name, w.group, t, w.Out)
}

// flush emits the window whose end t has reached. The next one is counted from t: windows that
// lie in a gap are not emitted.
func (w *timeWindow) flush(t int64) {
	s := &w.state
	if t < s.Next {
		return
	}
	end := s.Next
	s.Content.DropBefore(end - int64(w.n.period))
	s.Next = t + int64(w.n.every)
	if w.n.align {
		s.Next = w.n.grid.Truncate(s.Next)
	}
	s.Content.Emit(s.Name, w.group, end, w.Out)
}

// Barrier emits as a point would, and is not sent on.
func (w *timeWindow) Barrier(_ *point.Group, t int64) {
	if !w.state.Begun {
		w.begin("barrier", t)
	}
	if w.n.every != 0 {
		w.flush(t)
	} else {
		w.slide(t)
	}
}
