package lambda

import "github.com/telegraf-tigk/telegraf-tigk/internal/point"

// This file defines shortcuts for what most expressions consist of: references and constants as
// operands of floats, and as a whole a reference compared with a constant.

// An operand is what get returns of a Float, without a call if that is a reference or a constant.
type operand struct {
	fn func(*env) float64 // nil for a reference or a constant
	at *point.Value       // their value: in the slot of the reference
}

func operandOf(n node) operand {
	switch {
	case n.fixed:
		v := point.FloatValue(value[float64](n))
		return operand{at: &v}
	case n.slot >= 0:
		return operand{at: n.at}
	}
	return operand{fn: get[float64](n)}
}

func (o *operand) get(e *env) float64 {
	if o.fn != nil {
		return o.fn(e)
	}
	return o.at.Float()
}

// A test is a predicate that compares its only reference with a constant.
type test struct {
	rel   relation
	kind  point.Kind // Float, or one with an integer
	float float64
	int   int64
}
