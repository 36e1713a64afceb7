// Package ticktest runs scripts in tests: conformance vectors recorded from Kapacitor, and examples.
package ticktest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/replay"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
	"github.com/telegraf-tigk/telegraf-tigk/internal/udf"
)

// A Vector is a script with data and what Kapacitor made of it.
type Vector struct {
	Name      string
	Script    string
	Data      []byte
	Want      []string
	Unordered bool    // several groups or branches of one instant have no defined order
	Tolerance float64 // relative, of floats

	// Documents are what sideload gets of a source; nil reads folders.
	Documents func(source string) (spec.Documents, []error)

	// Answer, unless nil, answers the script's questions; it is given what a replay would answer.
	Answer func(a spec.Ask, likely spec.Reply) spec.Reply

	// The user-defined functions that the script may use.
	UDF      func(name string) (udf.Info, error)
	Function func(u task.UDF) (replay.Function, error)
}

// LoadVector reads a vector from a txtar file. The result is nil for a vector of the formatter.
func LoadVector(file string) (*Vector, error) {
	a, err := txtar.ParseFile(file)
	if err != nil {
		return nil, err
	}
	v := &Vector{Name: strings.TrimSuffix(filepath.Base(file), ".txtar"), Tolerance: 1e-9}
	for line := range strings.Lines(string(a.Comment)) {
		line = strings.TrimSpace(strings.TrimPrefix(line, "#"))
		if line == "unordered" {
			v.Unordered = true
		}
		if x, ok := strings.CutPrefix(line, "tolerance "); ok {
			if f, err := strconv.ParseFloat(x, 64); err == nil {
				v.Tolerance = f
			}
		}
	}
	for _, f := range a.Files {
		switch f.Name {
		case "script.tick":
			v.Script = string(f.Data)
		case "data.lp":
			v.Data = f.Data
		case "want.jsonl":
			v.Want = splitLines(f.Data)
		case "in.tick":
			return nil, nil //nolint:nilnil // documented
		}
	}
	return v, nil
}

// Vectors returns the files of all vectors in dir, the formatter's included.
func Vectors(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err == nil && len(files) == 0 {
		err = os.ErrNotExist
	}
	return files, err
}

func splitLines(b []byte) []string {
	var out []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimRight(line, "\n"); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// Replay runs the vector's script over its data and returns the transcript.
func (v *Vector) Replay() ([]string, error) {
	return v.replay(replay.Options{Answer: v.answer, Function: v.Function})
}

// ReplaySaved is Replay with the task saved after n items of the data, dropped, built anew and
// restored; its functions are too. It reports whether the data has as many, and how large the snapshot was.
func (v *Vector) ReplaySaved(n int) (transcript []string, snapshot int, err error) {
	fs := &restarter{open: v.Function}
	transcript, err = v.replay(replay.Options{Answer: v.answer, Function: fs.begin, Between: func(i int, t *task.Task) (*task.Task, error) {
		if i != n || t.Failed() != nil {
			return t, nil //nolint:nilerr // that it has failed is in the transcript
		}
		if err := fs.save(t); err != nil {
			return nil, err
		}
		var buf bytes.Buffer
		if err := t.Save(&buf); err != nil {
			return nil, err
		}
		snapshot = buf.Len()
		topics := new(alert.Topics)
		topics.Load(t.Topics().Snapshot())
		fresh, err := v.load(topics)
		if err != nil {
			return nil, err
		}
		if err := fresh.Start(t.Now()); err != nil {
			return nil, err
		}
		if err := fresh.Restore(&buf); err != nil {
			return nil, err
		}
		return fresh, fs.restart(fresh)
	}})
	return transcript, snapshot, err
}

// describe answers what is asked about functions.
func (v *Vector) describe(b spec.Body) spec.Reply {
	if f, ok := b.(spec.Function); ok && v.UDF != nil {
		return spec.Described(v.UDF(f.Name))
	}
	return b.Likely()
}

// answer answers a question of the script.
func (v *Vector) answer(a spec.Ask) spec.Reply {
	if v.Answer == nil {
		return v.likely(a)
	}
	return v.Answer(a, v.likely(a))
}

// likely answers with the vector's documents, if it has some.
func (v *Vector) likely(a spec.Ask) spec.Reply {
	l, ok := a.Body.(spec.Load)
	if !ok || v.Documents == nil {
		return replay.Likely(a)
	}
	docs, errs := v.Documents(l.Source)
	reply := spec.Loaded{Documents: docs}
	for _, err := range errs {
		reply.Errors = append(reply.Errors, err.Error())
	}
	return reply
}

func (v *Vector) replay(o replay.Options) ([]string, error) {
	var out bytes.Buffer
	w := replay.NewTranscript(&out)
	t, err := v.Load()
	if err != nil {
		w.Error(err.Error())
		return splitFlushed(w, &out), nil // a rejection is part of the transcript
	}
	src, err := replay.NewLines(v.Name+".lp", bytes.NewReader(v.Data), t.DBRPs()[0])
	if err != nil {
		return nil, err
	}
	_ = replay.Run(t, src, w, o) // its error is in the transcript
	return splitFlushed(w, &out), nil
}

// Load loads the vector's script as a task that has the vector's name.
func (v *Vector) Load() (*task.Task, error) { return v.load(nil) }

func (v *Vector) load(topics *alert.Topics) (*task.Task, error) {
	host, err := os.Hostname() // as the agent does
	if err != nil {
		return nil, err
	}
	return task.Load(task.Config{Topics: topics, Host: host, Name: v.Name, File: v.Name + ".tick", Script: v.Script, Zone: time.UTC, Ask: v.describe, DBRPs: []spec.DBRP{{DB: "telegraf", RP: "autogen"}}})
}

func splitFlushed(w *replay.Transcript, out *bytes.Buffer) []string {
	_ = w.Flush()
	return splitLines(out.Bytes())
}

// Compare returns how got differs from what the vector wants, "" if it does not. Floats may differ
// by the tolerance. The text of a script's rejection may differ, but not that of other errors.
func (v *Vector) Compare(got []string) string {
	g, w := parseLines(got), parseLines(v.Want)
	if strings.HasPrefix(v.Name, "reject-") {
		if len(g) == 1 && g[0]["kind"] == "error" {
			return ""
		}
		return "want one error, got:\n" + strings.Join(got, "\n")
	}
	if v.Unordered {
		sortLines(g)
		sortLines(w)
	}
	for i := range max(len(g), len(w)) {
		switch {
		case i >= len(g):
			return fmt.Sprintf("line %d is missing: %s\n%s", i+1, show(w[i]), count(g, w))
		case i >= len(w):
			return fmt.Sprintf("line %d is too many: %s\n%s", i+1, show(g[i]), count(g, w))
		}
		if _, ok := w[i]["details"]; !ok {
			delete(g[i], "details")
		}
		if !v.same(g[i], w[i]) {
			return fmt.Sprintf("line %d\n got %s\nwant %s\n%s", i+1, show(g[i]), show(w[i]), count(g, w))
		}
	}
	return ""
}

func count(g, w []map[string]any) string { return fmt.Sprintf("(%d lines, want %d)", len(g), len(w)) }

func show(m map[string]any) string {
	b, _ := json.Marshal(m)
	return string(b)
}

func parseLines(lines []string) []map[string]any {
	out := make([]map[string]any, len(lines))
	for i, l := range lines {
		d := json.NewDecoder(strings.NewReader(l))
		d.UseNumber()
		if err := d.Decode(&out[i]); err != nil {
			out[i] = map[string]any{"kind": "unreadable", "error": err.Error(), "line": l}
		}
	}
	return out
}

func sortLines(ls []map[string]any) {
	slices.SortStableFunc(ls, func(a, b map[string]any) int { return slices.Compare(sortKey(a), sortKey(b)) })
}

// sortKey orders by time, kind, id or series, database and the rest; lines without time come last.
func sortKey(m map[string]any) []string {
	str := func(k string) string { s, _ := m[k].(string); return s }
	t, id := str("time"), str("id")
	if line := str("line"); line != "" && str("kind") != "log" {
		i := strings.LastIndexByte(line, ' ')
		t = fmt.Sprintf("%020s", line[i+1:])
		id = series(line)
	} else if t != "" {
		t = timeKey(t)
	}
	if t == "" {
		t = "~"
	}
	details := m["details"]
	delete(m, "details")
	rest := show(m)
	if details != nil {
		m["details"] = details
	}
	return []string{t, str("kind"), id, str("database"), rest}
}

var typePackage = regexp.MustCompile(`in type \w+\.`)

// same compares two parsed lines.
func (v *Vector) same(g, w any) bool {
	switch w := w.(type) {
	case map[string]any:
		g, ok := g.(map[string]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for k := range w {
			if ws, ok := w[k].(string); ok && k == "error" {
				// Go's template package names the package of a data type.
				gs, ok := g[k].(string)
				if !ok || typePackage.ReplaceAllString(gs, "in type ") != typePackage.ReplaceAllString(ws, "in type ") {
					return false
				}
				continue
			}
			if ws, ok := w[k].(string); ok && k == "line" {
				gs, ok := g[k].(string)
				if !ok || !v.sameLine(gs, ws) {
					return false
				}
				continue
			}
			if !v.same(g[k], w[k]) {
				return false
			}
		}
		return true
	case []any:
		g, ok := g.([]any)
		return ok && slices.EqualFunc(g, w, v.same)
	case json.Number:
		g, ok := g.(json.Number)
		return ok && v.sameNumber(g.String(), w.String())
	}
	return g == w
}

func (v *Vector) sameNumber(g, w string) bool {
	if g == w {
		return true
	}
	x, err1 := strconv.ParseFloat(g, 64)
	y, err2 := strconv.ParseFloat(w, 64)
	if err1 != nil || err2 != nil {
		return false
	}
	return x == y || math.IsNaN(x) && math.IsNaN(y) || math.Abs(x-y) <= v.Tolerance*max(math.Abs(x), math.Abs(y))
}

// sameLine compares line protocol with the fields sorted by name in both.
func (v *Vector) sameLine(g, w string) bool {
	if g == w {
		return true
	}
	gf, wf := lineParts(g), lineParts(w)
	return slices.EqualFunc(gf, wf, func(a, b string) bool {
		ak, av, _ := strings.Cut(a, "=")
		bk, bv, _ := strings.Cut(b, "=")
		return a == b || ak == bk && !strings.HasSuffix(bv, "i") && v.sameNumber(av, bv)
	})
}

// series returns measurement and tags of a line.
func series(line string) string { return lineParts(line)[0] }

// lineParts cuts a line at the blanks and commas that are neither escaped nor quoted: series,
// fields, time. The commas of the series stay.
func lineParts(line string) []string {
	var parts []string
	quoted, start, section := false, 0, 0
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\':
			i++
		case c == '"' && section == 1:
			quoted = !quoted
		case quoted:
		case c == ' ':
			parts = append(parts, line[start:i])
			start = i + 1
			section++
		case c == ',' && section == 1:
			parts = append(parts, line[start:i])
			start = i + 1
		}
	}
	return append(parts, line[start:])
}

func timeKey(t string) string {
	x, err := parseTime(t)
	if err != nil {
		return t
	}
	return fmt.Sprintf("%020d", x)
}

func parseTime(t string) (int64, error) {
	x, err := time.Parse(time.RFC3339Nano, t)
	return x.UnixNano(), err
}
