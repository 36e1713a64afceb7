package ticktest_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/ticktest"
)

// FuzzEngine runs random scripts over random points. No script makes a task panic; the same run
// gives the same transcript; and so does one in which the task is saved and restored on the way.
func FuzzEngine(f *testing.F) {
	f.Add([]byte{})
	for seed := range 64 {
		f.Add(ticktest.Noise(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		v := ticktest.Random(in)
		got, err := v.Replay()
		require.NoError(t, err)
		for _, line := range got {
			require.NotContains(t, line, "internal error", v.Script)
		}
		again, err := v.Replay()
		require.NoError(t, err)
		require.Equal(t, got, again, v.Script)
		if nondeterministic(v.Script) {
			return
		}
		saved, _, err := v.ReplaySaved(bytes.Count(v.Data, []byte("\n")) / 2)
		require.NoError(t, err, v.Script)
		require.Equal(t, strings.Join(got, "\n"), strings.Join(saved, "\n"), v.Script)
	})
}

// TestRandomScripts wants the generator to be worth its name: a good part of its scripts is valid
// and does something.
func TestRandomScripts(t *testing.T) {
	valid, busy := 0, 0
	const n = 500
	for seed := range n {
		v := ticktest.Random(ticktest.Noise(seed))
		if _, err := v.Load(); err != nil {
			continue
		}
		valid++
		got, err := v.Replay()
		require.NoError(t, err)
		if slices.ContainsFunc(got, func(line string) bool { return !strings.Contains(line, `"kind":"error"`) }) {
			busy++
		}
	}
	t.Logf("%d of %d scripts load, %d of them do something", valid, n, busy)
	require.Greater(t, valid, n/3)
	require.Greater(t, busy, n/20)
}

// nondeterministic reports whether a restart in the middle may show: what is asked of the outside at
// the start is asked again, and requests that are underway are lost.
func nondeterministic(script string) bool {
	return slices.ContainsFunc([]string{"codeField", "sideload", "Autoscale"}, func(w string) bool { return strings.Contains(script, w) })
}
