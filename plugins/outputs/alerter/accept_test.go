package alerter

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/plugins/wire"
)

// TestAcceptMetrics wants events of another agent to reach the handlers that stand here, and nothing of
// what their metrics say to be a command.
func TestAcceptMetrics(t *testing.T) {
	dir := t.TempDir()
	var talks atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { talks.Add(1) }))
	defer server.Close()
	conf := `
  [outputs.alerter.log]
    path = "` + dir + `/section"
  [outputs.alerter.talk]
    url = "` + server.URL + `"
  [[outputs.alerter.handler]]
    topic = "tp"
    kind = "log"
    options = {path = "` + dir + `/topic"}
`
	evil := `[{"kind":"log","options":{"path":"` + dir + `/evil"}},{"kind":"exec","options":{"prog":"touch","args":["` + dir + `/run"]}},` +
		`{"kind":"post","options":{"url":"http://127.0.0.1:1/x"}},{"kind":"email"},{"kind":"talk"},{"kind":"nosuch"}]`
	e := event("a-1", "CRITICAL", "OK", "")
	full, err := wire.Full(e, "alert")
	require.NoError(t, err)
	forged := full.Copy()
	text, _ := full.GetField("alert_event")
	forged.AddField("alert_event", strings.Replace(strings.Replace(text.(string), `"event_id":"a-1"`, `"event_id":"b-1"`, 1),
		`"version":1`, `"version":1,"handlers":`+evil, 1))
	old := metric.New("alert", map[string]string{"tick": "alert", "alert_id": "c", "level": "CRITICAL", "topic": "tp"},
		map[string]any{"event_id": "c-1", "handlers": evil}, time.Unix(0, 0))
	broken := metric.New("alert", nil, map[string]any{"alert_event": "{"}, time.Unix(0, 0))
	all := []telegraf.Metric{old, full, forged, broken, wire.Metric(event("d-1", "CRITICAL", "OK", ""), "alert"), testutil.TestMetric(1)}

	// Off, which is the default.
	a, log := run(t, conf)
	require.NoError(t, a.Write(all))
	require.NoError(t, a.Close())
	require.Empty(t, log.Messages())
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, files)

	a, log = run(t, "accept_metrics = true\n"+conf)
	require.NoError(t, a.Write(all))
	eventually(t, func() bool { return a.count("delivered", "log") == 2 && a.count("delivered", "talk") == 1 })
	require.NoError(t, a.Close())
	read := func(name string) (ids string) {
		b, _ := os.ReadFile(filepath.Join(dir, name))
		for line := range strings.Lines(string(b)) {
			var x struct{ ID, Message string }
			require.NoError(t, json.Unmarshal([]byte(line), &x))
			ids += x.ID
		}
		return ids
	}
	require.Equal(t, "aa", read("topic"), "both are about the alert a")
	require.Empty(t, read("section"))
	require.EqualValues(t, 1, talks.Load(), "the forged one names talk, and gets the settings that stand here")
	require.NoFileExists(t, filepath.Join(dir, "evil"))
	require.NoFileExists(t, filepath.Join(dir, "run"))
	require.Len(t, log.Errors(), 1)
	require.Contains(t, log.Errors()[0], `metric "alert" is not an alert event: field alert_event`)
	warnings := strings.Join(log.Warnings(), "\n")
	for _, want := range []string{"log: ", "exec", "post", "email: not configured here", `unknown handler "nosuch"`} {
		require.Contains(t, warnings, want)
	}
}

// TestAcceptMetricsOfASection wants the section that accepts metrics to hand them to the one that delivers.
func TestAcceptMetricsOfASection(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	all, err := loadAll(t, "[outputs.alerter.log]\npath = '"+path+"'\nglobal = true", "accept_metrics = true")
	require.NoError(t, err)
	require.False(t, all[0].AcceptMetrics)
	for _, x := range all {
		require.NoError(t, x.Init())
		require.NoError(t, x.Connect())
	}
	for i, x := range all {
		m, err := wire.Full(event([]string{"a-1", "b-1"}[i], "CRITICAL", "OK", ""), "alert")
		require.NoError(t, err)
		require.NoError(t, x.Write([]telegraf.Metric{m}))
	}
	for _, x := range all {
		require.NoError(t, x.Close())
	}
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(b), `"id":"b"`)
	require.NotContains(t, string(b), `"id":"a"`)
}
