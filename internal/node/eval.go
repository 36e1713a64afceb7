package node

import (
	"errors"
	"fmt"
	"slices"

	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

func init() { spec.Register("eval", func() spec.Declarer { return &eval{} }) }

// eval computes fields and tags.
type eval struct {
	lambdas  []*syntax.Lambda
	as, tags []string
	keep     bool
	keepList []string

	env    spec.Env
	exprs  []*lambda.Expr
	scope  lambda.Scope // results of the point at hand
	asTag  []int        // the results that become tags
	fields []result     // the results that become fields
	places []int        // for each of these its index among all of them, sorted by name
	kept   []result     // keep(list): where each name comes from
	quiet  *spec.Spec
	fault  prefixed
	buf    []point.Field
	own    []point.Field // the point's fields if they are just the results
	batch  batchBuffer
}

// A result is a name and the index of the expression that yields it; -1 if a reference of some
// expression does, -2 if a field of the point may.
type result struct {
	name string
	expr int
}

const (
	fromReference = -1
	fromField     = -2
)

func (e *eval) Declare(s *spec.Spec) {
	s.Doc("Computes expressions over each point. The results are the point's new fields, or tags; what else it had goes unless keep is given. Tags always stay.")
	s.Arg(&e.lambdas, "expression", "expressions, computed in order; later ones can refer to earlier results")
	s.Prop(&e.as, "as", "names of the results, one for each expression")
	s.Prop(&e.tags, "tags", "results that become tags; they must be strings")
	s.Func("keep", "keep all fields, or just those named", func(names ...string) error {
		e.keep, e.keepList = true, names
		return nil
	}, "field")
	s.Check(e.check)
	e.quiet = s
	s.Example("stream|from().measurement('m')|eval(lambda: \"v\" * 2.0).as('w').keep()", "m v=1 0s", "m v=1,w=2 0s")
}

func (e *eval) check() error {
	if len(e.as) != len(e.lambdas) {
		return fmt.Errorf("as names %d results, want one name for each of the %d expressions", len(e.as), len(e.lambdas))
	}
	for _, t := range e.tags {
		if !slices.Contains(e.as, t) {
			return fmt.Errorf("tags: %q is not among the names given by as", t)
		}
	}
	return nil
}

func (e *eval) Start(env spec.Env) error {
	e.env = env
	e.fault.prefix = "error evaluating expression"
	e.scope = lambda.Scope{Names: e.as, Values: make([]point.Value, len(e.as))}
	scope := &e.scope
	if len(e.lambdas) == 1 {
		scope = nil
	}
	var refs []string
	for i, l := range e.lambdas {
		x, err := compileIn(scope, l, env)
		if err != nil {
			return err
		}
		e.exprs = append(e.exprs, x)
		refs = append(refs, x.Refs()...)
		if slices.Contains(e.tags, e.as[i]) {
			e.asTag = append(e.asTag, i)
		}
		if e.keep || !slices.Contains(e.tags, e.as[i]) {
			e.fields = append(e.fields, result{e.as[i], i})
		}
	}
	for _, name := range e.keepList {
		r := result{name, fromField}
		if i := lastIndex(e.as, name); i >= 0 {
			r.expr = i
		} else if slices.Contains(refs, name) {
			r.expr = fromReference
		}
		e.kept = append(e.kept, r)
	}
	for _, r := range e.fields {
		e.own = point.SetField(e.own, r.name, point.Value{})
	}
	for _, r := range e.fields {
		e.places = append(e.places, slices.IndexFunc(e.own, func(f point.Field) bool { return f.Key == r.name }))
	}
	return nil
}

func lastIndex(names []string, name string) int {
	for i, n := range slices.Backward(names) {
		if n == name {
			return i
		}
	}
	return -1
}

// Step passes on the point with its new fields.
func (e *eval) Step(behind *spec.Step) *spec.Step {
	s := newStep(behind, !e.keep, e.as, e.exprs...)
	if s == nil || len(e.asTag) > 0 || len(e.keepList) > 0 {
		return nil
	}
	if len(e.exprs) == 1 && slices.Equal(behind.Reads, e.as) {
		x, only := e.exprs[0], []point.Field{{Key: e.as[0]}}
		s.Value = &spec.Value{Name: e.as[0], Expr: x}
		s.Try = func(_ point.Sink, t *spec.Trial) spec.Verdict {
			v, err := x.Eval(&t.View, nil)
			if err != nil {
				return spec.Refuse
			}
			only[0].Value = v
			t.View.Fields = only
			return spec.Pass
		}
		return s
	}
	s.Try = func(_ point.Sink, t *spec.Trial) spec.Verdict {
		fields, err := e.compute(&t.View, nil)
		if err != nil {
			return spec.Refuse
		}
		t.View.Fields = fields
		return spec.Pass
	}
	return s
}

func (e *eval) Group(_ *point.Group, out point.Sink) point.Sink {
	g := &evalGroup{n: e, Forward: spec.Forward{Out: out}}
	for _, x := range e.exprs {
		if x.Stateful() {
			g.states = make([]lambda.State, len(e.exprs))
		}
	}
	return g
}

type evalGroup struct {
	n *eval
	spec.Forward
	states []lambda.State // of the expressions; nil if none is stateful

	// What the last point's tags became, to share the new slice as long as nothing changes.
	lastTags  []point.Tag
	lastGroup *point.Group
	newTags   []point.Tag
	newGroup  *point.Group
}

func (e *evalGroup) State() any {
	if e.states == nil {
		return nil
	}
	return &e.states
}

func (e *evalGroup) Point(p *point.Point) {
	fields, err := e.n.compute(p, e.states)
	if err != nil {
		e.fail(err)
		return
	}
	was, tags, group := p.Fields, p.Tags, p.Group
	p.Fields = fields
	if len(e.n.asTag) > 0 {
		e.setTags(p)
		e.Out.Point(p)
		p.Tags, p.Group = tags, group
	} else {
		e.Out.Point(p)
	}
	p.Fields = was
}

func (e *evalGroup) Batch(b *point.Batch) {
	e.n.batch.begin(b)
	for i := range b.Points {
		fields, err := e.n.compute(&b.Points[i], e.states)
		if err != nil {
			e.fail(err)
			continue
		}
		q := b.Points[i]
		q.Fields = fields
		for _, i := range e.n.asTag {
			q.Tags = point.SetTag(q.Tags, e.n.as[i], e.n.scope.Values[i].Text)
		}
		e.n.batch.add(&q)
	}
	e.Out.Batch(&e.n.batch.batch)
}

// setTags gives p the results that are tags, and the group that they make.
func (e *evalGroup) setTags(p *point.Point) {
	if !e.sameTags(p) {
		e.lastTags, e.lastGroup = p.Tags, p.Group
		e.newTags, e.newGroup = p.Tags, p.Group
		regroup := false
		for _, i := range e.n.asTag {
			e.newTags = point.SetTag(e.newTags, e.n.as[i], e.n.scope.Values[i].Text)
			regroup = regroup || slices.Contains(p.Group.Dims, e.n.as[i])
		}
		if regroup {
			e.newGroup = e.n.env.Groups().Get(p.Name, e.newTags, p.Group.Dims, p.Group.ByName)
		}
	}
	p.Tags, p.Group = e.newTags, e.newGroup
}

// sameTags reports whether p and its results give the tags that the last point got.
func (e *evalGroup) sameTags(p *point.Point) bool {
	if e.newGroup == nil || !e.n.env.Groups().Again(e.newGroup) || e.lastGroup != p.Group || len(e.lastTags) != len(p.Tags) || len(p.Tags) > 0 && &e.lastTags[0] != &p.Tags[0] {
		return false
	}
	for _, i := range e.n.asTag {
		if v, _ := point.Lookup(e.newTags, e.n.as[i]); v != e.n.scope.Values[i].Text {
			return false
		}
	}
	return true
}

// compute computes the expressions for p and returns its new fields. The states are nil if none is stateful.
func (e *eval) compute(p *point.Point, states []lambda.State) ([]point.Field, error) {
	for i := range e.scope.Values {
		e.scope.Values[i].Kind = point.Missing
	}
	for i, x := range e.exprs {
		var st *lambda.State
		if states != nil {
			st = &states[i]
		}
		v, err := x.Eval(p, st)
		if err != nil {
			return nil, err
		}
		e.scope.Values[i] = v
	}
	for _, i := range e.asTag {
		if v := e.scope.Values[i]; v.Kind != point.String {
			return nil, errTagType[v.Kind]
		}
	}
	switch {
	case len(e.kept) > 0:
		e.buf = e.buf[:0]
		for _, r := range e.kept {
			v, err := e.lookup(p, r)
			if err != nil {
				return nil, err
			}
			e.buf = point.SetField(e.buf, r.name, v)
		}
		return e.buf, nil
	case e.keep:
		e.buf = append(e.buf[:0], p.Fields...)
		for _, r := range e.fields {
			e.buf = point.SetField(e.buf, r.name, e.scope.Values[r.expr])
		}
		return e.buf, nil
	default:
		for i, r := range e.fields {
			e.own[e.places[i]].Value = e.scope.Values[r.expr]
		}
		return e.own, nil
	}
}

// fail reports err; eval's quiet keeps it from being counted, too.
func (e *evalGroup) fail(err error) {
	if !e.n.quiet.Quiet {
		e.n.env.Error(e.n.fault.wrap(err))
	}
}

// lookup finds what keep(name) keeps.
func (e *eval) lookup(p *point.Point, r result) (point.Value, error) {
	if r.expr >= 0 {
		return e.scope.Values[r.expr], nil
	}
	if v := p.Field(r.name); v.Kind != point.Missing {
		return v, nil
	}
	if t, ok := p.Tag(r.name); ok && r.expr == fromReference {
		return point.StringValue(t), nil
	}
	return point.Value{}, fmt.Errorf("cannot keep field %q, field does not exist", r.name)
}

// errTagType holds the error for a tag expression of each wrong type, with Go's names for them as
// Kapacitor has it.
var errTagType = map[point.Kind]error{
	point.Float:    errors.New("result of a tag expression must be of type string, got float64"),
	point.Int:      errors.New("result of a tag expression must be of type string, got int64"),
	point.Bool:     errors.New("result of a tag expression must be of type string, got bool"),
	point.Duration: errors.New("result of a tag expression must be of type string, got time.Duration"),
}
