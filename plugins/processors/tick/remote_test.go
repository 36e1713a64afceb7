package tick

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"
)

// limits returns a script that gives points of m the limit that a source has for their host.
func limits(source string) string {
	return `stream|from().measurement('m')|sideload().source('` + source + `').order('{{.host}}.yml', 'all.yml').field('limit', 0.0)|influxDBOut()`
}

func of(host string) telegraf.Metric {
	return metric.New("m", map[string]string{"host": host}, map[string]any{"n": int64(1)}, time.Unix(1, 0))
}

// limitsOf returns the limits that tasks have given a new point.
func limitsOf(t *testing.T, p *Tick, host string) []any {
	t.Helper()
	acc := p.engine.emit
	var got []any
	drained := make(chan telegraf.Metric, 100)
	p.engine.emit = func(m telegraf.Metric) { drained <- m }
	require.NoError(t, p.Add(of(host), &testutil.Accumulator{}))
	p.engine.drain()
	p.engine.emit = acc
	close(drained)
	for m := range drained {
		v, _ := m.GetField("limit")
		got = append(got, v)
	}
	return got
}

func errorsIn(log *testutil.CaptureLogger) string { return strings.Join(log.Errors(), "\n") }

// The first point finds the documents, and a reload changes what later ones get.
func TestSideload(t *testing.T) {
	dir := t.TempDir()
	file, all := filepath.Join(dir, "a.yml"), filepath.Join(dir, "all.yml")
	write(t, file, "limit: 98\n")
	write(t, all, "limit: 50\n")
	synctest.Test(t, func(t *testing.T) {
		p, log := plugin("one", limits("file://"+dir), "two", limits("file://"+dir))
		p.SideloadReloadInterval = 10e9
		start(t, p)
		defer p.Stop()
		require.Equal(t, []any{98.0, 98.0}, limitsOf(t, p, "a"))
		require.Equal(t, []any{50.0, 50.0}, limitsOf(t, p, "b"))
		require.Equal(t, int64(1), p.engine.counters.loads.Load(), "tasks share what is read")

		write(t, file, "limit: 99\n")
		write(t, all, "limit: [\n")
		time.Sleep(9 * time.Second)
		synctest.Wait()
		require.Equal(t, []any{98.0, 98.0}, limitsOf(t, p, "a"))
		require.Empty(t, errorsIn(log))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, []any{99.0, 99.0}, limitsOf(t, p, "a"))
		require.Equal(t, []any{50.0, 50.0}, limitsOf(t, p, "b"), "the last good version")
		require.Contains(t, errorsIn(log), `Task "one": sideload2: `+all+":2: ")
		require.Equal(t, int64(2), p.engine.counters.loads.Load())
	})
}

// A task whose script changes has its documents before its first point, too.
func TestSideloadOfChangedScript(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "one.tick")
	write(t, filepath.Join(dir, "docs", "all.yml"), "by: docs\n")
	write(t, script, mark("1"))
	f := watch(t, dir, script)
	require.Equal(t, []string{"1"}, f.marks())
	write(t, script, `stream|from().measurement('m')|sideload().source('file://`+dir+`/docs').order('all.yml').tag('by', 'default')|influxDBOut()`)
	f.logged(`Reloaded task "one"`)
	require.Equal(t, []string{"docs"}, f.marks())
}

// routes answers requests by their host; one without a route hangs.
type routes struct {
	to  atomic.Pointer[map[string]http.HandlerFunc]
	n   atomic.Int64 // requests
	now atomic.Int64 // those under way
}

func newRoutes(to map[string]http.HandlerFunc) *routes {
	r := &routes{}
	r.to.Store(&to)
	return r
}

func (r *routes) RoundTrip(q *http.Request) (*http.Response, error) {
	r.n.Add(1)
	r.now.Add(1)
	defer r.now.Add(-1)
	h := (*r.to.Load())[q.URL.Host]
	if h == nil {
		return hanging{}.RoundTrip(q)
	}
	w := httptest.NewRecorder()
	h(w, q)
	return w.Result(), nil
}

// An endpoint is asked with the credentials of its section.
func TestSideloadOfEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conf := filepath.Join(t.TempDir(), "telegraf.conf")
		write(t, conf, `
[[processors.tick]]
  [[processors.tick.http_post]]
    endpoint = "limits"
    url = "http://docs/limits?token=secret"
    headers = {X-Key = "k"}
  [[processors.tick.task]]
    name = "one"
    script = "`+limits("limits")+`"
`)
		p := load(t, conf)
		log := &testutil.CaptureLogger{}
		p.Log = log
		status := http.StatusOK
		p.transport = newRoutes(map[string]http.HandlerFunc{"docs": func(w http.ResponseWriter, q *http.Request) {
			if q.Method != http.MethodGet || q.Header.Get("X-Key") != "k" || q.URL.Path != "/limits" {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"all.yml": {"limit": 7}}`) // to memory
		}})
		start(t, p)
		defer p.Stop()
		require.Equal(t, []any{7.0}, limitsOf(t, p, "a"))
		status = http.StatusBadGateway
		p.engine.reload()
		synctest.Wait()
		require.Equal(t, []any{7.0}, limitsOf(t, p, "a"))
		require.Contains(t, errorsIn(log), "source: http://docs/limits: status 502")
		require.NotContains(t, errorsIn(log), "secret")
	})
}

// A source that hangs delays the start a little, and then nothing any more.
func TestSideloadThatHangs(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "all.yml"), "limit: 50\n")
	synctest.Test(t, func(t *testing.T) {
		p, log := plugin("good", limits("file://"+dir), "hangs", limits("http://gone/"))
		p.SideloadReloadInterval = 1e9
		net := newRoutes(nil)
		p.transport = net
		begin := time.Now()
		start(t, p)
		defer p.Stop()
		require.Equal(t, loadWait, time.Since(begin))
		require.ElementsMatch(t, []any{50.0, 0.0}, limitsOf(t, p, "a"))
		require.Equal(t, loadWait, time.Since(begin), "no point waits")
		write(t, filepath.Join(dir, "all.yml"), "limit: 51\n")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.ElementsMatch(t, []any{51.0, 0.0}, limitsOf(t, p, "a"), "the other source is reloaded all the same")
		require.Equal(t, int64(1), net.n.Load(), "a server that hangs is not asked again")
		time.Sleep(20 * time.Second)
		synctest.Wait()
		require.Contains(t, errorsIn(log), `Task "hangs": sideload2: source: http://gone/`)

		net.to.Store(&map[string]http.HandlerFunc{"gone": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"all.yml": {"limit": 8}}`) // to memory
		}})
		time.Sleep(60 * time.Second)
		synctest.Wait()
		require.ElementsMatch(t, []any{51.0, 8.0}, limitsOf(t, p, "a"), "it has come back")

		net.to.Store(new(map[string]http.HandlerFunc))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, int64(1), net.now.Load())
		begin = time.Now()
		p.Stop()
		require.Zero(t, time.Since(begin), "nobody wants the documents any more")
	})
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
	acc := start(t, p)
	defer p.Stop()
	add := func(host string, n int64) {
		require.NoError(t, p.Add(metric.New("m", map[string]string{"host": host}, map[string]any{"n": n}, time.Unix(n, 0)), acc))
	}
	add("web", 3)
	add("web", 5)
	require.Eventually(t, func() bool { return len(emitted(acc)) == 1 }, 10*time.Second, time.Millisecond)
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
		map[string]string{"host": "web", "namespace": "default", "kind": "deployments", "resource": "web", "tick": "point"},
		map[string]any{"new": int64(5), "old": int64(3)}, time.Unix(5, 0))}, emitted(acc))
	add("nosuch", 1)
	require.Eventually(t, func() bool {
		return strings.Contains(errorsIn(log), `could not determine initial scale for "default/deployments/nosuch": status 404`)
	}, 10*time.Second, time.Millisecond)
	require.Equal(t, int64(3), p.engine.counters.scalings.Load())
}

// Calls to a cluster that hangs hold up neither other points, nor other clusters, nor the end.
func TestKubernetesThatHangs(t *testing.T) {
	arrived, release := make(chan struct{}, 100), make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer hangs.Close()
	defer close(release)
	good := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"spec":{"replicas":3}}`) // the test fails without
	}))
	defer good.Close()
	scaling := `stream|from().measurement('m').groupBy('host')|k8sAutoscale().cluster('%').resourceNameTag('host').replicas(lambda: "n")|influxDBOut().measurement('%')`
	p, _ := plugin("both", strings.ReplaceAll(scaling, "%", "hangs")+"\n"+strings.ReplaceAll(scaling, "%", "good"), "other", mark("other"))
	p.Kubernetes = []*Kubernetes{{Name: "hangs", URL: hangs.URL}, {Name: "good", URL: good.URL}}
	acc := start(t, p)
	hosts := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	for _, host := range hosts {
		require.NoError(t, p.Add(of(host), acc))
	}
	require.Eventually(t, func() bool { return len(emitted(acc)) == 2*len(hosts) }, 10*time.Second, time.Millisecond, "8 of other, 8 of good")
	for _, m := range emitted(acc) {
		require.NotEqual(t, "hangs", m.Name())
	}
	for range scaleCalls {
		<-arrived
	}
	require.Empty(t, arrived, "the others wait")
	begin := time.Now()
	p.Stop()
	require.Less(t, time.Since(begin), postGrace, "questions need no answer any more")
}

// A change that has begun is made, even if the agent stops meanwhile.
func TestKubernetesChangeAtStop(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	var gone error
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			_, _ = io.Copy(io.Discard, r.Body) // only behind it the server notices that a client goes
			close(arrived)
			select {
			case <-release:
			case <-r.Context().Done():
				gone = r.Context().Err()
			}
		}
		_, _ = io.WriteString(w, `{"spec":{"replicas":3}}`) // the client may be gone
	}))
	defer server.Close()
	p, _ := plugin("t", `stream|from()|k8sAutoscale().resourceName('web').replicas(lambda: "n")`)
	p.Kubernetes = []*Kubernetes{{URL: server.URL}}
	acc := start(t, p)
	require.NoError(t, p.Add(of("a"), acc))
	<-arrived
	e, stopped := p.engine, make(chan struct{})
	go func() {
		defer close(stopped)
		p.Stop()
	}()
	require.Eventually(t, func() bool { return !e.index.Load().runners[0].box.do(func() {}) }, 10*time.Second, time.Millisecond)
	select {
	case <-stopped:
		t.Error("the plugin stops before the change is made")
	case <-time.After(50 * time.Millisecond): // it is to notice nothing in this time
	}
	close(release)
	<-stopped
	require.NoError(t, gone)
	require.Equal(t, int64(2), e.counters.scalings.Load())
}

// What a script refers to must be in the configuration.
func TestReferences(t *testing.T) {
	for _, c := range []struct{ node, want string }{
		{`httpPost().endpoint('hook')`, ""},
		{`httpPost().endpoint('hok')`, `task t:2:2: httpPost: endpoint 'hok' does not exist; did you mean 'hook'?`},
		{`httpPost().endpoint('elsewhere')`, `task t:2:2: httpPost: endpoint 'elsewhere' does not exist; it needs a section [[processors.tick.http_post]] with endpoint = "elsewhere"`},
		{`sideload().source('hook')`, ""},
		{`sideload().source('rows')`, `task t:2:2: sideload: source: the URL of endpoint 'rows' is a template over a row, and there is none`},
		{`sideload().source('hoook')`, `task t:2:2: sideload: source: endpoint 'hoook' does not exist; did you mean 'hook'?`},
		{`sideload().source('file:///nowhere')`, ""},
		{`k8sAutoscale().resourceName('x').replicas(lambda: 1)`, ""},
		{`k8sAutoscale().cluster('wets').resourceName('x').replicas(lambda: 1)`, `task t:2:2: k8sAutoscale: cluster 'wets' does not exist; did you mean 'west'?`},
		{`swarmAutoscale().serviceName('x').replicas(lambda: 1)`, `task t:2:2: swarmAutoscale: no cluster is configured; it needs a section [[processors.tick.swarm]]`},
	} {
		p, _ := plugin("t", "stream|from()\n|"+c.node)
		p.Strict = true
		p.HTTPPost = []*HTTPPost{{Endpoint: "hook", URL: "http://h/"}, {Endpoint: "rows", URL: "http://h/{{ .Name }}"}}
		p.Kubernetes = []*Kubernetes{{Name: "west", URL: "http://h/"}}
		if c.want == "" {
			require.NoError(t, p.Init(), c.node)
		} else {
			require.EqualError(t, p.Init(), c.want)
		}
	}
}
