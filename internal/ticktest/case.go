package ticktest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/telegraf-tigk/telegraf-tigk/internal/replay"
	"github.com/telegraf-tigk/telegraf-tigk/internal/sideload"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// This file runs cases: scripts with input and what comes out, all of it made to be read. A txtar file
// holds several:
//
//	What the file is about.
//	-- in --
//	m v=1 0s
//	m v=2 10s
//	-- mean/script.tick --
//	stream|from()|window().period(10s).every(10s)|mean('v')|influxDBOut()
//	-- mean/want --
//	m mean=1 10s
//	-- late/script.tick --
//	...
//
// The files of a case are in the folder that has its name; a script or input at the top of the archive comes
// before that of each case. Documents of sideload nodes, whatever their source, are files in the folder
// documents. Times of the input are relative to [Epoch]. What is wanted is a line for each thing that happens,
// as [Brief] has it, and, if there is a file counters, what the nodes' own counters are at the end. A file
// once tells why a case makes no sense with a restart in the middle.

// A Case is a script with input and what comes of it.
type Case struct {
	Name string
	Vector
	want     *txtar.File
	counters *txtar.File // nil if they are of no interest
	once     bool
}

// RunCases runs the cases of all files that match pattern: from start to end, and with the task saved and
// restored in the middle, once before each line of the input. If update is set it first writes what comes
// out into the files.
func RunCases(t *testing.T, pattern string, update bool) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		require.NoError(t, err)
		cases, err := parseCases(a, t.TempDir())
		require.NoError(t, err, file)
		if update {
			for _, c := range cases {
				c.rewrite(t)
			}
			require.NoError(t, os.WriteFile(file, txtar.Format(a), 0o644))
		}
		for _, c := range cases {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar")+"/"+c.Name, func(t *testing.T) { c.run(t) })
		}
	}
}

// parseCases returns the cases of an archive, whose documents it writes to a folder. Those that lack what is
// wanted get an empty file for it.
func parseCases(a *txtar.Archive, documents string) ([]*Case, error) {
	var script, in []byte
	var cases []*Case
	files := a.Files
	a.Files = make([]txtar.File, 0, 2*len(files)) // the cases point into it
	for i, f := range files {
		a.Files = append(a.Files, f)
		file := &a.Files[len(a.Files)-1]
		if name, ok := strings.CutPrefix(f.Name, "documents/"); ok {
			name = filepath.Join(documents, name)
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				return nil, err
			}
			if err := os.WriteFile(name, f.Data, 0o644); err != nil {
				return nil, err
			}
			continue
		}
		name, base := path.Dir(f.Name), path.Base(f.Name)
		switch {
		case name == "." && base == "script.tick":
			script = f.Data
			continue
		case name == "." && base == "in":
			in = f.Data
			continue
		case len(cases) == 0 || cases[len(cases)-1].Name != name:
			c := &Case{Name: name, Vector: Vector{Name: "test", Script: string(script), Data: slices.Clone(in)}}
			c.Documents = func(string) (spec.Documents, []error) {
				return new(sideload.Loader).Load(context.Background(), "file://"+documents)
			}
			cases = append(cases, c)
		}
		c := cases[len(cases)-1]
		switch base {
		case "script.tick":
			c.Script += string(f.Data)
		case "in":
			c.Data = append(c.Data, f.Data...)
		case "want":
			c.want = file
		case "counters":
			c.counters = file
		case "once":
			c.once = true
		default:
			return nil, fmt.Errorf("no case has a file %s", f.Name)
		}
		if c.want == nil && (i == len(files)-1 || path.Dir(files[i+1].Name) != name) {
			a.Files = append(a.Files, txtar.File{Name: name + "/want"})
			c.want = &a.Files[len(a.Files)-1]
		}
	}
	for _, c := range cases {
		lines, err := Absolute(string(c.Data))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		c.Data = []byte(lines)
	}
	return cases, nil
}

func (c *Case) run(t *testing.T) {
	got, counters := c.play(t)
	require.Equal(t, string(c.want.Data), got)
	if c.counters != nil {
		require.Equal(t, string(c.counters.Data), counters)
	}
	if c.once {
		return
	}
	want := Unloaded(strings.Split(got, "\n"))
	for n := range bytes.Count(c.Data, []byte("\n")) {
		got, _, err := c.ReplaySaved(n)
		require.NoError(t, err)
		require.Equal(t, want, Unloaded(strings.Split(Brief(got), "\n")), "saved after item %d", n)
	}
}

// Unloaded returns a transcript without what is wrong with the documents of sideload nodes, which is told
// again after a restart.
func Unloaded(lines []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return strings.Contains(l, "failed to load key") })
}

// rewrite takes what the case does for what is wanted.
func (c *Case) rewrite(t *testing.T) {
	got, counters := c.play(t)
	c.want.Data = []byte(got)
	if c.counters != nil {
		c.counters.Data = []byte(counters)
	}
}

// play returns what happens and the counters of nodes at the end: "node name value".
func (c *Case) play(t *testing.T) (happened, counters string) {
	var last *task.Task
	got, err := c.replay(replay.Options{Answer: c.answer, Between: func(_ int, t *task.Task) (*task.Task, error) {
		last = t
		return t, nil
	}})
	require.NoError(t, err)
	var b strings.Builder
	if last != nil {
		last.Stats(func(s task.NodeStats) {
			for _, x := range s.Own {
				fmt.Fprintf(&b, "%s %s %d\n", s.Node, x.Name, *x.N)
			}
		})
	}
	return Brief(got), b.String()
}

// Play runs a script over lines with relative times and returns what happens, as [Brief] has it. If n is not
// 0, the task is saved and restored before the n-th line.
func Play(script, in string, n int) ([]string, error) {
	data, err := Absolute(strings.TrimSpace(in))
	if err != nil {
		return nil, err
	}
	v := Vector{Name: "test", Script: script, Data: []byte(data)}
	got, err := v.Replay()
	if n > 0 {
		got, _, err = v.ReplaySaved(n)
	}
	if err != nil || len(got) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(Brief(got), "\n"), "\n"), nil
}

// Brief returns a transcript for people, with times relative to [Epoch]. Written points are line protocol,
// alerts "LEVEL time id: message"; other lines begin with their kind.
func Brief(transcript []string) string {
	var b strings.Builder
	for _, line := range transcript {
		b.WriteString(strings.ReplaceAll(strings.TrimSuffix(brief(line), "\n"), "\n", `\n`) + "\n")
	}
	return b.String()
}

func brief(line string) string {
	var x struct {
		Kind, ID, Message, Time, Level, Line, URL, Endpoint, Error, System, Cluster, Resource string
		Body, Result                                                                          json.RawMessage
		Old, New                                                                              int64
	}
	if err := json.Unmarshal([]byte(line), &x); err != nil {
		return "unreadable " + line
	}
	switch x.Kind {
	case "influxdb_out", "loopback":
		return relative(x.Line)
	case "alert":
		t, _ := parseTime(x.Time)
		return fmt.Sprintf("%s %s %s: %s", x.Level, syntax.FormatDuration(time.Duration(t-Epoch)), x.ID, x.Message)
	case "log":
		if x.Level == "" {
			return x.Line
		}
		return fmt.Sprintf("log %s %s", x.Level, x.Line)
	case "http_post":
		return fmt.Sprintf("http_post %s %s", x.URL+x.Endpoint, x.Body)
	case "http_out":
		return fmt.Sprintf("http_out %s %s", x.Endpoint, x.Result)
	case "scale":
		return strings.TrimSpace(fmt.Sprintf("scale %s %s %d to %d %s", x.System, x.Resource, x.Old, x.New, x.Cluster))
	}
	return x.Kind + ": " + x.Error
}
