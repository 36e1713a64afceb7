package lambda

import (
	"cmp"
	"errors"
	"math"
	"regexp"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// This file defines the operators.

// An opKey is an operator with the kinds of its operands.
type opKey struct {
	op   syntax.Op
	l, r point.Kind
}

// An operator is what an opKey stands for.
type operator struct {
	result point.Kind
	build  func(l, r subexpr) subexpr
}

// operators has an entry for every valid combination of operator and operand kinds.
var operators = makeOperators()

func makeOperators() map[opKey]operator {
	const (
		f, i, s, b, d, re = point.Float, point.Int, point.String, point.Bool, point.Duration, point.Regex
	)
	m := map[opKey]operator{
		{syntax.And, b, b}: {b, and},
		{syntax.Or, b, b}:  {b, or},

		{syntax.Match, s, re}:  {b, match},
		{syntax.NMatch, s, re}: {b, noMatch},

		{syntax.Add, f, f}: {f, addFloat},
		{syntax.Add, i, i}: {i, add[int64]},
		{syntax.Add, d, d}: {d, add[time.Duration]},
		{syntax.Add, s, s}: {s, concat},
		{syntax.Sub, f, f}: {f, subFloat},
		{syntax.Sub, i, i}: {i, sub[int64]},
		{syntax.Sub, d, d}: {d, sub[time.Duration]},
		{syntax.Mul, f, f}: {f, mulFloat},
		{syntax.Mul, i, i}: {i, mulInt},
		{syntax.Mul, d, i}: {d, scale},
		{syntax.Mul, i, d}: {d, scaleBy},
		{syntax.Mul, d, f}: {d, stretch},
		{syntax.Mul, f, d}: {d, stretchBy},
		{syntax.Div, f, f}: {f, divFloat},
		{syntax.Div, i, i}: {i, quotient[int64, int64, int64]},
		{syntax.Div, d, i}: {d, quotient[time.Duration, int64, time.Duration]},
		{syntax.Div, d, f}: {d, shrink},
		{syntax.Div, d, d}: {i, quotient[time.Duration, time.Duration, int64]},
		{syntax.Mod, i, i}: {i, remainder},
	}
	for op, rel := range relations {
		m[opKey{op, f, f}] = operator{b, func(l, r subexpr) subexpr { return compareFloats(rel, l, r) }}
		m[opKey{op, f, i}] = operator{b, func(l, r subexpr) subexpr { return compareFloats(rel, l, toFloat(r)) }}
		m[opKey{op, i, f}] = operator{b, func(l, r subexpr) subexpr { return compareFloats(rel, toFloat(l), r) }}
		m[opKey{op, i, i}] = operator{b, func(l, r subexpr) subexpr { return compareInts[int64](rel, l, r) }}
		m[opKey{op, d, d}] = operator{b, func(l, r subexpr) subexpr { return compareInts[time.Duration](rel, l, r) }}
		m[opKey{op, s, s}] = operator{b, func(l, r subexpr) subexpr { return compareStrings(rel, l, r) }}
	}
	m[opKey{syntax.Eq, b, b}] = operator{b, func(l, r subexpr) subexpr { return same(true, l, r) }}
	m[opKey{syntax.Ne, b, b}] = operator{b, func(l, r subexpr) subexpr { return same(false, l, r) }}
	return m
}

// knownOps has the operators that take a kind as their left operand, or would with another right
// one; errors tell the two cases apart.
var knownOps = map[point.Kind][]syntax.Op{
	point.Bool:   {syntax.And, syntax.Or, syntax.Eq, syntax.Ne},
	point.String: {syntax.Eq, syntax.Ne, syntax.Lt, syntax.Le, syntax.Gt, syntax.Ge, syntax.Match, syntax.NMatch, syntax.Add},
	point.Regex:  {syntax.Match, syntax.NMatch},
	point.Int: {
		syntax.Eq, syntax.Ne, syntax.Lt, syntax.Le, syntax.Gt, syntax.Ge,
		syntax.Add, syntax.Sub, syntax.Mul, syntax.Div, syntax.Mod,
	},
	point.Float: {
		syntax.Eq, syntax.Ne, syntax.Lt, syntax.Le, syntax.Gt, syntax.Ge,
		syntax.Add, syntax.Sub, syntax.Mul, syntax.Div,
	},
	point.Duration: {
		syntax.Eq, syntax.Ne, syntax.Lt, syntax.Le, syntax.Gt, syntax.Ge,
		syntax.Add, syntax.Sub, syntax.Mul, syntax.Div,
	},
}

func knows(k point.Kind, op syntax.Op) bool {
	for _, o := range knownOps[k] {
		if o == op {
			return true
		}
	}
	return false
}

func arithmetic(op syntax.Op) bool { return op >= syntax.Add && op <= syntax.Mod }

// and stops at FALSE; an error reads as FALSE too.
func and(l, r subexpr) subexpr {
	a, b := get[bool](l), get[bool](r)
	return over(func(e *env) bool { return a(e) && b(e) }, l, r)
}

func or(l, r subexpr) subexpr {
	a, b := get[bool](l), get[bool](r)
	return over(func(e *env) bool { return a(e) || b(e) }, l, r)
}

func not(x subexpr) subexpr {
	a := get[bool](x)
	return over(func(e *env) bool { return !a(e) }, x)
}

func negate[T float64 | int64 | time.Duration](x subexpr) subexpr {
	a := get[T](x)
	return over(func(e *env) T { return -a(e) }, x)
}

func add[T int64 | time.Duration](l, r subexpr) subexpr {
	a, b := get[T](l), get[T](r)
	return over(func(e *env) T { return a(e) + b(e) }, l, r)
}

func sub[T int64 | time.Duration](l, r subexpr) subexpr {
	a, b := get[T](l), get[T](r)
	return over(func(e *env) T { return a(e) - b(e) }, l, r)
}

func addFloat(l, r subexpr) subexpr {
	a, b := operandOf(l), operandOf(r)
	n := over(func(e *env) float64 { x := a.get(e); return x + b.get(e) }, l, r)
	n.sum = sumOf(syntax.Add, l, r)
	return n
}

func subFloat(l, r subexpr) subexpr {
	a, b := operandOf(l), operandOf(r)
	n := over(func(e *env) float64 { x := a.get(e); return x - b.get(e) }, l, r)
	n.sum = sumOf(syntax.Sub, l, r)
	return n
}

func mulFloat(l, r subexpr) subexpr {
	a, b := operandOf(l), operandOf(r)
	n := over(func(e *env) float64 { x := a.get(e); return x * b.get(e) }, l, r)
	n.sum = sumOf(syntax.Mul, l, r)
	return n
}

func divFloat(l, r subexpr) subexpr {
	a, b := operandOf(l), operandOf(r)
	n := over(func(e *env) float64 { x := a.get(e); return x / b.get(e) }, l, r)
	n.sum = sumOf(syntax.Div, l, r)
	return n
}

func mulInt(l, r subexpr) subexpr {
	a, b := get[int64](l), get[int64](r)
	return over(func(e *env) int64 { return a(e) * b(e) }, l, r)
}

func scale(l, r subexpr) subexpr {
	a, b := get[time.Duration](l), get[int64](r)
	return over(func(e *env) time.Duration { return a(e) * time.Duration(b(e)) }, l, r)
}

func scaleBy(l, r subexpr) subexpr {
	a, b := get[int64](l), get[time.Duration](r)
	return over(func(e *env) time.Duration { return time.Duration(a(e)) * b(e) }, l, r)
}

func stretch(l, r subexpr) subexpr {
	a, b := get[time.Duration](l), get[float64](r)
	return over(func(e *env) time.Duration { return time.Duration(truncate(float64(a(e)) * b(e))) }, l, r)
}

func stretchBy(l, r subexpr) subexpr {
	a, b := get[float64](l), get[time.Duration](r)
	return over(func(e *env) time.Duration { return time.Duration(truncate(a(e) * float64(b(e)))) }, l, r)
}

func shrink(l, r subexpr) subexpr {
	a, b := get[time.Duration](l), get[float64](r)
	return over(func(e *env) time.Duration { return time.Duration(truncate(float64(a(e)) / b(e))) }, l, r)
}

// quotient divides integers, truncating toward zero.
func quotient[A, B, T int64 | time.Duration](l, r subexpr) subexpr {
	a, b := get[A](l), get[B](r)
	if r.fixed && value[B](r) != 0 {
		c := int64(value[B](r))
		return over(func(e *env) T { return T(int64(a(e)) / c) }, l, r)
	}
	return overFallible(func(e *env) T {
		x, y := int64(a(e)), int64(b(e))
		if y == 0 {
			e.fail(errDivide)
			return 0
		}
		return T(x / y)
	}, l, r)
}

// remainder has the sign of the dividend.
func remainder(l, r subexpr) subexpr {
	a, b := get[int64](l), get[int64](r)
	if r.fixed && value[int64](r) != 0 {
		c := value[int64](r)
		return over(func(e *env) int64 { return a(e) % c }, l, r)
	}
	return overFallible(func(e *env) int64 {
		x, y := a(e), b(e)
		if y == 0 {
			e.fail(errDivide)
			return 0
		}
		return x % y
	}, l, r)
}

// truncate converts to int64 toward zero. What does not fit becomes the smallest int64, on every
// architecture, as it does for Kapacitor on amd64.
func truncate(f float64) int64 {
	if f >= -1<<63 && f < 1<<63 {
		return int64(f)
	}
	return math.MinInt64
}

// maxString bounds the strings that an expression makes, so that no chain of expressions that
// double each other's results eats the memory of the host.
const maxString = 64 << 20

var errStringTooLong = errors.New("string too long")

func concat(l, r subexpr) subexpr {
	a, b := get[string](l), get[string](r)
	return overFallible(func(e *env) string {
		x, y := a(e), b(e)
		if len(x)+len(y) > maxString {
			e.fail(errStringTooLong)
			return ""
		}
		return x + y
	}, l, r)
}

func match(l, r subexpr) subexpr {
	a := get[string](l)
	if r.fixed {
		re := (*regexp.Regexp)(value[pattern](r))
		if slot := l.slot; slot >= 0 {
			return over(func(e *env) bool { return re.MatchString(e.slots[slot].Text) }, l, r)
		}
		return over(func(e *env) bool { return re.MatchString(a(e)) }, l, r)
	}
	b := get[pattern](r)
	return over(func(e *env) bool {
		s, re := a(e), (*regexp.Regexp)(b(e))
		return re != nil && re.MatchString(s)
	}, l, r)
}

func noMatch(l, r subexpr) subexpr { return not(match(l, r)) }

// same compares booleans.
func same(want bool, l, r subexpr) subexpr {
	a, b := get[bool](l), get[bool](r)
	return over(func(e *env) bool { return (a(e) == b(e)) == want }, l, r)
}

// A relation says for which outcomes of a comparison an operator holds. If an operand is NaN there
// is no outcome, and only != holds.
type relation struct{ lt, eq, gt, nan bool }

var relations = map[syntax.Op]relation{
	syntax.Eq: {eq: true},
	syntax.Ne: {lt: true, gt: true, nan: true},
	syntax.Lt: {lt: true},
	syntax.Le: {lt: true, eq: true},
	syntax.Gt: {gt: true},
	syntax.Ge: {eq: true, gt: true},
}

// swap returns the relation with its operands exchanged.
func (r relation) swap() relation { return relation{r.gt, r.eq, r.lt, r.nan} }

func holds[T cmp.Ordered](r relation, x, y T) bool {
	switch {
	case x < y:
		return r.lt
	case x > y:
		return r.gt
	case x == y:
		return r.eq
	}
	return r.nan
}

// toFloat converts a sub-expression of kind Int for a comparison with a Float.
func toFloat(n subexpr) subexpr {
	if slot := n.slot; slot >= 0 {
		return over(func(e *env) float64 { return float64(e.slots[slot].Int()) }, n)
	}
	a := get[int64](n)
	return over(func(e *env) float64 { return float64(a(e)) }, n)
}

func compareFloats(rel relation, l, r subexpr) subexpr {
	if l.fixed && r.slot >= 0 {
		l, r, rel = r, l, rel.swap()
	}
	a, b := operandOf(l), operandOf(r)
	n := over(func(e *env) bool { x := a.get(e); return holds(rel, x, b.get(e)) }, l, r)
	if r.fixed && (l.slot >= 0 || l.sum != nil) {
		n.test = &test{sum: l.sum, rel: rel, kind: l.kind, float: b.at.Float()}
	}
	return n
}

func compareInts[T int64 | time.Duration](rel relation, l, r subexpr) subexpr {
	if l.fixed && r.slot >= 0 {
		l, r, rel = r, l, rel.swap()
	}
	a, b := get[T](l), get[T](r)
	if !r.fixed {
		return over(func(e *env) bool { x := a(e); return holds(rel, x, b(e)) }, l, r)
	}
	c := value[T](r)
	n := over(func(e *env) bool { return holds(rel, a(e), c) }, l, r)
	if l.slot >= 0 {
		n.test = &test{rel: rel, kind: l.kind, int: int64(c)}
	}
	return n
}

func compareStrings(rel relation, l, r subexpr) subexpr {
	if l.fixed && r.slot >= 0 {
		l, r, rel = r, l, rel.swap()
	}
	a, b := get[string](l), get[string](r)
	slot := l.slot
	if rel.lt == rel.gt { // == or !=, which look at the lengths first
		want := rel.eq
		if r.fixed && slot >= 0 {
			c := value[string](r)
			return over(func(e *env) bool { return (e.slots[slot].Text == c) == want }, l, r)
		}
		return over(func(e *env) bool { x := a(e); return (x == b(e)) == want }, l, r)
	}
	if r.fixed && slot >= 0 {
		c := value[string](r)
		return over(func(e *env) bool { return holds(rel, e.slots[slot].Text, c) }, l, r)
	}
	return over(func(e *env) bool { x := a(e); return holds(rel, x, b(e)) }, l, r)
}
