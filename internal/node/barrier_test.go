package node_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/ticktest"
)

// A timer restored goes off when it would have, once; after a long stop not once for each time missed.
func TestBarrierRestored(t *testing.T) {
	for _, kind := range []string{"idle", "period"} {
		script := "stream|from().measurement('m')|barrier()." + kind + "(10s)"
		tk, err := load(script)
		require.NoError(t, err)
		require.NoError(t, tk.Start(ticktest.Epoch))
		require.NoError(t, tk.Push(&point.Point{Name: "m", DB: "telegraf", RP: "autogen", Time: ticktest.Epoch}))
		at := func(s int) int64 { return ticktest.Epoch + int64(s)*int64(time.Second) }
		require.NoError(t, tk.Tick(at(4)))
		var buf bytes.Buffer
		require.NoError(t, tk.Save(&buf))
		for _, c := range []struct {
			restart int
			fires   []int
		}{{5, []int{10, 20, 30}}, {47, []int{10, map[string]int{"idle": 57, "period": 50}[kind]}}} {
			fresh, err := load(script)
			require.NoError(t, err)
			require.NoError(t, fresh.Start(at(c.restart)))
			require.NoError(t, fresh.Restore(bytes.NewReader(buf.Bytes())))
			for _, f := range c.fires {
				next, ok := fresh.Next()
				require.True(t, ok)
				require.Equal(t, at(f), next, "%s restarted at %ds", kind, c.restart)
				require.NoError(t, fresh.Tick(max(next, at(c.restart))))
			}
		}
	}
}
