package task

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// This file evaluates a script: it walks the statements once and builds the graph of nodes.

// A loader is the state of one evaluation. Its methods raise errors by panicking with
// *syntax.Error; evaluate recovers them.
type loader struct {
	file  string
	scope map[string]spec.Arg
	vars  map[string]spec.Arg // supplied values
	graph *graph
	dbrps []spec.DBRP
	decls []Declared

	settings  spec.Settings
	ask       func(b spec.Body) spec.Reply
	unreached bool // take functions that cannot be asked as they are used
	warnings  []*syntax.Error

	sizes map[*syntax.Lambda]int // of lambdas, in parts
	spent int                    // of maxValues
}

// A Declared is a variable that a script declares.
type Declared struct {
	Name string
	Type spec.Type
	Doc  string
	Arg  spec.Arg // its value, if it has one
	Set  bool     // it has a default
}

// evaluate runs prog and returns the graph it describes. Without unreached, functions that cannot be
// asked are errors.
func evaluate(prog *syntax.Program, cfg *Config, unreached bool) (ld *loader, err error) {
	ld = &loader{file: prog.File, scope: map[string]spec.Arg{}, vars: cfg.Vars, graph: &graph{}, settings: spec.Settings{ChangesOnly: cfg.ChangesOnly, Deadman: cfg.Deadman}, ask: cfg.Ask, unreached: unreached}
	defer func() {
		if e := catch(recover()); e != nil {
			e.File = prog.File
			err = e
		}
	}()
	name := ld.source(prog)
	source := ld.graph.add(name, spec.New(name), syntax.Pos{})
	ld.scope[name] = spec.Arg{Type: spec.NodeType, Node: source}
	for _, s := range prog.Stmts {
		ld.stmt(s)
	}
	if len(source.children) == 0 && len(ld.graph.nodes) == 1 {
		ld.fail(syntax.Pos{}, "task does nothing; a script starts with stream|from()")
	}
	if d := &ld.settings.Deadman; d.Global { // last, so that the script's own nodes keep their names
		ld.chainNode(source, &syntax.Call{Name: "deadman"}, []spec.Arg{
			spec.ValueArg(point.FloatValue(d.Threshold), syntax.Pos{}), spec.ValueArg(point.DurationValue(d.Interval), syntax.Pos{}),
		})
	}
	for _, n := range ld.graph.nodes {
		if c, ok := n.decl.(spec.Configured); ok {
			c.Configure(&ld.settings)
		}
		if err := n.spec.Validate(); err != nil {
			ld.failAt(n.pos, n.spec.Name, err)
		}
	}
	for _, n := range ld.graph.nodes {
		n.spec.Seal()
	}
	return ld, nil
}

// catch turns a panic raised by fail into its error and passes other panics on.
func catch(r any) *syntax.Error {
	if r == nil {
		return nil
	}
	if e, ok := r.(*syntax.Error); ok {
		return e
	}
	panic(r)
}

func (ld *loader) fail(pos syntax.Pos, format string, args ...any) {
	panic(&syntax.Error{Pos: pos, Msg: fmt.Sprintf(format, args...)})
}

// failAt raises err, which happened in what, at its own place if it has one.
func (ld *loader) failAt(pos syntax.Pos, what string, err error) {
	panic(syntax.Located("", pos, syntax.Within(what, err)))
}

// source returns the name of the script's source: the left-most names of its chains decide.
func (ld *loader) source(prog *syntax.Program) string {
	found := ""
	for _, s := range prog.Stmts {
		var x syntax.Expr
		switch s := s.(type) {
		case *syntax.Var:
			x = s.Value
		case *syntax.ExprStmt:
			x = s.X
		}
		for {
			c, ok := x.(*syntax.Chain)
			if !ok {
				break
			}
			x = c.Left
		}
		id, ok := x.(*syntax.Ident)
		if !ok {
			continue
		}
		_, known := spec.New(id.Name).(spec.Source)
		switch {
		case !known && id.Name == "batch":
			ld.fail(id.Start, "batch tasks are not supported; a task that works on the metrics of this agent starts with stream")
		case !known:
		case found != "" && found != id.Name:
			ld.fail(id.Start, "%s: the script begins with %s above; a task has one source of data", id.Name, found)
		default:
			found = id.Name
		}
	}
	if found == "" {
		return "stream"
	}
	return found
}

func (ld *loader) stmt(s syntax.Stmt) {
	switch s := s.(type) {
	case *syntax.Var:
		ld.declare(s)
	case *syntax.DBRP:
		ld.dbrps = append(ld.dbrps, spec.DBRP{DB: s.DB.Name, RP: s.RP.Name})
	case *syntax.ExprStmt:
		if a := ld.eval(s.X); a.Type == spec.FuncType {
			if c, ok := s.X.(*syntax.Call); ok { // the name of a variable that holds one is no call
				ld.fail(c.Start, "unknown function %s; a statement starts with stream or a variable", c.Name)
			}
		}
	default:
		panic(fmt.Sprintf("task: unknown statement %T", s))
	}
}

// declare handles "var name = value" and "var name type".
func (ld *loader) declare(s *syntax.Var) {
	name := s.Name.Name
	d := Declared{Name: name}
	if s.Comment != nil {
		d.Doc = strings.Join(s.Comment.Lines, "\n")
	}
	given, supplied := ld.vars[name]
	if s.Value == nil {
		d.Type = varTypes[s.Type.Name]
		if d.Type == 0 {
			ld.fail(s.Type.Start, "var %s: unknown type %q, want one of bool, duration, float, int, lambda, list, regex, star, string", name, s.Type.Name)
		}
		if !supplied {
			ld.fail(s.Start, "var %s %s: missing value; give it in the task's vars, or write var %s = … for a default", name, s.Type.Name, name)
		}
	} else {
		v := ld.eval(s.Value)
		if _, ok := ld.scope[name]; ok {
			ld.fail(s.Start, "attempted to redefine %s, vars are immutable", name)
		}
		if name == "time" {
			ld.fail(s.Start, "attempted to redefine time, which is a function; give the variable another name")
		}
		d.Type, d.Arg, d.Set = v.Type, v, true
		if !supplied {
			given = v
		}
	}
	if supplied && given.Type == spec.LambdaType {
		ld.noName(s, given.Lambda)
	}
	if given.Type != d.Type {
		ld.fail(s.Start, "var %s: the value supplied is of type %s, want %s", name, given.Type, d.Type)
	}
	if d.Type&(spec.NodeType|spec.FuncType) == 0 {
		ld.decls = append(ld.decls, d)
	}
	ld.scope[name] = given
}

// noName raises an error if the lambda supplied for a variable has a name in it: the script's
// variables are not known there.
func (ld *loader) noName(s *syntax.Var, l *syntax.Lambda) {
	syntax.Walk(l, func(n syntax.Node) bool {
		if id, ok := n.(*syntax.Ident); ok {
			ld.fail(s.Start, "var %s: the lambda supplied has the name %s, want literals and references: \"%s\"", s.Name.Name, id.Name, id.Name)
		}
		return true
	})
}

var varTypes = map[string]spec.Type{
	"int": spec.IntType, "float": spec.FloatType, "bool": spec.BoolType, "string": spec.StringType, "regex": spec.RegexType,
	"duration": spec.DurationType, "lambda": spec.LambdaType, "list": spec.ListType, "star": spec.StarType,
}

// eval returns the value of an expression.
func (ld *loader) eval(x syntax.Expr) spec.Arg {
	switch x := x.(type) {
	case *syntax.Ident:
		a := ld.lookup(x)
		a.Pos = x.Start
		return a
	case *syntax.Int:
		return spec.ValueArg(point.IntValue(x.Value), x.Start)
	case *syntax.Float:
		return spec.ValueArg(point.FloatValue(x.Value), x.Start)
	case *syntax.String:
		return spec.ValueArg(point.StringValue(x.Value), x.Start)
	case *syntax.Bool:
		return spec.ValueArg(point.BoolValue(x.Value), x.Start)
	case *syntax.Duration:
		return spec.ValueArg(point.DurationValue(x.Value), x.Start)
	case *syntax.Regex:
		return spec.Arg{Type: spec.RegexType, Text: x.Value, Pos: x.Start}
	case *syntax.Star:
		return spec.Arg{Type: spec.StarType, Pos: x.Start}
	case *syntax.Reference:
		return spec.Arg{Type: spec.ReferenceType, Text: x.Name, Pos: x.Start}
	case *syntax.Lambda:
		l := &syntax.Lambda{Start: x.Start, X: ld.resolve(x.X)}
		if ld.parts(l) > maxParts {
			ld.fail(x.Start, "the lambda has more than %d parts, those of the lambdas in it included", maxParts)
		}
		return spec.Arg{Type: spec.LambdaType, Lambda: l, Pos: x.Start}
	case *syntax.List:
		a := spec.Arg{Type: spec.ListType, Pos: x.Start}
		for _, item := range x.Items {
			a.List = append(a.List, ld.eval(item))
		}
		return a
	case *syntax.Unary:
		return ld.unary(x)
	case *syntax.Binary:
		y := ld.resolve(x)
		ld.noReference(y)
		ld.spend(spec.Arg{Type: spec.LambdaType, Lambda: &syntax.Lambda{X: y}, Pos: x.Start}) // as it is compiled
		v, err := lambda.Const(y, lambda.Options{Zone: time.Local})
		if err != nil {
			panic(syntax.Located("", x.Start, err))
		}
		a := spec.ValueArg(v, x.Start)
		ld.spend(a)
		return a
	case *syntax.Call:
		ld.args(x) // what they name must be there
		return spec.Arg{Type: spec.FuncType, Text: x.Name, Pos: x.Start}
	case *syntax.Chain:
		return ld.chain(x)
	}
	panic(fmt.Sprintf("task: unknown expression %T", x))
}

// noReference raises an error if x, which is no part of a lambda, has a reference. It does not look
// into lambdas of variables: some that use each other are larger than the script by far.
func (ld *loader) noReference(x syntax.Expr) {
	syntax.Walk(x, func(n syntax.Node) bool {
		if r, ok := n.(*syntax.Reference); ok {
			ld.fail(r.Start, "the reference %q has a value in lambdas only; strings stand in single quotes: '%s'", r.Name, r.Name)
		}
		_, spliced := n.(*syntax.Lambda)
		return !spliced
	})
}

func (ld *loader) lookup(x *syntax.Ident) spec.Arg {
	a, ok := ld.scope[x.Name]
	if !ok {
		names := slices.Sorted(maps.Keys(ld.scope))
		hint := cmp.Or(syntax.DidYouMean(x.Name, "", names), "; names in scope are "+strings.Join(names, ", "))
		if up := strings.ToUpper(x.Name); up == "TRUE" || up == "FALSE" {
			hint = "; write " + up
		}
		ld.fail(x.Start, "name %q is undefined%s", x.Name, hint)
	}
	return a
}

func (ld *loader) unary(x *syntax.Unary) spec.Arg {
	a := ld.eval(x.X)
	v := a.Value
	switch {
	case x.Op == syntax.Sub && a.Type == spec.IntType:
		v = point.IntValue(-v.Int())
	case x.Op == syntax.Sub && a.Type == spec.FloatType:
		v = point.FloatValue(-v.Float())
	case x.Op == syntax.Sub && a.Type == spec.DurationType:
		v = point.DurationValue(-v.Duration())
	case x.Op == syntax.Not && a.Type == spec.BoolType:
		v = point.BoolValue(!v.Bool())
	case x.Op == syntax.Sub:
		ld.fail(x.X.Pos(), "operator -: want int, float or duration, got %s", a.Type)
	default:
		ld.fail(x.X.Pos(), "operator !: want boolean, got %s", a.Type)
	}
	return spec.ValueArg(v, x.Start)
}

// resolve returns a copy of x with every identifier replaced by the literal it stands for.
func (ld *loader) resolve(x syntax.Expr) syntax.Expr {
	switch x := x.(type) {
	case *syntax.Ident:
		return ld.literal(ld.lookup(x), x)
	case *syntax.Unary:
		c := *x
		c.X = ld.resolve(x.X)
		return &c
	case *syntax.Binary:
		c := *x
		c.X, c.Y = ld.resolve(x.X), ld.resolve(x.Y)
		return &c
	case *syntax.Call:
		c := *x
		c.Args = make([]syntax.Expr, len(x.Args))
		for i, a := range x.Args {
			c.Args[i] = ld.resolve(a)
		}
		return &c
	case *syntax.Lambda:
		return &syntax.Lambda{Start: x.Start, X: ld.resolve(x.X)}
	case *syntax.Chain:
		ld.fail(x.Pos(), "a chain has no place in an expression")
	case *syntax.List:
		ld.fail(x.Start, "a list has no place in an expression")
	}
	return x
}

// literal returns the syntax of a variable's value, at the place where it is used.
func (ld *loader) literal(a spec.Arg, x *syntax.Ident) syntax.Expr {
	pos := x.Start
	switch a.Type {
	case spec.IntType:
		return &syntax.Int{Start: pos, Value: a.Value.Int()}
	case spec.FloatType:
		return &syntax.Float{Start: pos, Value: a.Value.Float()}
	case spec.StringType:
		return &syntax.String{Start: pos, Value: a.Value.Text}
	case spec.BoolType:
		return &syntax.Bool{Start: pos, Value: a.Value.Bool()}
	case spec.DurationType:
		d := a.Value.Duration()
		return &syntax.Duration{Start: pos, Value: d, Text: syntax.FormatDuration(d)}
	case spec.RegexType:
		return &syntax.Regex{Start: pos, Value: a.Text}
	case spec.LambdaType:
		return a.Lambda
	case spec.StarType:
		return &syntax.Star{Start: pos}
	}
	ld.fail(pos, "%s is a %s, which has no place in an expression", x.Name, a.Type)
	return nil
}

// chain evaluates one link. Long chains nest to the left, so it first walks down to the start.
func (ld *loader) chain(x *syntax.Chain) spec.Arg {
	var links []*syntax.Chain
	var left syntax.Expr = x
	for {
		c, ok := left.(*syntax.Chain)
		if !ok {
			break
		}
		links = append(links, c)
		left = c.Left
	}
	a := ld.eval(left)
	for _, c := range slices.Backward(links) {
		a = ld.link(a, c)
	}
	return a
}

func (ld *loader) link(left spec.Arg, c *syntax.Chain) spec.Arg {
	parent, ok := left.Node.(*node)
	if !ok {
		what := left.Type.String()
		if left.Type == spec.FuncType {
			ld.fail(left.Pos, "unknown function %s; a chain starts with stream or a variable", left.Text)
		}
		ld.fail(c.OpPos, "operator %s: the left side is a %s, want a node", c.Op, what)
	}
	call, ok := c.Member.(*syntax.Call)
	if !ok {
		id := c.Member.(*syntax.Ident)
		a, err := parent.spec.Get(id.Name)
		if err != nil {
			ld.failAt(id.Start, parent.spec.Name, err)
		}
		a.Pos = id.Start
		return a
	}
	if c.Op == syntax.At {
		return ld.function(parent, call)
	}
	ld.checkOperator(parent, c.Op, call)
	args := ld.args(call)
	switch c.Op {
	case syntax.Dot:
		if parent.spec.Counts(call.Name) {
			parent.made = append(parent.made, "."+spec.Canonical(call.Name)+describe(args))
		}
		if err := parent.spec.Set(call.Name, args); err != nil {
			ld.failAt(call.Start, parent.spec.Name, err)
		}
		return left
	default:
		return ld.chainNode(parent, call, args)
	}
}

// args evaluates arguments; a list that stands alone is the argument list itself.
func (ld *loader) args(call *syntax.Call) []spec.Arg {
	args := make([]spec.Arg, len(call.Args))
	for i, x := range call.Args {
		args[i] = ld.eval(x)
		ld.spend(args[i])
	}
	if len(args) == 1 && args[0].Type == spec.ListType {
		return args[0].List
	}
	return args
}

// checkOperator finds out whether name can stand behind op on parent, and what to write instead.
func (ld *loader) checkOperator(parent *node, op syntax.Op, call *syntax.Call) {
	name, on := call.Name, parent.spec.Name
	if op == syntax.Dot && parent.spec.Takes(name) || op == syntax.Pipe && parent.takes(name) {
		return
	}
	isProp := parent.spec.Has(name)
	isNode := parent.takes(name)
	switch {
	case isProp:
		ld.fail(call.Start, "%s: %s is a property, not a node; write .%s(…)", on, name, name)
	case isNode:
		ld.fail(call.Start, "%s: %s is a node, not a property; write |%s(…)", on, name, name)
	case op == syntax.Pipe && parent.spec.Provides == spec.None:
		ld.fail(call.Start, "%s ends its chain: no node can follow; chain %s to the node before it", on, name)
	case op == syntax.Pipe && spec.New(name) != nil:
		ld.fail(call.Start, "%s cannot follow %s; want %s", name, on, strings.Join(spec.Of(name, spec.New(name)).Followed(), " or "))
	}
	what, props := "property", parent.spec.PropNames()
	var hint string
	if op == syntax.Pipe {
		what = "node"
		hint = cmp.Or(syntax.DidYouMean(name, "", parent.followers()), syntax.DidYouMean(name, ".", props))
	} else {
		hint = syntax.DidYouMean(name, "", props)
		switch {
		case hint != "":
		case spec.New(name) != nil:
			hint = "; nodes are chained with |"
		default:
			hint = syntax.DidYouMean(name, "|", spec.Nodes())
		}
	}
	if f := ld.describe(name); f.Error == "" {
		hint = "; user-defined functions are chained with @"
	}
	ld.fail(call.Start, "%s: no %s %s%s", on, what, name, hint)
}

// chainNode makes the node that call names and links it to parent, or expands a macro there.
func (ld *loader) chainNode(parent *node, call *syntax.Call, args []spec.Arg) spec.Arg {
	d := spec.New(call.Name)
	if m, ok := d.(spec.Macro); ok {
		return ld.expand(parent, m, call, args)
	}
	n := newNode(spec.Of(lowerFirst(call.Name), d), d, call.Start)
	if err := n.spec.SetArgs(args); err != nil {
		ld.failAt(call.Start, n.spec.Name, err)
	}
	for i := range args {
		if n.spec.CountsArg(i) {
			n.made = append(n.made, describe(args[i:i+1]))
		}
	}
	parents := []*node{parent}
	if n.spec.MayMerge {
		parents = ld.parents(parent, n, args)
	}
	for _, p := range parents {
		ld.graph.link(p, n)
	}
	ld.graph.put(n)
	ld.checkEdges(n)
	return spec.Arg{Type: spec.NodeType, Node: n, Pos: call.Start}
}

// checkEdges finds links between a node that provides batches and one that wants points, or the
// reverse.
func (ld *loader) checkEdges(n *node) {
	want := n.spec.Wants
	if want == spec.Same {
		want = n.in() // several parents must agree
	}
	for _, p := range n.parents {
		out := p.out()
		switch {
		case out == want || out == spec.Unknown || want == spec.Unknown:
		case n.spec.Wants == spec.Same:
			ld.fail(n.pos, "%s: %s gives %s data and %s gives %s data, want the same of all", n.spec.Name, n.parents[0].name(), want, p.name(), out)
		case want == spec.Stream:
			ld.fail(n.pos, "%s wants points, but %s gives batches; put an aggregate in between", n.spec.Name, p.name())
		default:
			ld.fail(n.pos, "%s wants batches, but %s gives points; put a window in between", n.spec.Name, p.name())
		}
	}
}

// parents returns those of n, which stands behind front and merges it with the nodes in args.
func (ld *loader) parents(front, n *node, args []spec.Arg) []*node {
	parents := []*node{front}
	for _, a := range args {
		other, ok := a.Node.(*node)
		if !ok {
			ld.fail(a.Pos, "%s: want node, got %s", n.spec.Name, a.Type)
		}
		parents = append(parents, other)
	}
	if n.spec.LastIn {
		parents = append(parents[1:], front)
	}
	if m, ok := n.decl.(spec.Merger); ok {
		m.Parents(len(parents))
	}
	return parents
}

// expand links the nodes that a macro stands for, and returns the last.
func (ld *loader) expand(parent *node, m spec.Macro, call *syntax.Call, args []spec.Arg) spec.Arg {
	s := spec.Of(lowerFirst(call.Name), m)
	if err := s.SetArgs(args); err != nil {
		ld.failAt(call.Start, s.Name, err)
	}
	if c, ok := m.(spec.Configured); ok {
		c.Configure(&ld.settings)
	}
	for _, l := range m.Expand(parent.name()) {
		n := newNode(spec.Of(l.Word, l.Node), l.Node, call.Start)
		n.made = values(n.spec)
		ld.graph.link(parent, n)
		ld.graph.put(n)
		ld.checkEdges(n)
		parent = n
	}
	return spec.Arg{Type: spec.NodeType, Node: parent, Pos: call.Start}
}

func lowerFirst(name string) string { return strings.ToLower(name[:1]) + name[1:] }
