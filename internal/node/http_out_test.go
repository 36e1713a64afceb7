package node_test

import (
	"bytes"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// A group without data goes from the result when it expires, also if it had none since a restart.
func TestHTTPOutExpiry(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		begin := func(now time.Duration) *task.Task {
			tk, err := task.Load(task.Config{Name: "test", Script: `stream|from().groupBy('h')|httpOut('top')`, GroupExpiry: time.Minute})
			require.NoError(t, err)
			require.NoError(t, tk.Start(int64(now)))
			return tk
		}
		push := func(tk *task.Task, h string, at time.Duration) {
			require.NoError(t, tk.Tick(int64(at)))
			require.NoError(t, tk.Push(&point.Point{Name: "m", DB: "telegraf", RP: "autogen", Time: int64(at), Tags: []point.Tag{{Key: "h", Value: h}}}))
		}
		result := func(tk *task.Task) string {
			out, ok := tk.HTTPOut("top")
			require.True(t, ok)
			return string(out)
		}
		tk := begin(0)
		push(tk, "a", 0)
		push(tk, "b", 0)
		if restarted {
			var b bytes.Buffer
			require.NoError(t, tk.Save(&b))
			tk = begin(time.Second)
			require.NoError(t, tk.Restore(&b))
		}
		push(tk, "b", 50*time.Second)
		require.Contains(t, result(tk), `"h":"a"`)
		require.NoError(t, tk.Tick(int64(100*time.Second)))
		require.NotContains(t, result(tk), `"h":"a"`, "restarted %v", restarted)
		require.Contains(t, result(tk), `"h":"b"`)
	}
}

// A snapshot has the data of each group once.
func TestHTTPOutSnapshot(t *testing.T) {
	size := func(groups int) int {
		tk, err := load(`stream|from().groupBy('h')|httpOut('top')`)
		require.NoError(t, err)
		require.NoError(t, tk.Start(0))
		for i := range groups {
			require.NoError(t, tk.Push(&point.Point{Name: "m", DB: "telegraf", RP: "autogen", Tags: []point.Tag{{Key: "h", Value: strconv.Itoa(i)}}}))
		}
		var b bytes.Buffer
		require.NoError(t, tk.Save(&b))
		return b.Len()
	}
	require.Less(t, size(400), 5*size(100))
}
