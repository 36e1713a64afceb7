package lambda

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

func TestCheck(t *testing.T) {
	const see = ". see bool(), int(), float(), string(), duration()"
	for _, tt := range []struct{ expr, want string }{
		{`10s - 1`, "1:1: mismatched type to binary operator. got duration - int" + see},
		{`10s - 1 > 5s`, "1:1: Failed to handle left node: mismatched type to binary operator. got duration - int" + see},
		{`"v" > 1 AND 'a' < 5`, "1:13: Failed to handle right node: mismatched type to binary operator. got string < int" + see},
		{`sqrt(1.0 + 2)`, "1:6: Failed to handle 1 argument: mismatched type to binary operator. got float + int" + see},
		{`!(TRUE + TRUE)`, "1:2: Failed to handle node: invalid math operator + for type boolean"},
		{`TRUE < FALSE`, "1:1: invalid comparison operator < for type boolean"},
		// What Kapacitor lets pass at the start.
		{`"v" + 'a' > 5`, ""},
		{`nosuch(1) > 2`, ""},
		{`sqrt(1)`, ""},
		{`float(1) + 1`, ""},
		{`-'a' + 'b'`, ""},
		{`1 / 0 > 5`, ""},
	} {
		err := compile(t, tt.expr).Check()
		if tt.want == "" {
			require.NoError(t, err, tt.expr)
			continue
		}
		require.EqualError(t, err, tt.want, tt.expr)
		var at *syntax.Error
		require.ErrorAs(t, err, &at)
	}
}

func TestLint(t *testing.T) {
	for _, tt := range []struct {
		expr string
		want []string
	}{
		{`"v" > 5 AND isPresent("x") AND hour("time") < 8`, nil},
		{`"a" + "b" == "c" * 1s`, nil},
		{`if("a" > 1, "b", float("c")) > 1`, nil},
		{`strLenght("s") > 3`, []string{"1:1: there is no function strLenght; did you mean strLength?"}},
		{`2.0 * Sqrt("f") > 1.0`, []string{"1:7: there is no function Sqrt; did you mean sqrt?"}},
		{`qqqqqq()`, []string{"1:1: there is no function qqqqqq"}},
		{`sqrt("f", 2.0) > 1.0`, []string{"1:1: sqrt does not take 2 arguments; it takes (float)"}},
		{`rand(1, "f") > 0`, []string{"1:1: rand does not take 2 arguments; it takes () or (int)"}},
		{`sqrt(4) > 1.0`, []string{"1:1: sqrt takes (float), not (int)"}},
		{`strSubstring("s", 1, 'a') == 'x'`, []string{"1:1: strSubstring takes (string,int,int), not (any,int,string)"}},
		{`"x" + 'a' > 5`, []string{"1:1: > does not go with string and int"}},
		{`"time" > 5`, []string{"1:1: > does not go with time and int"}},
		{`"x" * TRUE > 5`, []string{"1:1: * does not go with missing or float or int or string or boolean or duration and boolean"}},
		{`!5`, []string{"1:1: ! does not go with int"}},
		{`-'a' == 'b'`, []string{"1:1: - does not go with string"}},
		{`strLength(5) > 1 AND sqrt(5) > 1.0`, []string{"1:1: strLength takes (string), not (int)", "1:22: sqrt takes (float), not (int)"}},
	} {
		e := compile(t, tt.expr)
		var got []string
		for _, err := range e.Lint() {
			got = append(got, err.Error())
		}
		require.Equal(t, tt.want, got, tt.expr)

		// What it says is certain.
		if len(got) > 0 {
			for _, v := range []any{1, 2.5, "s", true, nil} {
				_, err := e.Eval(newPoint("v", v, "s", v, "x", v, "f", v, "a", v), nil)
				require.Error(t, err, tt.expr)
			}
		}
	}
}

func TestLintPredicate(t *testing.T) {
	for _, tt := range []struct{ expr, want string }{
		{`"v"`, ""},
		{`"v" > 5`, ""},
		{`if("a", "b", "c")`, ""},
		{`"v" + 5`, "1:1: the result is int, not boolean"},
		{`sqrt("v")`, "1:1: the result is float, not boolean"},
		{`5`, "1:1: the result is int, not boolean"},
	} {
		got := ""
		for _, err := range compile(t, tt.expr).LintPredicate() {
			got += err.Error()
		}
		require.Equal(t, tt.want, got, tt.expr)
	}
	require.Equal(t, "missing or nil", setOf(point.Missing, point.Null).String())
}
