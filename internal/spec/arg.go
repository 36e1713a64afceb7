package spec

import (
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// This file defines the values that a script passes around.

// A Type is the type of a script value, or a set of them.
type Type uint16

// The types. An argument's declared type may be a union.
const (
	StringType Type = 1 << iota
	IntType
	FloatType
	BoolType
	DurationType
	RegexType
	LambdaType
	ListType
	StarType
	NodeType
	ReferenceType // "name" in double quotes, legal in lambdas only
	FuncType      // a bare call outside an expression

	ScalarType = StringType | IntType | FloatType | BoolType | DurationType
	AnyType    = Type(1<<12 - 1)
)

var typeNames = [...]string{"string", "int", "float", "boolean", "duration", "regex", "lambda", "list", "star", "node", "reference", "function"}

func (t Type) String() string {
	if t == AnyType {
		return "any value"
	}
	var names []string
	for i, n := range typeNames {
		if t&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return strings.Join(names, " or ")
}

func (t Type) accepts(a Arg) bool { return t&a.Type != 0 }

// An Arg is a script value with the place it stands at.
type Arg struct {
	Type   Type // exactly one
	Pos    syntax.Pos
	Value  point.Value    // of a scalar
	Text   string         // of a regex, reference or function: its text
	Lambda *syntax.Lambda // of a lambda, identifiers resolved
	List   []Arg          // of a list
	Node   any            // of a node: the loader's own
}

func (a Arg) describe() string {
	switch a.Type {
	case ReferenceType:
		return `the reference "` + a.Text + `"`
	case FuncType:
		return "the function " + a.Text
	}
	return a.Type.String()
}

func typeOfValue(v point.Value) Type {
	switch v.Kind {
	case point.String:
		return StringType
	case point.Int:
		return IntType
	case point.Float:
		return FloatType
	case point.Bool:
		return BoolType
	case point.Duration:
		return DurationType
	}
	return 0
}

// ValueArg returns v as an Arg.
func ValueArg(v point.Value, pos syntax.Pos) Arg {
	return Arg{Type: typeOfValue(v), Value: v, Pos: pos}
}
