package node

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

func init() { spec.Register("where", func() spec.Declarer { return &where{} }) }

// where passes on the points for which a predicate holds.
type where struct {
	pred *syntax.Lambda

	env   spec.Env
	expr  *lambda.Expr
	fault prefixed
	batch batchBuffer
}

func (w *where) Declare(s *spec.Spec) {
	s.Doc("Passes on the points for which the predicate holds. A batch passes even if no point of it does.")
	s.Arg(&w.pred, "predicate", "lambda that yields a boolean")
	s.Example("stream|from().measurement('m')|where(lambda: \"v\" > 1)", "m v=1 0s\nm v=2 1s", "m v=2 1s")
}

func (w *where) Start(env spec.Env) (err error) {
	w.env = env
	w.fault.prefix = "error while evaluating expression"
	w.expr, err = predicate(w.pred, env)
	return err
}

// Step absorbs the points for which the predicate does not hold.
func (w *where) Step(behind *spec.Step) *spec.Step {
	s := newStep(behind, false, nil, w.expr)
	if s == nil {
		return nil
	}
	s.Try = func(_ point.Sink, x *spec.Trial) spec.Verdict {
		switch holds, err := w.expr.Bool(&x.View, nil); {
		case err != nil:
			return spec.Refuse
		case holds:
			return spec.Pass
		}
		return spec.Absorb
	}
	return s
}

func (w *where) Group(_ *point.Group, out point.Sink) point.Sink {
	return &whereGroup{n: w, Forward: spec.Forward{Out: out}, state: newState(w.expr)}
}

type whereGroup struct {
	n *where
	spec.Forward
	state *lambda.State
}

func (w *whereGroup) State() any {
	if w.state == nil {
		return nil
	}
	return w.state
}

func (w *whereGroup) holds(p *point.Point) bool {
	ok, err := w.n.expr.Bool(p, w.state)
	if err != nil {
		w.n.env.Error(w.n.fault.wrap(err))
	}
	return ok && err == nil
}

func (w *whereGroup) Point(p *point.Point) {
	if w.holds(p) {
		w.Out.Point(p)
	}
}

func (w *whereGroup) Batch(b *point.Batch) {
	w.n.batch.begin(b)
	for i := range b.Points {
		if w.holds(&b.Points[i]) {
			w.n.batch.add(&b.Points[i])
		}
	}
	w.Out.Batch(&w.n.batch.batch)
}
