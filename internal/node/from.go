package node

import (
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

func init() { spec.Register("from", func() spec.Declarer { return &from{} }) }

// from picks points out of the stream.
type from struct {
	database, retentionPolicy, measurement string
	dims                                   spec.Dims
	byName                                 bool
	truncate, round                        time.Duration
	pred                                   *syntax.Lambda

	env      spec.Env
	grouping grouping
	expr     *lambda.Expr
	state    lambda.State // all groups share it
	fault    prefixed
	name     point.Name // measurement
	cut      point.Grid
	near     point.Grid
	groups   *point.Groups
	routed   bool          // it gets only points of measurements that it wants
	picky    bool          // wants is to be asked
	absorb   spec.Absorber // see [spec.Offerer]; nil if there is no short way
	plain    *point.Group  // group of all points if there are no dimensions
	out      point.Point
}

func (f *from) Declare(s *spec.Spec) {
	s.Doc("Picks points out of the stream by measurement, database, retention policy and a predicate, and groups them. Without any property it takes everything.")
	s.Edges(spec.Stream, spec.Stream)
	s.After("stream", "from")
	s.Prop(&f.database, "database", "database to take points from; any if unset")
	s.Prop(&f.retentionPolicy, "retentionPolicy", "retention policy to take points from; any if unset")
	s.Prop(&f.measurement, "measurement", "measurement to take; any if unset")
	s.Func("where", "predicate; several calls must all hold", func(l *syntax.Lambda) error {
		f.pred = and(f.pred, l)
		return nil
	}, "predicate")
	declareDims(s, &f.dims)
	s.Flag(&f.byName, "groupByMeasurement", "group by measurement too")
	s.Prop(&f.truncate, "truncate", "cut times to multiples of this duration")
	s.Prop(&f.round, "round", "round times to multiples of this duration, after truncate")
	s.Example("stream|from().measurement('cpu').where(lambda: \"host\" == 'a')", "cpu,host=a v=1 0s\ncpu,host=b v=2 0s\nmem,host=a v=3 0s", "cpu,host=a v=1 0s")
}

// and returns the lambda that holds if a and b do; a may be nil.
func and(a, b *syntax.Lambda) *syntax.Lambda {
	if a == nil {
		return b
	}
	return &syntax.Lambda{Start: a.Start, X: &syntax.Binary{Start: a.Start, OpPos: b.Start, Op: syntax.And, X: a.X, Y: b.X}}
}

func (f *from) Start(env spec.Env) error {
	f.env, f.groups, f.name = env, env.Groups(), point.NewName(f.measurement)
	f.picky = !f.routed || f.database != "" || f.retentionPolicy != ""
	f.grouping = newGrouping(f.dims, nil, f.byName)
	f.cut, f.near = point.NewGrid(f.truncate), point.NewGrid(f.round)
	if len(f.dims.Names) == 0 && !f.dims.Star && !f.byName {
		f.plain = f.groups.Get("", nil, nil, false)
	}
	if f.pred == nil {
		return nil
	}
	var err error
	f.expr, err = predicate(f.pred, env)
	f.fault.prefix = "failed to evaluate WHERE expression"
	return err
}

// Offer has points offered that the node sends as they are.
func (f *from) Offer(refers []string, absorb spec.Absorber) {
	if f.truncate <= 0 && f.round <= 0 {
		f.absorb, f.grouping.watch = absorb, refers
	}
}

func (f *from) Open(out point.Sink) point.Sink {
	return &fromSink{n: f, Forward: spec.Forward{Out: out}}
}

// State saves the state of the predicate's stateful functions.
func (f *from) State() any { return &f.state }

type fromSink struct {
	n *from
	spec.Forward
}

// wants reports whether the node takes points of p's measurement, database and retention policy.
func (f *from) wants(p *point.Point) bool {
	return (f.measurement == "" || f.name.Is(p.Name)) && (f.database == "" || p.DB == f.database) &&
		(f.retentionPolicy == "" || p.RP == f.retentionPolicy)
}

// Point does not look at p.Group, which the task does not set for it.
func (f *fromSink) Point(p *point.Point) {
	if f.n.picky && !f.n.wants(p) {
		return
	}
	if f.n.expr != nil {
		ok, err := f.n.expr.Bool(p, &f.n.state)
		if err != nil {
			f.n.env.Error(f.n.fault.wrap(err))
			return
		}
		if !ok {
			return
		}
	}
	g, isClear := f.n.plain, false
	if g != nil {
		isClear = f.n.absorb != nil && f.n.grouping.isClear(p.Tags)
	} else if m := f.n.grouping.first(p.Tags); m != nil && f.n.groups.Again(m.group) {
		g, isClear = m.group, m.clear
	} else {
		g, isClear = f.n.grouping.of(f.n.groups, p.Name, p.Tags, f.n.byName)
	}
	if isClear && f.n.absorb != nil && f.n.absorb.Absorb(g, p) {
		return
	}
	f.n.out = *p
	f.n.out.Group = g
	if f.n.truncate > 0 || f.n.round > 0 {
		f.n.out.Time = f.n.near.Round(f.n.cut.Truncate(p.Time))
	}
	f.Out.Point(&f.n.out)
}
