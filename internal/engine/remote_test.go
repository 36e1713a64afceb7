package engine

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

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/scale"
)

// limits returns a script that gives points of m the limit that a source has for their host.
func limits(source string) string {
	return `stream|from().measurement('m')|sideload().source('` + source + `').order('{{.host}}.yml', 'all.yml').field('limit', 0.0)|influxDBOut()`
}

func of(host string) *point.Point {
	return pt("m", map[string]string{"host": host}, map[string]any{"n": int64(1)}, time.Unix(1, 0))
}

// limitsOf returns the limits that tasks have given a new point.
func (r *rig) limitsOf(host string) (got []any) {
	before := len(r.made())
	r.Add(of(host))
	r.Drain()
	for _, m := range r.made()[before:] {
		got = append(got, m.field("limit"))
	}
	return got
}

func (r *recorder) allErrors() string { return strings.Join(r.errors(), "\n") }

// The first point finds the documents, and a reload changes what later ones get.
func TestSideload(t *testing.T) {
	dir := t.TempDir()
	file, all := filepath.Join(dir, "a.yml"), filepath.Join(dir, "all.yml")
	write(t, file, "limit: 98\n")
	write(t, all, "limit: 50\n")
	synctest.Test(t, func(t *testing.T) {
		p := newRig("one", limits("file://"+dir), "two", limits("file://"+dir))
		p.conf.ReloadSideload = 10e9
		p.start(t)
		defer p.Stop()
		require.Equal(t, []any{98.0, 98.0}, p.limitsOf("a"))
		require.Equal(t, []any{50.0, 50.0}, p.limitsOf("b"))
		require.Equal(t, int64(1), p.counters.loads.Load(), "tasks share what is read")

		write(t, file, "limit: 99\n")
		write(t, all, "limit: [\n")
		time.Sleep(9 * time.Second)
		synctest.Wait()
		require.Equal(t, []any{98.0, 98.0}, p.limitsOf("a"))
		require.Empty(t, p.log.allErrors())
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, []any{99.0, 99.0}, p.limitsOf("a"))
		require.Equal(t, []any{50.0, 50.0}, p.limitsOf("b"), "the last good version")
		require.Contains(t, p.log.allErrors(), `Task "one": sideload2: `+all+":2: ")
		require.Equal(t, int64(2), p.counters.loads.Load())
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
		p := newRig("one", limits("limits"))
		p.endpoints(t, &Endpoint{Name: "limits", URL: "http://docs/limits?token=secret", Prepare: func(q *http.Request) error {
			q.Header.Set("X-Key", "k")
			return nil
		}})
		status := http.StatusOK
		p.transport = newRoutes(map[string]http.HandlerFunc{"docs": func(w http.ResponseWriter, q *http.Request) {
			if q.Method != http.MethodGet || q.Header.Get("X-Key") != "k" || q.URL.Path != "/limits" {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"all.yml": {"limit": 7}}`) // to memory
		}})
		p.start(t)
		defer p.Stop()
		require.Equal(t, []any{7.0}, p.limitsOf("a"))
		status = http.StatusBadGateway
		p.ReloadSideload()
		synctest.Wait()
		require.Equal(t, []any{7.0}, p.limitsOf("a"))
		require.Contains(t, p.log.allErrors(), "source: http://docs/limits: status 502")
		require.NotContains(t, p.log.allErrors(), "secret")
	})
}

// A source that hangs delays the start a little, and then nothing any more.
func TestSideloadThatHangs(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "all.yml"), "limit: 50\n")
	synctest.Test(t, func(t *testing.T) {
		p := newRig("good", limits("file://"+dir), "hangs", limits("http://gone/"))
		p.conf.ReloadSideload = 1e9
		net := newRoutes(nil)
		p.transport = net
		begin := time.Now()
		p.start(t)
		defer p.Stop()
		require.Equal(t, loadWait, time.Since(begin))
		require.ElementsMatch(t, []any{50.0, 0.0}, p.limitsOf("a"))
		require.Equal(t, loadWait, time.Since(begin), "no point waits")
		write(t, filepath.Join(dir, "all.yml"), "limit: 51\n")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.ElementsMatch(t, []any{51.0, 0.0}, p.limitsOf("a"), "the other source is reloaded all the same")
		require.Equal(t, int64(1), net.n.Load(), "a server that hangs is not asked again")
		time.Sleep(20 * time.Second)
		synctest.Wait()
		require.Contains(t, p.log.allErrors(), `Task "hangs": sideload2: source: http://gone/`)

		net.to.Store(&map[string]http.HandlerFunc{"gone": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"all.yml": {"limit": 8}}`) // to memory
		}})
		time.Sleep(60 * time.Second)
		synctest.Wait()
		require.ElementsMatch(t, []any{51.0, 8.0}, p.limitsOf("a"), "it has come back")

		net.to.Store(new(map[string]http.HandlerFunc))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, int64(1), net.now.Load())
		begin = time.Now()
		p.Stop()
		require.Zero(t, time.Since(begin), "nobody wants the documents any more")
	})
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
	p := newRig("both", strings.ReplaceAll(scaling, "%", "hangs")+"\n"+strings.ReplaceAll(scaling, "%", "good"), "other", mark("other"))
	p.clusters(t, &scale.Kubernetes{Cluster: "hangs", URL: hangs.URL}, &scale.Kubernetes{Cluster: "good", URL: good.URL})
	p.start(t)
	hosts := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	for _, host := range hosts {
		p.Add(of(host))
	}
	require.Eventually(t, func() bool { return len(p.made()) == 2*len(hosts) }, 10*time.Second, time.Millisecond, "8 of other, 8 of good")
	for _, m := range p.made() {
		require.NotEqual(t, "hangs", m.name())
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
	p := newRig("t", `stream|from()|k8sAutoscale().resourceName('web').replicas(lambda: "n")`)
	p.clusters(t, &scale.Kubernetes{URL: server.URL})
	p.start(t)
	p.Add(of("a"))
	<-arrived
	e, stopped := p.Engine, make(chan struct{})
	go func() {
		defer close(stopped)
		p.Stop()
	}()
	require.Eventually(t, func() bool { return !e.index.Load().runners[0].box.do(func() {}) }, 10*time.Second, time.Millisecond)
	select {
	case <-stopped:
		t.Error("the plugin stops before the change is made")
	default:
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
		p := newRig("t", "stream|from()\n|"+c.node)
		p.endpoints(t, &Endpoint{Name: "hook", URL: "http://h/"}, &Endpoint{Name: "rows", URL: "http://h/{{ .Name }}"})
		p.clusters(t, &scale.Kubernetes{Cluster: "west", URL: "http://h/"})
		errs := p.init()
		if c.want == "" {
			require.Empty(t, errs, c.node)
		} else {
			require.Len(t, errs, 1)
			require.EqualError(t, errs[0], c.want)
		}
	}
}

// A server that hangs holds up neither the task nor the end of the engine for long.
func TestHTTPPostThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newRig("post", `stream|from().measurement('m')|httpPost('http://x/').timeout(1h)|influxDBOut()`)
		p.transport = hanging{}
		p.conf.Pace.Poll = 1000 * time.Hour
		p.start(t)
		for i := range 2 * postQueue {
			p.Add(pt("m", nil, map[string]any{"v": 1.5}, time.Unix(int64(i), 0)))
		}
		synctest.Wait()
		require.Len(t, p.made(), 2*postQueue)
		require.InDelta(t, postQueue, p.counters.postsDropped.Load(), 2)
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
