package node

import (
	"errors"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() { spec.Register("window", func() spec.Declarer { return &window{} }) }

// window collects the points of a group and emits them as batches.
type window struct {
	period, every           time.Duration
	periodCount, everyCount int64
	align, fillPeriod       bool

	grid  point.Grid
	batch point.Batch // handed out; its points are rebuilt for each emission
}

func (w *window) Declare(s *spec.Spec) {
	s.Doc("Collects points and emits them as a batch, by time or by count. A window is emitted by the first point behind its end; it holds the points of [end-period, end). Without every, each point emits the window that ends with it.")
	s.Edges(spec.Stream, spec.Batch)
	s.Prop(&w.period, "period", "length of the window")
	s.Prop(&w.every, "every", "how often the window is emitted; with every point if unset")
	s.Flag(&w.align, "align", "emit at multiples of every")
	s.Flag(&w.fillPeriod, "fillPeriod", "do not emit before one period has passed")
	s.Prop(&w.periodCount, "periodCount", "length of the window in points")
	s.Prop(&w.everyCount, "everyCount", "emit after so many points")
	s.Check(w.check)
	s.Example("stream|from().measurement('m')|window().period(10s).every(10s)|count('v')", "m v=1 0s\nm v=1 3s\nm v=1 9s\nm v=1 10s", "m count=3i 10s")
}

func (w *window) check() error {
	switch {
	case w.period != 0 && w.periodCount != 0:
		return errors.New("cannot specify both period and periodCount")
	case w.align && w.periodCount != 0:
		return errors.New("align works with period, not with periodCount")
	case w.periodCount != 0 && w.everyCount <= 0:
		return errors.New("everyCount must be greater than zero")
	case w.period < 0 || w.every < 0 || w.periodCount < 0:
		return errors.New("period, every and periodCount must not be negative")
	case w.period == 0 && w.periodCount == 0:
		return errors.New("needs a period or a periodCount, write .period(1m) for example")
	case w.periodCount > maxCount:
		return errors.New("periodCount must not exceed 100000000")
	}
	return nil
}

// maxCount bounds what a script can make a group allocate by a single number.
const maxCount = 100_000_000

func (w *window) Start(spec.Env) error {
	w.grid = point.NewGrid(w.every)
	return nil
}

func (w *window) Group(g *point.Group, out point.Sink) point.Sink {
	if w.periodCount != 0 {
		c := &countWindow{window: w, group: g, Forward: spec.Forward{Out: out}}
		c.state.Next = w.everyCount
		if w.fillPeriod {
			c.state.Next = w.periodCount
		}
		return c
	}
	return &timeWindow{window: w, group: g, Forward: spec.Forward{Out: out}}
}

// emit sends the ring's points as a batch.
func (w *window) emit(r *ring, g *point.Group, name string, tmax int64, out point.Sink) {
	w.batch.Name, w.batch.TMax, w.batch.Group = name, tmax, g
	w.batch.Points = w.batch.Points[:0]
	for i := range r.Size {
		k := r.at(i)
		w.batch.Points = append(w.batch.Points, point.Point{Time: k.Time, Tags: k.Tags, Fields: k.Fields})
	}
	out.Batch(&w.batch)
}

// A timeWindow is a window of one group whose length is a duration.
type timeWindow struct {
	*window
	spec.Forward
	group *point.Group
	state struct {
		Begun bool
		Name  string // of the group's first message
		Next  int64  // next time to emit at
		Ring  ring
	}
}

func (w *timeWindow) State() any { return &w.state }

// begin sets the first emission when the group's first message arrives at t.
func (w *timeWindow) begin(name string, t int64) {
	s := &w.state
	s.Begun, s.Name = true, name
	if !w.fillPeriod {
		s.Next = t + int64(w.every)
		if w.align {
			s.Next = w.grid.Truncate(s.Next)
		}
		return
	}
	s.Next = t + int64(w.period)
	if w.align {
		full := s.Next
		if s.Next = w.grid.Truncate(full); s.Next <= full {
			s.Next += int64(w.every)
		}
	}
}

func (w *timeWindow) Point(p *point.Point) {
	s := &w.state
	if !s.Begun {
		w.begin(p.Name, p.Time)
	}
	if w.every == 0 {
		s.Ring.push(p)
		if p.Time >= s.Next {
			s.Ring.dropTo(p.Time - int64(w.period))
			s.Next = p.Time
			w.emit(&s.Ring, w.group, s.Name, p.Time, w.Out)
		}
		return
	}
	w.flush(p.Time)
	s.Ring.push(p)
}

// flush emits the window whose end t has reached. The next one is counted from t: windows that
// lie in a gap are not emitted.
func (w *timeWindow) flush(t int64) {
	s := &w.state
	if t < s.Next {
		return
	}
	s.Ring.dropBefore(s.Next - int64(w.period))
	end := s.Next
	s.Next = t + int64(w.every)
	if w.align {
		s.Next = w.grid.Truncate(s.Next)
	}
	w.emit(&s.Ring, w.group, s.Name, end, w.Out)
}

// Barrier emits as a point would, and is not sent on.
func (w *timeWindow) Barrier(_ *point.Group, t int64) {
	s := &w.state
	if !s.Begun {
		w.begin("barrier", t)
	}
	if w.every != 0 {
		w.flush(t)
		return
	}
	if t >= s.Next {
		s.Ring.dropTo(t - int64(w.period))
		s.Next = t
		w.emit(&s.Ring, w.group, s.Name, t, w.Out)
	}
}

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
		Ring  ring
	}
}

func (w *countWindow) State() any { return &w.state }

func (w *countWindow) Point(p *point.Point) {
	s := &w.state
	w.name(p.Name)
	if s.Ring.Size == int(w.periodCount) {
		s.Ring.drop(1)
	}
	s.Ring.push(p)
	s.Seen++
	if s.Seen == s.Next {
		s.Next += w.everyCount
		w.emit(&s.Ring, w.group, s.Name, p.Time, w.Out)
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
