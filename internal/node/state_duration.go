package node

import (
	"errors"
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
	return d.start(env, func(s *trackedState, t int64, in bool) point.Value {
		if !in {
			return point.FloatValue(-1)
		}
		return point.FloatValue(float64(t-s.Since) / unit)
	})
}

// stateTracker is what stateDuration and stateCount have in common.
type stateTracker struct {
	pred *syntax.Lambda
	as   string

	env   spec.Env
	expr  *lambda.Expr
	name  point.FieldName
	value func(s *trackedState, t int64, in bool) point.Value // of the field
	fault prefixed
	buf   []point.Field
	batch batchBuffer

	// For an alert that looks at nothing else the field is sent alone.
	alone []point.Field
	rest  []point.Field // of the point at hand
}

func (n *stateTracker) start(env spec.Env, value func(s *trackedState, t int64, in bool) point.Value) (err error) {
	n.env, n.value, n.name = env, value, point.NewFieldName(n.as)
	n.fault.prefix = "error while evaluating expression"
	n.expr, err = predicate(n.pred, env)
	return err
}

// Fuse spares an alert the other fields of points that raise no event.
func (n *stateTracker) Fuse(children []spec.Declarer) {
	if a := onlyAlert(children, n.as); a != nil {
		n.alone = []point.Field{{Key: n.as}}
		a.whole = func() []point.Field { return n.with(n.rest, n.alone[0].Value) }
	}
}

// with returns fields and the one added.
func (n *stateTracker) with(fields []point.Field, v point.Value) []point.Field {
	n.buf = n.name.Set(n.buf[:0], fields, v)
	return n.buf
}

func (n *stateTracker) Group(_ *point.Group, out point.Sink) point.Sink {
	return &stateGroup{stateTracker: n, Forward: spec.Forward{Out: out}}
}

// A trackedState is where one group is.
type trackedState struct {
	Count  int64 // points in the state so far; 0 is outside
	Since  int64 // time of the first of them
	Lambda lambda.State
}

type stateGroup struct {
	*stateTracker
	spec.Forward
	state trackedState
}

func (g *stateGroup) State() any { return &g.state }

// track returns the value of the field for p, and false if the predicate fails.
func (g *stateGroup) track(p *point.Point) (point.Value, bool) {
	in, err := g.expr.Bool(p, &g.state.Lambda)
	if err != nil {
		g.env.Error(g.fault.wrap(err))
		return point.Value{}, false
	}
	switch {
	case !in:
		g.state.Count = 0
	case g.state.Count == 0:
		g.state.Count, g.state.Since = 1, p.Time
	default:
		g.state.Count++
	}
	return g.value(&g.state, p.Time, in), true
}

func (g *stateGroup) Point(p *point.Point) {
	v, ok := g.track(p)
	if !ok {
		return
	}
	was := p.Fields
	if g.alone != nil {
		g.alone[0].Value, g.rest = v, was
		p.Fields = g.alone
	} else {
		p.Fields = g.with(was, v)
	}
	g.Out.Point(p)
	p.Fields = was
}

func (g *stateGroup) Batch(b *point.Batch) {
	g.state.Count = 0
	g.batch.begin(b)
	for i := range b.Points {
		if v, ok := g.track(&b.Points[i]); ok {
			q := b.Points[i]
			q.Fields = g.with(q.Fields, v)
			g.batch.add(&q)
		}
	}
	g.Out.Batch(&g.batch.batch)
}
