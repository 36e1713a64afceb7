package tick

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/plugins/common/aws"
	"github.com/influxdata/telegraf/plugins/parsers/influx"
	serializer "github.com/influxdata/telegraf/plugins/serializers/influx"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/bus"
	"github.com/telegraf-tigk/telegraf-tigk/internal/tlsconf"
	"github.com/telegraf-tigk/telegraf-tigk/plugins/wire"
)

var update = flag.Bool("update", false, "write expected.out of the test cases anew")

// copiesOf returns the copies of alert events.
func copiesOf(acc *testutil.Accumulator) []telegraf.Metric {
	out := make([]telegraf.Metric, 0)
	for _, m := range acc.GetTelegrafMetrics() {
		if m.HasTag("alert_id") {
			out = append(out, m)
		}
	}
	return out
}

// passed returns the metrics that came in.
func passed(acc *testutil.Accumulator) []telegraf.Metric {
	var out []telegraf.Metric
	for _, m := range acc.GetTelegrafMetrics() {
		if !m.HasTag("alert_id") {
			out = append(out, m)
		}
	}
	return out
}

// A receiver takes what a plugin puts on the bus.
type receiver struct {
	mu     sync.Mutex
	events []*alert.Event
	points []telegraf.Metric
}

// receive makes a receiver for what p decides.
func receive(t testing.TB, p *Tick) *receiver {
	t.Helper()
	r := &receiver{}
	p.Bus = new(bus.Bus)
	_, err := p.Bus.Attach(r)
	require.NoError(t, err)
	return r
}

// Events implements [bus.Receiver].
func (r *receiver) Events(list []*alert.Event, safe func([]*alert.Event)) {
	r.mu.Lock()
	r.events = append(r.events, list...)
	r.mu.Unlock()
	safe(list)
}

// Points implements [bus.Receiver].
func (r *receiver) Points(list []bus.Point) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range list {
		r.points = append(r.points, wire.Point(p.Point, "to", "for"))
	}
}

// written returns the points, with database and retention policy as their tags to and for.
func (r *receiver) written() []telegraf.Metric {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.points)
}

// load returns the first instance of a configuration's plugin.
func load(t *testing.T, file string) *Tick {
	t.Helper()
	cfg := config.NewConfig()
	require.NoError(t, cfg.LoadConfig(file))
	require.Len(t, cfg.Processors, 1)
	require.Empty(t, cfg.UnusedFields)
	p := cfg.Processors[0].Processor.(*Tick)
	p.Log = testutil.Logger{}
	return p
}

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func parseMetrics(t *testing.T, file string) []telegraf.Metric {
	t.Helper()
	parser := &influx.Parser{}
	require.NoError(t, parser.Init())
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	ms, err := parser.Parse(text)
	require.NoError(t, err)
	return ms
}

func TestCases(t *testing.T) {
	folders, err := os.ReadDir("testcases")
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	for _, f := range folders {
		t.Run(f.Name(), func(t *testing.T) {
			dir := filepath.Join("testcases", f.Name())
			input := parseMetrics(t, filepath.Join(dir, "input.influx"))
			var before []telegraf.Metric
			for _, m := range input {
				before = append(before, m.Copy())
			}

			plugin := load(t, filepath.Join(dir, "telegraf.conf"))
			r := receive(t, plugin)
			acc := &testutil.Accumulator{}
			require.NoError(t, plugin.Init())
			require.NoError(t, plugin.Start(acc))
			for _, m := range input {
				require.NoError(t, plugin.Add(m, acc))
			}
			plugin.Stop()

			testutil.RequireMetricsEqual(t, before, passed(acc))
			got := append(copiesOf(acc), r.written()...)
			require.Len(t, copiesOf(acc), len(r.events))
			file := filepath.Join(dir, "expected.out")
			if *update {
				s := &serializer.Serializer{SortFields: true, UintSupport: true}
				require.NoError(t, s.Init())
				out, err := s.SerializeBatch(got)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(file, out, 0o600))
			}
			testutil.RequireMetricsEqual(t, parseMetrics(t, file), got, testutil.SortMetrics())
		})
	}
}

const alertScript = `stream|from().measurement('cpu').groupBy('host')|alert().crit(lambda: "usage_idle" < 10.0).details('')`

func cpu(idle float64) telegraf.Metric {
	return metric.New("cpu", map[string]string{"host": "a"}, map[string]any{"usage_idle": idle}, time.Unix(1700000000, 0))
}

// plugin returns one with tasks named in pairs of name and script.
func plugin(pairs ...string) (*Tick, *testutil.CaptureLogger) {
	log := &testutil.CaptureLogger{}
	p := newTick()
	p.Log, p.Bus = log, new(bus.Bus)
	for i := 0; i < len(pairs); i += 2 {
		p.Tasks = append(p.Tasks, &Task{Name: pairs[i], Script: pairs[i+1]})
	}
	return p, log
}

func start(t *testing.T, p *Tick) *testutil.Accumulator {
	t.Helper()
	acc := &testutil.Accumulator{}
	require.NoError(t, p.Init())
	require.NoError(t, p.Start(acc))
	return acc
}

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*Tick)
		want string
	}{
		{"nothing to do", func(p *Tick) { p.Tasks = nil }, "set scripts"},
		{"dbrp", func(p *Tick) { p.DBRP = "telegraf" }, "want database.retention_policy"},
		{"dbrp twice", func(p *Tick) { p.DBRP = "a.b,c.d" }, "want one database"},
		{"task dbrp", func(p *Tick) { p.Tasks[0].DBRP = `"a` }, `task 1: "cpu": dbrp`},
		{"queue", func(p *Tick) { p.QueueSize = 0 }, "queue_size must be positive"},
		{"policy", func(p *Tick) { p.QueueFull = "wait" }, `want "block" or "drop"`},
		{"pattern", func(p *Tick) { p.Scripts = []string{"[a"} }, `scripts: "[a"`},
		{"no name", func(p *Tick) { p.Tasks[0].Name = "" }, "name is missing"},
		{"no script", func(p *Tick) { p.Tasks[0].Script = "" }, "script or file is missing"},
		{"two scripts", func(p *Tick) { p.Tasks[0].File = "x.tick" }, "exclude each other"},
		{"name twice", func(p *Tick) { p.Tasks = append(p.Tasks, p.Tasks[0]) }, `task "cpu" is defined twice`},
		{"endpoint", func(p *Tick) { p.HTTPPost = []*HTTPPost{{Endpoint: "e"}} }, "url is missing"},
		{"endpoint url", func(p *Tick) { p.HTTPPost = []*HTTPPost{{Endpoint: "e", URL: "host"}} }, "want one like http://"},
		{"endpoint template", func(p *Tick) { p.HTTPPost = []*HTTPPost{{Endpoint: "e", URL: "http://h", RowTemplate: "{{"}} }, "row_template"},
		{"reload", func(p *Tick) { p.SideloadReloadInterval = 1e6 }, "sideload_reload_interval: want 0s or 1s and more, got 1ms"},
		{"cluster url", func(p *Tick) { p.Kubernetes = []*Kubernetes{{Name: "a", URL: "h"}} }, `kubernetes: cluster "a": url: want one like`},
		{"cluster twice", func(p *Tick) { p.Swarm = []*Swarm{{}, {}} }, `swarm: cluster "": there is another one`},
		{"cluster files", func(p *Tick) { p.Swarm = []*Swarm{{TLS: tlsconf.TLS{CA: "/nowhere"}}} }, `swarm: cluster "": tls_ca: open /nowhere`},
		{"two tokens", func(p *Tick) {
			p.Kubernetes = []*Kubernetes{{URL: "http://h", TokenFile: "/f", Token: config.NewSecret([]byte("t"))}}
		}, "token and token_file exclude each other"},
		{"timeout", func(p *Tick) { p.EC2 = []*EC2{{CredentialConfig: aws.CredentialConfig{Region: "r"}, Timeout: -1}} }, `ec2: cluster "": timeout must not be negative`},
		{"deadman interval", func(p *Tick) { p.Deadman.Interval = 0 }, "deadman: interval must be positive"},
		{"deadman threshold", func(p *Tick) { p.Deadman.Threshold = -1 }, "deadman: threshold: want 0.0 or more, got -1"},
		{"deadman id", func(p *Tick) { p.Deadman.ID = "{{ .Group" }, "deadman: id: unclosed action"},
		{"deadman message", func(p *Tick) { p.Deadman.Message = "{{ json . }}" }, `deadman: message: function "json" not defined`},
		{"reserved name", func(p *Tick) { p.Tasks[0].Name = alert.OwnTask }, `the name "telegraf-tigk" is reserved`},
		{"measurement", func(p *Tick) { p.AlertMeasurement = "" }, "alert_measurement"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _ := plugin("cpu", alertScript)
			c.set(p)
			require.ErrorContains(t, p.Init(), c.want)
		})
	}
}

func TestBadScripts(t *testing.T) {
	for _, c := range []struct {
		name, script string
		vars         map[string]any
		want         string
	}{
		{"property", "stream\n    |from().mesurement('cpu')", nil, "task cpu:2:13: from: no property mesurement; did you mean measurement?"},
		{"syntax", "stream|from(", nil, "task cpu:1:"},
		{"batch", "batch|query('')", nil, "task cpu:1:1: "},
		{"var missing", "var x int\nstream|from()|window().periodCount(x)", nil, "task cpu:1:1: var x int: missing value"},
		{"var unknown", "var warn = 5\nstream|from()|sample(warn)", map[string]any{"wran": int64(5)}, `task cpu: vars: the script declares no variable "wran"; did you mean warn?`},
		{"var int for duration", "var x = 10s\nstream|from()|sample(x)", map[string]any{"x": int64(5)}, `task cpu: vars: x: want duration, got the int 5; write "5s"`},
		{"var text for duration", "var x = 10s\nstream|from()|sample(x)", map[string]any{"x": "soon"}, `want duration like "10s" or "1h30m", got "soon"`},
		{"var text for int", "var x = 10\nstream|from()|sample(x)", map[string]any{"x": "5"}, `want int, got the string "5"; write it without quotes`},
		{"var int for text", "var x = 'm'\nstream|from().measurement(x)|sample(1)", map[string]any{"x": int64(5)}, `want string, got the int 5; write "5"`},
		{"var text for list", "var x = ['m']\nstream|from()|groupBy(x)", map[string]any{"x": "host"}, `write ["host"]`},
		{"two vars", "var x = 'm'\nstream|from().measurement(x)|sample(1)", map[string]any{"y": int64(5), "z": int64(1)}, `"y"; the script`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, log := plugin("cpu", c.script, "good", alertScript)
			p.Tasks[0].Vars = c.vars
			acc := start(t, p)
			require.NoError(t, p.Add(cpu(5), acc))
			p.Stop()
			require.Len(t, copiesOf(acc), 1, "the other task must run")
			errs := log.Errors()
			require.Len(t, errs, 1, "reported once")
			if c.name != "two vars" {
				require.Contains(t, errs[0], c.want)
			} else {
				require.NotContains(t, errs[0], "\n")
			}

			strict, _ := plugin("cpu", c.script)
			strict.Tasks[0].Vars = c.vars
			strict.Strict = true
			require.Error(t, strict.Init())
		})
	}
}

func TestVars(t *testing.T) {
	const script = `
		var d = 10s
		var n int
		var f = 1.0
		var s = 'm'
		var b = FALSE
		var r = /x/
		var l = lambda: "a" > 1
		var g = ['host']
		var t = 1h
		stream|from().measurement(s).where(l).where(lambda: "q" =~ r)|groupBy(g)|eval(lambda: d, lambda: n, lambda: f, lambda: b, lambda: t).as('d', 'n', 'f', 'b', 't')|influxDBOut()`
	conf := filepath.Join(t.TempDir(), "telegraf.conf")
	write(t, conf, `
[[processors.tick]]
  [[processors.tick.task]]
    name = "vars"
    script = '''`+script+`'''
    [processors.tick.task.vars]
      d = "1h30m"
      n = 7
      f = 2
      s = "cpu"
      b = true
      r = "^y"
      l = "\"a\" > 5"
      g = ["*"]
      [processors.tick.task.vars.t]
        type = "duration"
        value = "2s"
`)
	p := load(t, conf)
	p.Strict = true
	r := receive(t, p)
	acc := start(t, p)
	for _, a := range []int64{3, 7} {
		require.NoError(t, p.Add(metric.New("cpu", nil, map[string]any{"a": a, "q": "yes"}, time.Unix(0, a)), acc))
	}
	p.Stop()
	testutil.RequireMetricsEqual(t, []telegraf.Metric{metric.New("cpu",
		map[string]string{"to": "telegraf", "for": "autogen"},
		map[string]any{"d": "1h30m0s", "n": int64(7), "f": 2.0, "b": true, "t": "2s"}, time.Unix(0, 7))}, r.written())
}

func TestDropOriginal(t *testing.T) {
	p, _ := plugin("cpu", alertScript)
	p.DropOriginal = true
	acc := start(t, p)
	settled := 0
	m, _ := metric.WithTracking(cpu(5), func(d telegraf.DeliveryInfo) {
		require.True(t, d.Delivered())
		settled++
	})
	require.NoError(t, p.Add(m, acc))
	p.Stop()
	require.Equal(t, 1, settled)
	require.Empty(t, passed(acc))
	require.Len(t, copiesOf(acc), 1)
}

func TestTrackingSettlesOnce(t *testing.T) {
	p, _ := plugin("cpu", alertScript, "again", alertScript, "window", `stream|from().measurement('cpu')|window().periodCount(100).everyCount(100)|mean('usage_idle')|influxDBOut()`)
	acc := start(t, p)
	settled := 0
	m, _ := metric.WithTracking(cpu(5), func(telegraf.DeliveryInfo) { settled++ })
	require.NoError(t, p.Add(m, acc))
	require.Zero(t, settled)
	require.Len(t, passed(acc), 1)
	require.Same(t, m, passed(acc)[0])
	m.Accept()
	require.Equal(t, 1, settled)
	p.Stop()
	require.Equal(t, 1, settled)
	require.Len(t, copiesOf(acc), 2)
}

// Emptied metrics and numbers that are none do not come by line protocol.
func TestWhatLineProtocolDrops(t *testing.T) {
	p, _ := plugin("all", `stream|from()|influxDBOut()`)
	r := receive(t, p)
	acc := start(t, p)
	at := time.Unix(1, 0)
	require.NoError(t, p.Add(metric.New("nan", nil, map[string]any{"v": nan()}, at), acc))
	require.NoError(t, p.Add(metric.New("m", map[string]string{"a": "", "b": "x"}, map[string]any{"v": nan(), "w": 1.0, "a": 1.0}, at), acc))
	p.Stop()
	require.Len(t, passed(acc), 2)
	testutil.RequireMetricsEqual(t, []telegraf.Metric{metric.New("m",
		map[string]string{"b": "x", "to": "telegraf", "for": "autogen"},
		map[string]any{"w": 1.0, "a": 1.0}, at)}, r.written())
}
