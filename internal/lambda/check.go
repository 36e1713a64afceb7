package lambda

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// Check reports the type error that Kapacitor finds when it starts a task: an operator between
// sub-expressions of literals only. The error is a *syntax.Error at the sub-expression; its Msg is
// Kapacitor's, to be prefixed with what the caller was doing.
func (e *Expr) Check() error {
	if _, _, err := literal(e.source); err != nil {
		return err
	}
	return nil
}

// literal returns the kind of an expression that consists of literals only; others are dynamic.
func literal(x syntax.Expr) (k point.Kind, dynamic bool, err *syntax.Error) {
	switch x := x.(type) {
	case *syntax.Int:
		return point.Int, false, nil
	case *syntax.Float:
		return point.Float, false, nil
	case *syntax.String:
		return point.String, false, nil
	case *syntax.Bool:
		return point.Bool, false, nil
	case *syntax.Duration:
		return point.Duration, false, nil
	case *syntax.Regex:
		return point.Regex, false, nil
	case *syntax.Lambda:
		return literal(x.X)
	case *syntax.Unary:
		k, dynamic, err = literal(x.X)
		if err != nil {
			return 0, false, within("node", err)
		}
		if x.Op == syntax.Not {
			k = point.Bool
		}
		return k, dynamic, nil
	case *syntax.Binary:
		l, ldyn, err := literal(x.X)
		if err != nil {
			return 0, false, within("left node", err)
		}
		r, rdyn, err := literal(x.Y)
		if err != nil {
			return 0, false, within("right node", err)
		}
		if ldyn || rdyn {
			return 0, true, nil
		}
		o, ok := operators[opKey{x.Op, l, r}]
		if !ok {
			return 0, false, &syntax.Error{Pos: x.Pos(), Msg: operandTypes(x.Op, l, r).Error()}
		}
		return o.result, false, nil
	case *syntax.Call:
		for i, a := range x.Args {
			if _, _, err := literal(a); err != nil {
				return 0, false, within(strconv.Itoa(i+1)+" argument", err)
			}
		}
	}
	return 0, true, nil
}

func within(part string, err *syntax.Error) *syntax.Error {
	return &syntax.Error{Pos: err.Pos, Msg: "Failed to handle " + part + ": " + err.Msg}
}

// Lint reports what is certain to fail in every evaluation that gets there, although Kapacitor does
// not look for it: unknown functions, wrong numbers of arguments, and operands and arguments of
// types that cannot fit whatever the references turn out to be.
func (e *Expr) Lint() []*syntax.Error {
	l := linter{e: e}
	l.kinds(e.source)
	return l.found
}

// LintPredicate is Lint for an expression whose result has to be boolean.
func (e *Expr) LintPredicate() []*syntax.Error {
	l := linter{e: e}
	if k := l.kinds(e.source); k != 0 && k&setOf(point.Bool) == 0 {
		l.report(e.source, fmt.Sprintf("the result is %s, not boolean", k))
	}
	return l.found
}

// A kindSet is a set of kinds that a sub-expression may have.
type kindSet uint16

func setOf(kinds ...point.Kind) kindSet {
	var s kindSet
	for _, k := range kinds {
		s |= 1 << k
	}
	return s
}

func (s kindSet) has(k point.Kind) bool { return s&(1<<k) != 0 }

// kinds lists the members.
func (s kindSet) kinds() []point.Kind {
	list := make([]point.Kind, 0, bits.OnesCount16(uint16(s)))
	for k := point.Missing; k <= point.Null; k++ {
		if s.has(k) {
			list = append(list, k)
		}
	}
	return list
}

func (s kindSet) String() string {
	kinds := s.kinds()
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.String()
	}
	return strings.Join(names, " or ")
}

// fieldKinds are the kinds that a reference may have.
var fieldKinds = setOf(point.Missing, point.Float, point.Int, point.String, point.Bool, point.Duration)

type linter struct {
	e     *Expr
	found []*syntax.Error
}

func (l *linter) report(x syntax.Expr, msg string) {
	l.found = append(l.found, &syntax.Error{Pos: x.Pos(), Msg: msg})
}

// kinds returns the kinds that x may have. The empty set means that an error has been reported.
func (l *linter) kinds(x syntax.Expr) kindSet {
	switch x := x.(type) {
	case *syntax.Reference:
		if x.Name == "time" {
			return setOf(point.Time)
		}
		return fieldKinds
	case *syntax.Lambda:
		return l.kinds(x.X)
	case *syntax.Unary:
		k := l.kinds(x.X)
		takes := setOf(point.Float, point.Int, point.Duration)
		if x.Op == syntax.Not {
			takes = setOf(point.Bool)
		}
		if k != 0 && k&takes == 0 {
			l.report(x, fmt.Sprintf("%s does not go with %s", x.Op, k))
		}
		return k & takes
	case *syntax.Binary:
		return l.binary(x)
	case *syntax.Call:
		return l.call(x)
	}
	k, _, _ := literal(x)
	return setOf(k)
}

func (l *linter) binary(x *syntax.Binary) kindSet {
	left, right := l.kinds(x.X), l.kinds(x.Y)
	if left == 0 || right == 0 {
		if arithmetic(x.Op) {
			return 0
		}
		return setOf(point.Bool)
	}
	var result kindSet
	for _, lk := range left.kinds() {
		for _, rk := range right.kinds() {
			if o, ok := operators[opKey{x.Op, lk, rk}]; ok {
				result |= setOf(o.result)
			}
		}
	}
	if result == 0 {
		l.report(x, fmt.Sprintf("%s does not go with %s and %s", x.Op, left, right))
		if !arithmetic(x.Op) {
			result = setOf(point.Bool)
		}
	}
	return result
}

func (l *linter) call(x *syntax.Call) kindSet {
	args := make([]kindSet, len(x.Args))
	reported := false
	for i, a := range x.Args {
		args[i] = l.kinds(a)
		reported = reported || args[i] == 0
	}
	f := l.e.builtin(x.Name)
	if f == nil {
		l.report(x, "there is no function "+x.Name+syntax.DidYouMean(x.Name, "", l.e.functionNames()))
		return 0
	}
	var result kindSet
	arity := false
	for _, s := range f.sigs {
		if len(s.in) != len(args) {
			continue
		}
		arity = true
		fits := true
		for i, k := range s.in {
			fits = fits && (args[i] == 0 || args[i].has(k))
		}
		if fits {
			result |= setOf(s.out)
		}
	}
	switch {
	case reported:
	case !arity:
		l.report(x, fmt.Sprintf("%s does not take %s; it takes %s", x.Name, count(len(args)), strings.Join(f.inputs(), " or ")))
	case result == 0:
		l.report(x, fmt.Sprintf("%s takes %s, not %s", x.Name, strings.Join(f.inputs(), " or "), arguments(args)))
	}
	return result
}

func count(n int) string {
	if n == 1 {
		return "1 argument"
	}
	return strconv.Itoa(n) + " arguments"
}

func arguments(args []kindSet) string {
	list := make([]string, len(args))
	for i, a := range args {
		list[i] = a.String()
		if a == fieldKinds {
			list[i] = "any"
		}
	}
	return "(" + strings.Join(list, ",") + ")"
}

// functionNames returns the names of all functions, sorted.
func (e *Expr) functionNames() []string {
	names := make([]string, 0, len(functions)+len(e.extra))
	for name := range functions {
		names = append(names, name)
	}
	for name := range e.extra {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
