package task_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// rules are the scripts whose cost docs/performance.md states. In the steady state none of them
// produces an event.
var rules = []struct{ name, script string }{
	{"from-where", `stream|from().measurement('cpu').where(lambda: "usage" > 1000.0)`},
	{"threshold", `stream|from().measurement('cpu').groupBy('host')|alert().crit(lambda: "usage" > 1000.0).details('')`},
	{"where-alert", `stream|from().measurement('cpu').groupBy('host')|where(lambda: "idle" < 1000.0)|alert().crit(lambda: "usage" > 1000.0).details('')`},
	{"eval-alert", `stream|from().measurement('cpu').groupBy('host')|eval(lambda: 100.0 - "idle").as('busy')|alert().crit(lambda: "busy" > 1000.0).details('')`},
	{"join-alert", `
		var a = stream|from().measurement('cpu').groupBy('host')
		var b = stream|from().measurement('mem').groupBy('host')
		a|join(b).as('a', 'b')|alert().crit(lambda: "a.usage" + "b.usage" > 1000.0).details('')`},
	{"evals-join-alert", `
		var all = stream|from().groupBy('host')
		var a = all|eval(lambda: "usage" * 2.0).as('v')
		var b = all|eval(lambda: "idle" * 3.0).as('v')
		a|join(b).as('a', 'b')|alert().crit(lambda: "a.v" + "b.v" > 1000.0).details('')`},
	{"window-mean-tumbling", `stream|from().measurement('cpu').groupBy('host')|window().period(10s).every(10s)|mean('usage')`},
	{"window-mean-sliding", `stream|from().measurement('cpu').groupBy('host')|window().period(60s).every(10s)|mean('usage')|alert().crit(lambda: "mean" > 1000.0).details('')`},
	{"window-percentile-sliding", `stream|from().measurement('cpu').groupBy('host')|window().period(600s).every(10s)|percentile('usage', 99.0)|alert().crit(lambda: "percentile" > 1000.0).details('')`},
	{"state-duration-alert", `stream|from().measurement('cpu').groupBy('host')|stateDuration(lambda: "usage" > 50.0)|alert().crit(lambda: "state_duration" > 1000000.0).details('')`},
}

const hosts = 100

// load is the points of hosts at one-second intervals, three fields each. If the rule wants mem, that
// is the measurement of every second point.
type load struct {
	tags  [][]point.Tag
	point point.Point
	pairs bool
	n     int
}

func newLoad(script string) *load {
	l := &load{pairs: strings.Contains(script, "mem"), point: point.Point{Name: "cpu", DB: "telegraf", RP: "autogen", Fields: []point.Field{{Key: "idle"}, {Key: "system"}, {Key: "usage"}}}}
	for i := range hosts {
		l.tags = append(l.tags, []point.Tag{{Key: "host", Value: fmt.Sprintf("host%03d", i)}, {Key: "region", Value: "eu"}})
	}
	return l
}

func (l *load) next() *point.Point {
	p, n := &l.point, l.n
	if l.pairs {
		n, p.Name = l.n/2, "cpu"
		if l.n%2 == 1 {
			p.Name = "mem"
		}
	}
	p.Time = 1_704_067_200_000_000_000 + int64(n/hosts)*int64(time.Second)
	p.Tags = l.tags[n%hosts]
	v := float64(n*7919%1000) / 10
	p.Fields[0].Value = point.FloatValue(100 - v)
	p.Fields[1].Value = point.FloatValue(v / 3)
	p.Fields[2].Value = point.FloatValue(v)
	l.n++
	return p
}

// start returns the rule's task with its windows full.
func start(tb testing.TB, script string, l *load, warm int) *task.Task {
	t, err := task.Load(task.Config{Name: "bench", Script: script})
	require.NoError(tb, err)
	require.NoError(tb, t.Start(1_704_067_200_000_000_000))
	for range warm {
		require.NoError(tb, t.Push(l.next()))
		t.Take()
	}
	return t
}

// BenchmarkRule pushes points of 100 hosts through whole rules; one op is one point.
func BenchmarkRule(b *testing.B) {
	for _, r := range rules {
		b.Run("rule="+r.name, func(b *testing.B) {
			l := newLoad(r.script)
			t := start(b, r.script, l, 1200*hosts)
			b.ReportAllocs()
			for b.Loop() {
				if err := t.Push(l.next()); err != nil {
					b.Fatal(err)
				}
				t.Take()
			}
		})
	}
}

// TestNoAllocation wants the steady state of every rule free of allocations.
func TestNoAllocation(t *testing.T) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			l := newLoad(r.script)
			tk := start(t, r.script, l, 1300*hosts)
			allocs := testing.AllocsPerRun(20*hosts, func() {
				_ = tk.Push(l.next())
				tk.Take()
			})
			require.Zero(t, allocs)
		})
	}
}
