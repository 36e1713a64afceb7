package ticktest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/telegraf-tigk/telegraf-tigk/internal/replay"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
	"github.com/telegraf-tigk/telegraf-tigk/internal/ticktest"
	"github.com/telegraf-tigk/telegraf-tigk/internal/udf"
)

// reach returns the function called name: the test binary as a process.
func reach(t *testing.T, name string) *udf.Function {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	c := udf.DefaultConfig()
	c.Name, c.Command = name, []string{self}
	c.Environment = []string{functionVariable + "=" + name, "GORACE=atexit_sleep_ms=0"} // a race detector dawdles at the end
	require.NoError(t, c.Check())
	return udf.New(&c, nil)
}

// withFunctions lets a vector use the functions of the test binary.
func withFunctions(t *testing.T, v *ticktest.Vector) {
	infos := map[string]udf.Info{}
	v.UDF = func(name string) (udf.Info, error) {
		if _, ok := functions[name]; !ok {
			return udf.Info{}, udf.ErrUnknown
		}
		x, ok := infos[name]
		if !ok {
			var err error
			if x, err = reach(t, name).Info(t.Context()); err != nil {
				return x, err
			}
			infos[name] = x
		}
		return x, nil
	}
	v.Function = func(u task.UDF) (replay.Function, error) {
		return reach(t, u.Function).Lockstep(context.Background(), u.Init, u.Snapshot)
	}
}

// TestFunctions replays scripts with user-defined functions: as they are, again, and with the task, and
// its functions, saved and begun anew in the middle.
func TestFunctions(t *testing.T) {
	files, err := filepath.Glob("testdata/udf/*.txtar")
	require.NoError(t, err)
	require.Len(t, files, 10)
	for _, file := range files {
		v, err := ticktest.LoadVector(file)
		require.NoError(t, err)
		t.Run(v.Name, func(t *testing.T) {
			withFunctions(t, v)
			if *update {
				rewrite(t, v, file)
			}
			for range 2 {
				got, err := v.Replay()
				require.NoError(t, err)
				require.Empty(t, v.Compare(got))
			}
			for n := range bytes.Count(v.Data, []byte("\n")) {
				got, _, err := v.ReplaySaved(n)
				require.NoError(t, err)
				require.Empty(t, v.Compare(got), "saved after item %d", n)
			}
		})
	}
}

// rewrite writes what the vector does into its file. The details of alerts, which name the host, are
// left out.
func rewrite(t *testing.T, v *ticktest.Vector, file string) {
	got, err := v.Replay()
	require.NoError(t, err)
	details := regexp.MustCompile(`"details":"(\\.|[^"\\])*",`)
	v.Want = strings.Split(details.ReplaceAllString(strings.Join(got, "\n"), ""), "\n")
	a, err := txtar.ParseFile(file)
	require.NoError(t, err)
	a.Files[len(a.Files)-1].Data = []byte(strings.Join(v.Want, "\n") + "\n")
	require.NoError(t, os.WriteFile(file, txtar.Format(a), 0o644))
}

// TestFunctionsOnTheirWay checks that large batches do not block, whoever writes first.
func TestFunctionsOnTheirWay(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	const n = 20_000
	var data strings.Builder
	for i := range n {
		data.WriteString("m,host=a text=\"" + strings.Repeat("x", 50) + "\" " + time.Unix(0, int64(i)).UTC().Format("5") + strings.Repeat("0", 9) + "\n")
	}
	v := &ticktest.Vector{
		Name: "large", Data: []byte(data.String()),
		Script: `stream|from().measurement('m')|window().periodCount(20000).everyCount(20000)@reverse()@count()|influxDBOut().database('d')`,
	}
	withFunctions(t, v)
	got, err := v.Replay()
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Contains(t, got[0], "m points=20000i")
}

// TestUnreachableFunction checks what a replay says of a function that has gone since it was asked.
func TestUnreachableFunction(t *testing.T) {
	v := &ticktest.Vector{Name: "gone", Script: `stream|from()@mirror()|log()`, Data: []byte("m v=1 0\n")}
	withFunctions(t, v)
	v.Function = func(task.UDF) (replay.Function, error) { return nil, errors.New("it is gone") }
	got, err := v.Replay()
	require.NoError(t, err)
	require.Equal(t, []string{`{"kind":"error","error":"mirror2: it is gone"}`}, got)
	v.Function = nil
	got, err = v.Replay()
	require.NoError(t, err)
	require.Equal(t, []string{`{"kind":"error","error":"mirror2: nobody has said how to reach the user-defined function mirror"}`}, got)
}

// TestFailingFunctions checks what a replay says of functions that do not do their work.
func TestFailingFunctions(t *testing.T) {
	for _, c := range []struct{ script, want string }{
		{`stream|from()@fails()|log()`, `fails2: the function fails: it gives up: no more of this`},
		{`stream|from()@exits()|log()`, `exits2: the function exits: it ended: exit status 3`},
		{`stream|from()@refuses().refuse()|log()`, `refuses2: the function refuses: it refuses the init: failing refuses2 is not welcome`},
		{`stream|from()@mirror()|log()@fails()|log()`, `fails4: the function fails: it gives up: no more of this`},
	} {
		v := &ticktest.Vector{Name: "failing", Script: c.script, Data: []byte("m v=1 0\nm v=2 1\n")}
		withFunctions(t, v)
		got, err := v.Replay()
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf(`{"kind":"error","error":%q}`, c.want), got[len(got)-1])
	}
}
