package udfsock

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/influxdata/telegraf/selfstat"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/udf"
	"github.com/telegraf-tigk/telegraf-tigk/udf/agent"
)

func TestMain(m *testing.M) {
	if how := os.Getenv("UDFSOCK_TEST"); how != "" {
		a := agent.New(os.Stdin, os.Stdout)
		a.Handler = newClock(a.Responses, how == "again")
		_ = a.Start()
		_ = a.Wait()
		return
	}
	os.Exit(m.Run())
}

// A clock is a function that runs on its own: it sends so many points and one batch, and counts on from
// its state.
type clock struct {
	out   chan<- *agent.Response
	begin chan struct{} // closed when it is to send
	mu    sync.Mutex
	n     int64
}

// newClock returns a clock that begins when it has a state, or at once.
func newClock(out chan<- *agent.Response, again bool) *clock {
	c := &clock{out: out, begin: make(chan struct{})}
	if !again {
		close(c.begin)
	}
	return c
}

func (*clock) Info() (*agent.InfoResponse, error) {
	types := func(t ...agent.ValueType) *agent.OptionInfo { return &agent.OptionInfo{ValueTypes: t} }
	return &agent.InfoResponse{Options: map[string]*agent.OptionInfo{
		"points": types(agent.ValueType_INT),
		"every":  types(agent.ValueType_DURATION),
		"label":  types(agent.ValueType_STRING, agent.ValueType_DOUBLE),
		"fail":   types(agent.ValueType_BOOL),
	}}, nil
}

func (c *clock) Init(r *agent.InitRequest) (*agent.InitResponse, error) {
	points, label := int64(0), ""
	for _, o := range r.Options {
		switch o.Name {
		case "points":
			points = o.Values[0].GetIntValue()
		case "label":
			label += fmt.Sprint(o.Values[0].GetStringValue(), o.Values[1].GetDoubleValue())
		case "every":
			label += time.Duration(o.Values[0].GetDurationValue()).String()
		case "fail":
			return &agent.InitResponse{Error: "no license"}, nil
		}
	}
	go func() {
		<-c.begin
		for range points {
			c.mu.Lock()
			c.n++
			n := c.n
			c.mu.Unlock()
			c.out <- &agent.Response{Message: &agent.Response_Point{Point: &agent.Point{
				Name: "tick", Time: n, Database: "db", Tags: map[string]string{"label": label}, Dimensions: []string{"label"},
				FieldsInt: map[string]int64{"n": n}, FieldsDouble: map[string]float64{"f": 0.5},
				FieldsBool: map[string]bool{"b": true}, FieldsString: map[string]string{"s": "x"},
			}}}
		}
		c.out <- &agent.Response{Message: &agent.Response_Point{Point: &agent.Point{Name: "nothing", Time: 1}}}
		c.out <- &agent.Response{Message: &agent.Response_Begin{Begin: &agent.BeginBatch{}}}
		c.out <- &agent.Response{Message: &agent.Response_Point{Point: &agent.Point{Time: 100, Tags: map[string]string{"cpu": "0"}, FieldsInt: map[string]int64{"v": 1}}}}
		c.out <- &agent.Response{Message: &agent.Response_Point{Point: &agent.Point{Time: 101, FieldsInt: map[string]int64{"v": 2}}}}
		c.out <- &agent.Response{Message: &agent.Response_End{End: &agent.EndBatch{Name: "batch", Tags: map[string]string{"host": "a"}}}}
	}()
	return &agent.InitResponse{Success: true}, nil
}

func (c *clock) Snapshot() (*agent.SnapshotResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &agent.SnapshotResponse{Snapshot: []byte(strconv.FormatInt(c.n, 10))}, nil
}

func (c *clock) Restore(r *agent.RestoreRequest) (*agent.RestoreResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	c.n, err = strconv.ParseInt(string(r.Snapshot), 10, 64)
	close(c.begin)
	return &agent.RestoreResponse{Success: err == nil}, nil
}

func (*clock) BeginBatch(*agent.BeginBatch) error { return errors.New("no data please") }
func (*clock) Point(*agent.Point) error           { return errors.New("no data please") }
func (*clock) EndBatch(*agent.EndBatch) error     { return errors.New("no data please") }
func (c *clock) Stop()                            { close(c.out) }

// load makes the plugin of a configuration, as the agent does.
func load(t *testing.T, text string) (*UDFSock, error) {
	t.Helper()
	c := config.NewConfig()
	if err := c.LoadConfigData([]byte("[[inputs.udfsock]]\n"+text), "test.conf"); err != nil {
		return nil, err
	}
	u := c.Inputs[0].Input.(*UDFSock)
	u.Log = &testutil.CaptureLogger{Name: "udfsock"}
	u.Statistics = selfstat.NewCollector(map[string]string{"_id": t.Name()})
	t.Cleanup(u.Stop)
	return u, u.Init()
}

func child(rest string) string { return childThat("begins", rest) }

func childThat(how, rest string) string {
	return fmt.Sprintf("name = 'clock'\ncommand = [%q]\nenvironment = ['UDFSOCK_TEST=%s']\n", os.Args[0], how) + rest
}

func TestSampleConfig(t *testing.T) {
	u, err := load(t, strings.TrimPrefix(sampleConfig[strings.Index(sampleConfig, "[["):], "[[inputs.udfsock]]"))
	require.NoError(t, err)
	require.Equal(t, "mirror", u.Name)
	// What is commented out are the defaults.
	var all strings.Builder
	for _, line := range strings.Split(sampleConfig, "\n") {
		if rest, ok := strings.CutPrefix(line, "  # "); ok && !strings.HasPrefix(rest, "command") && !strings.HasPrefix(rest, "environment") && !strings.Contains(line, "inputs.udfsock") && !strings.HasPrefix(rest, " ") {
			line = rest
		}
		if !strings.HasPrefix(strings.TrimSpace(line), "#") && !strings.HasPrefix(line, "[[") {
			all.WriteString(line + "\n")
		}
	}
	u.Stop()
	v, err := load(t, all.String())
	require.NoError(t, err)
	require.Equal(t, u.Config, v.Config)

	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	require.Contains(t, string(readme), "```toml @sample.conf\n"+sampleConfig+"```\n")
	require.NotNil(t, inputs.Inputs["udfsock"])
}

func TestInit(t *testing.T) {
	for text, want := range map[string]string{
		"socket = '/x'":               "name is missing",
		"name = 'a b'\nsocket = '/x'": "name: a script must be able to say",
		"name = 'a'":                  "want a socket or a command",
		"name = 'a'\nsocket = '/x'\ncommand = ['x']":               "exclude each other",
		"name = 'a'\nsocket = '/x'\nenvironment = ['A=b']":         "are those of a command",
		"name = 'a'\nsocket = 'tcp://10.0.0.1:99'":                 "must be of this host",
		"name = 'a'\nsocket = 'tcp://localhost'":                   "want a path",
		"name = 'a'\nsocket = 'http://localhost:80'":               "want a path",
		"name = 'a'\ncommand = ['']":                               "the program is missing",
		"name = 'a'\ncommand = ['x']\nenvironment = ['A']":         "want NAME=value",
		"name = 'a'\ncommand = ['x']\nuser = 'nobody-knows-him'":   "user: ",
		"name = 'a'\nsocket = '/x'\ntimeout = '1ms'":               "timeout: want more than 1ms",
		"name = 'a'\nsocket = '/x'\ntimeout = '0s'":                "timeout: want more than 1ms",
		"name = 'a'\nsocket = '/x'\nqueue_size = 0":                "queue_size",
		"name = 'a'\nsocket = '/x'\nqueue_full = 'drop'":           `want "block", "drop_oldest" or "drop_newest"`,
		"name = 'a'\nsocket = '/x'\nmax_frame = 0":                 "max_frame",
		"name = 'a'\nsocket = '/x'\nreplay_size = -1":              "replay_size",
		"name = 'a'\nsocket = '/x'\nsnapshot_interval = '1ms'":     "snapshot_interval",
		"name = 'a'\nsocket = '/x'\n[inputs.udfsock.options]\na=1": "source = true",
		"name = 'a'\nsocket = '/x'\nmax_frame = '5 apples'":        "want a size",
		"name = 'a'\nsocket = '/x'\ntimeout = 'soon'":              "want a duration",
		"name = 'a'\nsocket = '/x'\nsokcet = '/y'":                 "sokcet",
	} {
		_, err := load(t, text)
		require.ErrorContains(t, err, want, text)
	}
	u, err := load(t, "name = 'a'\nsocket = 'tcp://[::1]:99'\ntimeout = '1d'\nmax_frame = '1KiB'\nsnapshot_interval = 0\nqueue_full = 'drop_oldest'")
	require.NoError(t, err)
	require.Equal(t, udf.Interval(24*time.Hour), u.Timeout)
	require.EqualValues(t, 1024, u.MaxFrame)
	require.Zero(t, u.SnapshotInterval)
	require.Equal(t, u.function, udf.Functions.Lookup("a"))
	require.NoError(t, u.Init(), "again")

	other, err := load(t, "name = 'a'\nsocket = '/y'")
	require.EqualError(t, err, `the function "a" is configured twice`)
	other.Stop()
	require.NotNil(t, udf.Functions.Lookup("a"), "the first is still there")
	u.Stop()
	require.Nil(t, udf.Functions.Lookup("a"))
	_, err = load(t, "name = 'a'\nsocket = '/y'")
	require.NoError(t, err, "after a reload")
}

// TestSource runs a function on its own, twice: the second time from the state of the first.
func TestSource(t *testing.T) {
	options := "source = true\n[inputs.udfsock.options]\npoints = 3\nlabel = ['x', '2']\nevery = '1m'\n"
	u, err := load(t, child(options))
	require.NoError(t, err)
	var acc testutil.Accumulator
	require.NoError(t, u.Start(&acc))
	acc.Wait(5)
	u.Stop()
	fields := func(n int64) map[string]any { return map[string]any{"n": n, "f": 0.5, "b": true, "s": "x"} }
	require.Len(t, acc.Metrics, 5)
	for i, m := range acc.Metrics[:3] {
		require.Equal(t, "tick", m.Measurement)
		require.Equal(t, map[string]string{"label": "1m0sx2"}, m.Tags, "options in the order of their names")
		require.Equal(t, fields(int64(i+1)), m.Fields)
		require.Equal(t, time.Unix(0, int64(i+1)), m.Time)
	}
	for i, tags := range []map[string]string{{"host": "a", "cpu": "0"}, {"host": "a"}} {
		m := acc.Metrics[3+i]
		require.Equal(t, "batch", m.Measurement)
		require.Equal(t, tags, m.Tags)
		require.Equal(t, map[string]any{"v": int64(i + 1)}, m.Fields)
		require.Equal(t, time.Unix(0, int64(100+i)), m.Time)
	}
	state := u.GetState()
	require.Equal(t, State{Snapshot: []byte("3")}, state)

	u, err = load(t, childThat("again", options))
	require.NoError(t, err)
	require.NoError(t, u.SetState(state))
	acc.ClearMetrics()
	require.NoError(t, u.Start(&acc))
	acc.Wait(3)
	u.Stop()
	require.Equal(t, fields(4), acc.Metrics[0].Fields)
}

func TestSourceRefused(t *testing.T) {
	for text, want := range map[string]string{
		"point = 3":        `the function clock has no option "point"; it has every, fail, label, points`,
		"points = [1, 2]":  "points: want 1 values, got 2",
		"points = 'three'": "points: want a value of type int, got three",
		"every = 'often'":  "every: want a value of type duration",
		"fail = true":      "the function clock refuses to begin: no license",
	} {
		u, err := load(t, child("source = true\n[inputs.udfsock.options]\n"+text))
		require.NoError(t, err)
		var acc testutil.Accumulator
		require.NoError(t, u.Start(&acc))
		log := u.Log.(*testutil.CaptureLogger)
		require.Eventually(t, func() bool { return len(log.Errors()) > 0 }, 10*time.Second, 5*time.Millisecond)
		require.Contains(t, log.Errors()[0], want)
		u.Stop()
	}
}

// TestLateFunction starts the agent before the function.
func TestLateFunction(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clock.sock")
	u, err := load(t, "name = 'late'\nsocket = '"+path+"'")
	require.NoError(t, err)
	changed := make(chan struct{}, 1)
	defer udf.Functions.Watch(func() { changed <- struct{}{} })()
	var acc testutil.Accumulator
	require.NoError(t, u.Start(&acc))
	_, err = udf.Functions.Info("late")
	require.ErrorIs(t, err, udf.ErrUnreachable)
	_, err = udf.Functions.Info("other")
	require.ErrorIs(t, err, udf.ErrUnknown)
	log := u.Log.(*testutil.CaptureLogger)
	require.Eventually(t, func() bool { return len(log.Warnings()) == 1 }, 5*time.Second, time.Millisecond)
	require.NoError(t, u.Gather(&acc))
	require.EqualValues(t, 0, u.stats.shown["reachable"].Get())

	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	s := agent.NewServer(l, accepter{})
	defer s.Stop()
	go func() { _ = s.Serve() }()
	<-changed
	x, err := udf.Functions.Info("late")
	require.NoError(t, err)
	require.Len(t, x.Options, 4)
	require.NoError(t, u.Gather(&acc))
	require.EqualValues(t, 1, u.stats.shown["reachable"].Get())
	require.Len(t, log.Warnings(), 1)
}

type accepter struct{}

func (accepter) Accept(c net.Conn) {
	a := agent.New(c, c)
	a.Handler = newClock(a.Responses, false)
	_ = a.Start()
	go func() { _ = a.Wait() }()
}

// TestStopWithoutFunction stops plugins that have never reached anything.
func TestStopWithoutFunction(t *testing.T) {
	u, err := load(t, "name = 'never'\nsocket = '/nonexistent/udf.sock'\nsource = true")
	require.NoError(t, err)
	u.Stop()
	u, err = load(t, "name = 'never'\nsocket = '/nonexistent/udf.sock'\nsource = true")
	require.NoError(t, err)
	var acc testutil.Accumulator
	require.NoError(t, u.Start(&acc))
	begin := time.Now()
	u.Stop()
	u.Stop()
	require.Less(t, time.Since(begin), 5*time.Second)
}
