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

// A script is the state of one evaluation. Its methods raise errors by panicking with
// *syntax.Error; eval recovers them.
type script struct {
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
func evaluate(prog *syntax.Program, cfg *Config, unreached bool) (sc *script, err error) {
	sc = &script{file: prog.File, scope: map[string]spec.Arg{}, vars: cfg.Vars, graph: &graph{}, settings: spec.Settings{ChangesOnly: cfg.ChangesOnly, Deadman: cfg.Deadman}, ask: cfg.Ask, unreached: unreached}
	defer func() {
		if e := catch(recover()); e != nil {
			e.File = prog.File
			err = e
		}
	}()
	sc.checkType(prog)
	source := sc.graph.add("stream", spec.New("stream"), syntax.Pos{})
	sc.scope["stream"] = spec.Arg{Type: spec.NodeType, Node: source}
	for _, s := range prog.Stmts {
		sc.stmt(s)
	}
	if len(source.children) == 0 && len(sc.graph.nodes) == 1 {
		sc.fail(syntax.Pos{}, "task does nothing; a script starts with stream|from()")
	}
	if d := &sc.settings.Deadman; d.Global { // last, so that the script's own nodes keep their names
		sc.chainNode(source, &syntax.Call{Name: "deadman"}, []spec.Arg{
			spec.ValueArg(point.FloatValue(d.Threshold), syntax.Pos{}), spec.ValueArg(point.DurationValue(d.Interval), syntax.Pos{}),
		})
	}
	for _, n := range sc.graph.nodes {
		if c, ok := n.decl.(spec.Configured); ok {
			c.Configure(&sc.settings)
		}
		if err := n.spec.Validate(); err != nil {
			sc.failAt(n.pos, n.spec.Name, err)
		}
	}
	for _, n := range sc.graph.nodes {
		n.spec.Seal()
	}
	return sc, nil
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

func (sc *script) fail(pos syntax.Pos, format string, args ...any) {
	panic(&syntax.Error{Pos: pos, Msg: fmt.Sprintf(format, args...)})
}

// failAt raises err, which happened in what, at its own place if it has one.
func (sc *script) failAt(pos syntax.Pos, what string, err error) {
	panic(syntax.Located("", pos, syntax.Within(what, err)))
}

// checkType finds out whether this is a stream task: the left-most names of its chains decide.
func (sc *script) checkType(prog *syntax.Program) {
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
		if id, ok := x.(*syntax.Ident); ok && id.Name == "batch" {
			sc.fail(id.Start, "batch tasks are not supported; a task that works on the metrics of this agent starts with stream")
		}
	}
}

func (sc *script) stmt(s syntax.Stmt) {
	switch s := s.(type) {
	case *syntax.Var:
		sc.declare(s)
	case *syntax.DBRP:
		sc.dbrps = append(sc.dbrps, spec.DBRP{DB: s.DB.Name, RP: s.RP.Name})
	case *syntax.ExprStmt:
		if a := sc.eval(s.X); a.Type == spec.FuncType {
			if c, ok := s.X.(*syntax.Call); ok { // the name of a variable that holds one is no call
				sc.fail(c.Start, "unknown function %s; a statement starts with stream or a variable", c.Name)
			}
		}
	default:
		panic(fmt.Sprintf("task: unknown statement %T", s))
	}
}

// declare handles "var name = value" and "var name type".
func (sc *script) declare(s *syntax.Var) {
	name := s.Name.Name
	d := Declared{Name: name}
	if s.Comment != nil {
		d.Doc = strings.Join(s.Comment.Lines, "\n")
	}
	given, supplied := sc.vars[name]
	if s.Value == nil {
		d.Type = varTypes[s.Type.Name]
		if d.Type == 0 {
			sc.fail(s.Type.Start, "var %s: unknown type %q, want one of bool, duration, float, int, lambda, list, regex, star, string", name, s.Type.Name)
		}
		if !supplied {
			sc.fail(s.Start, "var %s %s: missing value; give it in the task's vars, or write var %s = … for a default", name, s.Type.Name, name)
		}
	} else {
		v := sc.eval(s.Value)
		if _, ok := sc.scope[name]; ok {
			sc.fail(s.Start, "attempted to redefine %s, vars are immutable", name)
		}
		if name == "time" {
			sc.fail(s.Start, "attempted to redefine time, which is a function; give the variable another name")
		}
		d.Type, d.Arg, d.Set = v.Type, v, true
		if !supplied {
			given = v
		}
	}
	if supplied && given.Type == spec.LambdaType {
		sc.noName(s, given.Lambda)
	}
	if given.Type != d.Type {
		sc.fail(s.Start, "var %s: the value supplied is of type %s, want %s", name, given.Type, d.Type)
	}
	if d.Type&(spec.NodeType|spec.FuncType) == 0 {
		sc.decls = append(sc.decls, d)
	}
	sc.scope[name] = given
}

// noName raises an error if the lambda supplied for a variable has a name in it: the script's
// variables are not known there.
func (sc *script) noName(s *syntax.Var, l *syntax.Lambda) {
	syntax.Walk(l, func(n syntax.Node) bool {
		if id, ok := n.(*syntax.Ident); ok {
			sc.fail(s.Start, "var %s: the lambda supplied has the name %s, want literals and references: \"%s\"", s.Name.Name, id.Name, id.Name)
		}
		return true
	})
}

var varTypes = map[string]spec.Type{
	"int": spec.IntType, "float": spec.FloatType, "bool": spec.BoolType, "string": spec.StringType, "regex": spec.RegexType,
	"duration": spec.DurationType, "lambda": spec.LambdaType, "list": spec.ListType, "star": spec.StarType,
}

// eval returns the value of an expression.
func (sc *script) eval(x syntax.Expr) spec.Arg {
	switch x := x.(type) {
	case *syntax.Ident:
		a := sc.lookup(x)
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
		l := &syntax.Lambda{Start: x.Start, X: sc.resolve(x.X)}
		if sc.parts(l) > maxParts {
			sc.fail(x.Start, "the lambda has more than %d parts, those of the lambdas in it included", maxParts)
		}
		return spec.Arg{Type: spec.LambdaType, Lambda: l, Pos: x.Start}
	case *syntax.List:
		a := spec.Arg{Type: spec.ListType, Pos: x.Start}
		for _, item := range x.Items {
			a.List = append(a.List, sc.eval(item))
		}
		return a
	case *syntax.Unary:
		return sc.unary(x)
	case *syntax.Binary:
		y := sc.resolve(x)
		sc.noReference(y)
		sc.spend(spec.Arg{Type: spec.LambdaType, Lambda: &syntax.Lambda{X: y}, Pos: x.Start}) // as it is compiled
		v, err := lambda.Const(y, lambda.Options{Zone: time.Local})
		if err != nil {
			panic(syntax.Located("", x.Start, err))
		}
		a := spec.ValueArg(v, x.Start)
		sc.spend(a)
		return a
	case *syntax.Call:
		sc.args(x) // what they name must be there
		return spec.Arg{Type: spec.FuncType, Text: x.Name, Pos: x.Start}
	case *syntax.Chain:
		return sc.chain(x)
	}
	panic(fmt.Sprintf("task: unknown expression %T", x))
}

// noReference raises an error if x, which is no part of a lambda, has a reference. It does not look
// into lambdas of variables: some that use each other are larger than the script by far.
func (sc *script) noReference(x syntax.Expr) {
	syntax.Walk(x, func(n syntax.Node) bool {
		if r, ok := n.(*syntax.Reference); ok {
			sc.fail(r.Start, "the reference %q has a value in lambdas only; strings stand in single quotes: '%s'", r.Name, r.Name)
		}
		_, spliced := n.(*syntax.Lambda)
		return !spliced
	})
}

func (sc *script) lookup(x *syntax.Ident) spec.Arg {
	a, ok := sc.scope[x.Name]
	if !ok {
		names := slices.Sorted(maps.Keys(sc.scope))
		hint := cmp.Or(syntax.DidYouMean(x.Name, "", names), "; names in scope are "+strings.Join(names, ", "))
		if up := strings.ToUpper(x.Name); up == "TRUE" || up == "FALSE" {
			hint = "; write " + up
		}
		sc.fail(x.Start, "name %q is undefined%s", x.Name, hint)
	}
	return a
}

func (sc *script) unary(x *syntax.Unary) spec.Arg {
	a := sc.eval(x.X)
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
		sc.fail(x.X.Pos(), "operator -: want int, float or duration, got %s", a.Type)
	default:
		sc.fail(x.X.Pos(), "operator !: want boolean, got %s", a.Type)
	}
	return spec.ValueArg(v, x.Start)
}

// resolve returns a copy of x with every identifier replaced by the literal it stands for.
func (sc *script) resolve(x syntax.Expr) syntax.Expr {
	switch x := x.(type) {
	case *syntax.Ident:
		return sc.literal(sc.lookup(x), x)
	case *syntax.Unary:
		c := *x
		c.X = sc.resolve(x.X)
		return &c
	case *syntax.Binary:
		c := *x
		c.X, c.Y = sc.resolve(x.X), sc.resolve(x.Y)
		return &c
	case *syntax.Call:
		c := *x
		c.Args = make([]syntax.Expr, len(x.Args))
		for i, a := range x.Args {
			c.Args[i] = sc.resolve(a)
		}
		return &c
	case *syntax.Lambda:
		return &syntax.Lambda{Start: x.Start, X: sc.resolve(x.X)}
	case *syntax.Chain:
		sc.fail(x.Pos(), "a chain has no place in an expression")
	case *syntax.List:
		sc.fail(x.Start, "a list has no place in an expression")
	}
	return x
}

// literal returns the syntax of a variable's value, at the place where it is used.
func (sc *script) literal(a spec.Arg, x *syntax.Ident) syntax.Expr {
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
	sc.fail(pos, "%s is a %s, which has no place in an expression", x.Name, a.Type)
	return nil
}

// chain evaluates one link. Long chains nest to the left, so it first walks down to the start.
func (sc *script) chain(x *syntax.Chain) spec.Arg {
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
	a := sc.eval(left)
	for _, c := range slices.Backward(links) {
		a = sc.link(a, c)
	}
	return a
}

func (sc *script) link(left spec.Arg, c *syntax.Chain) spec.Arg {
	parent, ok := left.Node.(*node)
	if !ok {
		what := left.Type.String()
		if left.Type == spec.FuncType {
			sc.fail(left.Pos, "unknown function %s; a chain starts with stream or a variable", left.Text)
		}
		sc.fail(c.OpPos, "operator %s: the left side is a %s, want a node", c.Op, what)
	}
	call, ok := c.Member.(*syntax.Call)
	if !ok {
		id := c.Member.(*syntax.Ident)
		a, err := parent.spec.Get(id.Name)
		if err != nil {
			sc.failAt(id.Start, parent.spec.Name, err)
		}
		a.Pos = id.Start
		return a
	}
	if c.Op == syntax.At {
		return sc.function(parent, call)
	}
	sc.checkOperator(parent, c.Op, call)
	args := sc.args(call)
	switch c.Op {
	case syntax.Dot:
		if parent.spec.Counts(call.Name) {
			parent.made = append(parent.made, "."+spec.Canonical(call.Name)+describe(args))
		}
		if err := parent.spec.Set(call.Name, args); err != nil {
			sc.failAt(call.Start, parent.spec.Name, err)
		}
		return left
	default:
		return sc.chainNode(parent, call, args)
	}
}

// args evaluates arguments; a list that stands alone is the argument list itself.
func (sc *script) args(call *syntax.Call) []spec.Arg {
	args := make([]spec.Arg, len(call.Args))
	for i, x := range call.Args {
		args[i] = sc.eval(x)
		sc.spend(args[i])
	}
	if len(args) == 1 && args[0].Type == spec.ListType {
		return args[0].List
	}
	return args
}

// checkOperator finds out whether name can stand behind op on parent, and what to write instead.
func (sc *script) checkOperator(parent *node, op syntax.Op, call *syntax.Call) {
	name, on := call.Name, parent.spec.Name
	if op == syntax.Dot && parent.spec.Takes(name) || op == syntax.Pipe && parent.takes(name) {
		return
	}
	isProp := parent.spec.Has(name)
	isNode := parent.takes(name)
	switch {
	case isProp:
		sc.fail(call.Start, "%s: %s is a property, not a node; write .%s(…)", on, name, name)
	case isNode:
		sc.fail(call.Start, "%s: %s is a node, not a property; write |%s(…)", on, name, name)
	case op == syntax.Pipe && parent.spec.Provides == spec.None:
		sc.fail(call.Start, "%s ends its chain: no node can follow; chain %s to the node before it", on, name)
	case op == syntax.Pipe && spec.New(name) != nil:
		sc.fail(call.Start, "%s cannot follow %s; want %s", name, on, strings.Join(spec.Of(name, spec.New(name)).Followed(), " or "))
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
	if f := sc.describe(name); f.Error == "" {
		hint = "; user-defined functions are chained with @"
	}
	sc.fail(call.Start, "%s: no %s %s%s", on, what, name, hint)
}

// chainNode makes the node that call names and links it to parent, or expands a macro there.
func (sc *script) chainNode(parent *node, call *syntax.Call, args []spec.Arg) spec.Arg {
	d := spec.New(call.Name)
	if m, ok := d.(spec.Macro); ok {
		return sc.expand(parent, m, call, args)
	}
	n := newNode(spec.Of(lowerFirst(call.Name), d), d, call.Start)
	if err := n.spec.SetArgs(args); err != nil {
		sc.failAt(call.Start, n.spec.Name, err)
	}
	for i := range args {
		if n.spec.CountsArg(i) {
			n.made = append(n.made, describe(args[i:i+1]))
		}
	}
	parents := []*node{parent}
	if n.spec.MayMerge {
		parents = sc.parents(parent, n, args)
	}
	for _, p := range parents {
		sc.graph.link(p, n)
	}
	sc.graph.put(n)
	sc.checkEdges(n)
	return spec.Arg{Type: spec.NodeType, Node: n, Pos: call.Start}
}

// checkEdges finds links between a node that provides batches and one that wants points, or the
// reverse.
func (sc *script) checkEdges(n *node) {
	want := n.spec.Wants
	if want == spec.Same {
		want = n.in() // several parents must agree
	}
	for _, p := range n.parents {
		out := p.out()
		switch {
		case out == want || out == spec.Unknown || want == spec.Unknown:
		case n.spec.Wants == spec.Same:
			sc.fail(n.pos, "%s: %s gives %s data and %s gives %s data, want the same of all", n.spec.Name, n.parents[0].name(), want, p.name(), out)
		case want == spec.Stream:
			sc.fail(n.pos, "%s wants points, but %s gives batches; put an aggregate in between", n.spec.Name, p.name())
		default:
			sc.fail(n.pos, "%s wants batches, but %s gives points; put a window in between", n.spec.Name, p.name())
		}
	}
}

// parents returns those of n, which stands behind front and merges it with the nodes in args.
func (sc *script) parents(front, n *node, args []spec.Arg) []*node {
	parents := []*node{front}
	for _, a := range args {
		other, ok := a.Node.(*node)
		if !ok {
			sc.fail(a.Pos, "%s: want node, got %s", n.spec.Name, a.Type)
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
func (sc *script) expand(parent *node, m spec.Macro, call *syntax.Call, args []spec.Arg) spec.Arg {
	s := spec.Of(lowerFirst(call.Name), m)
	if err := s.SetArgs(args); err != nil {
		sc.failAt(call.Start, s.Name, err)
	}
	if c, ok := m.(spec.Configured); ok {
		c.Configure(&sc.settings)
	}
	for _, l := range m.Expand(parent.name()) {
		n := newNode(spec.Of(l.Word, l.Node), l.Node, call.Start)
		n.made = values(n.spec)
		sc.graph.link(parent, n)
		sc.graph.put(n)
		sc.checkEdges(n)
		parent = n
	}
	return spec.Arg{Type: spec.NodeType, Node: parent, Pos: call.Start}
}

func lowerFirst(name string) string { return strings.ToLower(name[:1]) + name[1:] }
