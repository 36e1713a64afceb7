package lambda

import (
	"bytes"
	"encoding/gob"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

func TestStateIsShared(t *testing.T) {
	e := compile(t, `count() + count()`)
	require.True(t, e.Stateful())
	var a, b State
	for _, want := range []string{"3", "7", "11"} {
		require.Equal(t, want, outcome(e.Eval(newPoint(), &a)))
	}
	require.Equal(t, "3", outcome(e.Eval(newPoint(), &b)), "another group")
	require.Equal(t, int64(6), a.Count)

	e = compile(t, `spread("v") + spread("v" * 2.0)`)
	a = State{}
	require.Equal(t, "10.0", outcome(e.Eval(newPoint("v", 10.0), &a)))
	require.Equal(t, "30.0", outcome(e.Eval(newPoint("v", 5.0), &a)), "5 to 20 and 5 to 20")
}

func TestSigma(t *testing.T) {
	e := compile(t, `sigma("v")`)
	var st State
	for _, step := range []struct {
		v    float64
		want string
	}{{5, "0.0"}, {5, "0.0"}, {8, "1.1547005383792517"}, {6, "0.0"}} {
		require.Equal(t, step.want, outcome(e.Eval(newPoint("v", step.v), &st)))
	}
}

// TestStateAfterErrors: what does not come to its turn does not count.
func TestStateAfterErrors(t *testing.T) {
	for _, tt := range []struct {
		expr string
		want int64
	}{
		{`FALSE AND count() > 0`, 0},
		{`TRUE AND count() > 0`, 1},
		{`if(TRUE, 1, count()) > 0`, 1},
		{`"i" / 0 + count() > 0`, 0},
		{`count() + "i" / 0 > 0`, 1},
		{`int('x') > count()`, 0},
		{`"x" > 0 OR count() > 0`, 0},
		{`count() + "x" > 0`, 0},
		{`count() > 0 AND "x" > 0`, 1},
		{`strSubstring('abc', 2, 1) == string(count())`, 0},
		{`if("i" / 0 > 1, 1, count()) == 1`, 0},
		{`isPresent(count())`, 1},
		{`count()`, 1},
	} {
		var st State
		_, _ = compile(t, tt.expr).Bool(newPoint("i", 1), &st)
		require.Equal(t, tt.want, st.Count, tt.expr)
	}
}

// TestPrivateState: lambdas spliced into another one have a state each, shared by all groups.
func TestPrivateState(t *testing.T) {
	c := &syntax.Lambda{X: parse(t, `count()`)}
	x := &syntax.Binary{Op: syntax.Add, X: &syntax.Binary{Op: syntax.Mul, X: c, Y: &syntax.Int{Value: 100}}, Y: parse(t, `count() * 10`)}
	x = &syntax.Binary{Op: syntax.Add, X: x, Y: &syntax.Lambda{X: &syntax.Binary{Op: syntax.Add, X: c, Y: parse(t, `0`)}}}
	e, err := Compile(x, options)
	require.NoError(t, err)
	require.True(t, e.Stateful())
	require.Len(t, e.Private(), 2)

	var a, b State
	require.Equal(t, "111", outcome(e.Eval(newPoint(), &a)))
	require.Equal(t, "212", outcome(e.Eval(newPoint(), &b)))
	require.Equal(t, "323", outcome(e.Eval(newPoint(), &a)))

	// Saved and restored, as a checkpoint does.
	var buf bytes.Buffer
	require.NoError(t, gob.NewEncoder(&buf).Encode([][]State{{a}, e.Private()}))
	var saved [][]State
	require.NoError(t, gob.NewDecoder(&buf).Decode(&saved))
	e, err = Compile(x, options)
	require.NoError(t, err)
	copy(e.Private(), saved[1])
	require.Equal(t, "434", outcome(e.Eval(newPoint(), &saved[0][0])))

	e, err = Compile(&syntax.Binary{Op: syntax.Add, X: c, Y: parse(t, `0`)}, options)
	require.NoError(t, err)
	require.False(t, e.Stateful(), "the state is not the caller's")
}

// TestPrivateStateOrder: types that change, and errors, do not move the states.
func TestPrivateStateOrder(t *testing.T) {
	count := &syntax.Lambda{X: parse(t, `count()`)}
	plain := &syntax.Lambda{X: parse(t, `"v"`)}
	sum := &syntax.Binary{Op: syntax.Add, X: plain, Y: &syntax.Call{Name: "float", Args: []syntax.Expr{count}}}
	x := &syntax.Call{Name: "if", Args: []syntax.Expr{parse(t, `"first"`), sum, &syntax.Call{Name: "float", Args: []syntax.Expr{count}}}}
	e, err := Compile(x, options)
	require.NoError(t, err)
	require.Equal(t, "1.5", outcome(e.Eval(newPoint("first", true, "v", 0.5), nil)))
	_, err = e.Eval(newPoint("first", true, "v", 1), nil)
	require.Error(t, err)
	require.Equal(t, "2.0", outcome(e.Eval(newPoint("first", false, "v", 0.5), nil)))
	require.Equal(t, []State{{Count: 2}, {Count: 2}}, e.Private())
}

// TestNestedLambda: without state a spliced lambda is just its body.
func TestNestedLambda(t *testing.T) {
	big := &syntax.Lambda{X: parse(t, `"i" > 10`)}
	e, err := Compile(&syntax.Binary{Op: syntax.Or, X: big, Y: &syntax.Unary{Op: syntax.Not, X: big}}, options)
	require.NoError(t, err)
	truth, err := e.Bool(newPoint("i", 3), nil)
	require.NoError(t, err)
	require.True(t, truth)
	require.Empty(t, e.Private())
	require.Equal(t, []string{"i"}, e.Refs())
	_, err = e.Bool(&point.Point{}, nil)
	require.EqualError(t, err, `left reference value "i" is missing value`)
}
