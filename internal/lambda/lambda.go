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
	Scope *Scope              // further values to refer to; may be nil
}

// A Func is a function without arguments that a caller adds.
type Func struct {
	Name   string
	Result point.Kind // Float, Int, String, Bool or Duration
	Call   func() point.Value
}

// A Scope holds values by name: the results of the earlier expressions of an eval node. A reference that
// the point does not have is looked up there, and the value of one that it has replaces what the scope has
// under that name. A value of kind Missing is not there yet. Names must be distinct and stay as they are.
type Scope struct {
	Names  []string
	Values []point.Value
}

// An Expr is a compiled expression. It keeps the slots and the programs of its evaluations, so it
// belongs to one task and is not for concurrent use.
type Expr struct {
	source   syntax.Expr
	opts     Options
	extra    map[string]*builtin
	refs     []ref
	index    map[string]int // of refs, by name
	patterns map[string]*regexp.Regexp
	lambdas  []int // for each spliced lambda the index of its state, or -1
	stateful bool
	effects  bool // an evaluation does more than yield a value

	env      env
	own      State // used by callers that pass no state
	prog     *program
	test     *test      // of prog
	sum      *sum       // of prog
	programs []*program // in the order of their making
	oldest   int        // the next to be replaced, once there are maxPrograms
}

// A ref is a referenced name and where it was found last.
type ref struct {
	name       point.Name
	field, tag int
	scope      int   // index in the scope, or -1
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
			e.extra = make(map[string]*builtin)
		}
		e.extra[f.Name] = extraFunction(f)
	}
	s := survey{e: e, owner: -1}
	if err := s.visit(x); err != nil {
		return nil, err
	}
	e.env = env{slots: make([]point.Value, len(e.refs)), private: make([]State, s.number()), opts: &e.opts}
	e.lambdas = s.lambdas
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

// Source returns what the expression was compiled from.
func (e *Expr) Source() syntax.Expr { return e.source }

// Eval returns the value of the expression for a point. The state st is used and changed only if
// the expression is stateful; nil stands for one state that the expression keeps itself.
func (e *Expr) Eval(p *point.Point, st *State) (point.Value, error) {
	if e.sum != nil {
		if x, ok := e.sum.of(e.refs, p.Tags, p.Fields); ok {
			return point.FloatValue(x), nil
		}
	}
	prog, err := e.prepare(p, st)
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
func (e *Expr) Bool(p *point.Point, st *State) (bool, error) {
	if t := e.test; t != nil {
		x, ok := 0.0, true
		switch {
		case t.sum == nil && len(p.Tags) == 0 && t.kind == point.Float:
			x, ok = e.refs[0].float(p.Fields)
		case t.sum == nil:
			v := e.refs[0].value(p.Tags, p.Fields)
			if ok = v != nil && v.Kind == t.kind; ok && t.kind != point.Float {
				return holds(t.rel, v.Int(), t.int), nil
			}
			if ok {
				x = v.Float()
			}
		case len(p.Tags) == 0:
			l, r := t.sum.l.fixed, t.sum.r.fixed
			if i := t.sum.l.slot; i >= 0 {
				l, ok = e.refs[i].float(p.Fields)
			}
			if i := t.sum.r.slot; i >= 0 && ok {
				r, ok = e.refs[i].float(p.Fields)
			}
			x = t.sum.compute(l, r)
		default:
			x, ok = t.sum.of(e.refs, p.Tags, p.Fields)
		}
		if ok {
			return holds(t.rel, x, t.float), nil
		}
	}
	prog, err := e.prepare(p, st)
	if err != nil {
		return false, err
	}
	truth := prog.truth(&e.env)
	if e.env.err != nil {
		return false, e.env.err
	}
	return truth, nil
}

// prepare fills the slots and returns the program for their kinds.
func (e *Expr) prepare(p *point.Point, st *State) (*program, error) {
	same := e.prog != nil
	for i := range e.refs {
		r, v := &e.refs[i], &e.env.slots[i]
		if f := r.value(p.Tags, p.Fields); f != nil {
			*v = *f
		} else if err := r.lookup(p, v); err != nil {
			return nil, err
		}
		if r.scope >= 0 {
			if in := &e.opts.Scope.Values[r.scope]; v.Kind == point.Missing {
				*v = *in
			} else {
				*in = *v
			}
		}
		if same && v.Kind != e.prog.kinds[i] {
			same = false
		}
	}
	if !same {
		e.prog = e.program()
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

// lookup sets v to the value that p has for the reference, of kind Missing if it has none.
func (r *ref) lookup(p *point.Point, v *point.Value) error {
	if r.time {
		*v = point.TimeValue(p.Time)
		return nil
	}
	field, tag := r.fieldIndex(p.Fields), r.tagIndex(p.Tags)
	switch {
	case field >= 0 && tag >= 0:
		if r.clash == nil {
			r.clash = fieldAndTag(r.name.String())
		}
		return r.clash
	case field >= 0:
		*v = p.Fields[field].Value
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
	if len(tags) == 0 {
		return -1
	}
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
	r := ref{name: point.NewName(name), scope: -1}
	if r.time = name == "time"; r.time {
		r.field = math.MaxInt // no field is looked at
	} else if sc := e.opts.Scope; sc != nil {
		r.scope = slices.Index(sc.Names, name)
	}
	e.refs = append(e.refs, r)
}

// function returns the function of a name, or nil.
func (e *Expr) builtin(name string) *builtin {
	if f, ok := e.extra[name]; ok {
		return f
	}
	return functions[name]
}

// program returns the program for the kinds in the slots.
func (e *Expr) program() *program {
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
	p := e.specialize(kinds)
	if len(e.programs) < maxPrograms {
		e.programs = append(e.programs, p)
	} else {
		e.programs[e.oldest] = p
		e.oldest = (e.oldest + 1) % maxPrograms
	}
	return p
}

func (e *Expr) specialize(kinds []point.Kind) *program {
	c := specializer{e: e, kinds: kinds}
	root := c.expr(e.source)
	p := &program{kinds: kinds, kind: root.kind, err: root.err}
	if root.err != nil {
		return p
	}
	p.truth = get[bool](asBool(root))
	if _, ok := e.source.(*syntax.Binary); ok && e.opts.Scope == nil {
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
