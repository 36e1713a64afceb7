//go:build mutants

package task_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// mutants are faults of the short way that TestShort and TestShortRandom must find; go test -tags mutants -run
// TestMutants -timeout 1h plants one after the other. Each is a text that stands in a file once, and another one.
var mutants = []struct{ file, text, fault string }{
	{"node/dims.go", `return ok || slices.Contains(g.dims, name)`, `return ok`},
	{"node/dims.go", `return ok || slices.Contains(g.dims, name)`, `return !ok && ok || slices.Contains(g.dims, name)`},
	{"node/join_step.go", `|| pg.ByName {`, `{`},
	{"node/join_step.go", `set.time != t || `, ``},
	{"node/join_step.go", `set.have != j.parents-1 || `, ``},
	{"node/join_step.go", `set.msgs[src].kind != noMessage || `, ``},
	{"node/join_step.go", `|| len(j.on) > 0`, ``},
	{"node/join_step.go", `|| j.emitter.mixed`, ``},
	{"node/join_step.go", `x.View.Time, x.View.Fields = t, s.fields`, `x.View.Fields = s.fields`},
	{"node/join_step.go", `	g.heads[src] = t
`, ``},
	{"node/join_step.go", `			s.group.heads[s.src] = set.time
`, ``},
	{"node/join_step.go", `				return false
`, `				continue
`},
	{"node/join_step.go", `x.View.Fields, t)
}`, `x.Point.Fields, t)
}`},
	{"node/eval.go", `|| len(e.asTag) > 0 || len`, `|| len`},
	{"node/eval.go", `|| len(e.keepList) > 0 {`, `{`},
	{"node/eval.go", `newStep(behind, !e.keep,`, `newStep(behind, true,`},
	{"node/eval.go", `len(e.exprs) == 1 && slices.Equal(behind.Reads, e.as)`, `len(e.exprs) == 1`},
	{"node/state_duration.go", `	s.Commit = func(`, `	_ = func(`},
	{"node/state_duration.go", `if slices.Equal(behind.Reads, []string{n.as}) {`, `if behind.Reads != nil || slices.Equal(behind.Reads, nil) {`},
	{"node/step.go", `|| slices.ContainsFunc(exprs, impure)`, ``},
	{"node/step.go", `Refers: slices.Concat(own, behind.Refers)}`, `Refers: own}`},
	{"node/step.go", `Refers: slices.Concat(own, behind.Refers)}`, `Refers: behind.Refers}`},
	{"node/step.go", `		s.Reads = nil
`, ``},
	{"node/alert.go", `if to.(*alertGroup).calm {`, `if true {`},
	{"node/alert.go", `if slices.ContainsFunc(s.Tests, impure) {`, `if slices.ContainsFunc(s.Tests[:0], impure) {`},
	{"node/where.go", `		case err != nil:
			return spec.Refuse
`, `		case err != nil:
			return spec.Absorb
`},
	{"node/from.go", `if f.truncate <= 0 && f.round <= 0 {`, `{`},
	{"task/short.go", `len(n.children) != 1 {`, `len(n.children) == 0 {`},
	{"task/short.go", `if len(n.children) == 1 {`, `if len(n.children) > 0 {`},
	{"task/short.go", `holds || err != nil`, `holds && err == nil`},
	{"task/short.go", `if s.in.came++; i > 0`, `if i > 0`},
	{"task/short.go", `				w.commit(i)
`, ``},
	{"task/short.go", `w.composed.came += w.done`, ``},
	{"task/short.go", `!ok || !c.Op.Compares()`, `!ok`},
	{"task/short.go", `refers(c.X, v.Name) && literal(c.Y):`, `refers(c.X, v.Name):`},
	{"task/short.go", `refers(c.Y, v.Name) && literal(c.X):`, `refers(c.Y, v.Name):`},
}

func TestMutants(t *testing.T) {
	base, err := filepath.Abs("..")
	require.NoError(t, err)
	for _, m := range mutants {
		t.Run(filepath.Base(m.file)+" "+strings.TrimSpace(m.text), func(t *testing.T) {
			path := filepath.Join(base, m.file)
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, 1, strings.Count(string(b), m.text))
			dir := t.TempDir()
			mutant, overlay := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json")
			require.NoError(t, os.WriteFile(mutant, []byte(strings.Replace(string(b), m.text, m.fault, 1)), 0o600))
			j, err := json.Marshal(map[string]any{"Replace": map[string]string{path: mutant}})
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(overlay, j, 0o600))
			out, err := exec.Command("go", "test", "-vet=off", "-overlay", overlay, "-run", "^TestShort(Random)?$", "-failfast", ".").CombinedOutput() //nolint:gosec // our own
			require.Error(t, err, "it survives")
			require.Contains(t, string(out), "--- FAIL", "the fault does not compile")
		})
	}
}
