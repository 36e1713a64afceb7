package alerter

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/delivery"
)

// TestMuteAtRunTime adds and removes mutes while the plugin runs.
func TestMuteAtRunTime(t *testing.T) {
	state, out := t.TempDir(), filepath.Join(t.TempDir(), "a.log")
	a, log := run(t, "state_directory = '"+state+"'\n[[outputs.alerter.mute]]\nid = 'nights'\nmatch = '''\"host\" == 'other' '''\nfrom = '00:00'\nto = '24:00'")
	all := func() string {
		var lines []string
		for _, m := range log.Messages() {
			lines = append(lines, m.String())
		}
		return strings.Join(lines, "\n")
	}
	f := delivery.OpenMutes(state)
	n := 0
	write := func(level string) {
		n++
		a.Events([]*alert.Event{event(fmt.Sprintf("a-%d", n), level, "OK", `[{"kind":"log","options":{"path":"`+out+`"}}]`)}, nil)
	}
	lines := func() int {
		b, _ := os.ReadFile(out)
		return strings.Count(string(b), "\n")
	}
	write("CRITICAL")
	eventually(t, func() bool { return lines() == 1 })

	id, err := f.Add(alert.Mute{Match: "level() >= WARNING", By: "me", Comment: "deploy", End: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	eventually(t, func() bool { return strings.Contains(all(), "by mute "+id+" by me of level() >= WARNING (deploy)") })
	write("OK")
	eventually(t, func() bool { return lines() == 2 })
	write("CRITICAL")
	write("WARNING")
	time.Sleep(50 * time.Millisecond)
	require.Equal(t, 2, lines())
	require.EqualValues(t, 2, a.count("muted", "log"))
	require.EqualValues(t, 1, a.count("held", "log"))
	require.EqualValues(t, 2, a.Statistics.Register("alerter", "mutes", map[string]string{}).Get())

	require.NoError(t, f.Remove([]string{id}, "you", time.Now()))
	eventually(t, func() bool { return lines() == 3 })
	b, _ := os.ReadFile(out)
	require.Contains(t, string(b), "a is WARNING")
	require.Contains(t, all(), "No longer muted by mute "+id)
	require.Contains(t, all(), "Delivering 1 alerts that were muted and are still on; of 0 others the receivers know")
	require.EqualValues(t, 0, a.count("held", "log"))

	list, err := f.List()
	require.NoError(t, err)
	require.Len(t, list, 1, "what is over stays on record")
	require.Equal(t, "you", list[0].RemovedBy)
	require.ErrorContains(t, f.Remove([]string{id}, "you", time.Now()), "is over already")
	require.EqualError(t, f.Remove([]string{"nights"}, "you", time.Now()), "no such mute: nights")

	// A file that is broken changes nothing.
	id, err = f.Add(alert.Mute{Start: time.Now(), End: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	eventually(t, func() bool { return strings.Contains(all(), "by mute "+id+" of all alerts") })
	require.NoError(t, os.WriteFile(filepath.Join(state, "mutes", "mutes.json"), []byte(`{"version":1,"mutes":[`), 0o600))
	eventually(t, func() bool { return strings.Contains(log.LastError(), "the mutes stay as they are") })
	write("CRITICAL")
	time.Sleep(20 * time.Millisecond)
	require.Equal(t, 3, lines())
	_, err = f.Add(alert.Mute{})
	require.ErrorContains(t, err, "mutes.json: unexpected end of JSON input")
}

func TestMuteSections(t *testing.T) {
	a, err := load(`
  [[outputs.alerter.mute]]
    match = '"host" == "web1"'
    start = "2026-01-31 22:00"
    end = "2026-02-01T06:00:00Z"
    time_zone = "UTC"
    comment = "move"
  [[outputs.alerter.mute]]
    id = "backup"
    days = ["sat", "mon-wed"]
    from = "01:00"
    to = "03:30"
`)
	require.NoError(t, err)
	require.Equal(t, []alert.Mute{
		{ID: "config-1", Match: `"host" == "web1"`, Start: time.Date(2026, 1, 31, 22, 0, 0, 0, time.UTC), End: time.Date(2026, 2, 1, 6, 0, 0, 0, time.UTC), TimeZone: "UTC", Comment: "move"},
		{ID: "backup", Days: "sat,mon-wed", From: "01:00", To: "03:30"},
	}, a.Mutes())
	for text, want := range map[string]string{
		"mtach = 'x'":                   `outputs.alerter.mute: unknown option "mtach"; did you mean match?`,
		"match = 'level() >'":           "outputs.alerter.mute: match:1:",
		"start = 'soon'":                "outputs.alerter.mute: start: want a time like",
		"days = ['xday']":               "outputs.alerter.mute: days: want days like",
		"comment = 'all'":               "this would mute all alerts for ever",
		"from = '1'":                    "from: want a time of day like 22:00",
		"from = '01:00'\ntime_zone='X'": "unknown time zone",
		"id = 'a'\nfrom = '01:00'\n[[outputs.alerter.mute]]\nid = 'a'\nfrom = '01:00'": `id "a" stands there twice`,
	} {
		_, err := load("[[outputs.alerter.mute]]\n" + text)
		require.ErrorContains(t, err, want, text)
	}
}
