package delivery

import (
	"errors"
	"fmt"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// A matcher is a lambda expression that chooses among events. Nil chooses all. It is not for
// concurrent use.
type matcher struct {
	expr  *lambda.Expr
	event *alert.Event // that the functions are about
}

// newMatcher compiles text, which may begin with "lambda:". No text is nil. Its errors tell positions
// within text, in a file called name.
func newMatcher(name, text string) (*matcher, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil //nolint:nilnil // as said
	}
	x, err := syntax.ParseExpr(name, text)
	if err != nil {
		return nil, err
	}
	m := &matcher{}
	if x, err = resolve(x); err != nil {
		return nil, at(name, err)
	}
	say := func(get func(e *alert.Event) string) func() point.Value {
		return func() point.Value { return point.StringValue(get(m.event)) }
	}
	m.expr, err = lambda.Compile(x, lambda.Options{Funcs: []lambda.Func{
		{Name: "level", Result: point.Int, Call: func() point.Value { return point.IntValue(int64(m.event.Level)) }},
		{Name: "changed", Result: point.Bool, Call: func() point.Value { return point.BoolValue(m.event.Level != m.event.Previous) }},
		{Name: "name", Result: point.String, Call: say(func(e *alert.Event) string { return e.Name })},
		{Name: "taskName", Result: point.String, Call: say(func(e *alert.Event) string { return e.Task })},
		{Name: "alertID", Result: point.String, Call: say(func(e *alert.Event) string { return e.ID })},
		{Name: "alertDuration", Result: point.Duration, Call: func() point.Value { return point.DurationValue(m.event.Duration) }},
	}})
	if err != nil {
		return nil, at(name, err)
	}
	// What would fail for every event is a mistake now.
	if wrong := m.expr.LintPredicate(); len(wrong) > 0 {
		return nil, at(name, wrong[0])
	}
	return m, nil
}

// at gives an error of an expression the name of its file.
func at(name string, err error) error {
	var e *syntax.Error
	if errors.As(err, &e) && e.File == "" {
		named := *e
		named.File = name
		return &named
	}
	return err
}

// matches reports whether e is chosen. An error means no.
func (m *matcher) matches(e *alert.Event) (bool, error) {
	if m == nil {
		return true, nil
	}
	m.event = e
	return m.expr.Bool(&point.Point{Name: e.Name, Time: e.Time, Tags: e.Tags}, nil)
}

// resolve replaces the names of levels in x by their numbers.
func resolve(x syntax.Expr) (_ syntax.Expr, err error) {
	switch x := x.(type) {
	case *syntax.Ident:
		for l := alert.OK; l <= alert.Critical; l++ {
			if l.String() == x.Name {
				return &syntax.Int{Start: x.Start, Value: int64(l)}, nil
			}
		}
		return nil, &syntax.Error{Pos: x.Start, Msg: fmt.Sprintf("unknown name %s; levels are OK, INFO, WARNING and CRITICAL", x.Name)}
	case *syntax.Unary:
		x.X, err = resolve(x.X)
		return x, err
	case *syntax.Binary:
		if x.X, err = resolve(x.X); err == nil {
			x.Y, err = resolve(x.Y)
		}
		return x, err
	case *syntax.Call:
		for i := range x.Args {
			if x.Args[i], err = resolve(x.Args[i]); err != nil {
				return nil, err
			}
		}
	}
	return x, nil
}
