package ticktest

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/replay"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// This file runs the examples that nodes declare: lines with times relative to Epoch.

// Epoch is the time 0s of examples: the start of 2024, in nanoseconds since the Unix epoch.
var Epoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()

// Absolute turns line protocol with relative times ("m v=1 10s") into one with nanoseconds.
func Absolute(lines string) (string, error) {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			b.WriteString(line + "\n")
			continue
		}
		i := strings.LastIndexByte(line, ' ')
		d, err := syntax.ParseDuration(line[i+1:])
		if err != nil {
			return "", fmt.Errorf("%s: %w", line, err)
		}
		fmt.Fprintf(&b, "%s %d\n", line[:i], Epoch+int64(d))
	}
	return b.String(), nil
}

// relative turns the time at the end of a line back.
func relative(line string) string {
	i := strings.LastIndexByte(line, ' ')
	t, err := strconv.ParseInt(line[i+1:], 10, 64)
	if err != nil {
		return line
	}
	return line[:i+1] + syntax.FormatDuration(time.Duration(t-Epoch))
}

// RunExample runs an example's script over its input and returns what comes out of the script's
// last node, as lines with relative times. If that is an influxDBOut, it is what is written.
func RunExample(x spec.Example) (string, error) {
	in, err := Absolute(x.In)
	if err != nil {
		return "", err
	}
	script := x.Script
	if !strings.Contains(script, "influxDBOut") && !strings.Contains(script, "kapacitorLoopback") {
		script += "|influxDBOut()"
	}
	t, err := task.Load(task.Config{Name: "example", Script: script, Zone: time.UTC})
	if err != nil {
		return "", err
	}
	src, err := replay.NewLines("in", strings.NewReader(in), t.DBRPs()[0])
	if err != nil {
		return "", err
	}
	var out []string
	err = replay.Run(t, src, replay.NewTranscript(new(strings.Builder)), replay.Options{Load: exampleDocuments, Deliver: func(e *spec.Effect) int {
		if e.Kind == spec.WriteEffect || e.Kind == spec.LoopbackEffect {
			out = append(out, relative(string(point.AppendLine(nil, e.Point))))
		}
		return 200
	}})
	return strings.Join(out, "\n"), err
}

// exampleDocuments are what a sideload node finds in an example, whatever its source.
func exampleDocuments(string) (spec.Documents, []error) {
	return spec.Documents{"hosts/a.yml": {"limit": point.IntValue(98)}, "default.yml": {"limit": point.FloatValue(50.5)}}, nil
}

// RunHeader runs a script over the "Example Input:" of its header comment. It returns what the
// header's "Example Output:" says and what came out: a line for each alert event ("LEVEL time id:
// message") and each point written.
func RunHeader(file, script string) (want, got string, err error) {
	sections := map[string]string{}
	section := ""
	for line := range strings.Lines(script) {
		text, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "//")
		if !ok {
			break
		}
		switch text = strings.TrimSpace(text); {
		case strings.HasSuffix(text, ":") && strings.HasPrefix(text, "Example "):
			section = text
		case section != "" && text != "":
			sections[section] += text + "\n"
		}
	}
	in, err := Absolute(sections["Example Input:"])
	if err != nil {
		return "", "", err
	}
	t, err := task.Load(task.Config{Name: "example", File: file, Script: script, Zone: time.UTC})
	if err != nil {
		return "", "", err
	}
	src, err := replay.NewLines(file, strings.NewReader(in), t.DBRPs()[0])
	if err != nil {
		return "", "", err
	}
	var out strings.Builder
	err = replay.Run(t, src, replay.NewTranscript(new(strings.Builder)), replay.Options{Deliver: func(e *spec.Effect) int {
		switch e.Kind {
		case spec.AlertEffect:
			v := e.Event
			fmt.Fprintf(&out, "%s %s %s: %s\n", v.Level, syntax.FormatDuration(time.Duration(v.Time-Epoch)), v.ID, v.Message)
		case spec.WriteEffect:
			out.WriteString(relative(string(point.AppendLine(nil, e.Point))) + "\n")
		case spec.ErrorEffect:
			out.WriteString("error: " + e.Text + "\n")
		}
		return 200
	}})
	return sections["Example Output:"], out.String(), err
}
