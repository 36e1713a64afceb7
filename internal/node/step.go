package node

import (
	"slices"

	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// newStep returns the step of a node that evaluates lambdas and may pass points on, without Try: nil if there is
// nothing behind that may absorb them, or if to evaluate a lambda changes anything. Unless the node drops the fields
// that it gets, those looked at behind come from before it, but for the ones that it makes.
func newStep(behind *spec.Step, drops bool, makes []string, exprs ...*lambda.Expr) *spec.Step {
	if behind == nil || slices.ContainsFunc(exprs, impure) {
		return nil
	}
	own := referred(exprs...)
	s := &spec.Step{Reads: own, Refers: slices.Concat(own, behind.Refers)}
	switch {
	case drops:
	case behind.Reads == nil:
		s.Reads = nil
	default:
		for _, name := range behind.Reads {
			if !slices.Contains(makes, name) && !slices.Contains(s.Reads, name) {
				s.Reads = append(s.Reads, name)
			}
		}
	}
	return s
}

func impure(e *lambda.Expr) bool { return !e.Pure() }

// referred returns the names that lambdas refer to, each once. The time is no field.
func referred(exprs ...*lambda.Expr) []string {
	names := []string{}
	for _, e := range exprs {
		for _, name := range e.Refs() {
			if name != "time" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}
