package lambda

import (
	"regexp"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file defines what a specialised program is made of: nodes, which are closures with types.

// An env is what the closures of a program see.
type env struct {
	slots   []point.Value // values of the references
	err     error         // first error of this evaluation
	state   *State        // of the lambda that is being evaluated
	private []State       // of the spliced lambdas
	opts    *Options
}

// fail notes the first error.
func (e *env) fail(err error) {
	if e.err == nil {
		e.err = err
	}
}

// The Go type that a closure returns says which kind a sub-expression has: float64, int64, string, bool,
// time.Duration, and:
type (
	instant int64          // a time, in nanoseconds since the Unix epoch
	pattern *regexp.Regexp // nil after an error
	nothing struct{}       // a missing value
)

// kindOf returns the kind of values of type T.
func kindOf[T any]() point.Kind {
	var v T
	switch any(v).(type) {
	case float64:
		return point.Float
	case int64:
		return point.Int
	case string:
		return point.String
	case bool:
		return point.Bool
	case time.Duration:
		return point.Duration
	case instant:
		return point.Time
	case pattern:
		return point.Regex
	}
	return point.Missing
}

// A subexpr is a sub-expression specialised for one type signature.
type subexpr struct {
	kind point.Kind
	fn   any   // func(*env) T, where T is the Go type of kind; nil if err is set
	err  error // the type cannot be determined, and why

	test *test // the sub-expression, if it is one
	sum  *sum  // the same

	ref  string       // name, if the sub-expression is a plain reference
	slot int          // its slot; -1 if it is no plain reference
	at   *point.Value // where the slot is

	form     form
	fixed    bool // the same value every time
	fallible bool // evaluating it may set env.err
	effects  bool // evaluating it changes a state, draws a random number or reads the clock
	dynamic  bool // depends on a reference or a call, whatever the optimiser finds out
}

// A form is how a sub-expression is written, as far as the texts of errors depend on it.
type form uint8

const (
	formOther  form = iota
	formBinary      // an arithmetic operator
	formMinus       // unary minus
)

// get returns the closure of a sub-expression that is known to have the kind of T.
func get[T any](n subexpr) func(*env) T { return n.fn.(func(*env) T) }

// value returns the value of a fixed sub-expression.
func value[T any](n subexpr) T { return get[T](n)(nil) }

// constant returns a sub-expression that always has the value v.
func constant[T any](v T) subexpr {
	return subexpr{kind: kindOf[T](), fn: func(*env) T { return v }, slot: -1, fixed: true}
}

// broken returns a sub-expression without a type.
func broken(err error) subexpr { return subexpr{err: err, slot: -1, dynamic: true} }

// failing returns a sub-expression of the kind of T whose evaluation fails with err.
func failing[T any](err error) subexpr {
	return subexpr{kind: kindOf[T](), slot: -1, fallible: true, dynamic: true, fn: func(e *env) T {
		e.fail(err)
		var zero T
		return zero
	}}
}

// failingKind is failing for a kind that is known at run time only.
func failingKind(k point.Kind, err error) subexpr {
	switch k {
	case point.Float:
		return failing[float64](err)
	case point.Int:
		return failing[int64](err)
	case point.String:
		return failing[string](err)
	case point.Bool:
		return failing[bool](err)
	case point.Duration:
		return failing[time.Duration](err)
	case point.Time:
		return failing[instant](err)
	case point.Regex:
		return failing[pattern](err)
	}
	return failing[nothing](err)
}

// over returns a sub-expression that computes fn from its operands; fn does so without effects of its own and
// cannot fail. If all operands are fixed, so is the sub-expression, and fn has run for the last time.
func over[T any](fn func(*env) T, operands ...subexpr) subexpr {
	return assemble(fn, subexpr{}, operands)
}

// overFallible is over for an fn that may fail.
func overFallible[T any](fn func(*env) T, operands ...subexpr) subexpr {
	return assemble(fn, subexpr{fallible: true}, operands)
}

// overEffects is over for an fn that has effects and may fail.
func overEffects[T any](fn func(*env) T, operands ...subexpr) subexpr {
	return assemble(fn, subexpr{fallible: true, effects: true}, operands)
}

func assemble[T any](fn func(*env) T, n subexpr, operands []subexpr) subexpr {
	n.kind, n.slot, n.fixed = kindOf[T](), -1, !n.effects
	for _, o := range operands {
		n.fixed = n.fixed && o.fixed
		n.fallible = n.fallible || o.fallible
		n.effects = n.effects || o.effects
		n.dynamic = n.dynamic || o.dynamic
	}
	n.fn = fn
	if n.fixed {
		var e env
		v := fn(&e)
		if e.err != nil { // it will fail every time, but only if it is its turn
			n.fixed = false
			return n
		}
		n.fn, n.fallible = func(*env) T { return v }, false
	}
	return n
}

// guarded returns n, which evaluates to nothing if an error has happened before. An error that n
// itself meets goes through wrap.
func guarded(n subexpr, wrap func(error) error) subexpr {
	switch n.kind {
	case point.Float:
		return guardedAs[float64](n, wrap)
	case point.Int:
		return guardedAs[int64](n, wrap)
	case point.String:
		return guardedAs[string](n, wrap)
	case point.Bool:
		return guardedAs[bool](n, wrap)
	case point.Duration:
		return guardedAs[time.Duration](n, wrap)
	case point.Time:
		return guardedAs[instant](n, wrap)
	case point.Regex:
		return guardedAs[pattern](n, wrap)
	}
	return guardedAs[nothing](n, wrap)
}

func guardedAs[T any](n subexpr, wrap func(error) error) subexpr {
	fn := get[T](n)
	n.fn = func(e *env) (v T) {
		if e.err != nil {
			return v
		}
		v = fn(e)
		if e.err != nil {
			e.err = wrap(e.err)
		}
		return v
	}
	n.slot = -1
	return n
}

// withState returns n evaluated on the i-th private state.
func withState(n subexpr, i int) subexpr {
	switch n.kind {
	case point.Float:
		return withStateAs[float64](n, i)
	case point.Int:
		return withStateAs[int64](n, i)
	case point.String:
		return withStateAs[string](n, i)
	case point.Bool:
		return withStateAs[bool](n, i)
	case point.Duration:
		return withStateAs[time.Duration](n, i)
	case point.Time:
		return withStateAs[instant](n, i)
	case point.Regex:
		return withStateAs[pattern](n, i)
	}
	return n
}

func withStateAs[T any](n subexpr, i int) subexpr {
	fn := get[T](n)
	n.fn = func(e *env) T {
		outer := e.state
		e.state = &e.private[i]
		v := fn(e)
		e.state = outer
		return v
	}
	return n
}

// load returns the sub-expression of the reference in a slot, at, that holds a value of kind k.
func load(name string, slot int, at *point.Value, k point.Kind) subexpr {
	n := subexpr{kind: k, ref: name, slot: slot, at: at, dynamic: true}
	switch k {
	case point.Float:
		n.fn = func(e *env) float64 { return e.slots[slot].Float() }
	case point.Int:
		n.fn = func(e *env) int64 { return e.slots[slot].Int() }
	case point.String:
		n.fn = func(e *env) string { return e.slots[slot].Text }
	case point.Bool:
		n.fn = func(e *env) bool { return e.slots[slot].Bool() }
	case point.Duration:
		n.fn = func(e *env) time.Duration { return e.slots[slot].Duration() }
	case point.Time:
		n.fn = func(e *env) instant { return instant(e.slots[slot].Time()) }
	case point.Missing:
		n.fn = func(*env) nothing { return nothing{} }
	default: // Null; a Regex is no value of a field
		return broken(nilReference(name))
	}
	return n
}

// asBool returns n as a truth. If n has another kind, that fails, but not before n has been
// evaluated, unless n is a unary minus.
func asBool(n subexpr) subexpr {
	switch {
	case n.err != nil:
		return failing[bool](n.err)
	case n.form == formMinus:
		return failing[bool](notBool(n))
	}
	switch n.kind {
	case point.Bool:
		return n
	case point.Float:
		return notBoolAs[float64](n)
	case point.Int:
		return notBoolAs[int64](n)
	case point.String:
		return notBoolAs[string](n)
	case point.Duration:
		return notBoolAs[time.Duration](n)
	case point.Time:
		return notBoolAs[instant](n)
	case point.Regex:
		return notBoolAs[pattern](n)
	}
	return notBoolAs[nothing](n)
}

func notBoolAs[T any](n subexpr) subexpr {
	fn, err := get[T](n), notBool(n)
	m := overFallible(func(e *env) bool {
		fn(e)
		e.fail(err)
		return false
	}, n)
	m.fixed, m.dynamic = false, true
	return m
}
