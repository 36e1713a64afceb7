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
