package node

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// compileIn compiles a lambda that may refer to what is in a scope, where nil is none, finds what is
// wrong with it whatever the data, and has the state that it keeps itself saved with the node.
func compileIn(sc *lambda.Scope, l *syntax.Lambda, env spec.Env) (*lambda.Expr, error) {
	return compileLambda(l, env, sc, (*lambda.Expr).Lint)
}

// predicate is compileIn for a lambda that must yield a boolean.
func predicate(l *syntax.Lambda, env spec.Env) (*lambda.Expr, error) {
	return compileLambda(l, env, nil, (*lambda.Expr).LintPredicate)
}

func compileLambda(l *syntax.Lambda, env spec.Env, sc *lambda.Scope, lint func(*lambda.Expr) []*syntax.Error) (*lambda.Expr, error) {
	o := env.Lambda()
	o.Scope = sc
	e, err := lambda.Compile(l.X, o)
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
