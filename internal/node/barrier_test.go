package node_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/ticktest"
)

func TestBarrier(t *testing.T) {
	const from = "stream|from().measurement('m').groupBy('h')"
	requireCases(t, []scriptCase{
		{"idle ends a window", from + "|barrier().idle(1s)|window().period(4s).every(4s)|count('v')", "m v=1 0s\nm v=1 1s\nm v=1 2s\n# advance: 4s", "m count=3i 4s"},
		{"idle drops late points", from + "|barrier().idle(1s)", "m v=1 0s\nm v=2 1s\n# advance: 4s\nm v=3 4s\nm v=4 5s\nm v=5 6s", "m v=1 0s\nm v=2 1s\nm v=4 5s\nm v=5 6s"},
		{"idle goes by the data's time", from + "|barrier().idle(2s)|window().period(1m).every(1m)|count('v')", "m v=1 100s\n# advance: 1s\nm v=2 10s\n# advance: 50s\nm v=3 200s", "m count=2i 160s"},
		{"period goes by the clock", from + "|barrier().period(10s)", "m v=1 0s\n# advance: 25s\nm v=2 19s\nm v=3 20s", "m v=1 0s\nm v=3 20s"},
		{"delete", from + "|barrier().idle(2s).delete(TRUE)|stateCount(lambda: TRUE).as('n')", "m,h=a v=1 0s\nm,h=b v=1 0s\nm,h=a v=2 1s\nm,h=b v=2 2s\nm,h=a v=1 2s\n# advance: 3s\nm,h=a v=1 1s", `
			m,h=a n=1i,v=1 0s
			m,h=b n=1i,v=1 0s
			m,h=a n=2i,v=2 1s
			m,h=b n=1i,v=2 2s
			m,h=a n=3i,v=1 2s
			m,h=a n=1i,v=1 1s`},
		{"batch", from + "|window().periodCount(2).everyCount(1)|barrier().idle(2s)|trickle()", "m v=1 0s\n# advance: 3s\nm v=2 5s", "m v=1 0s\nm v=2 5s"},
	})
	for _, c := range []struct{ script, want string }{
		{"barrier()", "needs idle or period"},
		{"barrier().idle(1s).period(1s)", "cannot specify both idle and period"},
		{"barrier().idle(-1s)", "idle must be greater than zero"},
		{"barrier().period(-1s)", "period must be greater than zero"},
	} {
		requireRejected(t, from+"|"+c.script, c.want)
	}
}

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
