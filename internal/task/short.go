package task

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// This file is the short way of points that nothing comes of, which package spec describes. It leads from a node that
// offers its points along the steps of the nodes behind it. If one of them refuses a point, nothing has happened, and
// the point goes from node to node in the ordinary way.

// A short is the short way behind a node.
type short struct {
	steps    []step // of the nodes that may pass a point on
	tests    []*lambda.Expr
	at       int   // the step at work: as in steps, atEnd, atTests or nowhere
	done     int64 // points that have come to the end, for all nodes on the way
	trial    spec.Trial
	end      step    // of the node that passes nothing on
	tested   *node   // whose lambdas the tests are: that one, or the one before, whose value they compute
	composed *border // of the one before then; it needs no step
	refers   []string
}

// What short.at may be but for the place of a step.
const (
	nowhere = -1 - iota
	atEnd
	atTests
)

// A step is a node on a short way.
type step struct {
	spec.Step
	n  *node
	in *border
	to point.Sink // of all groups, if there is one; else in has the group's
}

// shorten makes the short ways of a task, unless it is to have none.
func (t *Task) shorten() {
	if t.cfg.Long {
		return
	}
	steps := map[*node]*spec.Step{}
	for _, n := range t.graph.nodes {
		o, ok := n.decl.(spec.Offerer)
		if !ok || len(n.children) != 1 {
			continue
		}
		if first := t.step(n.children[0].node, steps); first != nil {
			n.run.short = t.short(n.children[0], steps)
			n.run.short.refers = first.Refers
			o.Offer(first.Refers, n.run.short)
		}
	}
}

// step returns the step of n, nil if it has none. Those known are in steps.
func (t *Task) step(n *node, steps map[*node]*spec.Step) *spec.Step {
	if s, ok := steps[n]; ok {
		return s
	}
	var s *spec.Step
	if d, ok := n.decl.(spec.Stepper); ok && !n.behindUDF {
		var behind *spec.Step
		if len(n.children) == 1 {
			behind = t.step(n.children[0].node, steps)
		}
		t.at = n
		s = d.Step(behind)
	}
	steps[n] = s
	return s
}

// short returns the way of the steps from c on.
func (t *Task) short(c child, steps map[*node]*spec.Step) *short {
	w := &short{at: nowhere}
	for {
		in := c.run.inputs[c.input]
		s := step{Step: *steps[c.node], n: c.node, in: in, to: in.to}
		if s.Ends {
			w.end, w.tests, w.tested = s, s.Tests, s.n
			break
		}
		w.steps = append(w.steps, s)
		c = c.children[0]
	}
	if i := len(w.steps) - 1; i >= 0 {
		if tests := t.compose(w.steps[i].Value, w.tests); tests != nil {
			w.tests, w.tested, w.composed = tests, w.steps[i].n, w.steps[i].in
			w.steps = w.steps[:i]
		}
	}
	for i := range w.steps {
		w.steps[i].in.also = append(w.steps[i].in.also, &w.done)
	}
	if w.composed != nil {
		w.composed.also = append(w.composed.also, &w.done)
	}
	w.end.in.also = append(w.end.in.also, &w.done)
	return w
}

// Absorb takes p as a point of g if nothing comes of it.
func (w *short) Absorb(g *point.Group, p *point.Point) bool {
	x := &w.trial
	x.Group, x.Point, x.View.Time, x.View.Fields = g, p, p.Time, p.Fields
	for i := range w.steps {
		s := &w.steps[i]
		w.at = i
		to := s.sink(g)
		if to == nil {
			return w.leave(false)
		}
		switch s.Try(to, x) {
		case spec.Refuse:
			return w.leave(false)
		case spec.Absorb:
			if s.in.came++; i > 0 {
				w.commit(i)
			}
			return w.leave(true)
		}
	}
	w.at = atEnd
	if to := w.end.sink(g); to == nil || w.end.Try(to, x) != spec.Absorb {
		return w.leave(false)
	}
	w.at = atTests
	for _, e := range w.tests {
		if holds, err := e.Bool(&x.View, nil); holds || err != nil {
			return w.leave(false)
		}
	}
	w.done++
	for i := range w.steps {
		if s := &w.steps[i]; s.Commit != nil {
			w.at = i
			s.Commit()
		}
	}
	return w.leave(true)
}

// commit has the first n steps do what they have tried, for a point that has not come to the end.
func (w *short) commit(n int) {
	for i := range w.steps[:n] {
		s := &w.steps[i]
		s.in.came++
		if s.Commit != nil {
			w.at = i
			s.Commit()
		}
	}
}

func (w *short) leave(absorbed bool) bool {
	w.at = nowhere
	return absorbed
}

// sink returns the sink for points of g, nil if the group is new to the node.
func (s *step) sink(g *point.Group) point.Sink {
	if s.to != nil {
		return s.to
	}
	if i := g.Index; i < len(s.in.slots) && s.in.slots[i].group == g {
		return s.in.slots[i].sink
	}
	return nil
}

// node returns the node at work, nil if none is.
func (w *short) node() *node {
	switch {
	case w == nil || w.at == nowhere:
		return nil
	case w.at == atEnd:
		return w.end.n
	case w.at == atTests:
		return w.tested
	}
	return w.steps[w.at].n
}

// compose returns tests for points that lack v, which compute it themselves. It returns nil unless they do nothing
// but compare v with constants: then they can be evaluated if and only if v can. Each test computes v anew, which is
// not worth it for more than one unless that is simple.
func (t *Task) compose(v *spec.Value, tests []*lambda.Expr) []*lambda.Expr {
	if v == nil || len(tests) > 1 && !simple(v.Expr.Source()) {
		return nil
	}
	var out []*lambda.Expr
	for _, e := range tests {
		c, ok := e.Source().(*syntax.Binary)
		if !ok || !c.Op.Compares() {
			return nil
		}
		whole := *c
		switch {
		case refers(c.X, v.Name) && literal(c.Y):
			whole.X = v.Expr.Source()
		case refers(c.Y, v.Name) && literal(c.X):
			whole.Y = v.Expr.Source()
		default:
			return nil
		}
		x, err := lambda.Compile(&whole, t.lambdaOptions())
		if err != nil || x.Check() != nil {
			return nil
		}
		out = append(out, x)
	}
	return out
}

// simple reports whether x is one operator at most.
func simple(x syntax.Expr) bool {
	operand := func(x syntax.Expr) bool {
		_, ok := x.(*syntax.Reference)
		return ok || literal(x)
	}
	b, ok := x.(*syntax.Binary)
	return operand(x) || ok && operand(b.X) && operand(b.Y)
}

func refers(x syntax.Expr, name string) bool {
	r, ok := x.(*syntax.Reference)
	return ok && r.Name == name
}

func literal(x syntax.Expr) bool {
	switch x := x.(type) {
	case *syntax.Int, *syntax.Float, *syntax.String, *syntax.Bool, *syntax.Duration:
		return true
	case *syntax.Unary:
		return literal(x.X)
	}
	return false
}
