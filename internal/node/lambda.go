package node

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// compile compiles a lambda, finds what is wrong with it whatever the data, and has the state
// that it keeps itself saved with the node.
func compile(l *syntax.Lambda, env spec.Env) (*lambda.Expr, error) {
	return compileLambda(l, env, (*lambda.Expr).Lint)
}

// predicate is compile for a lambda that must yield a boolean.
func predicate(l *syntax.Lambda, env spec.Env) (*lambda.Expr, error) {
	return compileLambda(l, env, (*lambda.Expr).LintPredicate)
}

func compileLambda(l *syntax.Lambda, env spec.Env, lint func(*lambda.Expr) []*syntax.Error) (*lambda.Expr, error) {
	e, err := lambda.Compile(l.X, env.Lambda())
	if err != nil {
		return nil, err
	}
	for _, err := range lint(e) {
		env.Warn(err)
	}
	if p := e.Private(); len(p) > 0 {
		env.Keep(&p)
	}
	return e, e.Check()
}

// newState returns state for one group of e, nil if e needs none.
func newState(e *lambda.Expr) *lambda.State {
	if !e.Stateful() {
		return nil
	}
	return new(lambda.State)
}
