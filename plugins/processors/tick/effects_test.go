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
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/selfstat"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/plugins/alertmetric"
)

func TestPointMetric(t *testing.T) {
	require.Nil(t, pointMetric(&point.Point{Name: "m", Fields: []point.Field{{Key: "n", Value: point.NullValue()}}}))
	got := pointMetric(&point.Point{
		Name: "m", Time: 7, Tags: []point.Tag{{Key: "database", Value: "mine"}, {Key: "e"}, {Key: "tick", Value: "tock"}},
		Fields: []point.Field{{Key: "i", Value: point.IntValue(1)}, {Key: "n", Value: point.NullValue()}, {Key: "t", Value: point.TimeValue(0)}},
	})
	testutil.RequireMetricEqual(t, metric.New("m", map[string]string{"tick": "point"}, map[string]any{"i": int64(1), "t": "1970-01-01T00:00:00Z"}, time.Unix(0, 7)), got)
}

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
	acc := start(t, p)
	require.NoError(t, p.Add(metric.New("m", map[string]string{"host": "a"}, map[string]any{"v": 1.5}, time.Unix(0, 0)), acc))
	require.Eventually(t, func() bool { return p.engine.counters.answers.Load() == 4 }, 10*time.Second, time.Millisecond)
	p.Stop()
	require.ElementsMatch(t, []seen{
		{"/plain", "application/json", ":", "2", `{"series":[{"name":"m","tags":{"host":"a"},"columns":["time","v"],"values":[["1970-01-01T00:00:00Z",1.5]]}]}` + "\n"},
		{"/bad", "application/json", ":", "", `{"series":[{"name":"m","tags":{"host":"a"},"columns":["time","v"],"values":[["1970-01-01T00:00:00Z",1.5]]}]}` + "\n"},
		{"/m/a", "", "me:secret", "1", "1.5;"},
	}, got)
	codes := map[string]any{}
	for _, m := range emitted(acc) {
		codes[m.Name()], _ = m.GetField("code")
	}
	require.Equal(t, map[string]any{"plain": int64(200), "bad": int64(418), "dead": int64(0)}, codes)
	errs := strings.Join(log.Errors(), "\n")
	require.Len(t, log.Errors(), 2)
	require.Contains(t, errs, "status 418")
	require.NotContains(t, errs, "token", "a URL may hold a secret")
}

// A server that hangs holds up neither the task nor the end of the plugin for long.
func TestHTTPPostThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := plugin("post", `stream|from().measurement('m')|httpPost('http://x/').timeout(1h)|influxDBOut()`)
		p.transport = hanging{}
		p.pace.Poll = 1000 * time.Hour
		acc := start(t, p)
		for i := range 2 * postQueue {
			require.NoError(t, p.Add(metric.New("m", nil, map[string]any{"v": 1.5}, time.Unix(int64(i), 0)), acc))
		}
		synctest.Wait()
		require.Len(t, emitted(acc), 2*postQueue)
		require.InDelta(t, postQueue, p.engine.counters.postsDropped.Load(), 2)
		begin := time.Now()
		p.Stop()
		require.Equal(t, postGrace, time.Since(begin))
	})
}

type hanging struct{}

func (hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// The wall clock drives what happens without points.
func TestDeadman(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := plugin("dead", `stream|from().measurement('cpu').groupBy('host')|deadman(0.0, 10s).id('dead').stateChangesOnly()`)
		acc := start(t, p)
		require.NoError(t, p.Add(cpu(1), acc))
		time.Sleep(35 * time.Second)
		synctest.Wait()
		p.Stop()
		require.Len(t, emitted(acc), 1)
		level, _ := emitted(acc)[0].GetTag("level")
		require.Equal(t, "CRITICAL", level)
	})
}

// slowSink takes no metric of a task until it is released.
type slowSink struct {
	telegraf.Accumulator
	release chan struct{}
	n       atomic.Int64
}

func (s *slowSink) AddMetric(m telegraf.Metric) {
	if m.HasTag(alertmetric.KindTag) {
		<-s.release
		s.n.Add(1)
	}
}

func TestQueueFull(t *testing.T) {
	for _, policy := range []string{"block", "drop"} {
		t.Run(policy, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _ := plugin("all", `stream|from()|influxDBOut()`)
				p.QueueSize, p.QueueFull = 10, policy
				s := &slowSink{release: make(chan struct{})}
				require.NoError(t, p.Init())
				require.NoError(t, p.Start(s))
				var added atomic.Int64
				go func() {
					for range 100 {
						_ = p.Add(cpu(1), s)
						added.Add(1)
					}
				}()
				time.Sleep(time.Second)
				synctest.Wait()
				q := &p.engine.index.Load().runners[0].box
				require.LessOrEqual(t, q.length(), 10)
				if policy == "block" {
					require.Less(t, added.Load(), int64(30))
					require.Positive(t, p.engine.depot.waits.Load())
				} else {
					require.Equal(t, int64(100), added.Load())
					require.GreaterOrEqual(t, q.dropped.Load(), int64(80))
				}
				close(s.release)
				synctest.Wait()
				require.Equal(t, int64(100), added.Load())
				p.Stop()
				require.Equal(t, int64(100)-q.dropped.Load(), s.n.Load())
			})
		})
	}
}

func TestStatistics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := plugin("cpu", alertScript, "bug", `stream|from().measurement('cpu')|explode()`, "bad", "stream|")
		p.Statistics = selfstat.NewCollector(map[string]string{"processor": "tick", "alias": t.Name()})
		acc := start(t, p)
		for _, idle := range []float64{5, 50, 5} {
			require.NoError(t, p.Add(cpu(idle), acc))
		}
		time.Sleep(2 * statsInterval)
		synctest.Wait()
		require.Equal(t, map[string]int64{
			" metrics_taken": 3, " tasks_running": 1, " tasks_failed": 1, " task_failures": 1, " script_errors": 1,
			"cpu points": 3, "cpu alerts_critical": 2, "cpu alerts_ok": 1, "cpu/from1 points_in": 3, "cpu/alert2 points_out": 3,
			"cpu/alert2 groups": 1, "cpu/alert2 crits_triggered": 2, "bug points": 1, "bug failed": 1,
		}, nonZero(t.Name()))
		p.Stop()
		require.Empty(t, nonZero(t.Name()))
	})
}

// nonZero returns the statistics of the plugin with the alias; those of no interest are left out.
func nonZero(alias string) map[string]int64 {
	out := map[string]int64{}
	for _, m := range selfstat.Metrics() {
		if v, _ := m.GetTag("alias"); v != alias || m.Name() != "internal_tick" {
			continue
		}
		name, _ := m.GetTag("task")
		if node, ok := m.GetTag("node"); ok {
			name += "/" + node
		}
		for k, v := range m.Fields() {
			switch k {
			case "evaluation_time_ns", "alerts_triggered", "oks_triggered":
				continue
			}
			n := v.(int64)
			if n != 0 && (k != "points_out" && k != "points_in" || name == "cpu/from1" && k == "points_in" || name == "cpu/alert2" && k == "points_out") {
				out[name+" "+k] = n
			}
		}
	}
	return out
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
	require.Equal(t, []any{d.DBRP, d.DatabaseTag, d.RetentionPolicyTag, d.AlertMeasurement, d.DropOriginal, d.QueueSize, d.QueueFull, d.EvaluateAfterAggregators, d.Deadman},
		[]any{full.DBRP, full.DatabaseTag, full.RetentionPolicyTag, full.AlertMeasurement, full.DropOriginal, full.QueueSize, full.QueueFull, full.EvaluateAfterAggregators, full.Deadman})
	var options map[string]any
	require.NoError(t, json.Unmarshal([]byte(`{"limit":5}`), &options))
	require.Equal(t, int64(5), full.Tasks[0].Vars["limit"])
}

func TestReadmeHasSample(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	require.Contains(t, string(readme), "```toml @sample.conf\n"+strings.TrimRight(sampleConfig, "\n")+"\n```")
}
