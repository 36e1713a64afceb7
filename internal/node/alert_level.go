package node

import (
	"fmt"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// This file finds the level of a point.

// A level is when an alert is at a level, and what it takes to leave it. Unset ones are nil.
type level struct {
	when, reset           *lambda.Expr
	whenFault, resetFault levelFault
}

// compile compiles the lambdas of level l. A reset without the level itself has no meaning.
func (x *level) compile(l alert.Level, when, reset *syntax.Lambda, env spec.Env) (err error) {
	x.whenFault = levelFault{text: "error evaluating expression for level", level: l}
	x.resetFault = levelFault{text: "error evaluating reset expression for current level", level: l}
	if when == nil {
		return nil
	}
	if x.when, err = predicate(when, env); err != nil || reset == nil {
		return err
	}
	x.reset, err = predicate(reset, env)
	return err
}

// level returns the level that p puts a group at which is at current.
//
//   - Any level from current up holds: that.
//   - Else, if current may not be left: current.
//   - Else the highest one that holds from current down. That asks current's lambda once more, as
//     the functions that count their calls can tell.
func (n *alertNode) level(p *point.Point, current alert.Level) alert.Level {
	lowest := max(current, n.low)
	for l := n.high; l >= lowest; l-- { // holds, without a call
		x := &n.levels[l]
		if x.when == nil {
			continue
		}
		if ok, err := x.when.Bool(p, &n.shared.When[l]); err != nil {
			n.fault(x, err)
		} else if ok {
			return l
		}
	}
	if x := &n.levels[current]; x.reset != nil {
		reset, err := x.reset.Bool(p, &n.shared.Reset[current])
		if err != nil {
			n.env.Error(x.resetFault.wrap(err))
		} else if !reset {
			return current
		}
	}
	for l := current; l >= n.low; l-- {
		if n.holds(l, p) {
			return l
		}
	}
	return alert.OK
}

// valueKey returns the name of the field that level l was found by: the first number that its lambda
// refers to. What has no such lambda, as OK, was found by those of the levels from it up, or else below.
func (n *alertNode) valueKey(l alert.Level, fields []point.Field) string {
	for i := range n.levels {
		e := n.levels[(int(l)+i)%len(n.levels)].when
		if e == nil {
			continue
		}
		for _, name := range e.Refs() {
			for _, f := range fields {
				if f.Key == name && (f.Value.Kind == point.Float || f.Value.Kind == point.Int) {
					return name
				}
			}
		}
	}
	return ""
}

// A quiet looks at points that may be absorbed: nothing comes of those that leave a group at OK which
// is there.
type quiet struct {
	levels []*lambda.Expr // none of which may hold
	refs   []string       // what the script's lambdas refer to
}

// quieten finds out what the levels are.
func (n *alertNode) quieten() {
	n.quiet = quiet{}
	for l := range n.levels {
		if e := n.levels[l].when; e != nil {
			n.quiet.levels = append(n.quiet.levels, e)
		}
	}
	n.quiet.refs = referred(n.quiet.levels...)
}

// Compose replaces the field by what it is computed of, if the levels do nothing but compare it with
// constants: then they can be evaluated if and only if x can. Each level evaluates x anew, which is not
// worth it for more than one unless x is simple.
func (n *alertNode) Compose(name string, x syntax.Expr) bool {
	if len(n.quiet.levels) > 1 && !simple(x) {
		return false
	}
	q := quiet{refs: n.quiet.refs}
	for l := range n.levels {
		if n.levels[l].when == nil {
			continue
		}
		c, ok := n.when[l].X.(*syntax.Binary)
		if !ok || !c.Op.Compares() {
			return false
		}
		whole := *c
		switch {
		case refers(c.X, name) && literal(c.Y):
			whole.X = x
		case refers(c.Y, name) && literal(c.X):
			whole.Y = x
		default:
			return false
		}
		e, err := lambda.Compile(&whole, n.env.Lambda())
		if err != nil || e.Check() != nil {
			return false
		}
		q.levels = append(q.levels, e)
	}
	n.quiet = q
	return true
}

// simple reports whether x is one operator at most.
func simple(x syntax.Expr) bool {
	operand := func(x syntax.Expr) bool {
		_, ok := x.(*syntax.Reference)
		return ok || literal(x)
	}
	b, ok := x.(*syntax.Binary)
	return operand(x) || ok && operand(b.X) && operand(b.Y)
}

func refers(x syntax.Expr, name string) bool {
	r, ok := x.(*syntax.Reference)
	return ok && r.Name == name
}

func literal(x syntax.Expr) bool {
	switch x := x.(type) {
	case *syntax.Int, *syntax.Float, *syntax.String, *syntax.Bool, *syntax.Duration:
		return true
	case *syntax.Unary:
		return literal(x.X)
	}
	return false
}

// holds reports whether the lambda of a level is true; an error counts as false.
func (n *alertNode) holds(l alert.Level, p *point.Point) bool {
	x := &n.levels[l]
	if x.when == nil {
		return false
	}
	ok, err := x.when.Bool(p, &n.shared.When[l])
	if err != nil {
		n.fault(x, err)
	}
	return ok && err == nil
}

func (n *alertNode) fault(x *level, err error) { n.env.Error(x.whenFault.wrap(err)) }

// A levelFault wraps the errors of a level's lambda. As in [prefixed], the last one is kept.
type levelFault struct {
	text       string
	level      alert.Level
	cause, err error
}

func (f *levelFault) wrap(cause error) error {
	if cause != f.cause { //nolint:errorlint // the same value, not the same kind of error
		f.cause, f.err = cause, fmt.Errorf("%s: %w level=%s", f.text, cause, f.level)
	}
	return f.err
}
