package node

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/window"
)

// A countWindow is a window of one group whose length is a number of points.
type countWindow struct {
	n *windowNode
	spec.Forward
	group *point.Group
	state struct {
		Begun   bool
		Name    string
		Seen    int64
		Next    int64 // emit when so many points have been seen
		Content window.Content
	}
}

func (w *countWindow) State() any { return &w.state }

func (w *countWindow) reset() {
	s := &w.state
	s.Begun, s.Name, s.Seen, s.Next = false, "", 0, w.n.everyCount
	if w.n.fillPeriod {
		s.Next = w.n.periodCount
	}
	s.Content = w.n.plan.New()
}

// Restored computes what was not saved.
func (w *countWindow) Restored() {
	if w.n.changed() {
		w.reset()
	}
	w.state.Content.Restored()
}

func (w *countWindow) Point(p *point.Point) {
	s := &w.state
	w.name(p.Name)
	s.Seen++
	if s.Seen > s.Next-w.n.periodCount { // or no window will have it
		s.Content.Drop(s.Content.Len() - int(w.n.periodCount) + 1)
		s.Content.Add(p)
	}
	if s.Seen >= s.Next {
		s.Next = s.Seen + w.n.everyCount
		s.Content.Emit(s.Name, w.group, p.Time, w.Out)
	}
}

func (w *countWindow) name(n string) {
	if !w.state.Begun {
		w.state.Begun, w.state.Name = true, n
	}
}

func (w *countWindow) Barrier(g *point.Group, t int64) {
	w.name("barrier")
	w.Out.Barrier(g, t)
}
