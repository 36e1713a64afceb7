//go:build unix

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Sections with global take the alerts of scripts that name no handler of their kind; with
// state_changes_only as well, it is as if such a script said stateChangesOnly.
func TestGlobal(t *testing.T) {
	t.Parallel()
	every, own := startHook(t, nil), startHook(t, nil)
	s := newSetup(t)
	s.script("plain", `stream|from().measurement('m')|alert().id('plain').crit(lambda: "v" > 5)`)
	s.script("named", `stream|from().measurement('m')|alert().id('named').crit(lambda: "v" > 5).post('`+own.URL+`')`)
	s.tick = `
  [processors.tick.deadman]
    id = "{{ .TaskName }}: NODE_NAME"
    global = true
    interval = "1s"
  [[processors.tick.task]]
    name = "silent"
    script = "stream|from().measurement('nothing')|log()"
`
	s.alerter = `
  [outputs.alerter.log]
    path = "` + s.file("changes.log") + `"
    global = true
    state_changes_only = true
  [[outputs.alerter.http]]
    endpoint = "every"
    url = "` + every.URL + `"
    global = true
`
	a := s.start()
	s.send("m v=9 1511323440000000000", "m v=9 1511323441000000000", "m v=9 1511323442000000000", "m v=1 1511323443000000000")
	own.wait(t, 4)
	silent := false
	for n := 1; !silent; n++ {
		silent = slices.Contains(says(t, every.wait(t, n)), "silent: stream0 CRITICAL")
	}
	eventually(t, func() error {
		if !slices.Contains(says(t, every.wait(t, 1)), "plain OK") {
			return &missing{"OK of plain"}
		}
		return nil
	})
	a.stop()

	of := func(id string, all []string) []string {
		return slices.DeleteFunc(all, func(s string) bool { return !strings.HasPrefix(s, id+" ") })
	}
	all := []string{"CRITICAL", "CRITICAL", "CRITICAL", "OK"}
	for i, level := range all {
		require.Equal(t, "plain "+level, of("plain", says(t, every.wait(t, 1)))[i])
		require.Equal(t, "named "+level, says(t, own.wait(t, 1))[i])
	}
	require.Len(t, of("plain", says(t, every.wait(t, 1))), len(all))
	require.Len(t, own.wait(t, 1), len(all))
	require.Empty(t, of("named", says(t, every.wait(t, 1))), "its script names a handler of this kind")

	text, err := os.ReadFile(filepath.Join(s.path, "changes.log"))
	require.NoError(t, err)
	changes := says(t, slices.Collect(strings.Lines(string(text))))
	require.Equal(t, []string{"plain CRITICAL", "plain OK"}, of("plain", slices.Clone(changes)))
	require.Equal(t, []string{"named CRITICAL", "named OK"}, of("named", slices.Clone(changes)), "its script names no handler of this kind")
	require.Len(t, of("silent: stream0", slices.Clone(changes)), 1)
	t.Logf("%d requests, %d lines", len(every.wait(t, 1)), len(changes))
}

// says returns the IDs and levels of events.
func says(t testing.TB, bodies []string) (out []string) {
	t.Helper()
	for _, b := range bodies {
		var e struct{ ID, Level string }
		require.NoError(t, json.Unmarshal([]byte(b), &e))
		out = append(out, e.ID+" "+e.Level)
	}
	return out
}
