// Package spec is the vocabulary in which nodes and alert handlers declare themselves.
//
// A node is one Go type in one file. Its Declare method names its arguments and properties once,
// each bound to a field by pointer; the loader's checks, the reference documentation, the fuzz
// seeds and the example tests all come from that declaration. What a running node may do with the
// world around it is the interface [Env]; how it processes data is one of [Grouper], [Opener] and [Merger].
package spec

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// A Declarer declares itself: a node, or an alert handler.
type Declarer interface{ Declare(s *Spec) }

// An Edge is the kind of data on a link of the graph.
type Edge uint8

// The kinds of edges. Same stands for the kind that the parent provides. Unknown is what a function
// provides that cannot be asked; it only occurs while a script is checked.
const (
	Same Edge = iota
	Stream
	Batch
	None // a terminal node provides nothing
	Unknown
)

func (e Edge) String() string { return [...]string{"same", "stream", "batch", "none", "unknown"}[e] }

// A Spec is the declaration of one node or handler, bound to one value of it.
type Spec struct {
	Name     string // TICKscript word
	Kind     string // first part of a node's name, "state_duration" for example
	Wants    Edge   // kind of data taken; Same means either
	Provides Edge   // kind of data given
	Quiet    bool   // set by the property quiet, which every node has
	*Reading
}

// A Reading is the part of a Spec that is needed until the script has been read.
type Reading struct {
	Text     string   // what it does, in sentences
	Parents  []string // words of the nodes it may follow; none means any but stream
	MayMerge bool     // takes further parents as arguments
	LastIn   bool     // the node in front is the last parent, not the first
	Args     []*Param
	Props    []*Prop
	Examples []Example
	check    func() error
	objects  func(kind string) Declarer
	added    func(kind string, d Declarer)
	current  *Spec   // handler that the last property made
	made     []*Spec // all handlers made
	handlers []*Spec
	hidden   bool
	source   bool
	open     bool     // takes every property
	aside    []string // properties that state does not depend on; "*" is all
}

// A Param is one argument of a node or property.
type Param struct {
	Name     string
	Doc      string
	Type     Type
	Variadic bool
	Optional bool
	set      func(args []Arg) error
	get      func() Arg
}

// A Prop is one property. Plain ones take one argument and can be read; the others are calls.
type Prop struct {
	Name   string
	Doc    string
	Params []*Param
	Plain  bool
	exact  bool // known by its exact name only
	call   func(args []Arg) error
}

// An Example is a script with input and wanted output in line protocol, times relative to 0 ("10s").
type Example struct{ Script, In, Want string }

// Of returns d's declaration, bound to d.
func Of(name string, d Declarer) *Spec {
	s := &Spec{Name: name, Kind: name, Reading: &Reading{}}
	s.Flag(&s.Quiet, "quiet", "count this node's errors without logging them")
	d.Declare(s)
	return s
}

// OfHandler returns the declaration of an alert handler, bound to d. Unlike a node it is never
// quiet: after a handler, quiet means the node.
func OfHandler(name string, d Declarer) *Spec {
	s := &Spec{Name: name, Kind: name, Reading: &Reading{}}
	d.Declare(s)
	return s
}

// Doc says what the node does.
func (s *Spec) Doc(text string) { s.Text = text }

// Edges says what kind of data the node wants and provides. Without it both are Same.
func (s *Spec) Edges(wants, provides Edge) { s.Wants, s.Provides = wants, provides }

// After names the nodes that this one may follow; without it, that is every node but the source
// stream and those that end a chain. "*" means really every node.
func (s *Spec) After(names ...string) { s.Parents = names }

// Merges says that further parent nodes are given as arguments. The node is a [Merger].
func (s *Spec) Merges(doc string) {
	s.MayMerge = true
	s.Args = append(s.Args, &Param{Name: "node", Doc: doc, Type: NodeType, Variadic: true})
}

// Source says that the node is a [Source]: scripts do not chain it to others, but find it as the variable of its name.
func (s *Spec) Source() { s.hidden, s.source = true, true }

// MayFollow reports whether s can be chained to the node that parent declares.
func (s *Spec) MayFollow(parent *Spec) bool {
	if s.hidden || parent.Provides == None {
		return false
	}
	if len(s.Parents) > 0 {
		return slices.Contains(s.Parents, parent.Name) || s.Parents[0] == "*"
	}
	return !parent.source
}

// Followed returns the words of the nodes that s can follow, for error messages.
func (s *Spec) Followed() []string {
	if len(s.Parents) > 0 && s.Parents[0] != "*" {
		return s.Parents
	}
	return []string{"a node that gives data"}
}

// Example adds an example; a test runs it.
func (s *Spec) Example(script, in, want string) {
	s.Examples = append(s.Examples, Example{script, in, want})
}

// Check registers what is called once the script has been read, to find what single properties
// cannot know. Its error is reported at the node's position.
func (s *Spec) Check(f func() error) { s.check = f }

// Arg binds the next argument of the node itself. See [Spec.Prop] for the types of ptr.
func (s *Spec) Arg(ptr any, name, doc string) { s.Args = append(s.Args, bind(ptr, name, doc)) }

// OptArg binds an argument that may be left out.
func (s *Spec) OptArg(ptr any, name, doc string) {
	p := bind(ptr, name, doc)
	p.Optional = true
	s.Args = append(s.Args, p)
}

// Prop binds a property to what ptr points at, whose current value is the default: *string,
// *int64, *float64, *bool, *time.Duration, **syntax.Lambda, *point.Value (any scalar),
// *[]string or *[]*syntax.Lambda (any number of arguments), or *Dims (strings or *).
func (s *Spec) Prop(ptr any, name, doc string) {
	p := bind(ptr, name, doc)
	s.Props = append(s.Props, &Prop{Name: name, Doc: doc, Params: []*Param{p}, Plain: !p.Variadic, call: p.set})
}

// Flag binds a property without arguments that sets a bool.
func (s *Spec) Flag(ptr *bool, name, doc string) {
	s.Props = append(s.Props, &Prop{Name: name, Doc: doc, call: func([]Arg) error { *ptr = true; return nil }})
}

// Func declares a property that calls f, a func(…) error whose parameters have the types that
// [Spec.Prop] can point at (a variadic last one included); names are the parameters' names.
func (s *Spec) Func(name, doc string, f any, names ...string) {
	v := reflect.ValueOf(f)
	t := v.Type()
	p := &Prop{Name: name, Doc: doc}
	ptrs := make([]reflect.Value, t.NumIn())
	for i := range ptrs {
		ptrs[i] = reflect.New(t.In(i))
		n := "value"
		if i < len(names) {
			n = names[i]
		}
		q := bind(ptrs[i].Interface(), n, "")
		q.Variadic = t.IsVariadic() && i == len(ptrs)-1 || q.Variadic
		p.Params = append(p.Params, q)
	}
	p.call = func(args []Arg) error {
		in := make([]reflect.Value, len(ptrs))
		for i, q := range p.Params {
			a := args
			if !q.Variadic {
				a, args = args[:1], args[1:]
			}
			ptrs[i].Elem().SetZero()
			if err := q.set(a); err != nil {
				return err
			}
			in[i] = ptrs[i].Elem()
		}
		var out []reflect.Value
		if t.IsVariadic() {
			out = v.CallSlice(in)
		} else {
			out = v.Call(in)
		}
		err, _ := out[0].Interface().(error)
		return err
	}
	s.Props = append(s.Props, p)
}

// Option declares a property that is known by its exact name only, and that comes before all others:
// an option of a user-defined function. It takes one value of each type.
func (s *Spec) Option(name, doc string, types []Type, set func(values []point.Value)) {
	p := &Prop{Name: name, Doc: doc, exact: true}
	for _, t := range types {
		p.Params = append(p.Params, &Param{Name: "value", Type: t})
	}
	p.call = func(args []Arg) error {
		values := make([]point.Value, len(args))
		for i := range args {
			values[i] = args[i].Value
		}
		set(values)
		return nil
	}
	s.Props = append(s.Props, p)
}

// TakeAll makes every property that is not declared one that has no effect.
func (s *Spec) TakeAll() { s.open = true }

// Objects makes every handler word that fresh knows a property that adds a handler; properties that
// follow are looked up on that handler first.
func (s *Spec) Objects(fresh func(kind string) Declarer, added func(kind string, d Declarer)) {
	s.objects, s.added = fresh, added
}

// Hide keeps the node out of scripts: only other nodes' expansions make it.
func (s *Spec) Hide() { s.hidden = true }

// SetArgs sets the arguments of the node itself.
func (s *Spec) SetArgs(args []Arg) error {
	if err := checkParams(s.Args, args); err != nil {
		return err
	}
	for _, p := range s.Args {
		if p.Type == NodeType {
			continue // the loader links them
		}
		a := args
		if !p.Variadic {
			if len(args) == 0 {
				return nil
			}
			a, args = args[:1], args[1:]
		}
		if err := p.set(a); err != nil {
			return err
		}
	}
	return nil
}

// Has reports whether the node has the property name.
func (s *Spec) Has(name string) bool {
	if s.current != nil && s.current.prop(name) != nil {
		return true
	}
	return s.prop(name) != nil || s.objects != nil && s.objects(name) != nil
}

// Takes reports whether name can be set: the node has the property, or takes all.
func (s *Spec) Takes(name string) bool { return s.open || s.Has(name) }

// Set sets a property, or calls it. Like all errors about a declaration, its error does not say of which
// node it is.
func (s *Spec) Set(name string, args []Arg) error {
	if s.current != nil {
		if p := s.current.prop(name); p != nil {
			return p.apply(args)
		}
	}
	if p := s.prop(name); p != nil {
		return p.apply(args)
	}
	if s.objects != nil {
		if d := s.objects(name); d != nil {
			sub := OfHandler(name, d)
			if err := sub.SetArgs(args); err != nil {
				return syntax.Within(name, err)
			}
			s.current = sub
			s.handlers = append(s.handlers, sub)
			s.added(name, d)
			return nil
		}
	}
	if s.open {
		return nil
	}
	return fmt.Errorf("no property %s%s", name, syntax.DidYouMean(name, "", s.PropNames()))
}

// Aside names properties and arguments that have to do with what leaves the node and not with what it
// remembers, nor with what it passes on: when a changed script differs in nothing else, its task keeps
// its state. Without names it is all of them. Properties of handlers always are of that kind.
func (s *Spec) Aside(names ...string) {
	if len(names) == 0 {
		names = []string{"*"}
	}
	s.aside = names
}

// Counts reports whether state may depend on the property name, were it set now.
func (s *Spec) Counts(name string) bool {
	if s.current != nil && s.current.prop(name) != nil {
		return false
	}
	p := s.prop(name)
	if p == nil {
		return s.objects == nil || s.objects(name) == nil
	}
	return s.counts(p.Name)
}

// CountsArg is Counts for the i-th argument of the node itself.
func (s *Spec) CountsArg(i int) bool {
	if len(s.Args) == 0 {
		return s.counts("")
	}
	return s.counts(s.Args[min(i, len(s.Args)-1)].Name)
}

func (s *Spec) counts(name string) bool {
	return !slices.Contains(s.aside, name) && !slices.Contains(s.aside, "*")
}

// Get reads a plain property.
func (s *Spec) Get(name string) (Arg, error) {
	p := s.prop(name)
	if p == nil || !p.Plain {
		var known []string
		for _, q := range s.Props {
			if q.Plain {
				known = append(known, q.Name)
			}
		}
		return Arg{}, fmt.Errorf("no property %s that can be read%s", name, syntax.DidYouMean(name, "", known))
	}
	return p.Params[0].get(), nil
}

// Value returns what the parameter is bound to, if it has one value.
func (p *Param) Value() (a Arg, ok bool) {
	if p.get == nil {
		return Arg{}, false
	}
	return p.get(), true
}

// Value returns the value of a plain property.
func (p *Prop) Value() (a Arg, ok bool) {
	if !p.Plain {
		return Arg{}, false
	}
	return p.Params[0].Value()
}

// Validate runs the node's check and those of its handlers.
func (s *Spec) Validate() error {
	for _, h := range s.handlers {
		if err := h.Validate(); err != nil {
			return err
		}
	}
	if s.check != nil {
		if err := s.check(); err != nil {
			return err
		}
	}
	for _, sub := range s.made {
		if err := sub.Validate(); err != nil {
			return err
		}
	}
	return nil
}

// Seal ends the reading of the script: what only that needs, most of a declaration, is let go. Words,
// edges and flags stay.
func (s *Spec) Seal() {
	s.Reading = nil
}

// PropNames returns the names of the properties, those of the current handler first, and of the
// handlers that may follow.
func (s *Spec) PropNames() []string {
	var names []string
	if s.current != nil {
		for _, p := range s.current.Props {
			names = append(names, p.Name)
		}
	}
	for _, p := range s.Props {
		names = append(names, p.Name)
	}
	if s.objects != nil {
		names = append(names, Handlers()...)
	}
	return names
}

func (s *Spec) prop(name string) *Prop {
	var found *Prop
	for _, p := range s.Props {
		switch {
		case p.exact && p.Name == name:
			return p
		case !p.exact && found == nil && alike(p.Name, name):
			found = p
		}
	}
	return found
}

func (p *Prop) apply(args []Arg) error {
	err := checkParams(p.Params, args)
	if err == nil {
		err = p.call(args)
	}
	if err != nil {
		return syntax.Within(p.Name, err)
	}
	return nil
}

// Canonical returns name as it is matched: its first letter in upper case, the rest as it is.
func Canonical(name string) string {
	r, n := utf8.DecodeRuneInString(name)
	up := unicode.ToUpper(r)
	if up == r {
		return name
	}
	return string(up) + name[n:]
}

// alike is Canonical(a) == Canonical(b).
func alike(a, b string) bool {
	return a == b || a != "" && b != "" && a[1:] == b[1:] && Canonical(a) == Canonical(b)
}

// checkParams returns what is wrong with the number or the types of arguments.
func checkParams(params []*Param, args []Arg) error {
	least, most := 0, len(params)
	for _, p := range params {
		if p.Variadic {
			most = 1 << 30
		} else if !p.Optional {
			least++
		}
	}
	if len(args) < least || len(args) > most {
		return fmt.Errorf("want %s, got %s", describeParams(params), describeArgs(args))
	}
	for i, a := range args {
		p := params[min(i, len(params)-1)]
		if !p.Type.accepts(a) {
			return &syntax.Error{Pos: a.Pos, Msg: fmt.Sprintf("want %s, got %s%s", p.Type, a.describe(), hint(p.Type, a))}
		}
	}
	return nil
}

func hint(t Type, a Arg) string {
	switch {
	case a.Type == FuncType:
		return "; a call has a value in an expression only, as in '' + string(5)"
	case a.Type == ReferenceType && t&StringType != 0:
		return "; strings stand in single quotes: '" + a.Text + "'"
	case a.Type == IntType && t&FloatType != 0:
		return fmt.Sprintf("; write %d.0", a.Value.Int())
	case a.Type == IntType && t&DurationType != 0:
		return fmt.Sprintf("; write %ds", a.Value.Int())
	case a.Type == StringType && t&LambdaType != 0:
		return "; write lambda: and the expression, without quotes"
	}
	return ""
}

func describeParams(params []*Param) string {
	if len(params) == 0 {
		return "no argument"
	}
	var b strings.Builder
	for i, p := range params {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p.Type.String())
		b.WriteByte(' ')
		b.WriteString(p.Name)
		if p.Variadic {
			b.WriteString("…")
		}
	}
	return b.String()
}

func describeArgs(args []Arg) string {
	if len(args) == 0 {
		return "none"
	}
	var b strings.Builder
	for i, a := range args {
		if i == 8 {
			fmt.Fprintf(&b, ", … (%d in all)", len(args))
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(a.describe())
	}
	return b.String()
}

// Dims is what groupBy takes: names of tags, or all of them.
type Dims struct {
	Names []string
	Star  bool
}

func bind(ptr any, name, doc string) *Param {
	p := &Param{Name: name, Doc: doc}
	switch v := ptr.(type) {
	case *string:
		p.Type = StringType
		p.set = func(a []Arg) error { *v = a[0].Value.Text; return nil }
		p.get = func() Arg { return Arg{Type: StringType, Value: point.StringValue(*v)} }
	case *int64:
		p.Type = IntType
		p.set = func(a []Arg) error { *v = a[0].Value.Int(); return nil }
		p.get = func() Arg { return Arg{Type: IntType, Value: point.IntValue(*v)} }
	case *float64:
		p.Type = FloatType
		p.set = func(a []Arg) error { *v = a[0].Value.Float(); return nil }
		p.get = func() Arg { return Arg{Type: FloatType, Value: point.FloatValue(*v)} }
	case *bool:
		p.Type = BoolType
		p.set = func(a []Arg) error { *v = a[0].Value.Bool(); return nil }
		p.get = func() Arg { return Arg{Type: BoolType, Value: point.BoolValue(*v)} }
	case *time.Duration:
		p.Type = DurationType
		p.set = func(a []Arg) error { *v = a[0].Value.Duration(); return nil }
		p.get = func() Arg { return Arg{Type: DurationType, Value: point.DurationValue(*v)} }
	case **syntax.Lambda:
		p.Type = LambdaType
		p.set = func(a []Arg) error { *v = a[0].Lambda; return nil }
		p.get = func() Arg { return Arg{Type: LambdaType, Lambda: *v} }
	case *point.Value:
		p.Type = ScalarType
		p.set = func(a []Arg) error { *v = a[0].Value; return nil }
		p.get = func() Arg { return Arg{Type: typeOfValue(*v), Value: *v} }
	case *[]string:
		p.Type, p.Variadic = StringType, true
		p.set = func(a []Arg) error {
			*v = make([]string, len(a))
			for i := range a {
				(*v)[i] = a[i].Value.Text
			}
			return nil
		}
	case *[]time.Duration:
		p.Type, p.Variadic = DurationType, true
		p.set = func(a []Arg) error {
			*v = make([]time.Duration, len(a))
			for i := range a {
				(*v)[i] = a[i].Value.Duration()
			}
			return nil
		}
	case *[]bool:
		p.Type, p.Variadic = BoolType, true
		p.set = func(a []Arg) error {
			*v = make([]bool, len(a))
			for i := range a {
				(*v)[i] = a[i].Value.Bool()
			}
			return nil
		}
	case *[]*syntax.Lambda:
		p.Type, p.Variadic = LambdaType, true
		p.set = func(a []Arg) error {
			*v = make([]*syntax.Lambda, len(a))
			for i := range a {
				(*v)[i] = a[i].Lambda
			}
			return nil
		}
	case *[]Arg:
		p.Type, p.Variadic = AnyType, true
		p.set = func(a []Arg) error { *v = append([]Arg(nil), a...); return nil }
	case *Dims:
		p.Type, p.Variadic = AnyType, true
		p.set = v.Set
	default:
		panic(fmt.Sprintf("spec: %s: cannot bind a %T", name, ptr))
	}
	return p
}

// Set takes the arguments of groupBy.
func (d *Dims) Set(args []Arg) error {
	*d = Dims{}
	for _, a := range args {
		switch {
		case a.Type == StarType:
			d.Star = true
		case a.Type == StringType && a.Value.Text == "":
			return &syntax.Error{Pos: a.Pos, Msg: "a dimension must not be the empty string"}
		case a.Type == StringType:
			d.Names = append(d.Names, a.Value.Text)
		default:
			return &syntax.Error{Pos: a.Pos, Msg: "want string or *, got " + a.describe() + hint(StringType, a)}
		}
	}
	if d.Star && len(d.Names) > 0 {
		return fmt.Errorf("cannot group by both * and named dimensions")
	}
	return nil
}
