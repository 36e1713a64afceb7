package node

import (
	"errors"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/agg"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/window"
)

func init() {
	spec.Register("window", func() spec.Declarer { return &windowNode{plan: window.Points()} })
}

// windowNode collects the points of a group and emits them as batches.
type windowNode struct {
	period, every           time.Duration
	periodCount, everyCount int64
	align, fillPeriod       bool

	grid  point.Grid
	plan  *window.Plan
	saved struct{ Contents string }
}

func (w *windowNode) Declare(s *spec.Spec) {
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

func (w *windowNode) check() error {
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

func (w *windowNode) Start(spec.Env) error {
	w.grid = point.NewGrid(w.every)
	return nil
}

// Fuse lets the windows keep no more of their points than the functions behind need, if there is nothing
// but functions of sets.
func (w *windowNode) Fuse(children []spec.Declarer) {
	var calls []window.Call
	for _, c := range children {
		n, ok := c.(*influxql)
		if !ok || n.def.Class == agg.Transformation {
			return
		}
		n.place = len(calls)
		calls = append(calls, window.Call{Def: n.def, Args: &n.args})
	}
	w.plan = window.For(calls, w.tumbles())
}

// tumbles reports whether no point is in two windows.
func (w *windowNode) tumbles() bool {
	if w.periodCount != 0 {
		return w.periodCount <= w.everyCount
	}
	return w.every != 0 && w.period <= w.every
}

func (w *windowNode) Group(g *point.Group, out point.Sink) point.Sink {
	if w.periodCount != 0 {
		c := &countWindow{n: w, group: g, Forward: spec.Forward{Out: out}}
		c.reset()
		return c
	}
	t := &timeWindow{n: w, group: g, Forward: spec.Forward{Out: out}}
	t.reset()
	return t
}

// State tells what the groups' windows consist of.
func (w *windowNode) State() any {
	w.saved.Contents = w.describe()
	return &w.saved
}

// changed reports whether the groups' states were saved by a window that consists of something
// else: the script has changed, and they are of no use.
func (w *windowNode) changed() bool { return w.saved.Contents != w.describe() }

func (w *windowNode) describe() string {
	if w.periodCount != 0 {
		return "count " + w.plan.String()
	}
	return "time " + w.plan.String()
}
