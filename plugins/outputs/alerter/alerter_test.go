package alerter

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/plugins/outputs/influxdb"
	"github.com/influxdata/telegraf/plugins/outputs/influxdb_v2"
	"github.com/influxdata/telegraf/selfstat"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/bus"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

func load(text string) (*Alerter, error) {
	c := config.NewConfig()
	if err := c.LoadConfigData([]byte("[[outputs.alerter]]\n"+text), config.EmptySourcePath); err != nil {
		return nil, err
	}
	if err := c.LinkSecrets(); err != nil {
		return nil, err
	}
	return c.Outputs[0].Output.(*Alerter), nil
}

// run starts the plugin with a configuration and stops it at the end of the test.
func run(t *testing.T, text string) (*Alerter, *testutil.CaptureLogger) {
	t.Helper()
	a, err := load("retry_min_interval = \"1ms\"\nretry_max_interval = \"20ms\"\n" + text)
	require.NoError(t, err)
	log := &testutil.CaptureLogger{}
	a.Log, a.Statistics = log, selfstat.NewCollector(map[string]string{"test": t.Name()})
	require.NoError(t, a.Init())
	require.NoError(t, a.Connect())
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	return a, log
}

// emit hands over an event for handlers given as JSON.
func emit(t *testing.T, a *Alerter, eventID, handlers string) {
	t.Helper()
	a.Events([]*alert.Event{event(eventID, "CRITICAL", "OK", handlers)}, nil)
}

func event(eventID, is, was, handlers string) *alert.Event {
	id, _, _ := strings.Cut(eventID, "-")
	level, err := alert.ParseLevel(is)
	if err != nil {
		panic(err)
	}
	previous, err := alert.ParseLevel(was)
	if err != nil {
		panic(err)
	}
	e := &alert.Event{
		EventID: eventID, ID: id, Message: id + " is " + is, Details: "<p>" + eventID + "</p>", Time: 1767225600000000005, Duration: 5 * time.Second,
		Level: level, Previous: previous, NodePrevious: previous, Recoverable: true, Topic: "tp", Category: "c",
		Name: "cpu", Task: "cpu", Node: "alert2", Group: "host=h1", GroupTags: []point.Tag{{Key: "host", Value: "h1"}},
		Tags:   []point.Tag{{Key: "host", Value: "h1"}, {Key: "zone", Value: "z"}},
		Fields: []point.Field{{Key: "f", Value: point.FloatValue(1)}},
		Data:   []byte(`{"series":[{"name":"cpu","columns":["time","v"],"values":[["2026-01-01T00:00:00Z",1]]}]}`),
	}
	if handlers != "" {
		if err := json.Unmarshal([]byte(handlers), &e.Handlers); err != nil {
			panic(err)
		}
	}
	return e
}

// count returns a statistic.
func (a *Alerter) count(field, kind string) int64 { return a.counters.get(field, kind).Get() }

func eventually(t *testing.T, what func() bool) {
	t.Helper()
	require.Eventually(t, what, 10*time.Second, time.Millisecond)
}

func TestConfig(t *testing.T) {
	a, err := load(`
  tagpass = {tick = ["alert", "point"]}
  metric_batch_size = 1
  alias = "x"
  timeout = "7s"
  spool_max_size = "1MiB"
  retry_max_age = "3d"
  [outputs.alerter.email]
    host = "mx"
    port = 2525
    from = "a@example.org"
    to = ["b@example.org"]
    username = "joe"
    password = "hunter2"
    idle_timeout = "1d"
    global = true
    tls_ca = ""
  [[outputs.alerter.http]]
    endpoint = "a"
    url = "http://a"
    headers = {X = "1"}
  [[outputs.alerter.http]]
    endpoint = "b"
    url = "http://b"
    state_changes_only = true
    insecure_skip_verify = true
  [outputs.alerter.influxdb]
    urls = ["http://i"]
    database = "d"
    password = "p"
    batch_size = 10
    flush_interval = "2s"
  [outputs.alerter.influxdb_v2]
    token = "t"
    buckets = {db = "x", "db.rp" = "y"}
`)
	require.NoError(t, err)
	require.Equal(t, 7*time.Second, time.Duration(a.Timeout))
	require.Equal(t, 72*time.Hour, time.Duration(a.RetryMaxAge))
	require.Equal(t, config.Size(1<<20), a.SpoolMaxSize)
	mail := a.configs[handler.Lookup("email")][0].(*handler.EmailConfig)
	require.Equal(t, "mx", mail.Host)
	require.Equal(t, 2525, mail.Port)
	require.Equal(t, 24*time.Hour, mail.IdleTimeout)
	require.Equal(t, "auto", mail.Encryption, "a default")
	require.True(t, mail.Global)
	p, err := mail.Password.Get()
	require.NoError(t, err)
	require.Equal(t, "hunter2", p)
	http := a.configs[handler.Lookup("post")]
	require.Len(t, http, 2)
	x, err := http[0].(*handler.PostConfig).Headers["X"].Get()
	require.NoError(t, err)
	require.Equal(t, "1", x)
	require.True(t, http[1].(*handler.PostConfig).InsecureSkipVerify)
	require.Equal(t, "d", a.influx[0].out.(*influxdb.InfluxDB).Database)
	require.Equal(t, 10, a.influx[0].BatchSize)
	require.Equal(t, 2*time.Second, a.influx[0].FlushInterval)
	v2 := a.influx[1]
	require.Equal(t, "y", v2.bucket(target{"db", "rp"}, ""))
	require.Equal(t, "x", v2.bucket(target{"db", "other"}, ""))
	require.Equal(t, "e/rp", v2.bucket(target{"e", "rp"}, ""))
	require.Equal(t, "e", v2.bucket(target{"e", ""}, ""))
	require.Equal(t, "set", v2.bucket(target{"e", ""}, "set"))
	require.IsType(t, &influxdb_v2.InfluxDB{}, v2.out)
	a.Log = &testutil.CaptureLogger{}
	require.NoError(t, a.Init())
	require.NoError(t, a.Close(), "also if it was never connected")
}

func TestConfigErrors(t *testing.T) {
	for want, text := range map[string]string{
		`unknown option "emial"; did you mean email?`:                                "[outputs.alerter.emial]",
		`outputs.alerter.email: unknown option "hots"; did you mean host?`:           "[outputs.alerter.email]\nhots = 'x'",
		`outputs.alerter.http: unknown option "endpiont"; did you mean endpoint?`:    "[[outputs.alerter.http]]\nendpiont = 'x'",
		`unknown option "close_timeuot"; did you mean close_timeout?`:                "close_timeuot = '1s'",
		`outputs.alerter.kafka: unknown option "broker"; did you mean brokers?`:      "[[outputs.alerter.kafka]]\nbroker = 'x'",
		`outputs.alerter.zenoss: want one section`:                                   "[[outputs.alerter.zenoss]]\n[[outputs.alerter.zenoss]]",
		`outputs.alerter.influxdb: unknown option "databse"; did you mean database?`: "[outputs.alerter.influxdb]\ndatabse = 'x'",
		`outputs.alerter.influxdb: unknown option "database_tag"`:                    "[outputs.alerter.influxdb]\ndatabase_tag = 'x'",
		`want one section [outputs.alerter.email]`:                                   "[[outputs.alerter.email]]\n[[outputs.alerter.email]]",
		`port`:    "[outputs.alerter.email]\nport = 'x'",
		`timeout`: "timeout = 'soon'",
	} {
		_, err := load(text)
		require.ErrorContains(t, err, want)
	}
	for want, text := range map[string]string{
		"email: from is missing":    "[outputs.alerter.email]\nhost = 'x'",
		"retry_min_interval":        "retry_min_interval = '0s'",
		"timeout must be positive":  "timeout = '0s'",
		"spool_max_events":          "spool_max_events = 0",
		"influxdb: want a positive": "[outputs.alerter.influxdb]\nbatch_size = 0",
		"buckets belongs":           "[outputs.alerter.influxdb]\nbuckets = {a = 'b'}",
		"octal":                     "[outputs.alerter.log]\nmode = 'rw'",
	} {
		a, err := load(text)
		require.NoError(t, err)
		a.Log = &testutil.CaptureLogger{}
		require.ErrorContains(t, a.Init(), want)
	}
}

// TestDisabledSection wants a section that is not enabled to count as if it were not there.
func TestDisabledSection(t *testing.T) {
	a, log := run(t, `
  [outputs.alerter.talk]
    enabled = false
    global = true
  [outputs.alerter.zenoss]
    enabled = true
    url = "http://127.0.0.1:1"
    severity_map = {OK = 0, critical = "Worst"}
`)
	require.Empty(t, a.configs[handler.Lookup("talk")])
	zenoss := a.configs[handler.Lookup("zenoss")][0].(*handler.ZenossConfig)
	require.Equal(t, map[string]any{"OK": int64(0), "critical": "Worst"}, zenoss.SeverityMap)
	emit(t, a, "a-1", `[{"kind":"talk"}]`)
	require.Contains(t, strings.Join(log.Errors(), "\n"), "talk: alert \"a\" of task \"cpu\" dropped: not enabled: [outputs.alerter.talk] has enabled = false")
	emit(t, a, "a-2", "")
	require.EqualValues(t, 1, a.count("failed", "talk"), "global does not count either")
}

func TestSampleConfig(t *testing.T) {
	_, err := load(strings.SplitN(sampleConfig, "[[outputs.alerter]]\n", 2)[1])
	require.NoError(t, err)
	var all []string
	for _, line := range strings.Split(sampleConfig, "\n") {
		if s := strings.TrimSpace(line); strings.HasPrefix(s, "#") && !strings.HasPrefix(s, "##") {
			s = strings.TrimSpace(strings.TrimLeft(s, "# "))
			if !strings.Contains(s, "/etc/") && (strings.Contains(s, " = ") || strings.HasPrefix(s, "[")) {
				all = append(all, s)
			}
		}
	}
	text := strings.Join(all, "\n")
	// Of options that exclude each other the sample shows both.
	a, err := load(text)
	require.NoError(t, err, "every option that the sample shows exists")
	a.Log = &testutil.CaptureLogger{}
	require.NoError(t, a.Init())
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	require.Contains(t, string(readme), "```toml @sample.conf\n"+sampleConfig+"```\n")
}

func TestLogAndTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	got := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			text, _ := io.ReadAll(c)
			got <- string(text)
		}
	}()
	path := filepath.Join(t.TempDir(), "a.log")
	a, log := run(t, "")
	emit(t, a, "a-1", `[{"kind":"Log","options":{"path":"`+path+`","mode":384}},{"kind":"tcp","options":{"address":"`+l.Addr().String()+`"}}]`)
	line := `{"id":"a","message":"a is CRITICAL","details":"\u003cp\u003ea-1\u003c/p\u003e","time":"2026-01-01T00:00:00.000000005Z","duration":5000000000,"level":"CRITICAL","data":{"series":[{"name":"cpu","columns":["time","v"],"values":[["2026-01-01T00:00:00Z",1]]}]},"previousLevel":"OK","recoverable":true}` + "\n"
	require.Equal(t, line+"\n", <-got)
	eventually(t, func() bool { text, _ := os.ReadFile(path); return string(text) == line })
	emit(t, a, "a-1", `[{"kind":"log","options":{"path":"`+path+`"}}]`)
	require.EqualValues(t, 1, a.count("repeated", ""), "the same event again")
	require.Empty(t, log.Errors())
	eventually(t, func() bool { return a.count("delivered", "log") == 1 && a.count("queue_length", "log") == 0 })
}

func TestPermanentCauses(t *testing.T) {
	a, log := run(t, "")
	for range 3 {
		emit(t, a, "a-"+time.Now().String(), `[{"kind":"email"},{"kind":"kafka"},{"kind":"slak"},{"kind":"log","options":{"pth":1}},{"kind":"log","options":{"path":"rel"}}]`)
	}
	eventually(t, func() bool { return a.count("failed", "log") == 6 })
	all := strings.Join(log.Errors(), "\n")
	require.Len(t, log.Errors(), 5, all)
	require.Contains(t, all, "email: alert \"a\" of task \"cpu\" dropped: not configured: add [outputs.alerter.email]")
	require.Contains(t, all, "kafka: alert \"a\" of task \"cpu\" dropped: not configured: add [outputs.alerter.kafka]")
	require.Contains(t, all, `unknown handler "slak"; did you mean slack?`)
	require.Contains(t, all, `unknown field "pth"`)
	require.Contains(t, all, "path must be absolute")
	require.EqualValues(t, 3, a.count("failed", "email"))

	log.Clear()
	a.Points([]bus.Point{{Point: &point.Point{Name: "m", Fields: []point.Field{{Key: "x", Value: point.IntValue(1)}}}}})
	require.Contains(t, log.LastError(), "add [outputs.alerter.influxdb]")
}

func TestGlobalAndStateChanges(t *testing.T) {
	dir := t.TempDir()
	all, own := filepath.Join(dir, "all"), filepath.Join(dir, "own")
	var mu sync.Mutex
	var hooks []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		hooks = append(hooks, r.URL.Path)
	}))
	defer server.Close()
	a, _ := run(t, `
  [outputs.alerter.log]
    path = "`+all+`"
    global = true
    state_changes_only = true
  [[outputs.alerter.http]]
    endpoint = "g"
    url = "`+server.URL+`/g/{{ .ID }}"
    global = true
  [[outputs.alerter.http]]
    endpoint = "o"
    url = "`+server.URL+`/o/{{ .ID }}"
    state_changes_only = true
`)
	a.Events([]*alert.Event{
		event("a-1", "CRITICAL", "OK", ""),
		event("a-2", "CRITICAL", "CRITICAL", ""),
		event("b-3", "OK", "CRITICAL", `[{"kind":"log","options":{"path":"`+own+`"}},{"kind":"post","options":{"endpoint":"o"}}]`),
		event("c-4", "OK", "OK", `[{"kind":"post","options":{"endpoint":"o"}}]`),
	}, nil)
	eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(hooks) == 3 })
	require.ElementsMatch(t, []string{"/g/a", "/g/a", "/o/b"}, hooks)
	lines := func(path string) int { text, _ := os.ReadFile(path); return strings.Count(string(text), "\n") }
	eventually(t, func() bool { return lines(all) == 1 && lines(own) == 1 })
}

// TestHangingReceiver holds one receiver for ever while the others get everything.
func TestHangingReceiver(t *testing.T) {
	release := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer hanging.Close()
	defer close(release)
	var mu sync.Mutex
	tries := map[string]int{}
	flaky := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		tries[string(text)]++
		switch tries[string(text)] {
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
		case 2:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}))
	defer flaky.Close()
	path := filepath.Join(t.TempDir(), "a.log")
	a, _ := run(t, `close_timeout = "100ms"`)
	const n = 20
	start := time.Now()
	for i := range n {
		emit(t, a, "a-"+string(rune('a'+i)), `[{"kind":"post","options":{"url":"`+hanging.URL+`"}},{"kind":"post","options":{"url":"`+flaky.URL+`"}},{"kind":"log","options":{"path":"`+path+`"}}]`)
	}
	require.Less(t, time.Since(start), time.Second, "Write waits for nobody")
	eventually(t, func() bool {
		return a.count("delivered", "log") == n && a.count("delivered", "post") == n
	})
	require.EqualValues(t, n, a.count("queue_length", "post"))
	require.EqualValues(t, 2*n, a.count("retried", "post"))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	at := -1
	for i := range n {
		next := strings.Index(string(text), "a-"+string(rune('a'+i)))
		require.Greater(t, next, at, "in order")
		at = next
	}
}

// mailbox is a mail server's end.
type mailbox struct {
	mu    sync.Mutex
	mails []string
}

func (m *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &mailSession{m}, nil }
func (m *mailbox) count() int                                  { m.mu.Lock(); defer m.mu.Unlock(); return len(m.mails) }

type mailSession struct{ box *mailbox }

func (s *mailSession) Reset()                               {}
func (s *mailSession) Logout() error                        { return nil }
func (s *mailSession) Mail(string, *smtp.MailOptions) error { return nil }
func (s *mailSession) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (s *mailSession) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	s.box.mails = append(s.box.mails, string(text))
	return err
}

// TestMailServerDownThenUp starts the server after the alerts.
func TestMailServerDownThenUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().(*net.TCPAddr)
	require.NoError(t, l.Close())
	a, log := run(t, `
  [outputs.alerter.email]
    host = "127.0.0.1"
    port = `+strings.TrimPrefix(addr.String(), "127.0.0.1:")+`
    from = "a@example.org"
    password = "hunter2"
`)
	for _, id := range []string{"x-1", "y-1", "x-2", "x-3"} {
		emit(t, a, id, `[{"kind":"email","options":{"to":["b@example.org"]}}]`)
	}
	eventually(t, func() bool { return a.count("retried", "email") >= 3 })
	require.Len(t, log.Warnings(), 1)
	require.Contains(t, log.Warnings()[0], "is tried again later")
	box := &mailbox{}
	server := smtp.NewServer(box)
	l, err = net.Listen("tcp", addr.String())
	require.NoError(t, err)
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	eventually(t, func() bool { return box.count() == 4 })
	all := strings.Join(box.mails, "\n")
	one, two, three := strings.Index(all, "x-1</p>"), strings.Index(all, "x-2</p>"), strings.Index(all, "x-3</p>")
	require.True(t, 0 < one && one < two && two < three, "in order")
	for _, m := range log.Messages() {
		require.NotContains(t, m.String(), "hunter2")
	}
}

func TestCloseDelivers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	a, _ := run(t, "")
	for i := range 100 {
		emit(t, a, "a-"+string(rune('A'+i)), `[{"kind":"log","options":{"path":"`+path+`"}}]`)
	}
	require.NoError(t, a.Close())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, 100, strings.Count(string(text), "\n"))
}

func TestWithoutStatistics(t *testing.T) {
	a, err := load("")
	require.NoError(t, err)
	a.Log = &testutil.CaptureLogger{}
	require.NoError(t, a.Init())
	require.NoError(t, a.Connect())
	emit(t, a, "a-1", `[{"kind":"kafka"}]`)
	require.NoError(t, a.Close())
}
