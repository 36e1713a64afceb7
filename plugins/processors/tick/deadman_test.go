package tick

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestDeadmanConfig wants the settings to reach the alerts of tasks: the texts those of a script, and
// global each task, that of a changed script, too.
func TestDeadmanConfig(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "telegraf.conf")
	write(t, conf, `
[[processors.tick]]
  [processors.tick.deadman]
    id = "{{ .TaskName }}/NODE_NAME"
    message = "{{ .ID }} is {{ .Level }} for INTERVAL"
    global = true
    threshold = 1.0
    interval = "20s"
  [[processors.tick.task]]
    name = "cpu"
    script = "stream|from().measurement('cpu').groupBy('host')|deadman(0.0, 10s).stateChangesOnly()"
  [[processors.tick.task]]
    name = "silent"
    script = "stream|from().measurement('nothing')|alert()"
`)
	synctest.Test(t, func(t *testing.T) {
		p := load(t, conf)
		acc := start(t, p)
		time.Sleep(time.Second)
		require.NoError(t, p.Add(cpu(1), acc))
		time.Sleep(45 * time.Second)
		synctest.Wait()
		p.Tasks[1].Script = `stream|from().measurement('nothing')|log()`
		require.False(t, p.rescan(p.engine, true))
		time.Sleep(45 * time.Second)
		synctest.Wait()
		p.Stop()

		said := map[string]int{}
		for _, m := range emitted(acc) {
			text, _ := m.GetField("message")
			said[text.(string)]++
			handlers, _ := m.GetField("handlers")
			require.Equal(t, "[]", handlers)
		}
		require.Equal(t, 1, said["cpu/from1 is CRITICAL for 10s"])
		require.Positive(t, said["cpu/stream0 is CRITICAL for 20s"])
		require.Greater(t, said["silent/stream0 is CRITICAL for 20s"], 1)
		require.Len(t, said, 3, "%v", said)
	})
}
