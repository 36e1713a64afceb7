package lambda

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// maxNodes bounds the size of an expression. Lambdas that use each other twice grow exponentially.
const maxNodes = 1 << 15

// A survey collects what an expression needs before it can be specialised.
type survey struct {
	e       *Expr
	nodes   int
	owner   int   // index in lambdas of the spliced lambda around the sub-expression, -1 outside of any
	lambdas []int // for each spliced lambda, in order of appearance, 1 if it calls stateful functions
}

func (s *survey) visit(x syntax.Expr) error {
	s.nodes++
	if s.nodes > maxNodes {
		return &syntax.Error{Pos: x.Pos(), Msg: fmt.Sprintf("expression has more than %d parts", maxNodes)}
	}
	switch x := x.(type) {
	case *syntax.Int, *syntax.Float, *syntax.String, *syntax.Bool, *syntax.Duration:
		return nil
	case *syntax.Regex:
		if _, ok := s.e.patterns[x.Value]; ok {
			return nil
		}
		re, err := regexp.Compile(x.Value)
		if err != nil {
			return &syntax.Error{Pos: x.Pos(), Msg: err.Error(), Err: err}
		}
		if s.e.patterns == nil {
			s.e.patterns = make(map[string]*regexp.Regexp)
		}
		s.e.patterns[x.Value] = re
		return nil
	case *syntax.Reference:
		s.e.addRef(x.Name)
		return nil
	case *syntax.Unary:
		return s.visit(x.X)
	case *syntax.Binary:
		if err := s.visit(x.X); err != nil {
			return err
		}
		return s.visit(x.Y)
	case *syntax.Call:
		f := s.e.builtin(x.Name)
		if f != nil && f.stateful {
			if s.owner < 0 {
				s.e.stateful = true
			} else {
				s.lambdas[s.owner] = 1
			}
		}
		s.e.effects = s.e.effects || f != nil && f.effects()
		for _, a := range x.Args {
			if err := s.visit(a); err != nil {
				return err
			}
		}
		return nil
	case *syntax.Lambda:
		outer := s.owner
		s.owner = len(s.lambdas)
		s.lambdas = append(s.lambdas, 0)
		err := s.visit(x.X)
		s.owner = outer
		return err
	case *syntax.Ident:
		return &syntax.Error{Pos: x.Pos(), Msg: fmt.Sprintf("name %q is undefined", x.Name)}
	case *syntax.Star:
		return &syntax.Error{Pos: x.Pos(), Msg: "* has no value in an expression"}
	case *syntax.List:
		return &syntax.Error{Pos: x.Pos(), Msg: "a list has no value in an expression"}
	case *syntax.Chain:
		return &syntax.Error{Pos: x.Pos(), Msg: "a chain has no value in an expression"}
	}
	panic(fmt.Sprintf("lambda: unknown syntax node %T", x))
}

// number turns the marks into indices of private states, -1 where there is none, and returns how
// many states there are.
func (s *survey) number() int {
	n := 0
	for i, stateful := range s.lambdas {
		if stateful == 0 {
			s.lambdas[i] = -1
			continue
		}
		s.lambdas[i] = n
		n++
	}
	return n
}

// A specializer makes the program for one type signature. Every sub-expression of the tree is visited, in the
// order of the survey, whatever errors turn up: the numbers of the spliced lambdas depend on it.
type specializer struct {
	e       *Expr
	kinds   []point.Kind
	lambdas int // spliced lambdas seen
}

func (c *specializer) expr(x syntax.Expr) subexpr {
	switch x := x.(type) {
	case *syntax.Int:
		return constant(x.Value)
	case *syntax.Float:
		return constant(x.Value)
	case *syntax.String:
		return constant(x.Value)
	case *syntax.Bool:
		return constant(x.Value)
	case *syntax.Duration:
		return constant(x.Value)
	case *syntax.Regex:
		return constant(pattern(c.e.patterns[x.Value]))
	case *syntax.Reference:
		i := c.e.index[x.Name]
		return load(x.Name, i, &c.e.env.slots[i], c.kinds[i])
	case *syntax.Unary:
		if x.Op == syntax.Not {
			y := c.expr(x.X)
			n := not(asBool(y))
			n.dynamic = y.dynamic // a literal that is no truth stays one
			return n
		}
		return c.minus(c.expr(x.X))
	case *syntax.Binary:
		l := c.expr(x.X)
		return c.binary(x.Op, l, c.expr(x.Y))
	case *syntax.Call:
		args := make([]subexpr, len(x.Args))
		for i, a := range x.Args {
			args[i] = c.expr(a)
		}
		return c.call(x, args)
	case *syntax.Lambda:
		i := c.e.lambdas[c.lambdas]
		c.lambdas++
		n := c.expr(x.X)
		if i >= 0 && n.err == nil {
			n = withState(n, i)
		}
		if n.kind == point.Missing {
			n.slot = -1 // not a plain reference any more
		}
		return n
	}
	panic(fmt.Sprintf("lambda: unknown syntax node %T", x))
}

func (c *specializer) binary(op syntax.Op, l, r subexpr) subexpr {
	o, ok := operators[opKey{op, l.kind, r.kind}]
	var err error
	switch {
	case l.err != nil:
		err = l.err
	case r.err != nil:
		err = r.err
	case ok:
		n := o.build(l, r)
		if arithmetic(op) {
			n.form = formBinary
		}
		return n
	case arithmetic(op):
		err = operandTypes(op, l.kind, r.kind)
	case l.kind == point.Missing && l.slot >= 0:
		err = missingOperand("left", l.ref)
	case r.kind == point.Missing && r.slot >= 0:
		err = missingOperand("right", r.ref)
	default:
		err = operandTypes(op, l.kind, r.kind)
	}
	if arithmetic(op) {
		return broken(err)
	}
	return failing[bool](err)
}

func (c *specializer) minus(x subexpr) subexpr {
	var n subexpr
	switch {
	case x.err != nil:
		return x
	case x.kind == point.Float:
		n = negate[float64](x)
	case x.kind == point.Int:
		n = negate[int64](x)
	case x.kind == point.Duration:
		n = negate[time.Duration](x)
	case x.kind == point.Missing:
		n = failingKind(x.kind, missingReference(x.ref))
		n.ref = x.ref
	default:
		n = failingKind(x.kind, typeGuard(constType(x), x.kind.String()))
	}
	n.form, n.dynamic = formMinus, x.dynamic
	return n
}

func (c *specializer) call(x *syntax.Call, args []subexpr) subexpr {
	f := c.e.builtin(x.Name)
	if f == nil {
		return broken(undefinedFunction(x.Name))
	}
	kinds := make([]point.Kind, len(args))
	for i, a := range args {
		if a.err != nil {
			return broken(inArgument(i)(a.err))
		}
		kinds[i] = a.kind
	}
	for _, s := range f.sigs {
		if !slices.Equal(s.in, kinds) {
			continue
		}
		for i, a := range args {
			if a.fallible {
				args[i] = guarded(a, inArgument(i))
			}
		}
		n := s.build(f.name, args)
		n.dynamic = true
		return n
	}
	return broken(c.noSignature(f, x, args))
}

// noSignature is the error of a call whose arguments fit no signature.
func (c *specializer) noSignature(f *builtin, x *syntax.Call, args []subexpr) error {
	var missing []string
	for _, a := range args {
		if a.kind == point.Missing {
			missing = append(missing, quote(a.ref))
		}
	}
	if len(missing) > 0 {
		words := [2]string{"argument", "is"}
		if len(missing) > 1 {
			words = [2]string{"arguments", "are"}
		}
		return fmt.Errorf("Cannot call function %q %s %s %s missing, values in scope are [%s]", //nolint:staticcheck // Kapacitor's text
			f.name, words[0], strings.Join(missing, ", "), words[1], strings.Join(c.inScope(), ","))
	}
	list := make([]string, len(args))
	for i, a := range args {
		list[i] = text(x.Args[i]) + ": " + a.kind.String()
	}
	return fmt.Errorf("Cannot call function %q with args (%s), available signatures are [%s].", //nolint:staticcheck,revive // Kapacitor's text
		f.name, strings.Join(list, ","), strings.Join(f.inputs(), ","))
}

// inScope lists the names that have values, sorted and quoted.
func (c *specializer) inScope() []string {
	var names []string
	for i, k := range c.kinds {
		if k != point.Missing {
			names = append(names, quote(c.e.refs[i].name.String()))
		}
	}
	if sc := c.e.opts.Scope; sc != nil {
		for i, v := range sc.Values {
			if v.Kind != point.Missing {
				names = append(names, quote(sc.Names[i]))
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
