package task_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

func hostPoint(host string, at time.Duration) *point.Point {
	p := newPoint("v")
	p.Time = int64(at)
	p.Tags = []point.Tag{{Key: "host", Value: host}}
	return p
}

// TestMaxGroups wants points of groups beyond the limit to be dropped and counted, with one line
// that says so, and known groups to go on.
func TestMaxGroups(t *testing.T) {
	tk, err := task.Load(task.Config{Name: "g", MaxGroups: 3, Script: `stream|from().groupBy('host')|stateCount(lambda: TRUE)|influxDBOut()`})
	require.NoError(t, err)
	require.NoError(t, tk.Start(0))
	writes, lines := 0, []string{}
	push := func(host string) {
		require.NoError(t, tk.Push(hostPoint(host, 0)))
		for _, e := range tk.Take() {
			switch e.Kind {
			case spec.WriteEffect:
				writes++
			case spec.ErrorEffect:
				lines = append(lines, e.Text)
			}
		}
	}
	for range 2 {
		for _, h := range []string{"a", "b", "c", "d", "e"} {
			push(h)
		}
	}
	require.Equal(t, 6, writes)
	require.Equal(t, []string{"the task has 3 groups, as many as max_groups allows: points of new groups are dropped (1 so far)"}, lines)
	require.EqualValues(t, 4, tk.Refused())

	require.NoError(t, tk.Tick(int64(2*time.Minute)))
	push("f")
	require.Len(t, lines, 2)
}

// TestGroupExpiry wants groups without data to go, with their state and their memory, and a group
// that comes back to start afresh.
func TestGroupExpiry(t *testing.T) {
	tk, err := task.Load(task.Config{
		Name: "x", GroupExpiry: time.Minute,
		Script: `stream|from().groupBy('host')|stateCount(lambda: TRUE).as('n')|window().period(1h).every(1h)|mean('v')|alert().crit(lambda: FALSE)
stream|from().groupBy('host')|stateCount(lambda: TRUE).as('n')|influxDBOut()`,
	})
	require.NoError(t, err)
	require.NoError(t, tk.Start(0))
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	const n = 20_000
	before := heap()
	for i := range n {
		require.NoError(t, tk.Push(hostPoint(fmt.Sprintf("host%d", i), 0)))
		tk.Take()
	}
	full := heap()
	require.Equal(t, n, tk.Groups())
	require.NoError(t, tk.Tick(int64(30*time.Second)))
	require.NoError(t, tk.Push(hostPoint("stays", 30*time.Second)))
	require.NoError(t, tk.Tick(int64(80*time.Second)))
	require.Equal(t, 1, tk.Groups())
	tk.Take()
	after := heap()
	t.Logf("%d groups: %d bytes each, %d of them left after the expiry", n, (full-before)/n, (after-before)/n)
	require.Less(t, after-before, (full-before)/5)

	n2 := func(host string) int64 {
		require.NoError(t, tk.Push(hostPoint(host, 81*time.Second)))
		for _, e := range tk.Take() {
			if e.Kind == spec.WriteEffect {
				return e.Point.Field("n").Int()
			}
		}
		return 0
	}
	require.EqualValues(t, 2, n2("stays"))
	require.EqualValues(t, 1, n2("host1"))
}
