package node_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/replay"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
	"github.com/telegraf-tigk/telegraf-tigk/internal/ticktest"
)

func load(script string) (*task.Task, error) {
	return task.Load(task.Config{Name: "test", Script: script, Zone: time.UTC})
}

// A feed makes the same points again and again, one second later each time.
type feed struct {
	points []*point.Point
	n      int
}

// newFeed returns a feed of points given as line protocol without times, once for each host, whose number
// is # in the lines.
func newFeed(tb testing.TB, lines string, hosts int) *feed {
	f := &feed{}
	for h := range hosts {
		for line := range strings.Lines(lines) {
			line = strings.ReplaceAll(strings.TrimSpace(line), "#", strconv.Itoa(h)) + " 0"
			src, err := replay.NewLines("feed", strings.NewReader(line), spec.DBRP{DB: "telegraf", RP: "autogen"})
			require.NoError(tb, err)
			it, err := src.Next()
			require.NoError(tb, err)
			f.points = append(f.points, it.Point.Clone())
			if !strings.Contains(lines, "#") && len(f.points) == strings.Count(lines, "\n")+1 {
				return f
			}
		}
	}
	return f
}

func (f *feed) next() *point.Point {
	p := f.points[f.n%len(f.points)]
	p.Time = ticktest.Epoch + int64(f.n/len(f.points))*int64(time.Second)
	f.n++
	return p
}

// steady returns a function that pushes one point into a task that has had many already.
func steady(tb testing.TB, script string, f *feed) func() {
	tk, err := load(script)
	require.NoError(tb, err)
	require.NoError(tb, tk.Start(ticktest.Epoch))
	push := func() {
		if err := tk.Push(f.next()); err != nil {
			tb.Fatal(err)
		}
		tk.Take()
	}
	for range 30 * len(f.points) {
		push()
	}
	return push
}

const (
	pairs  = "a,g=# v=#,w=1\nb,g=# v=#,w=1"
	single = "a,g=# v=#,w=1"
)

// steadyScripts are rules whose steady state must not allocate.
var steadyScripts = []struct{ name, script, lines string }{
	{"join", grouped + `a|join(b).as('x', 'y')`, pairs},
	{"join-fill", grouped + `a|join(b, a).as('x', 'y', 'z').fill(0.0)|alert().crit(lambda: "x.v" < 0.0).details('')`, pairs},
	{"join-on", `var a = stream|from().measurement('a')
		var b = stream|from().measurement('b').groupBy('g', 'h')
		b|join(a|groupBy('g')).as('x', 'y').on('g')`, pairs},
	{"join-rule", `var s = stream|from().measurement('a')|groupBy('g')
		var x = s|eval(lambda: "v" * 2.0).as('x')
		var y = s|eval(lambda: "w" + 1.0).as('y')
		x|join(y).as('l', 'r')|eval(lambda: "l.x" / "r.y").as('q')|alert().crit(lambda: "q" < 0.0).details('')`, single},
	{"union", grouped + `a|union(b).rename('u')|where(lambda: "v" > 0.0)`, pairs},
	{"flatten", `stream|from().measurement('a')|flatten().on('g')`, single},
	{"combine", grouped + `a|union(b)|combine(lambda: TRUE, lambda: "v" >= 0.0).as('l', 'r')`, pairs},
	{"barrier", grouped + `a|barrier().idle(1h)|alert().crit(lambda: "v" < 0.0).details('')`, single},
	{"window-trickle", grouped + `a|window().periodCount(10).everyCount(10)|trickle()`, single},
	{"loopback", grouped + `a|kapacitorLoopback().database('x').retentionPolicy('y').tag('k', 'v')`, single},
	{"change-detect", `stream|from().groupBy('g')|changeDetect('s', 'v')`, "m,g=# s=\"a\",v=1\nm,g=# s=\"b\",v=1\nm,g=# w=1"},
	{"default", `stream|from().groupBy('h', 't')|default().field('v', 7.0).tag('t', 'dt')`, "m,h=# w=1\nm,h=#,t=x v=1\nm w=1"},
	{"delete", `stream|from().groupBy('h', 't')|delete().field('v').tag('t')`, "m,h=#,t=x v=1,w=1\nm,h=# w=1\nm v=1"},
	{"derivative", `stream|from().groupBy('g')|derivative('v').as('d')`, "m,g=# v=1,w=1\nm,g=# w=1"},
	{"sample", `stream|from().groupBy('g')|sample(2)`, single},
	{"shift", `stream|from().groupBy('g')|shift(1m)`, single},
	{"state", `stream|from().groupBy('g')|stateDuration(lambda: "v" > 3.0)|stateCount(lambda: "v" > 3.0)`, "m,g=# v=4,w=1\nm,g=# w=1"},
	{"state-batch", `stream|from().groupBy('g')|window().periodCount(2).everyCount(2)|stateDuration(lambda: "v" > 3.0)|stateCount(lambda: "v" > 3.0)`, single},
	{"stats", `stream|from().groupBy('g')|stats(1h)`, single},
}

// functions are calls of all InfluxQL functions.
var functions = []string{
	"count('v')", "sum('v')", "mean('v')", "median('v')", "mode('v')", "spread('v')", "stddev('v')", "first('v')", "last('v')", "min('v')",
	"max('v')", "percentile('v', 90.0)", "distinct('v')", "top(3, 'v')", "bottom(3, 'v')", "elapsed('v', 1s)", "difference('v')",
	"movingAverage('v', 3)", "cumulativeSum('v')", "holtWinters('v', 2, 0, 1s)", "holtWintersWithFit('v', 2, 0, 1s)",
}

func init() {
	for _, f := range functions {
		name, _, _ := strings.Cut(f, "(")
		steadyScripts = append(steadyScripts,
			struct{ name, script, lines string }{name, "stream|from().groupBy('g')|" + f, "m,c=x,g=# v=1,w=2\nm,c=x v=1i,w=2\nm,c=y,g=# w=2"},
			// A window that has other nodes behind it than functions lists its points.
			struct{ name, script, lines string }{name + "-batch", "var w = stream|from().groupBy('g')|window().periodCount(10).everyCount(10)\nw|" + f + "\nw|shift(1s)", single})
	}
}

func TestSteadyAllocs(t *testing.T) {
	for _, s := range steadyScripts {
		t.Run(s.name, func(t *testing.T) {
			f := newFeed(t, s.lines, 10)
			push := steady(t, s.script, f)
			require.Zero(t, testing.AllocsPerRun(20*len(f.points), push))
		})
	}
}

// BenchmarkScript pushes points of 100 hosts; one op is one point.
func BenchmarkScript(b *testing.B) {
	for _, s := range steadyScripts {
		b.Run("script="+s.name, func(b *testing.B) {
			push := steady(b, s.script, newFeed(b, s.lines, 100))
			b.ReportAllocs()
			for b.Loop() {
				push()
			}
		})
	}
}
