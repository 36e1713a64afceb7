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
