package lambda

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

func TestFunctions(t *testing.T) {
	docs := Functions()
	require.Len(t, docs, len(functions))
	for _, d := range docs {
		t.Run(d.Name, func(t *testing.T) {
			require.NotEmpty(t, d.Doc)
			require.NotEmpty(t, d.Signatures)
			require.Contains(t, d.Example, d.Name+"(")
			require.Equal(t, d.Result, outcome(compile(t, d.Example).Eval(newPoint(), nil)))
			require.Equal(t, d.Stateful, compile(t, d.Example).Stateful())
		})
	}
}

// TestFunctionValues has what the examples of the functions leave out.
func TestFunctionValues(t *testing.T) {
	p := newPoint("i", 7, "f", 2.5, "b", true, "n", -7, "s", "naïve/ünï", "big", 9007199254740993, "small", 1e-12)
	p.Time = 1709251199000000000 // 2024-02-29T23:59:59Z
	for _, tt := range []struct{ expr, want string }{
		{`string("small")`, "'0.000000000001'"},
		{`string(100000000000000000000.0)`, "'100000000000000000000'"},
		{`string(1.0)`, "'1'"},
		{`string(float("big"))`, "'9007199254740992'"},
		{`"big" == float("big")`, "TRUE"},
		{`int(float("big")) == "big"`, "FALSE"},
		{`int("b")`, "1"},
		{`int(1.0 / 0.0)`, "-9223372036854775808"},
		{`bool('F')`, "FALSE"},
		{`bool(0.0)`, "FALSE"},
		{`float('-.5')`, "-0.5"},
		{`duration("f", 1m)`, "150s"},
		{`duration('1h15m', 1s)`, "75m"},
		{`duration("i", 1m) / 1s`, "420"},
		{`duration(5s)`, "5s"},
		{`humanBytes(0)`, "'0 B'"},
		{`humanBytes(9)`, "'9 B'"},
		{`humanBytes(999)`, "'999 B'"},
		{`humanBytes(1024)`, "'1.0 kB'"},
		{`humanBytes(9999)`, "'10 kB'"},
		{`humanBytes(99950)`, "'100 kB'"},
		{`humanBytes(12345678.9)`, "'12 MB'"},
		{`humanBytes(1500000000000000)`, "'1.5 PB'"},
		{`humanBytes(-1)`, "'18 EB'"},
		{`humanBytes(-1.0)`, "'18 EB'"},
		{`humanBytes(10000000000000000000.0)`, "'10 EB'"},
		{`strCount('abc', '')`, "4"},
		{`strLength("s")`, "12"},
		{`strToUpper("s")`, "'NAÏVE/ÜNÏ'"},
		{`strTrimRight("s", 'd ï')`, "'naïve/ün'"},
		{`strSubstring("s", 1, 5)`, "'aïv'"},
		{`strReplace('aaa', '', '-', 2)`, "'-a-aa'"},
		{`strReplace('aaa', 'a', 'b', 9000000000000000000)`, "'bbb'"},
		{`strReplace('aaa', 'a', 'b', -9000000000000000000)`, "'bbb'"},
		{`regexReplace(/(\w+), (\w+)/, 'Hello, World', '$2 $1')`, "'World Hello'"},
		{`regexReplace(/x*/, 'abc', '-')`, "'-a-b-c-'"},
		{`jn("i", "f") > 0.0`, "TRUE"},
		{`pow10(-400)`, "0.0"},
		{`mod(-3.0, 8.25)`, "-3.0"},
		{`year("time") * 10000 + month("time") * 100 + day("time")`, "20240229"},
		{`weekday("time") * 10000 + hour("time") * 100 + minute("time")`, "42359"},
		{`unixNano("time") / 1000000000 % 60`, "59"},
		{`rand()`, "0"},
		{`rand(10)`, "9"},
	} {
		t.Run(tt.expr, func(t *testing.T) { require.Equal(t, tt.want, outcome(compile(t, tt.expr).Eval(p, nil))) })
	}
}

func TestZone(t *testing.T) {
	o := options
	o.Zone = time.FixedZone("", 5*3600+1800)
	e, err := Compile(parse(t, `hour("time") * 100 + minute("time")`), o)
	require.NoError(t, err)
	require.Equal(t, "530", outcome(e.Eval(newPoint(), nil)))
}

func TestNoClock(t *testing.T) {
	e, err := Compile(parse(t, `unixNano(now())`), Options{})
	require.NoError(t, err)
	_, err = e.Eval(newPoint(), nil)
	require.EqualError(t, err, `Failed to handle 1 argument: error calling "now": there is no clock here`)
}

func TestRand(t *testing.T) {
	all, err := Compile(parse(t, `rand()`), Options{})
	require.NoError(t, err)
	below, err := Compile(parse(t, `rand(3)`), Options{})
	require.NoError(t, err)
	seen := map[int64]bool{}
	for range 1000 {
		v, err := all.Eval(newPoint(), nil)
		require.NoError(t, err)
		require.GreaterOrEqual(t, v.Int(), int64(0))
		v, err = below.Eval(newPoint(), nil)
		require.NoError(t, err)
		seen[v.Int()] = true
	}
	require.Equal(t, map[int64]bool{0: true, 1: true, 2: true}, seen)
}

func TestTruncate(t *testing.T) {
	require.Equal(t, int64(-2), truncate(-2.9))
	require.Equal(t, int64(math.MinInt64), truncate(math.NaN()))
	require.Equal(t, int64(math.MinInt64), truncate(1<<63))
	require.Equal(t, int64(math.MinInt64), truncate(-1<<63))
	require.Equal(t, uint64(1<<63), truncateUnsigned(1<<63))
	require.Equal(t, uint64(5), truncateUnsigned(5.9))
}

// TestSignatures keeps the declared kinds and what Go types say in step: no entry takes a kind twice.
func TestSignatures(t *testing.T) {
	for name, f := range functions {
		list := f.inputs()
		for i := 1; i < len(list); i++ {
			require.NotEqual(t, list[i-1], list[i], name)
		}
		require.NotContains(t, strings.Join(list, ""), point.Null.String(), name)
	}
}
