package tick

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"
)

func TestHTTPPost(t *testing.T) {
	type seen struct{ path, contentType, user, header, body string }
	var mu sync.Mutex
	var got []seen
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		mu.Lock()
		defer mu.Unlock()
		got = append(got, seen{r.URL.Path, r.Header.Get("Content-Type"), user + ":" + password, r.Header.Get("X-A"), string(body)})
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	defer server.Close()
	conf := filepath.Join(t.TempDir(), "telegraf.conf")
	write(t, conf, `
[[processors.tick]]
  [[processors.tick.http_post]]
    endpoint = "example"
    url = "`+server.URL+`/{{ .Name }}/{{ index .Tags \"host\" }}"
    headers = {X-A = "1"}
    username = "me"
    password = "secret"
    row_template = '{{ range .Values }}{{ jsonCompact .v }};{{ end }}'
  [[processors.tick.task]]
    name = "post"
    script = '''
      stream|from().measurement('m')|httpPost('`+server.URL+`/plain').header('X-A', '2').codeField('code')|influxDBOut().measurement('plain')
      stream|from().measurement('m')|httpPost('`+server.URL+`/bad').codeField('code')|influxDBOut().measurement('bad')
      stream|from().measurement('m')|httpPost('http://127.0.0.1:1/token').codeField('code')|influxDBOut().measurement('dead')
      stream|from().measurement('m')|httpPost().endpoint('example')
    '''
`)
	p := load(t, conf)
	log := &testutil.CaptureLogger{}
	p.Log = log
	r := receive(t, p)
	acc := start(t, p)
	require.NoError(t, p.Add(metric.New("m", map[string]string{"host": "a"}, map[string]any{"v": 1.5}, time.Unix(0, 0)), acc))
	require.Eventually(t, func() bool { return len(r.written()) == 3 }, 10*time.Second, time.Millisecond)
	p.Stop()
	require.ElementsMatch(t, []seen{
		{"/plain", "application/json", ":", "2", `{"series":[{"name":"m","tags":{"host":"a"},"columns":["time","v"],"values":[["1970-01-01T00:00:00Z",1.5]]}]}` + "\n"},
		{"/bad", "application/json", ":", "", `{"series":[{"name":"m","tags":{"host":"a"},"columns":["time","v"],"values":[["1970-01-01T00:00:00Z",1.5]]}]}` + "\n"},
		{"/m/a", "", "me:secret", "1", "1.5;"},
	}, got)
	codes := map[string]any{}
	for _, m := range r.written() {
		codes[m.Name()], _ = m.GetField("code")
	}
	require.Equal(t, map[string]any{"plain": int64(200), "bad": int64(418), "dead": int64(0)}, codes)
	errs := strings.Join(log.Errors(), "\n")
	require.Len(t, log.Errors(), 2)
	require.Contains(t, errs, "status 418")
	require.NotContains(t, errs, "token", "a URL may hold a secret")
}

func TestSampleConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "telegraf.conf")
	write(t, file, sampleConfig)
	sample := load(t, file)
	sample.Scripts = nil
	require.ErrorContains(t, sample.Init(), "set scripts", "every setting of the sample is legal")

	// With the comment signs of options taken away it is still legal, and the values are the defaults.
	var all []string
	for line := range strings.Lines(sampleConfig) {
		if trimmed := strings.TrimLeft(line, " "); strings.HasPrefix(trimmed, "# ") && !strings.HasPrefix(trimmed, "# Evaluate") {
			line = strings.TrimPrefix(trimmed, "# ")
			line = strings.TrimPrefix(strings.TrimLeft(line, " "), "# ")
			if strings.Contains(line, ` = "/etc/`) {
				continue // a file: of the script that stands there, or one that does not exist
			}
		}
		all = append(all, line)
	}
	write(t, file, strings.Join(all, ""))
	full := load(t, file)
	require.Len(t, full.Tasks, 1)
	require.Len(t, full.HTTPPost, 1)
	require.Equal(t, []int{1, 1, 1}, []int{len(full.Kubernetes), len(full.Swarm), len(full.EC2)})
	require.Equal(t, "eu-west-1", full.EC2[0].Region)
	full.Strict = true
	full.StateDirectory = t.TempDir()
	require.NoError(t, full.Init())
	d := newTick()
	require.Equal(t, []any{d.DBRP, d.DatabaseTag, d.RetentionPolicyTag, d.AlertMetrics, d.AlertMeasurement, d.InfluxDBOut, d.DropOriginal, d.QueueSize, d.QueueFull, d.EvaluateAfterAggregators, d.Deadman},
		[]any{full.DBRP, full.DatabaseTag, full.RetentionPolicyTag, full.AlertMetrics, full.AlertMeasurement, full.InfluxDBOut, full.DropOriginal, full.QueueSize, full.QueueFull, full.EvaluateAfterAggregators, full.Deadman})
	var options map[string]any
	require.NoError(t, json.Unmarshal([]byte(`{"limit":5}`), &options))
	require.Equal(t, int64(5), full.Tasks[0].Vars["limit"])
}

func TestReadmeHasSample(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	require.Contains(t, string(readme), "```toml @sample.conf\n"+strings.TrimRight(sampleConfig, "\n")+"\n```")
}

const webScale = "/apis/apps/v1/namespaces/default/deployments/web/scale"

// A deployment is asked for its replicas once, and scaled with the token of the section.
func TestKubernetes(t *testing.T) {
	type call struct{ method, path, token, body string }
	calls := make(chan call, 10)
	replicas := "3"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		calls <- call{r.Method, r.URL.Path, r.Header.Get("Authorization"), string(body)}
		if strings.Contains(r.URL.Path, "/nosuch/") {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, `{"metadata":{"resourceVersion":"7"},"spec":{"replicas":`+replicas+`}}`) // the test fails without
	}))
	defer server.Close()
	conf := filepath.Join(t.TempDir(), "telegraf.conf")
	write(t, conf, `
[[processors.tick]]
  [[processors.tick.kubernetes]]
    name = "west"
    url = "`+server.URL+`"
    token = "hush"
    timeout = "5s"
  [[processors.tick.task]]
    name = "scale"
    script = "stream|from().measurement('m').groupBy('host')|k8sAutoscale().cluster('west').resourceNameTag('host').replicas(lambda: \"n\")|influxDBOut()"
`)
	p := load(t, conf)
	log := &testutil.CaptureLogger{}
	p.Log = log
	r := receive(t, p)
	acc := start(t, p)
	defer p.Stop()
	add := func(host string, n int64) {
		require.NoError(t, p.Add(metric.New("m", map[string]string{"host": host}, map[string]any{"n": n}, time.Unix(n, 0)), acc))
	}
	add("web", 3)
	add("web", 5)
	require.Eventually(t, func() bool { return len(r.written()) == 1 }, 10*time.Second, time.Millisecond)
	get := call{"GET", webScale, "Bearer hush", ""}
	put := call{"PUT", webScale, "Bearer hush", `{"metadata":{"resourceVersion":"7"},"spec":{"replicas":5}}`}
	for _, want := range []call{get, get, put} { // a change reads the version first
		got := <-calls
		got.body = strings.TrimSpace(got.body)
		if want.body != "" {
			require.JSONEq(t, want.body, got.body)
			got.body = want.body
		}
		require.Equal(t, want, got)
	}
	testutil.RequireMetricsEqual(t, []telegraf.Metric{metric.New("m",
		map[string]string{"host": "web", "namespace": "default", "kind": "deployments", "resource": "web"},
		map[string]any{"new": int64(5), "old": int64(3)}, time.Unix(5, 0))}, r.written())
	add("nosuch", 1)
	require.Eventually(t, func() bool {
		return strings.Contains(strings.Join(log.Errors(), "\n"), `could not determine initial scale for "default/deployments/nosuch": status 404`)
	}, 10*time.Second, time.Millisecond)
}
