package lambda

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// Options are what an expression needs from the world.
type Options struct {
	Now   func() int64        // wall clock of now(), nanoseconds since the Unix epoch; nil: now() is an error
	Rand  func(n int64) int64 // source of rand(): a number in [0,n), or in [0,2^63) if n is 0; nil: math/rand
	Zone  *time.Location      // of hour(), weekday() and so on; nil: time.Local
	Funcs []Func              // further functions, as the expressions that select alert events have them
}

// A Func is a function without arguments that a caller adds.
type Func struct {
	Name   string
	Result point.Kind // Float, Int, String, Bool or Duration
	Call   func() point.Value
}

// A Scope holds values by name: the results of the earlier expressions of an eval node. A value of
// kind Missing is not there yet. Names must be distinct and stay as they are once the scope is used.
type Scope struct {
	Names  []string
	Values []point.Value
}

// An Expr is a compiled expression. It keeps the slots and the programs of its evaluations, so it
// belongs to one task and is not for concurrent use.
type Expr struct {
	source   syntax.Expr
	opts     Options
	extra    map[string]*function
	refs     []ref
	index    map[string]int // of refs, by name
	patterns map[string]*regexp.Regexp
	lambdas  []int // for each spliced lambda the index of its state, or -1
	stateful bool
	effects  bool // an evaluation does more than yield a value

	env      env
	field    []point.Field // of TryField
	own      State         // used by callers that pass no state
	prog     *program
	test     *test      // of prog
	sum      *sum       // of prog
	programs []*program // in the order of their making
	oldest   int        // the next to be replaced, once there are maxPrograms

	scope   *Scope // for which places are right
	places  []int  // for each reference its index in the scope, or -1
	noScope []int  // the places without a scope
}

// A ref is a referenced name and where it was found last.
type ref struct {
	name       point.Name
	field, tag int
	time       bool  // the name is "time"
	clash      error // there is a field and a tag of the name; nil until it happens
}

// A program is an expression specialised for one type signature. The closure of its kind is set,
// unless err or value is.
type program struct {
	kinds  []point.Kind
	kind   point.Kind
	float  func(*env) float64
	int    func(*env) int64
	string func(*env) string
	bool   func(*env) bool
	dur    func(*env) time.Duration
	err    error           // the expression has no type
	value  error           // it has a type that is no result
	truth  func(*env) bool // the expression as a predicate, which fails if its type is another
	test   *test           // the predicate, if it is one
	sum    *sum            // the expression, if it is one
}

// maxPrograms is how many type signatures an expression remembers.
const maxPrograms = 8

// Compile prepares the expression x, the body of a lambda. Identifiers are expected to have been
// replaced by their values. A *syntax.Lambda within x is a lambda spliced in from a variable, which
// has a state of its own. Type errors are found by [Expr.Check] and by evaluations. The error, if
// any, is a *syntax.Error.
func Compile(x syntax.Expr, o Options) (*Expr, error) {
	e := &Expr{source: x, opts: o, index: make(map[string]int)}
	if e.opts.Zone == nil {
		e.opts.Zone = time.Local
	}
	for _, f := range o.Funcs {
		if e.extra == nil {
			e.extra = make(map[string]*function)
		}
		e.extra[f.Name] = extraFunction(f)
	}
	s := survey{e: e, owner: -1}
	if err := s.visit(x); err != nil {
		return nil, err
	}
	e.env = env{slots: make([]point.Value, len(e.refs)), private: make([]State, s.number()), opts: &e.opts}
	e.lambdas = s.lambdas
	e.noScope = make([]int, len(e.refs))
	for i := range e.noScope {
		e.noScope[i] = -1
	}
	return e, nil
}

// Const evaluates an expression outside of a lambda, where there is nothing to refer to.
func Const(x syntax.Expr, o Options) (point.Value, error) {
	e, err := Compile(x, o)
	if err != nil {
		return point.Value{}, err
	}
	if err := e.Check(); err != nil {
		var at *syntax.Error
		if errors.As(err, &at) {
			err = errors.New(at.Msg)
		}
		return point.Value{}, err
	}
	if len(e.refs) > 0 {
		return point.Value{}, fmt.Errorf("name %q is undefined. Names in scope: ", e.refs[0].name.String())
	}
	return e.Eval(&point.Point{}, nil)
}

// Refs returns the names of the references in the order of their first use.
func (e *Expr) Refs() []string {
	names := make([]string, len(e.refs))
	for i := range e.refs {
		names[i] = e.refs[i].name.String()
	}
	return names
}

// Stateful reports whether the expression needs a [State] of the caller, one for each group.
func (e *Expr) Stateful() bool { return e.stateful }

// Pure reports whether an evaluation does nothing but yield a value, so that it may be repeated: it
// changes no state, draws no random number and reads no clock. The functions of the time of day, which
// need a time zone, do not count as pure.
func (e *Expr) Pure() bool { return !e.effects }

// Private returns the states of the spliced lambdas, empty if there are none. The elements are the
// states themselves: whoever saves copies them, whoever restores assigns to them.
func (e *Expr) Private() []State { return e.env.private }

// Eval returns the value of the expression for a point. The state st is used and changed only if
// the expression is stateful; nil stands for one state that the expression keeps itself.
func (e *Expr) Eval(p *point.Point, st *State) (point.Value, error) { return e.EvalScope(p, nil, st) }

// EvalScope is Eval with a scope. A reference that the point does not have is looked up there. The
// value of a reference that the point has replaces the one that the scope has under that name.
func (e *Expr) EvalScope(p *point.Point, sc *Scope, st *State) (point.Value, error) {
	return e.EvalFields(p, p.Fields, sc, st)
}

// EvalFields is EvalScope for p with other fields.
func (e *Expr) EvalFields(p *point.Point, fields []point.Field, sc *Scope, st *State) (point.Value, error) {
	if e.sum != nil && sc == nil {
		if x, ok := e.sum.of(e.refs, p.Tags, fields); ok {
			return point.FloatValue(x), nil
		}
	}
	prog, err := e.prepare(p, fields, sc, st)
	if err != nil {
		return point.Value{}, err
	}
	var v point.Value
	switch prog.kind {
	case point.Float:
		v = point.FloatValue(prog.float(&e.env))
	case point.Int:
		v = point.IntValue(prog.int(&e.env))
	case point.String:
		v = point.StringValue(prog.string(&e.env))
	case point.Bool:
		v = point.BoolValue(prog.bool(&e.env))
	case point.Duration:
		v = point.DurationValue(prog.dur(&e.env))
	default:
		return point.Value{}, prog.value
	}
	if e.env.err != nil {
		return point.Value{}, e.env.err
	}
	return v, nil
}

// Bool returns the truth of a predicate for a point. A value that is not bool is an error.
func (e *Expr) Bool(p *point.Point, st *State) (bool, error) { return e.BoolFields(p, p.Fields, st) }

// BoolFields is Bool for p with other fields.
func (e *Expr) BoolFields(p *point.Point, fields []point.Field, st *State) (bool, error) {
	if t := e.test; t != nil && t.sum != nil {
		if x, ok := t.sum.of(e.refs, p.Tags, fields); ok {
			return holds(t.rel, x, t.float), nil
		}
	} else if t != nil {
		if v := e.refs[0].value(p.Tags, fields); v != nil && v.Kind == t.kind {
			if t.kind == point.Float {
				return holds(t.rel, v.Float(), t.float), nil
			}
			return holds(t.rel, v.Int(), t.int), nil
		}
	}
	prog, err := e.prepare(p, fields, nil, st)
	if err != nil {
		return false, err
	}
	truth := prog.truth(&e.env)
	if e.env.err != nil {
		return false, e.env.err
	}
	return truth, nil
}

// Try is Bool for p with other fields, none of whose tags has a name that the expression refers to. It
// reports false if there is no truth but an error. The expression must be pure.
func (e *Expr) Try(p *point.Point, fields []point.Field) (truth, ok bool) {
	if t := e.test; t != nil && t.kind == point.Float {
		var x float64
		ok = true
		if t.sum == nil {
			x, ok = e.refs[0].float(fields)
		} else {
			l, r := t.sum.l.fixed, t.sum.r.fixed
			if i := t.sum.l.slot; i >= 0 {
				l, ok = e.refs[i].float(fields)
			}
			if i := t.sum.r.slot; i >= 0 && ok {
				r, ok = e.refs[i].float(fields)
			}
			x = t.sum.compute(l, r)
		}
		if ok {
			return holds(t.rel, x, t.float), true
		}
	}
	truth, err := e.BoolFields(p, fields, nil)
	return truth, err == nil
}

// TryField is Try for a single field with the value v, which has the only name that the expression
// refers to but for the time.
func (e *Expr) TryField(p *point.Point, v point.Value) (truth, ok bool) {
	if t := e.test; t != nil && t.sum == nil && v.Kind == t.kind {
		if t.kind == point.Float {
			return holds(t.rel, v.Float(), t.float), true
		}
		return holds(t.rel, v.Int(), t.int), true
	}
	if e.field == nil {
		e.field = []point.Field{{}}
		for i := range e.refs {
			if !e.refs[i].time {
				e.field[0].Key = e.refs[i].name.String()
			}
		}
	}
	e.field[0].Value = v
	return e.Try(p, e.field)
}

// prepare fills the slots and returns the program for their kinds.
func (e *Expr) prepare(p *point.Point, fields []point.Field, sc *Scope, st *State) (*program, error) {
	places := e.noScope
	if sc != nil {
		places = e.placesIn(sc)
	}
	same := e.prog != nil
	for i := range e.refs {
		v := &e.env.slots[i]
		if f := e.refs[i].value(p.Tags, fields); f != nil {
			*v = *f
		} else if err := e.refs[i].lookup(p, fields, v); err != nil {
			return nil, err
		}
		if at := places[i]; at >= 0 {
			if v.Kind == point.Missing {
				*v = sc.Values[at]
			} else {
				sc.Values[at] = *v
			}
		}
		if same && v.Kind != e.prog.kinds[i] {
			same = false
		}
	}
	if !same {
		e.prog = e.program(sc)
		e.test, e.sum = e.prog.test, e.prog.sum
	}
	if st == nil {
		st = &e.own
	}
	e.env.state, e.env.err = st, nil
	return e.prog, e.prog.err
}

// value returns the value of the reference if it is a field, which is where it was last time. If
// not it returns nil, and lookup must be asked.
func (r *ref) value(tags []point.Tag, fields []point.Field) *point.Value {
	i, k, name := r.field, r.tag, r.name.String()
	if i >= len(fields) || !r.name.Is(fields[i].Key) {
		return nil
	}
	if k > len(tags) || k < len(tags) && !before(name, tags[k].Key) || k > 0 && !before(tags[k-1].Key, name) { // a tag of the name?
		return nil
	}
	return &fields[i].Value
}

// noTag reports whether there is no tag where it would be as far as is known.
func (r *ref) noTag(tags []point.Tag) bool {
	i, name := r.tag, r.name.String()
	return i <= len(tags) && (i == len(tags) || before(name, tags[i].Key)) && (i == 0 || before(tags[i-1].Key, name))
}

// lookup sets v to the value that p with the fields has for the reference, of kind Missing if it has none.
func (r *ref) lookup(p *point.Point, fields []point.Field, v *point.Value) error {
	if r.time {
		*v = point.TimeValue(p.Time)
		return nil
	}
	field, tag := r.fieldIndex(fields), r.tagIndex(p.Tags)
	switch {
	case field >= 0 && tag >= 0:
		if r.clash == nil {
			r.clash = fieldAndTag(r.name.String())
		}
		return r.clash
	case field >= 0:
		*v = fields[field].Value
	case tag >= 0:
		*v = point.StringValue(p.Tags[tag].Value)
	default:
		*v = point.Value{}
	}
	return nil
}

// fieldIndex returns the index of the field, or -1. Points of a task look alike, so where the field
// is, or would be if there were one, is most likely where it was last time.
func (r *ref) fieldIndex(fields []point.Field) int {
	i, name := r.field, r.name.String()
	if i < len(fields) && r.name.Is(fields[i].Key) {
		return i
	}
	if i <= len(fields) && (i == len(fields) || before(name, fields[i].Key)) && (i == 0 || before(fields[i-1].Key, name)) {
		return -1
	}
	for i = 0; i < len(fields) && before(fields[i].Key, name); {
		i++
	}
	r.field = i
	if i < len(fields) && r.name.Is(fields[i].Key) {
		return i
	}
	return -1
}

// tagIndex is fieldIndex for tags.
func (r *ref) tagIndex(tags []point.Tag) int {
	if i := r.tag; i < len(tags) && r.name.Is(tags[i].Key) {
		return i
	}
	if r.noTag(tags) {
		return -1
	}
	i, name := 0, r.name.String()
	for i < len(tags) && before(tags[i].Key, name) {
		i++
	}
	r.tag = i
	if i < len(tags) && r.name.Is(tags[i].Key) {
		return i
	}
	return -1
}

// before is a < b. Names differ in their first byte more often than not, which saves a call.
func before(a, b string) bool {
	if a != "" && b != "" && a[0] != b[0] {
		return a[0] < b[0]
	}
	return a < b
}

// addRef gives a name a slot.
func (e *Expr) addRef(name string) {
	if _, ok := e.index[name]; ok {
		return
	}
	e.index[name] = len(e.refs)
	r := ref{name: point.NewName(name)}
	if r.time = name == "time"; r.time {
		r.field = math.MaxInt // no field is looked at
	}
	e.refs = append(e.refs, r)
}

// function returns the function of a name, or nil.
func (e *Expr) function(name string) *function {
	if f, ok := e.extra[name]; ok {
		return f
	}
	return functions[name]
}

// placesIn returns where the scope has the references.
func (e *Expr) placesIn(sc *Scope) []int {
	if sc == e.scope {
		return e.places
	}
	e.scope = sc
	e.places = e.places[:0]
	for i := range e.refs {
		at := -1
		if !e.refs[i].time {
			at = slices.Index(sc.Names, e.refs[i].name.String())
		}
		e.places = append(e.places, at)
	}
	return e.places
}

// program returns the program for the kinds in the slots.
func (e *Expr) program(sc *Scope) *program {
next:
	for _, p := range e.programs {
		for i := range e.env.slots {
			if e.env.slots[i].Kind != p.kinds[i] {
				continue next
			}
		}
		return p
	}
	kinds := make([]point.Kind, len(e.env.slots))
	for i := range kinds {
		kinds[i] = e.env.slots[i].Kind
	}
	p := e.specialize(kinds, sc)
	if len(e.programs) < maxPrograms {
		e.programs = append(e.programs, p)
	} else {
		e.programs[e.oldest] = p
		e.oldest = (e.oldest + 1) % maxPrograms
	}
	return p
}

func (e *Expr) specialize(kinds []point.Kind, sc *Scope) *program {
	c := specializer{e: e, kinds: kinds, scope: sc}
	root := c.expr(e.source)
	p := &program{kinds: kinds, kind: root.kind, err: root.err}
	if root.err != nil {
		return p
	}
	p.truth = get[bool](asBool(root))
	if _, ok := e.source.(*syntax.Binary); ok {
		p.sum = root.sum
		if root.test != nil && (root.test.sum != nil || len(e.refs) == 1) {
			p.test = root.test
		}
	}
	switch root.kind {
	case point.Float:
		p.float = get[float64](root)
	case point.Int:
		p.int = get[int64](root)
	case point.String:
		p.string = get[string](root)
	case point.Bool:
		p.bool = get[bool](root)
	case point.Duration:
		p.dur = get[time.Duration](root)
	case point.Missing:
		p.value = missingValue(root.ref)
		if root.form == formMinus {
			p.value = missingReference(root.ref)
		}
	default:
		p.value = unexpectedType(root.kind.String())
	}
	return p
}
