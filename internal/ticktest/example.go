package ticktest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
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
	script := x.Script
	if !strings.Contains(script, "influxDBOut") && !strings.Contains(script, "kapacitorLoopback") {
		script += "|influxDBOut()"
	}
	got, err := replayExample(script, x.In, "influxdb_out", "loopback", "error")
	return strings.TrimSuffix(got, "\n"), err
}

// replayExample runs a script over lines with relative times and returns what comes out of some kinds, as
// [Brief] has it.
func replayExample(script, in string, kinds ...string) (string, error) {
	data, err := Absolute(in)
	if err != nil {
		return "", err
	}
	v := Vector{Name: "example", Script: script, Data: []byte(data), Documents: exampleDocuments}
	got, err := v.Replay()
	got = slices.DeleteFunc(got, func(line string) bool {
		return !slices.ContainsFunc(kinds, func(k string) bool { return strings.HasPrefix(line, `{"kind":"`+k+`"`) })
	})
	return Brief(got), err
}

// exampleDocuments are what a sideload node finds in an example, whatever its source.
func exampleDocuments(string) (spec.Documents, []error) {
	return spec.Documents{"hosts/a.yml": {"limit": point.IntValue(98)}, "default.yml": {"limit": point.FloatValue(50.5)}}, nil
}

// RunHeader runs a script over the "Example Input:" of its header comment. It returns what the
// header's "Example Output:" says and what came out: alert events and points written, as [Brief]
// has them.
func RunHeader(script string) (want, got string, err error) {
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
	got, err = replayExample(script, sections["Example Input:"], "alert", "influxdb_out", "error")
	return sections["Example Output:"], got, err
}
