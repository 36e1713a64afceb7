// Package spectest has what tests of single nodes need: an environment without a task, and arguments out
// of Go values.
package spectest

import (
	"cmp"
	"slices"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// An Env is a [spec.Env] without a task: it notes what the node does, and its clock is moved by hand. The
// zero value is ready, for a node that gets whatever kind of data.
type Env struct {
	Edge    spec.Edge       // what Input returns
	Clock   int64           // what Now returns; Advance moves it on
	Bases   []spec.DBRP     // what DBRPs returns
	States  *alert.Topics   // what Topics returns; made there if nil
	OnError func(err error) // is told besides, where errors are to be seen among other things

	Effects  []spec.Effect // their points are copies
	Errors   []string
	Failed   error
	Warnings []*syntax.Error
	Kept     []any
	Deleted  []*point.Group

	groups   point.Groups
	counters map[string]*int64
	timers   []*spec.Timer
	asked    uint64
}

var _ spec.Env = (*Env)(nil)

// Task returns "t".
func (e *Env) Task() string { return "t" }

// Node returns "n2".
func (e *Env) Node() string { return "n2" }

// Host returns "box".
func (e *Env) Host() string { return "box" }

// Input returns e.Edge.
func (e *Env) Input() spec.Edge { return e.Edge }

// DBRPs returns e.Bases.
func (e *Env) DBRPs() []spec.DBRP { return e.Bases }

// Groups returns the groups, at first there are none.
func (e *Env) Groups() *point.Groups { return &e.groups }

// Lambda returns options with e's clock, in UTC.
func (e *Env) Lambda() lambda.Options { return lambda.Options{Now: e.Now, Zone: time.UTC} }

// Topics returns e.States.
func (e *Env) Topics() *alert.Topics {
	if e.States == nil {
		e.States = new(alert.Topics)
	}
	return e.States
}

// Now returns e.Clock.
func (e *Env) Now() int64 { return e.Clock }

// Emit adds to e.Effects.
func (e *Env) Emit(x spec.Effect) {
	if x.Point != nil {
		x.Point = x.Point.Clone()
	}
	e.Effects = append(e.Effects, x)
}

// Ask adds the question to e.Effects.
func (e *Env) Ask(b spec.Body) (id uint64) {
	e.asked++
	e.Emit(spec.Effect{Kind: spec.AskEffect, Ask: spec.Ask{ID: e.asked, Body: b}})
	return e.asked
}

// Error adds to e.Errors.
func (e *Env) Error(err error) {
	e.Errors = append(e.Errors, err.Error())
	if e.OnError != nil {
		e.OnError(err)
	}
}

// Fail sets e.Failed, once.
func (e *Env) Fail(err error) { e.Failed = cmp.Or(e.Failed, err) }

// Warn adds to e.Warnings.
func (e *Env) Warn(err *syntax.Error) { e.Warnings = append(e.Warnings, err) }

// Keep adds to e.Kept.
func (e *Env) Keep(state any) { e.Kept = append(e.Kept, state) }

// Delete adds to e.Deleted.
func (e *Env) Delete(g *point.Group) { e.Deleted = append(e.Deleted, g) }

// Counter returns the counter of that name.
func (e *Env) Counter(name string) *int64 {
	if e.counters == nil {
		e.counters = map[string]*int64{}
	}
	if e.counters[name] == nil {
		e.counters[name] = new(int64)
	}
	return e.counters[name]
}

// At adds a timer, which Advance fires.
func (e *Env) At(t int64, prio int, f func()) *spec.Timer {
	x := &spec.Timer{At: t, Prio: prio, F: f}
	e.timers = append(e.timers, x)
	return x
}

// Advance moves the clock to t and fires the timers due by then, each at its own time.
func (e *Env) Advance(t int64) {
	for {
		e.timers = slices.DeleteFunc(e.timers, func(x *spec.Timer) bool { return x.Stopped })
		slices.SortStableFunc(e.timers, func(a, b *spec.Timer) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Prio, b.Prio)) })
		if len(e.timers) == 0 || e.timers[0].At > t {
			e.Clock = max(e.Clock, t)
			return
		}
		x := e.timers[0]
		e.timers = e.timers[1:]
		e.Clock = max(e.Clock, x.At)
		x.F()
	}
}
