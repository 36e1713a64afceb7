package lambda

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// This file defines shortcuts for what most expressions consist of: references and constants as
// operands of floats, and as a whole one operator between two of them, or that or a reference
// compared with a constant. The last two are computed from the point without any program.

// An operand is what get returns of a Float, without a call if that is a reference or a constant.
type operand struct {
	fn func(*env) float64 // nil for a reference or a constant
	at *point.Value       // their value: in the slot of the reference
}

func operandOf(n subexpr) operand {
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

// A sum is +, -, * or / between floats that are references or constants.
type sum struct {
	op   syntax.Op
	l, r term
}

// A term is an operand of a sum.
type term struct {
	slot  int // of the reference; -1 for a constant
	fixed float64
}

// sumOf returns l op r as a sum, nil if it is none.
func sumOf(op syntax.Op, l, r subexpr) *sum {
	if l.slot < 0 && !l.fixed || r.slot < 0 && !r.fixed || l.fixed && r.fixed {
		return nil
	}
	return &sum{op, termOf(l), termOf(r)}
}

func termOf(n subexpr) term {
	if n.fixed {
		return term{slot: -1, fixed: value[float64](n)}
	}
	return term{slot: n.slot}
}

// float returns the value of the field if it is a Float and where it was last time, the name included.
// There is no tag of the name.
func (r *ref) float(fields []point.Field) (float64, bool) {
	if i := r.field; i < len(fields) && fields[i].Value.Kind == point.Float && r.name.At(fields[i].Key) {
		return fields[i].Value.Float(), true
	}
	return 0, false
}

// of returns the sum for a point's tags and fields, false if what it refers to are not floats in the
// places where they were last time.
func (s *sum) of(refs []ref, tags []point.Tag, fields []point.Field) (float64, bool) {
	x, y := s.l.fixed, s.r.fixed
	if s.l.slot >= 0 {
		v := refs[s.l.slot].value(tags, fields)
		if v == nil || v.Kind != point.Float {
			return 0, false
		}
		x = v.Float()
	}
	if s.r.slot >= 0 {
		v := refs[s.r.slot].value(tags, fields)
		if v == nil || v.Kind != point.Float {
			return 0, false
		}
		y = v.Float()
	}
	return s.compute(x, y), true
}

func (s *sum) compute(x, y float64) float64 {
	switch s.op {
	case syntax.Add:
		return x + y
	case syntax.Sub:
		return x - y
	case syntax.Mul:
		return x * y
	}
	return x / y
}

// A test is a predicate that compares a sum or else its only reference with a constant.
type test struct {
	sum   *sum
	rel   relation
	kind  point.Kind // Float, or one with an integer
	float float64
	int   int64
}
