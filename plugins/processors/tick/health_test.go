package tick

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
)

// healthOf returns the alerts about an ID of this host: level, level before and message of each.
func healthOf(acc *testutil.Accumulator, id string) []string {
	out := []string{}
	host, _ := os.Hostname()
	id = host + ":" + id
	for _, m := range emitted(acc) {
		if got, _ := m.GetTag("alert_id"); got == id {
			level, _ := m.GetTag("level")
			before, _ := m.GetField("previous_level")
			text, _ := m.GetField("message")
			out = append(out, before.(string)+" "+level+" "+text.(string))
		}
	}
	return out
}

// alerts waits for the alerts about an ID.
func (f *watchedFolder) alerts(id string, want ...string) {
	f.t.Helper()
	require.EventuallyWithT(f.t, func(c *assert.CollectT) { require.Equal(c, want, healthOf(f.acc, id)) }, 10*time.Second, 5*time.Millisecond)
}

func watchHealth(t *testing.T, dir string) *watchedFolder {
	t.Helper()
	p, log := plugin()
	p.Scripts, p.HealthTopic, p.pace = []string{dir}, "health", quickly
	f := &watchedFolder{Tick: p, t: t, dir: dir, acc: start(t, p), log: log}
	t.Cleanup(f.Stop)
	return f
}

func TestHealthOfTaskThatStops(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "one.tick")
	write(t, file, `stream|from().measurement('m')|explode()`)
	f := watchHealth(t, dir)
	require.Empty(t, healthOf(f.acc, "task:one"))
	f.marks()
	stopped := "OK CRITICAL Task one has stopped: one: explode2: internal error: boom"
	f.alerts("task:one", stopped)
	write(t, file, "stream|")
	f.logged("goes on with the script it had")
	write(t, file, mark("1"))
	f.alerts("task:one", stopped, "CRITICAL OK Task one runs again")
	f.becomes("1")
}

func TestHealthOfBrokenScript(t *testing.T) {
	dir := t.TempDir()
	one, two, copied := filepath.Join(dir, "one.tick"), filepath.Join(dir, "two.tick"), filepath.Join(dir, "sub", "one.tick")
	write(t, one, mark("1"))
	write(t, two, "stream|")
	f := watchHealth(t, dir)
	noTwo := "OK CRITICAL Task two does not run, its script is broken: " + two + ":1:8: unexpected end of the text, expected a name"
	f.alerts("task:two", noTwo)
	require.Empty(t, healthOf(f.acc, "task:one"))

	write(t, one, "stream|")
	broken := "OK CRITICAL The script of task one is broken, the task goes on with the one it had: " + one + ":1:8: unexpected end of the text, expected a name"
	f.alerts("task:one", broken)
	write(t, one, mark("1"))
	good := "CRITICAL OK Task one has a good script again"
	f.alerts("task:one", broken, good)
	write(t, one, "stream|")
	f.alerts("task:one", broken, good, broken)
	write(t, one, mark("2"))
	f.alerts("task:one", broken, good, broken, "CRITICAL OK Task one runs again")

	require.NoError(t, os.Remove(two))
	f.alerts("task:two", noTwo, "CRITICAL OK Task two is gone")

	write(t, copied, mark("3"))
	twice := `OK CRITICAL task "one" is defined twice: in ` + one + " and in " + copied
	f.alerts("script:"+copied, twice)
	require.NoError(t, os.Remove(copied))
	f.alerts("script:"+copied, twice, "CRITICAL OK Task one has one script again")
	f.becomes("2")
}

// What an alert before a restart told of is over if it is.
func TestHealthAfterRestart(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		begin := func(script string) (*Tick, *testutil.Accumulator) {
			p, _ := withState(dir, "cpu", script)
			p.HealthTopic = "health"
			return p, start(t, p)
		}
		p, acc := begin("stream|")
		p.Stop()
		deliver(acc)
		require.Len(t, healthOf(acc, "task:cpu"), 1)

		time.Sleep(time.Minute)
		p, acc = begin("stream|")
		p.Stop()
		require.Empty(t, emitted(acc), "it is known")

		time.Sleep(time.Minute)
		p, acc = begin(alertScript)
		p.Stop()
		require.Len(t, emitted(acc), 1)
		host, err := os.Hostname()
		require.NoError(t, err)
		got := emitted(acc)[0]
		id, _ := got.GetField("event_id")
		require.NotEmpty(t, id)
		testutil.RequireMetricEqual(t, metric.New("alert",
			map[string]string{"tick": "alert", "task": "telegraf-tigk", "alert_id": host + ":task:cpu", "level": "OK", "topic": "health", "host": host},
			map[string]any{
				"event_id": id, "message": "Task cpu runs again", "details": "Task cpu runs again", "duration": int64(2 * time.Minute), "previous_level": "CRITICAL",
				"recoverable": true, "handlers": "[]", "name": "telegraf-tigk", "group": "host=" + host, "node": "health",
				"fields": `{"level":0,"message":"Task cpu runs again"}`, "tags": `{"host":"` + host + `"}`,
				"data": `{"series":[{"name":"telegraf-tigk","tags":{"host":"` + host + `"},"columns":["time","level","message"],"values":[["` +
					got.Time().UTC().Format(time.RFC3339Nano) + `",0,"Task cpu runs again"]]}]}`,
			}, got.Time()), got)
	})
}

func TestHealthOfTaskThatIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := make(chan struct{})
		gates = func() { <-open }
		defer func() { gates = nil }()
		p, _ := slowAndFast()
		p.QueueSize, p.HealthTopic = 10, "health"
		acc := start(t, p)
		for i := range 100 {
			require.NoError(t, p.Add(numbered(i), acc))
		}
		time.Sleep(2 * statsInterval)
		got := healthOf(acc, "task:slow")
		require.Len(t, got, 1)
		require.True(t, strings.HasPrefix(got[0], "OK WARNING Task slow does not keep up: "), got[0])
		close(open)
		time.Sleep(calm / 2)
		require.Len(t, healthOf(acc, "task:slow"), 1, "it is too early")
		time.Sleep(calm)
		require.Equal(t, []string{got[0], "WARNING OK Task slow keeps up again"}, healthOf(acc, "task:slow"))
		require.Empty(t, healthOf(acc, "task:fast"))
		p.Stop()
	})
}

func TestHealthIsOff(t *testing.T) {
	p, _ := plugin("bug", `stream|from().measurement('cpu')|explode()`, "bad", "stream|")
	require.Empty(t, run(t, p, cpu(5)))
}

func TestReservedTaskName(t *testing.T) {
	p, _ := plugin(alert.OwnTask, alertScript)
	require.ErrorContains(t, p.Init(), `the name "telegraf-tigk" is reserved`)

	dir := t.TempDir()
	write(t, filepath.Join(dir, alert.OwnTask+".tick"), alertScript)
	p, log := plugin()
	p.Scripts = []string{dir}
	require.Empty(t, run(t, p, []telegraf.Metric{cpu(5)}...))
	require.Len(t, log.Errors(), 1)
	require.Contains(t, log.Errors()[0], "reserved")
}
