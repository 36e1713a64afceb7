package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// healthOf returns the alerts about an ID of this host: level before, level and message of each.
func (r *rig) healthOf(id string) []string {
	out := []string{}
	for _, m := range r.made() {
		if e := m.event; e != nil && e.ID == "here:"+id {
			out = append(out, e.Previous.String()+" "+e.Level.String()+" "+e.Message)
		}
	}
	return out
}

// alerts waits for the alerts about an ID.
func (f *watchedFolder) alerts(id string, want ...string) {
	f.t.Helper()
	require.EventuallyWithT(f.t, func(c *assert.CollectT) { require.Equal(c, want, f.healthOf(id)) }, 10*time.Second, 5*time.Millisecond)
}

func watchHealth(t *testing.T, dir string) *watchedFolder {
	t.Helper()
	p := ofFiles(dir)
	p.conf.HealthTopic, p.conf.Pace = "health", quickly
	f := &watchedFolder{rig: p.start(t), t: t, dir: dir}
	t.Cleanup(f.Stop)
	return f
}

func TestHealthOfTaskThatStops(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "one.tick")
	write(t, file, `stream|from().measurement('m')|explode()`)
	f := watchHealth(t, dir)
	require.Empty(t, f.healthOf("task:one"))
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
	require.Empty(t, f.healthOf("task:one"))

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
		begin := func(script string) *rig {
			p := withState(dir, "cpu", script)
			p.conf.HealthTopic = "health"
			return p.start(t)
		}
		p := begin("stream|")
		p.Stop()
		require.Len(t, p.healthOf("task:cpu"), 1)

		time.Sleep(time.Minute)
		p = begin("stream|")
		p.Stop()
		require.Empty(t, p.made(), "it is known")

		time.Sleep(time.Minute)
		p = begin(alertScript)
		p.Stop()
		require.Len(t, p.made(), 1)
		got := p.made()[0].event
		require.NotEmpty(t, got.EventID)
		host := []point.Tag{{Key: "host", Value: "here"}}
		require.Equal(t, &alert.Event{
			EventID: got.EventID, ID: "here:task:cpu", Message: "Task cpu runs again", Details: "Task cpu runs again", Time: got.Time,
			Duration: 2 * time.Minute, Previous: alert.Critical, NodePrevious: alert.Critical, Recoverable: true, Topic: "health", Task: "telegraf-tigk",
			Name: "telegraf-tigk", Node: "health", Group: "host=here", GroupTags: host, Tags: host,
			Fields: []point.Field{{Key: "level", Value: point.IntValue(0)}, {Key: "message", Value: point.StringValue("Task cpu runs again")}},
			Data: []byte(`{"series":[{"name":"telegraf-tigk","tags":{"host":"here"},"columns":["time","level","message"],"values":[["` +
				time.Unix(0, got.Time).UTC().Format(time.RFC3339Nano) + `",0,"Task cpu runs again"]]}]}`),
		}, got)
	})
}

func TestHealthOfTaskThatIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := make(chan struct{})
		gates = func() { <-open }
		defer func() { gates = nil }()
		p := slowAndFast()
		p.conf.QueueSize, p.conf.HealthTopic = 10, "health"
		p.start(t)
		for i := range 100 {
			p.Add(numbered(i))
		}
		time.Sleep(2 * statsInterval)
		got := p.healthOf("task:slow")
		require.Len(t, got, 1)
		require.True(t, strings.HasPrefix(got[0], "OK WARNING Task slow does not keep up: "), got[0])
		close(open)
		time.Sleep(calm / 2)
		require.Len(t, p.healthOf("task:slow"), 1, "it is too early")
		time.Sleep(calm)
		require.Equal(t, []string{got[0], "WARNING OK Task slow keeps up again"}, p.healthOf("task:slow"))
		require.Empty(t, p.healthOf("task:fast"))
		p.Stop()
	})
}

func TestHealthIsOff(t *testing.T) {
	p := newRig("bug", `stream|from().measurement('cpu')|explode()`, "bad", "stream|")
	require.Empty(t, p.run(t, cpu(5)))
}

func TestReservedTaskName(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, alert.OwnTask+".tick"), alertScript)
	p := ofFiles(dir)
	require.Empty(t, p.run(t, cpu(5)))
	require.Len(t, p.log.errors(), 1)
	require.Contains(t, p.log.errors()[0], "reserved")
}
