package node

import (
	"errors"
	"slices"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

func init() {
	spec.Register("stateDuration", func() spec.Declarer {
		return &stateDuration{stateTracker: stateTracker{as: "state_duration"}, unit: time.Second}
	})
}

// stateDuration adds for how long a predicate has been true.
type stateDuration struct {
	stateTracker
	unit time.Duration
}

func (d *stateDuration) Declare(s *spec.Spec) {
	s.Kind = "state_duration"
	s.Doc("Adds a field that says for how long the state, a predicate, has lasted: 0 at the first point in the state, -1 outside of it. " +
		"A point for which the predicate fails is dropped. In batches it begins anew with each batch.")
	s.Arg(&d.pred, "state", "lambda that yields a boolean")
	s.Prop(&d.as, "as", "name of the field")
	s.Prop(&d.unit, "unit", "unit of time of the field")
	s.Check(func() error {
		if d.unit <= 0 {
			return errors.New("unit: must be positive")
		}
		return nil
	})
	s.Example("stream|from().measurement('m')|stateDuration(lambda: \"v\" > 3)",
		"m v=1 0s\nm v=5 1s\nm v=6 3s\nm v=1 4s",
		"m state_duration=-1,v=1 0s\nm state_duration=0,v=5 1s\nm state_duration=2,v=6 3s\nm state_duration=-1,v=1 4s")
}

func (d *stateDuration) Start(env spec.Env) error {
	unit := float64(d.unit)
	return d.start(env, func(count, since, t int64) point.Value {
		if count == 0 {
			return point.FloatValue(-1)
		}
		return point.FloatValue(float64(t-since) / unit)
	})
}

// stateTracker is what stateDuration and stateCount have in common.
type stateTracker struct {
	pred *syntax.Lambda
	as   string

	env   spec.Env
	expr  *lambda.Expr
	name  point.FieldName
	value func(count, since, t int64) point.Value // of the field, at time t; see trackedState
	fault prefixed
	buf   []point.Field
	batch batchBuffer
}

func (n *stateTracker) start(env spec.Env, value func(count, since, t int64) point.Value) (err error) {
	n.env, n.value, n.name = env, value, point.NewFieldName(n.as)
	n.fault.prefix = "error while evaluating expression"
	n.expr, err = predicate(n.pred, env)
	return err
}

// Step passes on the point with the field added.
func (n *stateTracker) Step(behind *spec.Step) *spec.Step {
	s := newStep(behind, false, []string{n.as}, n.expr)
	if s == nil {
		return nil
	}
	var only []point.Field // is passed on if no other field is looked at
	if slices.Equal(behind.Reads, []string{n.as}) {
		only = []point.Field{{Key: n.as}}
	}
	var next struct { // what the point at hand makes of its group
		group        *stateGroup
		count, since int64
	}
	s.Try = func(to point.Sink, x *spec.Trial) spec.Verdict {
		in, err := n.expr.Bool(&x.View, nil)
		if err != nil {
			return spec.Refuse
		}
		next.group = to.(*stateGroup) //nolint:forcetypeassert // of this node
		next.count, next.since = next.group.state.after(in, x.View.Time)
		v := n.value(next.count, next.since, x.View.Time)
		if only != nil {
			only[0].Value = v
			x.View.Fields = only
		} else {
			x.View.Fields = n.with(x.View.Fields, v)
		}
		return spec.Pass
	}
	s.Commit = func() { next.group.state.Count, next.group.state.Since = next.count, next.since }
	return s
}

// with returns fields and the one added.
func (n *stateTracker) with(fields []point.Field, v point.Value) []point.Field {
	n.buf = n.name.Set(n.buf[:0], fields, v)
	return n.buf
}

func (n *stateTracker) Group(_ *point.Group, out point.Sink) point.Sink {
	return &stateGroup{n: n, Forward: spec.Forward{Out: out}}
}

// A trackedState is where one group is.
type trackedState struct {
	Count  int64 // points in the state so far; 0 is outside
	Since  int64 // time of the first of them
	Lambda lambda.State
}

type stateGroup struct {
	n *stateTracker
	spec.Forward
	state trackedState
}

func (g *stateGroup) State() any { return &g.state }

// after returns what Count and Since become with a point at time t, which is in the state or not.
func (s *trackedState) after(in bool, t int64) (count, since int64) {
	switch {
	case !in:
		return 0, s.Since
	case s.Count == 0:
		return 1, t
	}
	return s.Count + 1, s.Since
}

// advance brings the state to p and returns the value of the field, false if the predicate fails.
func (g *stateGroup) advance(p *point.Point) (point.Value, bool) {
	in, err := g.n.expr.Bool(p, &g.state.Lambda)
	if err != nil {
		g.n.env.Error(g.n.fault.wrap(err))
		return point.Value{}, false
	}
	g.state.Count, g.state.Since = g.state.after(in, p.Time)
	return g.n.value(g.state.Count, g.state.Since, p.Time), true
}

func (g *stateGroup) Point(p *point.Point) {
	v, ok := g.advance(p)
	if !ok {
		return
	}
	was := p.Fields
	p.Fields = g.n.with(was, v)
	g.Out.Point(p)
	p.Fields = was
}

func (g *stateGroup) Batch(b *point.Batch) {
	g.state.Count = 0
	g.n.batch.begin(b)
	for i := range b.Points {
		if v, ok := g.advance(&b.Points[i]); ok {
			q := b.Points[i]
			q.Fields = g.n.with(q.Fields, v)
			g.n.batch.add(&q)
		}
	}
	g.Out.Batch(&g.n.batch.batch)
}
