package tick

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

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
`)
	d := load(t, conf).DeadmanConfig()
	require.Equal(t, spec.Deadman{ID: "{{ .TaskName }}/NODE_NAME", Message: "{{ .ID }} is {{ .Level }} for INTERVAL", Global: true, Threshold: 1, Interval: 20 * time.Second}, d)
}
