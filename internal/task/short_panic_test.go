package task_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// brittle is a node with a step that has a bug in one place.
type brittle struct {
	bug  string
	ends bool
}

func init() {
	spec.Register("brittle", func() spec.Declarer { return &brittle{} })
	spec.Register("brittleEnd", func() spec.Declarer { return &brittle{ends: true} })
}

func (b *brittle) Declare(s *spec.Spec) {
	s.Doc("Passes on what comes, but for what makes it panic.")
	s.Arg(&b.bug, "bug", "where it panics")
}

// reach panics if this is the place of the bug.
func (b *brittle) reach(place string) {
	if b.bug == place {
		panic("boom")
	}
}

func (b *brittle) Group(_ *point.Group, out point.Sink) point.Sink { return &spec.Forward{Out: out} }

func (b *brittle) Step(behind *spec.Step) *spec.Step {
	b.reach("step")
	s := &spec.Step{
		Try: func(point.Sink, *spec.Trial) spec.Verdict {
			b.reach("try")
			if b.ends {
				return spec.Absorb
			}
			return spec.Pass
		},
		Commit: func() { b.reach("commit") },
	}
	if b.ends {
		bug := lambda.Func{Name: "bug", Result: point.Bool, Call: func() point.Value { b.reach("test"); return point.BoolValue(false) }}
		e, err := lambda.Compile(&syntax.Call{Name: "bug"}, lambda.Options{Funcs: []lambda.Func{bug}})
		if err != nil {
			panic(err)
		}
		s.Ends, s.Tests = true, []*lambda.Expr{e}
		return s
	}
	if behind == nil {
		return nil
	}
	return s
}

// TestShortPanics shows that a panic on a short way is that of the node in which it happens.
func TestShortPanics(t *testing.T) {
	for _, c := range []struct{ script, name string }{
		{"brittle('step')|alert()", "brittle4"},
		{"brittle('try')|alert()", "brittle4"},
		{"brittle('commit')|alert()", "brittle4"},
		{"brittleEnd('try')", "brittleEnd4"},
		{"brittleEnd('test')", "brittleEnd4"},
		{"brittle('commit')|brittleEnd('')", "brittle4"},
		{"brittle('')|brittle('commit')|brittle('')|alert()", "brittle5"},
	} {
		x, err := task.Load(task.Config{Name: "t", Script: "var count = stream|from().groupBy('h')|stateCount(lambda: TRUE)\ncount|where(lambda: TRUE)|" + c.script})
		require.NoError(t, err)
		_ = x.Start(0)
		for range 3 { // the first makes the states of its group
			_ = x.Push(&point.Point{DB: "telegraf", RP: "autogen", Name: "m", Fields: []point.Field{{Key: "v", Value: point.FloatValue(1)}}})
		}
		require.EqualError(t, x.Failed(), "t: "+c.name+": internal error: boom", c.script)
		require.Contains(t, string(x.Stack()), "brittle")
	}
}
