package lambda

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// This file defines the texts of the errors. They are Kapacitor's, capitals included: scripts'
// users search for them.

// A crash is an error that makes Kapacitor panic. It ends the evaluation as it is, without the
// names of the calls around it.
type crash struct{ msg string }

func (c *crash) Error() string { return "runtime error: " + c.msg }

// errDivide is an integer division by zero.
var errDivide error = &crash{"integer divide by zero"}

func nilReference(name string) error {
	return errors.New(`referenced value "` + name + `" is nil.`)
}

func missingReference(name string) error {
	return errors.New("reference " + quote(name) + " is missing value")
}

func missingOperand(side, name string) error {
	return errors.New(side + " reference value " + quote(name) + " is missing value")
}

func missingValue(name string) error { return errors.New("missing value: " + quote(name)) }

func fieldAndTag(name string) error {
	return errors.New("cannot have field and tags with same name " + quote(name))
}

func undefinedFunction(name string) error {
	return errors.New("undefined function: " + strconv.Quote(name))
}

func unexpectedType(name string) error {
	return errors.New("expression returned unexpected type " + name)
}

func typeGuard(got, want string) error {
	return errors.New("TypeGuard: expression returned unexpected type " + got + ", expected " + want)
}

// operandTypes is the error of an operator that does not take operands of the kinds l and r.
func operandTypes(op syntax.Op, l, r point.Kind) error {
	if !knows(l, op) {
		class := "comparison"
		switch {
		case op == syntax.And || op == syntax.Or:
			class = "logical"
		case arithmetic(op):
			class = "math"
		}
		return fmt.Errorf("invalid %s operator %s for type %s", class, op, l)
	}
	return fmt.Errorf("mismatched type to binary operator. got %s %s %s. see bool(), int(), float(), string(), duration()", l, op, r)
}

// notBool is the error of a sub-expression of another kind that should be a truth.
func notBool(n subexpr) error {
	switch {
	case n.form == formBinary:
		return unexpectedType(goType(n.kind))
	case n.form == formMinus:
		return typeGuard(constType(n), "boolean")
	case n.kind == point.Missing:
		return missingReference(n.ref)
	}
	return typeGuard(n.kind.String(), "boolean")
}

// constType names the kind of a sub-expression that was written with literals only.
func constType(n subexpr) string {
	if n.dynamic {
		return "invalid type"
	}
	return n.kind.String()
}

// goType names the Go type of a kind, which some of Kapacitor's errors print.
func goType(k point.Kind) string {
	switch k {
	case point.Float:
		return "float64"
	case point.Int:
		return "int64"
	case point.Duration:
		return "time.Duration"
	case point.Time:
		return "time.Time"
	case point.Bool:
		return "bool"
	}
	return k.String()
}

func quote(s string) string { return `"` + s + `"` }

// inArgument returns what turns an error of the i-th argument, counted from 0, into the call's. An
// error that comes again, as those of a type signature do, is turned only once.
func inArgument(i int) func(error) error {
	prefix := "Failed to handle " + strconv.Itoa(i+1) + " argument: "
	var last, wrapped error
	return func(err error) error {
		if _, ok := err.(*crash); ok { //nolint:errorlint // never wrapped
			return err
		}
		if err != last { //nolint:errorlint // the same value, not the same kind of error
			last, wrapped = err, errors.New(prefix+err.Error())
		}
		return wrapped
	}
}

// inCall turns what went wrong inside of a function into the error of its call.
func inCall(name string, err error) error {
	if _, ok := err.(*crash); ok { //nolint:errorlint // never wrapped
		return err
	}
	return errors.New("error calling " + strconv.Quote(name) + ": " + err.Error())
}
