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
	absorbed
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

// Fuse notes whether what the node sends may be absorbed.
func (w *where) Fuse(children []spec.Declarer) {
	w.fuse(children, true, nil, w.expr)
}

func (w *where) Group(_ *point.Group, out point.Sink) point.Sink {
	w.link(out)
	return &whereGroup{where: w, Forward: spec.Forward{Out: out}, state: newState(w.expr)}
}

type whereGroup struct {
	*where
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
	ok, err := w.expr.Bool(p, w.state)
	if err != nil {
		w.env.Error(w.fault.wrap(err))
	}
	return ok && err == nil
}

func (w *whereGroup) Point(p *point.Point) {
	if w.holds(p) {
		w.Out.Point(p)
	}
}

// Absorb takes the points for which the predicate does not hold, too.
func (w *whereGroup) Absorb(g *point.Group, p *point.Point, fields []point.Field) bool {
	holds, ok := w.expr.Try(p, fields)
	return ok && (!holds || w.next.Absorb(g, p, fields))
}

// AbsorbField is Absorb.
func (w *whereGroup) AbsorbField(g *point.Group, p *point.Point, v point.Value) bool {
	return w.Absorb(g, p, w.field(v))
}

func (w *whereGroup) Batch(b *point.Batch) {
	w.batch.begin(b)
	for i := range b.Points {
		if w.holds(&b.Points[i]) {
			w.batch.add(&b.Points[i])
		}
	}
	w.Out.Batch(&w.batch.batch)
}
