package node

import (
	"fmt"

	"github.com/telegraf-tigk/telegraf-tigk/internal/agg"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	for _, d := range agg.Defs() {
		spec.Register(d.Name, func() spec.Declarer { return &influxql{def: d} })
	}
}

// influxql is every node that applies a function of package agg. The buffers to compute in are shared by
// the groups, since a set is computed in one go; a group keeps only the samples of the set that is coming in.
type influxql struct {
	def        *agg.Def
	args       agg.Args
	as         string
	pointTimes bool

	env    spec.Env
	funcs  [kinds]agg.Func
	step   agg.Transformer
	series agg.Series // of the batch at work
	found  []agg.Result
	listed listedPoints
	faults fieldFaults
	kind   lastKind

	point  point.Point // the point that is sent
	fields []point.Field
	batch  batchBuffer

	place int // in the plan of the window before it, if that has one for functions
}

// kinds is the number of kinds of values.
const kinds = point.Null + 1

func (n *influxql) Declare(s *spec.Spec) {
	d := n.def
	n.as = d.Result()
	s.Kind = n.as
	s.Doc(d.Doc)
	switch d.Class {
	case agg.Aggregate, agg.Selector:
		s.Edges(spec.Same, spec.Stream)
	case agg.Distinct, agg.Ranking, agg.Forecast:
		s.Edges(spec.Same, spec.Batch)
	}
	for _, p := range d.Params {
		s.Arg(p.Bind(&n.args), p.Name, p.Doc)
	}
	s.Prop(&n.as, "as", "name of the result")
	s.Flag(&n.pointTimes, "usePointTimes", "give results the time of the selected point instead of that of the batch")
	if d.Check != nil {
		s.Check(func() error { return d.Check(&n.args) })
	}
	s.Example("stream|from().measurement('m')|"+d.Example.Chain, d.Example.In, d.Example.Want)
}

func (n *influxql) Start(env spec.Env) error {
	n.env = env
	n.faults = fieldFaults{function: n.def.Name, field: n.args.Field, context: "failed to aggregate point"}
	if env.Input() == spec.Batch {
		n.faults.context = "failed to aggregate point in batch"
	}
	if n.def.Class == agg.Transformation {
		n.step = n.def.Transform(&n.args)
	}
	return nil
}

func (n *influxql) Group(g *point.Group, out point.Sink) point.Sink {
	if n.def.Class == agg.Transformation {
		return &transformGroup{n: n, Forward: spec.Forward{Out: out}, group: g}
	}
	r := results{n: n, Forward: spec.Forward{Out: out}, group: g}
	if n.env.Input() == spec.Batch {
		return &batchGroup{results: r}
	}
	return &streamGroup{results: r}
}

// take reports whether a value can be used. The first usable value of a set decides its kind; until
// then kind is Missing.
func (n *influxql) take(got point.Kind, kind *point.Kind) bool {
	switch {
	case *kind == point.Missing:
		if n.def.Kinds.Of(got) != point.Missing {
			*kind = got
			n.kind = lastKind{got, got}
			return true
		}
		n.env.Error(n.unfit(got))
	case got == *kind:
		return true
	default:
		n.env.Error(n.faults.unlike(got, *kind))
	}
	return false
}

// lastKind is the kind that a set began with last in any group, and the last such kind that could
// be used. Kapacitor's errors depend on it: see unfit.
type lastKind struct{ Seen, Used point.Kind }

// State saves what the groups share.
func (n *influxql) State() any { return &n.kind }

// unfit returns the error of a value with which a set cannot begin. When one comes again, Kapacitor
// goes on with the function that it used last and complains about the kind that this one wants.
func (n *influxql) unfit(got point.Kind) error {
	if got == point.Missing || got == point.Null {
		return n.faults.unfit(got)
	}
	if n.kind.Seen == got && n.kind.Used != point.Missing {
		return n.faults.unlike(got, n.kind.Used)
	}
	n.kind.Seen = got
	return n.faults.unfit(got)
}

// function returns the function for values of a kind, ready for a new set.
func (n *influxql) function(kind point.Kind) agg.Func {
	f := n.funcs[kind]
	if f == nil {
		f = n.def.New(kind, &n.args)
		n.funcs[kind] = f
	}
	f.Reset()
	return f
}

// result makes the fields of a point that carries nothing but r.
func (n *influxql) result(r *agg.Result) []point.Field {
	n.fields = append(n.fields[:0], point.Field{Key: n.as, Value: r.Value})
	return n.fields
}

// renamed makes the fields of a point that was selected: the result takes the place of the field
// that it was taken from, and of a field with its own name.
func (n *influxql) renamed(fields []point.Field, r *agg.Result) []point.Field {
	n.fields = n.fields[:0]
	for i := range fields {
		if k := fields[i].Key; k != n.args.Field && k != n.as {
			n.fields = append(n.fields, fields[i])
		}
	}
	n.fields = point.SetField(n.fields, n.as, r.Value)
	return n.fields
}

// firstMessage is what a node remembers of a group's first message: results bear its name. Kapacitor
// takes a barrier that comes first for a point of the measurement "barrier".
type firstMessage struct {
	Name  string
	Named bool
}

func (f *firstMessage) see(name string) {
	if !f.Named {
		f.Name, f.Named = name, true
	}
}

// fieldFaults are the errors of points whose field cannot be used.
type fieldFaults struct {
	function, field, context string
	first                    memo[point.Kind, error]
	later                    memo[unlikeKinds, error]
}

// unlikeKinds are the kind of a value and the one that its set wants.
type unlikeKinds struct{ got, want point.Kind }

// unfit is the error of a value that the function does not take.
func (f *fieldFaults) unfit(got point.Kind) error {
	return f.first.get(got, func() error {
		const context = "failed to realize reduce context from fields"
		if got == point.Missing || got == point.Null {
			return fmt.Errorf("%s: field %q missing from point", context, f.field)
		}
		return fmt.Errorf("%s: invalid influxql func %s with field %s: cannot apply %s to %s field", context, f.function, f.field, f.function, goType(got))
	})
}

// unlike is the error of a value that is not of the kind of the set.
func (f *fieldFaults) unlike(got, want point.Kind) error {
	return f.later.get(unlikeKinds{got, want}, func() error {
		if got == point.Missing || got == point.Null {
			return fmt.Errorf("%s: field %s missing from point cannot aggregate", f.context, f.field)
		}
		return fmt.Errorf("%s: field %s has wrong type: got %s exp %s", f.context, f.field, goType(got), goType(want))
	})
}

// goType returns the name that Kapacitor's errors give to a kind of field.
func goType(k point.Kind) string {
	switch k {
	case point.Float:
		return "float64"
	case point.Int:
		return "int64"
	case point.Bool:
		return "bool"
	case point.Duration:
		return "time.Duration"
	case point.Missing, point.Null:
		return "<nil>"
	}
	return k.String()
}
