package task_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// A barrier with delete forgets a group in itself and in all nodes behind, as if its parent had
// deleted it.
func TestDelete(t *testing.T) {
	tk, err := task.Load(task.Config{Name: "test", Script: `stream|from().measurement('m').groupBy('h')|barrier().idle(1s).delete(TRUE)|stateCount(lambda: TRUE)`})
	require.NoError(t, err)
	require.NoError(t, tk.Start(0))
	groups := func() (n []int64) {
		tk.Stats(func(s task.NodeStats) {
			if s.Kind == "barrier" || s.Kind == "stateCount" {
				n = append(n, s.Groups)
			}
		})
		return n
	}
	for _, h := range []string{"a", "b"} {
		require.NoError(t, tk.Push(&point.Point{Name: "m", DB: "telegraf", RP: "autogen", Tags: []point.Tag{{Key: "h", Value: h}}}))
	}
	require.Equal(t, []int64{2, 2}, groups())
	require.NoError(t, tk.Tick(int64(time.Second)))
	require.Equal(t, []int64{0, 0}, groups())
	_, waiting := tk.Next()
	require.False(t, waiting)
}

// A deletion passes nodes that keep no state of the group, also if they have seen nothing of it since a
// restart.
func TestDeleteAfterRestore(t *testing.T) {
	const script = `stream|from().groupBy('host')|barrier().idle(3s).delete(TRUE)|window().period(4s).every(4s)|mean('v').as('v')
		|where(lambda: TRUE)|eval(lambda: "v").as('v')|stateCount(lambda: TRUE).as('n')|influxDBOut()`
	for _, restarted := range []bool{false, true} {
		f := startForgetful(t, script)
		var got []int64
		push := func(at time.Duration) {
			require.NoError(t, f.Tick(int64(at)))
			p := hostPoint("a", at)
			p.Fields = []point.Field{{Key: "v", Value: point.FloatValue(1)}}
			require.NoError(t, f.Push(p))
			for _, e := range f.Take() {
				got = append(got, e.Point.Field("n").Int())
			}
		}
		push(0)
		push(2 * time.Second)
		push(4 * time.Second) // ends a window
		push(4500 * time.Millisecond)
		if restarted {
			f.restart(5 * time.Second)
		}
		push(20 * time.Second) // the barrier came at 7.5s, and no window ended
		push(22 * time.Second)
		push(24 * time.Second)
		require.Equal(t, []int64{1, 1}, got, "restarted %v", restarted)
	}
}
