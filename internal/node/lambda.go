package node

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// compile compiles a lambda and finds what is wrong with it whatever the data.
func compile(l *syntax.Lambda, env spec.Env) (*lambda.Expr, error) {
	e, err := lambda.Compile(l.X, env.Lambda())
	if err != nil {
		return nil, err
	}
	return e, e.Check()
}

// predicate is compile for a lambda that must yield a boolean.
func predicate(l *syntax.Lambda, env spec.Env) (*lambda.Expr, error) { return compile(l, env) }

// newState returns state for one group of e, nil if e needs none.
func newState(e *lambda.Expr) *lambda.State {
	if !e.Stateful() {
		return nil
	}
	return new(lambda.State)
}
