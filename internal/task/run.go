package task

import (
	"container/heap"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// This file runs the graph: edges, state per group, timers and the nodes' environment.

// running is a node's part in a running task.
type running struct {
	env      *env
	inputs   []*border
	short    *short // behind the node, if it offers its points to one
	out      edge
	errors   int64
	groups   int64
	counters []Counter
	kept     []any // states that the node asked to keep
	strict   bool  // asks for the kind of its input, and so relies on it
	closed   bool
	ended    bool // of a user-defined function: has all its input
}

// connect makes the sinks of n; its children have theirs already.
func (t *Task) connect(n *node) {
	r := &n.run
	r.out = edge{t: t}
	for _, c := range n.children {
		r.out.to = append(r.out.to, c.run.inputs[c.input])
	}
	if f, ok := n.decl.(spec.Fuser); ok {
		children := make([]spec.Declarer, len(n.children))
		for i, c := range n.children {
			children[i] = c.decl
		}
		f.Fuse(children)
	}
	out := r.out.sink()
	inputs := max(1, len(n.parents))
	for i := range inputs {
		in := &border{t: t, n: n, out: out}
		switch d := n.decl.(type) {
		case spec.Merger:
			in.to = d.Input(i, out)
		case spec.Grouper:
			in.grouper = d
		case spec.Opener:
			in.to = d.Open(out)
		default:
			in.to = &spec.Forward{Out: out}
		}
		in.oneKind()
		r.inputs = append(r.inputs, in)
	}
}

// came returns how many points the node took.
func (r *running) came() (n int64) {
	for _, b := range r.inputs {
		n += b.points() - b.refused
	}
	return n
}

// A border is where data enters a node: it counts, notes which node is at work, and finds the sink
// of the group if the node has state per group. A group's Index finds it without a map.
type border struct {
	t       *Task
	n       *node
	to      point.Sink   // of all groups; nil if there is a
	grouper spec.Grouper // with a sink for each group
	slots   []slot
	out     point.Sink // where the node sends to
	came    int64      // points, those in batches included
	refused int64      // those of them whose group is one too many
	also    []*int64   // counters of points that came besides, which are counted for several nodes at once
}

// points returns how many points came in all.
func (b *border) points() int64 {
	n := b.came
	for _, c := range b.also {
		n += *c
	}
	return n
}

// A slot is a group's state. The group is kept to notice that an index has gone to another group.
type slot struct {
	group *point.Group
	sink  point.Sink
}

func (b *border) Point(p *point.Point) {
	t, g := b.t, p.Group
	if t.failed != nil {
		return
	}
	b.came++
	if g.Refused {
		b.refuse(1)
		return
	}
	to := b.to
	if to == nil {
		if i := g.Index; i < len(b.slots) && b.slots[i].group == g {
			to = b.slots[i].sink
		} else {
			to = b.open(g)
		}
	}
	was := t.at
	t.at = b.n
	to.Point(p)
	t.at = was
}

func (b *border) Batch(x *point.Batch) {
	if b.t.failed != nil {
		return
	}
	b.came += int64(x.Len())
	if x.Group.Refused {
		b.refuse(x.Len())
		return
	}
	was := b.t.at
	b.t.at = b.n
	b.sink(x.Group).Batch(x)
	b.t.at = was
}

func (b *border) Barrier(g *point.Group, t int64) {
	was := b.t.at
	b.t.at = b.n
	b.sink(g).Barrier(g, t)
	b.t.at = was
}

// Delete forgets the group's state. That of an unknown group is not passed on.
func (b *border) Delete(g *point.Group) {
	if b.to == nil && (g.Index >= len(b.slots) || b.slots[g.Index].group != g) {
		return
	}
	was := b.t.at
	b.t.at = b.n
	b.sink(g).Delete(g)
	b.t.at = was
	if b.to == nil {
		b.slots[g.Index] = slot{}
		b.n.run.groups--
		b.t.groups.Release(g)
	}
}

// sink returns the sink for data of a group.
func (b *border) sink(g *point.Group) point.Sink {
	if g.Index < len(b.slots) && b.slots[g.Index].group == g {
		return b.slots[g.Index].sink
	}
	if b.to != nil {
		return b.to
	}
	return b.open(g)
}

func (b *border) open(g *point.Group) point.Sink {
	for g.Index >= len(b.slots) {
		b.slots = append(b.slots, slot{})
	}
	was := b.t.at
	b.t.at = b.n
	s := b.grouper.Group(g, b.out)
	b.t.at = was
	b.slots[g.Index] = slot{g, s}
	b.t.groups.Hold(g)
	b.n.run.groups++
	return s
}

// An edge sends what a node emits to all its children, in the order they were linked.
type edge struct {
	t    *Task
	to   []*border
	many int64 // points sent, unless there is just one child
}

// sink returns the shortest way to the children.
func (e *edge) sink() point.Sink {
	if len(e.to) == 1 {
		return e.to[0]
	}
	return e
}

// sent returns how many points were sent.
func (e *edge) sent() int64 {
	if len(e.to) == 1 {
		return e.to[0].points()
	}
	return e.many
}

func (e *edge) Point(p *point.Point) {
	if e.t.failed != nil {
		return
	}
	e.many++
	for _, b := range e.to {
		b.Point(p)
	}
}

func (e *edge) Batch(x *point.Batch) {
	if e.t.failed != nil {
		return
	}
	e.many += int64(x.Len())
	for _, b := range e.to {
		b.Batch(x)
	}
}

func (e *edge) Barrier(g *point.Group, t int64) {
	for _, b := range e.to {
		b.Barrier(g, t)
	}
}

func (e *edge) Delete(g *point.Group) {
	for _, b := range e.to {
		b.Delete(g)
	}
}

// env is a node's view of its task.
type env struct {
	t    *Task
	n    *node
	name string
}

func (e *env) Task() string           { return e.t.cfg.Name }
func (e *env) Node() string           { return e.name }
func (e *env) DBRPs() []spec.DBRP     { return e.t.dbrps }
func (e *env) Groups() *point.Groups  { return &e.t.groups }
func (e *env) Lambda() lambda.Options { return e.t.lambdaOptions() }
func (e *env) Topics() *alert.Topics  { return e.t.cfg.Topics }
func (e *env) Host() string           { return e.t.cfg.Host }
func (e *env) Now() int64             { return e.t.now }
func (e *env) Fail(err error)         { e.t.fail(err) }

func (e *env) Input() spec.Edge {
	e.n.run.strict = true
	return e.n.in()
}

func (e *env) Error(err error) {
	e.n.run.errors++
	if !e.n.spec.Quiet {
		e.t.emit(spec.Effect{Kind: spec.ErrorEffect, Node: e.name, Text: err.Error()})
	}
}

func (e *env) Ask(b spec.Body) uint64 { return e.t.ask(e.n, b) }

func (e *env) Emit(x spec.Effect) {
	x.Node = e.name
	e.t.emit(x)
}

func (e *env) Counter(name string) *int64 {
	for _, c := range e.n.run.counters {
		if c.Name == name {
			return c.N
		}
	}
	n := new(int64)
	e.n.run.counters = append(e.n.run.counters, Counter{name, n})
	return n
}

// Keep has state saved with the node.
func (e *env) Keep(state any) { e.n.run.kept = append(e.n.run.kept, state) }

// Delete deletes a group in the node and behind it.
func (e *env) Delete(g *point.Group) { e.n.run.inputs[0].Delete(g) }

// Warn notes something that is suspicious but legal.
func (e *env) Warn(err *syntax.Error) {
	w := *err
	w.File = e.t.cfg.File
	if !w.Pos.IsValid() {
		w.Pos = e.n.pos
	}
	w.Msg = e.n.spec.Name + ": " + err.Msg
	e.t.warnings = append(e.t.warnings, &w)
}

// emit keeps an effect for Take, and copies its point or frames into buffers that are reused.
func (t *Task) emit(x spec.Effect) {
	if t.failed != nil {
		return
	}
	if x.Point != nil {
		p := *x.Point
		from := len(t.fields)
		t.fields = append(t.fields, p.Fields...)
		p.Fields = t.fields[from:len(t.fields):len(t.fields)]
		t.points = append(t.points, p)
		x.Point = &t.points[len(t.points)-1]
	}
	if x.Kind == spec.UDFEffect && t.frame(&x) {
		return
	}
	t.effects = append(t.effects, x)
}

// timers is a heap of timers by time, priority, node and age. The node comes before the age because
// a restart arms the timers of all nodes anew.
type timers struct {
	heap []*spec.Timer
	seq  uint64
}

func (h *timers) Len() int { return len(h.heap) }

func (h *timers) Less(i, j int) bool {
	a, b := h.heap[i], h.heap[j]
	switch {
	case a.At != b.At:
		return a.At < b.At
	case a.Prio != b.Prio:
		return a.Prio < b.Prio
	case a.Node != b.Node:
		return a.Node < b.Node
	}
	return a.Seq < b.Seq
}

func (h *timers) Swap(i, j int) { h.heap[i], h.heap[j] = h.heap[j], h.heap[i] }
func (h *timers) Push(x any)    { h.heap = append(h.heap, x.(*spec.Timer)) }

func (h *timers) Pop() any {
	last := len(h.heap) - 1
	x := h.heap[last]
	h.heap[last] = nil
	h.heap = h.heap[:last]
	return x
}

func (e *env) At(at int64, prio int, f func()) *spec.Timer {
	h := &e.t.timers
	h.seq++
	n := e.n
	x := &spec.Timer{At: at, Prio: prio, Node: n.id, Seq: h.seq, F: func() { e.t.at = n; f() }}
	heap.Push(h, x)
	return x
}

// Tick brings the time, in nanoseconds since the Unix epoch. Timers due by then fire in the order
// of their times, each at its own time. The clock never goes back.
func (t *Task) Tick(now int64) error {
	if t.timers.Len() == 0 || t.timers.heap[0].At > now { // nothing that could panic
		if t.failed == nil {
			t.setNow(now)
		}
		return t.failed
	}
	return t.guard(nil, func() {
		for t.timers.Len() > 0 && t.timers.heap[0].At <= now && t.failed == nil {
			x := heap.Pop(&t.timers).(*spec.Timer)
			if x.Stopped {
				continue
			}
			t.setNow(x.At)
			x.F()
		}
		t.setNow(now)
	})
}

func (t *Task) setNow(now int64) {
	t.now = max(t.now, now)
	t.groups.Now = t.now
}

// Next returns when the next timer is due, and whether there is one.
func (t *Task) Next() (int64, bool) {
	for t.timers.Len() > 0 {
		if x := t.timers.heap[0]; !x.Stopped {
			return x.At, true
		}
		heap.Pop(&t.timers)
	}
	return 0, false
}
