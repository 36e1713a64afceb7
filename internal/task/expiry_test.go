package task_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// A forgetful is a task whose groups expire after a minute. Its methods return the alerts.
type forgetful struct {
	*task.Task
	t   *testing.T
	cfg task.Config
}

func startForgetful(t *testing.T, script string) *forgetful {
	f := &forgetful{t: t, cfg: task.Config{Name: "x", GroupExpiry: time.Minute, Script: script, Topics: new(alert.Topics)}}
	f.begin(0)
	return f
}

func (f *forgetful) begin(now time.Duration) {
	tk, err := task.Load(f.cfg)
	require.NoError(f.t, err)
	require.NoError(f.t, tk.Start(int64(now)))
	f.Task = tk
}

// restart saves the task and goes on with another one.
func (f *forgetful) restart(now time.Duration) {
	var b bytes.Buffer
	require.NoError(f.t, f.Save(&b))
	f.begin(now)
	require.NoError(f.t, f.Restore(&b))
}

func (f *forgetful) alerts() (out []*alert.Event) {
	for _, e := range f.Take() {
		require.NotEqual(f.t, spec.ErrorEffect, e.Kind, e.Text)
		if e.Kind == spec.AlertEffect {
			out = append(out, e.Event)
		}
	}
	return out
}

func (f *forgetful) value(host string, at time.Duration, v float64) []*alert.Event {
	require.NoError(f.t, f.Tick(int64(at)))
	p := hostPoint(host, at)
	p.Tags = append(p.Tags, point.Tag{Key: "rack", Value: "r1"})
	p.Fields = []point.Field{{Key: "v", Value: point.FloatValue(v)}}
	require.NoError(f.t, f.Push(p))
	return f.alerts()
}

func (f *forgetful) until(at time.Duration) []*alert.Event {
	require.NoError(f.t, f.Tick(int64(at)))
	return f.alerts()
}

const forgetfulAlert = `stream|from().groupBy('host')|alert().id('<{{ index .Tags "host" }}>').message('{{ index .Fields "v" | printf "%.0f" }}').crit(lambda: "v" > 5).topic('t').stateChangesOnly()`

// TestExpiryEndsAlert wants the alert of a group that is gone to end, over a restart, too.
func TestExpiryEndsAlert(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		t.Run(fmt.Sprint("restarted=", restarted), func(t *testing.T) {
			f := startForgetful(t, forgetfulAlert+`.slack()`)
			raised := f.value("a", 10*time.Second, 9)
			require.Len(t, raised, 1)
			require.Empty(t, f.value("a", 20*time.Second, 8))
			require.Empty(t, f.value("b", 20*time.Second, 1))
			require.Len(t, f.value("c", 20*time.Second, 7), 1)
			require.Len(t, f.value("c", 30*time.Second, 2), 1)
			seen := 20 * time.Second
			if restarted {
				f.restart(30 * time.Second)
				seen = 30 * time.Second
			}
			var got []*alert.Event
			at := time.Duration(0)
			for at = 40 * time.Second; len(got) == 0 && at < 200*time.Second; at += time.Second {
				got = f.until(at)
			}
			at = time.Duration(got[0].Time)
			require.InDelta(t, seen+time.Minute, at, float64(15*time.Second+1))
			text := fmt.Sprintf("<a> is OK: gone, no data since 1970-01-01T00:00:%02dZ", int(seen.Seconds()))
			tags := []point.Tag{{Key: "host", Value: "a"}, {Key: "rack", Value: "r1"}}
			want := &alert.Event{
				ID: "<a>", Message: text, Details: "&lt;" + text[1:2] + "&gt;" + text[3:], Time: int64(at), Duration: at - 10*time.Second, Level: alert.OK,
				Previous: alert.Critical, NodePrevious: alert.Critical, Recoverable: true, Topic: "t", Name: "m", Task: "x", Node: "alert2",
				Group: "host=a", GroupTags: tags[:1], Tags: tags, Handlers: []alert.Handler{{Kind: "slack", Options: raised[0].Handlers[0].Options}},
				Data: []byte(`{"series":[{"name":"m","tags":{"host":"a","rack":"r1"},"columns":["time"],"values":[["` + time.Unix(0, int64(at)).UTC().Format(time.RFC3339Nano) + `"]]}]}`),
			}
			want.SetEventID()
			require.Equal(t, []*alert.Event{want}, got)
			require.Empty(t, f.until(time.Hour))
			require.Zero(t, f.Groups())
			again := f.value("a", time.Hour, 9)
			require.Len(t, again, 1)
			require.Equal(t, alert.OK, again[0].Previous)
		})
	}
}

// A group behind a window ends its alert, too; one whose receivers want no recoveries has nothing to
// end. A barrier forgets without a word, as in Kapacitor.
func TestExpiryOfOtherGroups(t *testing.T) {
	for _, c := range []struct {
		name, script  string
		raised, ended int
	}{
		{"window", `stream|from().groupBy('host')|window().periodCount(1).everyCount(1)|mean('v')|alert().crit(lambda: "mean" > 5)`, 1, 1},
		{"two alerts", `var x = stream|from().groupBy('host')
			x|alert().crit(lambda: "v" > 5)
			x|alert().warn(lambda: "v" > 5)
			x|alert().crit(lambda: "v" > 50)`, 2, 2},
		{"no recoveries", `stream|from().groupBy('host')|alert().crit(lambda: "v" > 5).noRecoveries()`, 1, 0},
		{"barrier", `stream|from().groupBy('host')|barrier().idle(20s).delete(TRUE)|alert().crit(lambda: "v" > 5)`, 1, 0},
		{"no group", `stream|from()|alert().crit(lambda: "v" > 5)`, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := startForgetful(t, c.script)
			require.Len(t, f.value("a", 10*time.Second, 9), c.raised)
			ended := f.until(5 * time.Minute)
			require.Len(t, ended, c.ended)
			for _, e := range ended {
				require.Equal(t, "m:host=a is OK: gone, no data since 1970-01-01T00:00:10Z", e.Message)
			}
		})
	}
}
