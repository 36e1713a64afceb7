package ticktest_test

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/ticktest"
)

// FuzzEngine runs random scripts over random points. No script makes a task panic; the script in the
// canonical layout gives the same transcript; and so does a run in which the task is saved and restored
// on the way.
func FuzzEngine(f *testing.F) {
	f.Add([]byte{})
	for seed := range 64 {
		f.Add(ticktest.Noise(seed))
	}
	f.Fuzz(runRandom)
}

// runRandom runs the script and the data that the bytes stand for.
func runRandom(t *testing.T, in []byte) {
	v := ticktest.Random(in)
	got, err := v.Replay()
	require.NoError(t, err)
	for _, line := range got {
		require.NotContains(t, line, "internal error", v.Script)
	}
	again, err := formatted(v).Replay()
	require.NoError(t, err)
	require.Equal(t, unplaced(got), unplaced(again), v.Script)
	if nondeterministic(v.Script) {
		return
	}
	at := bytes.Count(v.Data, []byte("\n")) / 2
	if len(in) > 0 {
		at = int(in[len(in)-1]) % (2*at + 1)
	}
	saved, _, err := v.ReplaySaved(at)
	require.NoError(t, err, v.Script)
	require.Equal(t, ticktest.Unloaded(got), ticktest.Unloaded(saved), v.Script)
}

// unplaced returns a transcript without the places in the script.
func unplaced(lines []string) string {
	return place.ReplaceAllString(strings.Join(lines, "\n"), "random.tick")
}

var place = regexp.MustCompile(`random\.tick:\d+:\d+`)

// formatted returns v with its script in the canonical layout.
func formatted(v *ticktest.Vector) *ticktest.Vector {
	prog, err := syntax.Parse("", v.Script)
	if err != nil {
		return v
	}
	w := *v
	w.Script = syntax.Format(prog)
	return &w
}

// TestRandomScripts wants the generator to be worth its name: most of its scripts are valid and do
// something, and there is no node and no property that they never have.
func TestRandomScripts(t *testing.T) {
	valid, busy := 0, 0
	const n = 2000
	words := map[string]bool{}
	for seed := range n {
		v := ticktest.Random(ticktest.Noise(seed))
		if _, err := v.Load(); err != nil {
			continue
		}
		valid++
		node := ""
		for _, w := range word.FindAllString(v.Script, -1) {
			if w[0] == '|' {
				node = w
				words[node] = true
			}
			words[node+w] = true
		}
		if seed%4 != 0 {
			continue
		}
		got, err := v.Replay()
		require.NoError(t, err)
		if slices.ContainsFunc(got, func(line string) bool { return !strings.Contains(line, `"kind":"error"`) }) {
			busy++
		}
	}
	t.Logf("%d of %d scripts load, %d of %d do something", valid, n, busy, n/4)
	require.Greater(t, valid, n*3/5)
	require.Greater(t, busy, n/4*2/5)
	var never []string
	for _, w := range spec.Nodes() {
		if !words["|"+w] {
			never = append(never, w)
		}
		for _, p := range spec.Of(w, spec.New(w)).Props {
			if !words["|"+w+"."+p.Name] {
				never = append(never, w+"."+p.Name)
			}
		}
	}
	require.Empty(t, never)
}

var word = regexp.MustCompile(`[|.]\w+`)

// TestSaved has what random scripts found: tasks that went on differently after they had been saved
// and restored.
func TestSaved(t *testing.T) {
	for _, c := range []struct{ name, script, data string }{
		{
			"several barriers of one instant", `stream|from().groupBy('h')|max('v')|barrier().period(3s)|window().period(9s)|influxDBOut()`,
			"m,h=a v=1 0\nm,h=b v=1 0\nm,h=b v=2 1000000000\nm,h=a v=3 1000000000\n# advance: 3s\nm v=1 5000000000\n",
		},
		{
			"barriers that points have put off", `stream|from().groupBy('h')|barrier().idle(10s)|window().period(20s)|influxDBOut()`,
			"m,h=a v=1 0\nm,h=a v=2 5000000000\nm,h=b v=3 5000000000\n# advance: 12s\n",
		},
		{
			"an alert without an ID", `stream|from()|alert().id('{{ index .Tags "h" }}').crit(lambda: "s" == 'abc')`,
			"m,h=a s=\"abc\" 1\nn b=true 2\nm,h=a b=true 3\n",
		},
		{"an alert of the time 0", `stream|from()|alert().crit(lambda: "v" > 1)`, "m v=2 0\nm v=3 0\nm v=4 0\n"},
		{
			"the data of several groups", `stream|from().groupBy('h')|window().period(1s)
stream|from().groupBy('h', 'i')|window().period(1s)|httpOut('o')`,
			"m,h=a v=1 3000000000\nm,h=b v=2 1000000000\nm,h=a v=3 2000000000\n",
		},
	} {
		v := &ticktest.Vector{Name: "saved", Script: c.script, Data: []byte(c.data)}
		want, err := v.Replay()
		require.NoError(t, err)
		require.NotEmpty(t, want)
		for n := range bytes.Count(v.Data, []byte("\n")) {
			got, _, err := v.ReplaySaved(n)
			require.NoError(t, err)
			require.Equal(t, want, got, "%s: saved before item %d", c.name, n)
		}
	}
}

// nondeterministic reports whether a restart in the middle may show: what is asked of the outside at
// the start is asked again, and requests that are underway are lost.
func nondeterministic(script string) bool {
	return slices.ContainsFunc([]string{"codeField", "Autoscale"}, func(w string) bool { return strings.Contains(script, w) })
}
