package node

import (
	"math"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// A countWindow is a window of one group whose length is a number of points.
type countWindow struct {
	*window
	spec.Forward
	group *point.Group
	state struct {
		Begun bool
		Name  string
		Seen  int64
		Next  int64 // emit when so many points have been seen
		Ring  *ring
		Folds *folds
	}
}

func (w *countWindow) State() any { return &w.state }

func (w *countWindow) reset() {
	s := &w.state
	s.Begun, s.Name, s.Seen, s.Next = false, "", 0, w.everyCount
	if w.fillPeriod {
		s.Next = w.periodCount
	}
	s.Ring, s.Folds = w.contents()
}

// Restored computes what was not saved.
func (w *countWindow) Restored() {
	if w.changed() {
		w.reset()
	}
	w.state.Ring.restored()
}

func (w *countWindow) Point(p *point.Point) {
	s := &w.state
	w.name(p.Name)
	s.Seen++
	if s.Folds == nil {
		if n := s.Ring.Len() - int(w.periodCount); n >= 0 { // more than 0 if it was longer when saved
			s.Ring.drop(n + 1)
		}
		s.Ring.push(p)
	} else if s.Seen > s.Next-w.periodCount {
		s.Folds.add(p, math.MinInt64)
	}
	if s.Seen >= s.Next {
		s.Next = s.Seen + w.everyCount
		w.emit(s.Ring, s.Folds, w.group, s.Name, p.Time, w.Out)
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
