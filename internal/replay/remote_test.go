package replay_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/replay"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

func transcript(t *testing.T, script, data string) string {
	t.Helper()
	x, err := task.Load(task.Config{Name: "t", Script: script})
	require.NoError(t, err)
	src, err := replay.NewLines("in", strings.NewReader(data), autogen)
	require.NoError(t, err)
	var b strings.Builder
	require.NoError(t, replay.Run(x, src, replay.NewTranscript(&b), replay.Options{}))
	return b.String()
}

// A replay reads the folders of sideload nodes when it starts, and nothing over the network.
func TestSideload(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.yml"), []byte("limit: 98\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b.yml"), []byte("limit: [\n"), 0o600))
	script := `stream|from()|sideload().source('file://` + dir + `').order('{{.host}}.yml').field('limit', 0.0)|influxDBOut()`
	require.Equal(t, `{"kind":"error","error":"`+dir+`/b.yml:2: did not find expected node content"}
{"kind":"influxdb_out","database":"telegraf","retention_policy":"autogen","line":"m,host=a limit=98,v=1 1000"}
{"kind":"influxdb_out","database":"telegraf","retention_policy":"autogen","line":"m,host=b limit=0,v=1 2000"}
`, transcript(t, script, "m,host=a v=1 1000\nm,host=b v=1 2000\n"))

	require.Contains(t, transcript(t, `stream|from()|sideload().source('http://127.0.0.1:1/').order('a')`, "m v=1 1"),
		`"error":"source: http://127.0.0.1:1/ is not read: there is no network here"`)
}

// Changes of scale are written down and have worked.
func TestScale(t *testing.T) {
	const script = `stream|from()|k8sAutoscale().cluster('c').resourceName('web').min(2).replicas(lambda: "n")|influxDBOut()`
	want := `{"kind":"scale","system":"k8s","cluster":"c","resource":"default/deployments/web","old":2,"new":5}
{"kind":"influxdb_out","database":"","retention_policy":"","line":"m,kind=deployments,namespace=default,resource=web new=5i,old=2i 2"}
{"kind":"scale","system":"k8s","cluster":"c","resource":"default/deployments/web","old":5,"new":3}
{"kind":"influxdb_out","database":"","retention_policy":"","line":"m,kind=deployments,namespace=default,resource=web new=3i,old=5i 3"}
`
	require.Equal(t, want, transcript(t, script, "m n=2i 1\nm n=5i 2\nm n=3i 3\n"))
}
