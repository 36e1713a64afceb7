package node_test

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/replay"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
	"github.com/telegraf-tigk/telegraf-tigk/internal/ticktest"
)

// sources are the beginning of most scripts here.
const sources = `
var a = stream|from().measurement('a')
var b = stream|from().measurement('b')
var c = stream|from().measurement('c')
`

// grouped is sources grouped by g.
const grouped = `
var a = stream|from().measurement('a').groupBy('g')
var b = stream|from().measurement('b').groupBy('g')
var c = stream|from().measurement('c').groupBy('g')
`

func load(script string) (*task.Task, error) {
	return task.Load(task.Config{Name: "test", Script: script, Zone: time.UTC})
}

// play runs a script over lines with relative times ("m v=1 10s") and returns what it writes, loops
// back and reports. The task is saved, dropped and restored before the n-th line; never if that is 0.
func play(t testing.TB, script, in string, n int) []string {
	abs, err := ticktest.Absolute(in)
	require.NoError(t, err)
	tk, err := load(script)
	require.NoError(t, err)
	src, err := replay.NewLines("in", strings.NewReader(abs), tk.DBRPs()[0])
	require.NoError(t, err)
	var out []string
	err = replay.Run(tk, src, replay.NewTranscript(new(bytes.Buffer)), replay.Options{
		Deliver: func(e *spec.Effect) int {
			switch e.Kind {
			case spec.WriteEffect, spec.LoopbackEffect:
				line := string(point.AppendLine(nil, e.Point))
				i := strings.LastIndexByte(line, ' ')
				at, err := strconv.ParseInt(line[i+1:], 10, 64)
				require.NoError(t, err)
				out = append(out, line[:i+1]+syntax.FormatDuration(time.Duration(at-ticktest.Epoch)))
			case spec.AlertEffect:
				out = append(out, "alert "+strings.ReplaceAll(e.Event.ID, "\n", "/"))
			case spec.ErrorEffect:
				out = append(out, "error "+e.Text)
			}
			return 200
		},
		Between: func(i int, tk *task.Task) (*task.Task, error) {
			if i != n || i == 0 || tk.Failed() != nil {
				return tk, nil //nolint:nilerr // that it has failed is in the transcript
			}
			return reborn(t, script, tk), nil
		},
	})
	if err != nil {
		out = append(out, "failed "+err.Error())
	}
	return out
}

// reborn saves a task, and restores it into another one of the same script.
func reborn(t testing.TB, script string, tk *task.Task) *task.Task {
	var buf bytes.Buffer
	require.NoError(t, tk.Save(&buf))
	fresh, err := load(script)
	require.NoError(t, err)
	require.NoError(t, fresh.Start(tk.Now()))
	require.NoError(t, fresh.Restore(&buf))
	return fresh
}

// requirePlay wants the lines of want from a script, with and without a restart before each line of input.
func requirePlay(t *testing.T, script, in, want string) {
	t.Helper()
	in = strings.TrimSpace(in)
	var lines []string
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	for n := range strings.Count(in, "\n") + 1 {
		require.Equal(t, lines, play(t, script, in, n), "restart before line %d", n)
	}
}

// A scriptCase is a script, with input and wanted output.
type scriptCase struct{ name, script, in, want string }

func requireCases(t *testing.T, cases []scriptCase) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { requirePlay(t, c.script+"|influxDBOut()", c.in, c.want) })
	}
}

// requireRejected wants an error that contains the text when the script is loaded or started.
func requireRejected(t *testing.T, script, text string) {
	t.Helper()
	_, err := task.Check(task.Config{Name: "test", Script: script})
	require.ErrorContains(t, err, text)
}

// A feed makes the points of several measurements and hosts again and again, one second apart.
type feed struct {
	points []point.Point
	n      int
	step   time.Duration
}

func newFeed(measurements []string, hosts int) *feed {
	f := &feed{step: time.Second}
	for h := range hosts {
		tags := []point.Tag{{Key: "g", Value: fmt.Sprintf("h%03d", h)}}
		for _, m := range measurements {
			f.points = append(f.points, point.Point{Name: m, DB: "telegraf", RP: "autogen", Tags: tags, Fields: []point.Field{{Key: "v", Value: point.FloatValue(float64(h))}, {Key: "w", Value: point.FloatValue(1)}}})
		}
	}
	return f
}

func (f *feed) next() *point.Point {
	p := &f.points[f.n%len(f.points)]
	p.Time = ticktest.Epoch + int64(f.n/len(f.points))*int64(f.step)
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

// steadyScripts are rules whose steady state must not allocate.
var steadyScripts = []struct{ name, script string }{
	{"join", grouped + `a|join(b).as('x', 'y')`},
	{"join-fill", grouped + `a|join(b, a).as('x', 'y', 'z').fill(0.0)|alert().crit(lambda: "x.v" < 0.0).details('')`},
	{"join-on", `var a = stream|from().measurement('a')
		var b = stream|from().measurement('b').groupBy('g', 'h')
		b|join(a|groupBy('g')).as('x', 'y').on('g')`},
	{"join-rule", `var s = stream|from().measurement('a')|groupBy('g')
		var x = s|eval(lambda: "v" * 2.0).as('x')
		var y = s|eval(lambda: "w" + 1.0).as('y')
		x|join(y).as('l', 'r')|eval(lambda: "l.x" / "r.y").as('q')|alert().crit(lambda: "q" < 0.0).details('')`},
	{"union", grouped + `a|union(b).rename('u')|where(lambda: "v" > 0.0)`},
	{"flatten", `stream|from().measurement('a')|flatten().on('g')`},
	{"combine", grouped + `a|union(b)|combine(lambda: TRUE, lambda: "v" >= 0.0).as('l', 'r')`},
	{"barrier", grouped + `a|barrier().idle(1h)|alert().crit(lambda: "v" < 0.0).details('')`},
	{"window-trickle", grouped + `a|window().periodCount(10).everyCount(10)|trickle()`},
	{"loopback", grouped + `a|kapacitorLoopback().database('x').retentionPolicy('y').tag('k', 'v')`},
}

func TestSteadyAllocs(t *testing.T) {
	for _, s := range steadyScripts {
		t.Run(s.name, func(t *testing.T) {
			f := newFeed([]string{"a", "b"}, 20)
			push := steady(t, s.script, f)
			require.Zero(t, testing.AllocsPerRun(20*len(f.points), push))
		})
	}
}

// BenchmarkScript pushes points of 100 hosts; one op is one point.
func BenchmarkScript(b *testing.B) {
	for _, s := range steadyScripts {
		b.Run("script="+s.name, func(b *testing.B) {
			m := []string{"a", "b"}
			if s.name == "join-rule" {
				m = m[:1]
			}
			push := steady(b, s.script, newFeed(m, 100))
			b.ReportAllocs()
			for b.Loop() {
				push()
			}
		})
	}
}

// TestDeletedGroups sends ever new groups through nodes behind a barrier that deletes them: what
// is saved must not grow, and neither must the memory.
func TestDeletedGroups(t *testing.T) {
	script := `
var a = stream|from().measurement('a').groupBy('g')|barrier().idle(1s).delete(TRUE)
var b = stream|from().measurement('b').groupBy('g')|barrier().idle(1s).delete(TRUE)
a|join(b).as('x', 'y').fill(0.0)
a|join(b).as('x', 'y').on('g')
var h = stream|from().measurement('a').groupBy('g', 'h')|barrier().idle(1s).delete(TRUE)
h|join(b).as('x', 'y').on('g')
var m = stream|from().measurement('b').groupBy('g').groupByMeasurement()|barrier().idle(1s).delete(TRUE)
m|union(b).rename('u')|flatten()
a|combine(lambda: TRUE).as('x')
`
	tk, err := load(script)
	require.NoError(t, err)
	require.NoError(t, tk.Start(ticktest.Epoch))
	size := func() int {
		var buf bytes.Buffer
		require.NoError(t, tk.Save(&buf))
		return buf.Len()
	}
	p := point.Point{DB: "telegraf", RP: "autogen", Fields: []point.Field{{Key: "v", Value: point.FloatValue(1)}}}
	now := ticktest.Epoch
	empty := 0
	for round := range 30 {
		for h := range 100 {
			for _, m := range []string{"a", "b"} {
				p.Name, p.Time = m, now
				p.Tags = []point.Tag{{Key: "g", Value: fmt.Sprintf("%d-%d", round, h)}}
				require.NoError(t, tk.Push(&p))
			}
		}
		tk.Take()
		full := size()
		now += 5 * int64(time.Second)
		require.NoError(t, tk.Tick(now))
		tk.Take()
		if round == 0 {
			empty = size()
			require.Less(t, empty, full/4)
		}
	}
	require.InDelta(t, empty, size(), 200) // times and counts grow in digits
	tk.Stats(func(s task.NodeStats) { require.Zero(t, s.Groups, s.Node) })
}
