//go:build unix

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/udf/python/pythontest"
)

// copyExample copies a folder of examples with texts replaced, each of which must be in a file.
func copyExample(t testing.TB, name string, replace map[string]string) folder {
	t.Helper()
	f := newFolder(t)
	files, err := os.ReadDir(filepath.Join(root, "examples", name))
	require.NoError(t, err)
	found := make(map[string]bool)
	// In one go, since what one text becomes may contain another; the longest first, for the same reason.
	var pairs []string
	for _, old := range slices.SortedFunc(maps.Keys(replace), func(a, b string) int { return len(b) - len(a) }) {
		pairs = append(pairs, old, replace[old])
	}
	replacer := strings.NewReplacer(pairs...)
	for _, file := range files {
		b, err := os.ReadFile(filepath.Join(root, "examples", name, file.Name()))
		require.NoError(t, err)
		text := string(b)
		for old := range replace {
			found[old] = found[old] || strings.Contains(text, old)
		}
		text = replacer.Replace(text)
		info, err := file.Info()
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(f.write(file.Name(), text), []byte(text), info.Mode()))
		require.NoError(t, os.Chmod(f.file(file.Name()), info.Mode()))
	}
	for old := range replace {
		require.True(t, found[old], "%q is in no file of examples/%s", old, name)
	}
	return f
}

// A line is one of the transcript of a replay.
type line struct {
	Kind, ID, Message, Level, Line, Error string
	Time                                  time.Time
}

// replay runs a script of the folder over points, with the functions of its telegraf.conf.
func (f folder) replay(script, points string) (lines []line) {
	f.t.Helper()
	data := f.write("points.lp", points)
	cmd := exec.Command(agentBinary, "tick", "replay", script, "-data", data, "-config", "telegraf.conf")
	cmd.Dir = f.path
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(f.t, err, "%s%s", out, stderr.String())
	for text := range strings.Lines(string(out)) {
		var l line
		require.NoError(f.t, json.Unmarshal([]byte(text), &l))
		lines = append(lines, l)
	}
	return lines
}

// alerts returns what the transcript says of alerts.
func alerts(lines []line) (out []string) {
	for _, l := range lines {
		if l.Kind == "alert" {
			out = append(out, l.Level+" "+l.Message)
		}
	}
	return out
}

// buildGo builds a program, with our module.
func buildGo(t testing.TB, out, source string) {
	t.Helper()
	_, err := command("go", "build", "-trimpath", "-o", out, source)
	require.NoError(t, err)
}

// TestUDFDocs does what docs/udf.md says: its function in Python and the one in Go, with its script,
// its configuration and its points, print what it says.
func TestUDFDocs(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(filepath.Join(root, "docs", "udf.md"))
	require.NoError(t, err)
	files := make(map[string]string)
	for _, m := range regexp.MustCompile("(?s)\n`([a-z.]+)`:\n\n```[a-z]*\n(.*?)```\n").FindAllStringSubmatch(string(b), -1) {
		files[m[1]] = m[2]
	}
	require.Len(t, files, 5)
	want := regexp.MustCompile("(?s)\nprints\n\n```\n(.*?)```\n").FindStringSubmatch(string(b))
	require.NotNil(t, want)

	run := func(t *testing.T, f folder, command string) {
		conf := strings.Replace(files["telegraf.conf"], `command = ["python3", "-u", "smooth.py"]`, command, 1)
		require.NotEqual(t, files["telegraf.conf"], conf)
		for name, text := range files {
			f.write(name, text)
		}
		f.write("telegraf.conf", strings.Replace(conf, "/opt/telegraf-tigk/udf/python", filepath.Join(root, "udf", "python"), 1))
		got := ""
		for _, l := range f.replay("smooth.tick", files["points.lp"]) {
			got += l.Message + "\n"
		}
		require.Equal(t, want[1], got)
	}
	t.Run("python", func(t *testing.T) {
		t.Parallel()
		python := pythontest.Interpreter(t)
		run(t, newFolder(t), `command = ["`+python+`", "-u", "smooth.py"]`)
	})
	t.Run("go", func(t *testing.T) {
		t.Parallel()
		f := newFolder(t)
		buildGo(t, f.file("smooth"), f.write("smooth.go", files["smooth.go"]))
		run(t, f, `command = ["`+f.file("smooth")+`"]`)
	})
}

// TestUDFMirror is the example in Go that serves a socket.
func TestUDFMirror(t *testing.T) {
	t.Parallel()
	socket := newFolder(t).file("mirror.sock")
	f := copyExample(t, "mirror", map[string]string{"/tmp/mirror.sock": socket})
	buildGo(t, f.file("mirror"), "./examples/mirror")
	server := exec.Command(f.file("mirror"), "-socket", socket)
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		require.NoError(t, server.Process.Signal(os.Interrupt))
		require.NoError(t, server.Wait())
	})
	eventually(t, func() error { _, err := os.Stat(socket); return err })

	lines := f.replay("mirror.tick", "cpu,cpu=cpu0 usage_idle=99 1\nmem used=1i 2\ncpu usage_idle=98,s=\"ü\",b=true,n=3i 3\n")
	require.Len(t, lines, 2)
	for i, want := range []string{"usage_idle=99", "usage_idle=98"} {
		require.Contains(t, lines[i].Line, "mirrored")
		require.Contains(t, lines[i].Line, "mycustom_field=42")
		require.Contains(t, lines[i].Line, want)
	}
	require.Contains(t, lines[1].Line, "n=3")
}

// TestUDFOutlier is the example of a batch function in Go.
func TestUDFOutlier(t *testing.T) {
	t.Parallel()
	f := copyExample(t, "outlier", nil)
	buildGo(t, f.file("outlier"), "./examples/outlier")
	var points strings.Builder
	for i := range 200 {
		for host, every := range map[string]int{"a": 50, "b": 1000} {
			v := 0.010 + 0.001*float64(i%7)
			if i%every == 25 {
				v = 0.5
			}
			fmt.Fprintf(&points, "http_response,host=%s response_time=%g %d\n", host, v, i*100_000_000)
		}
	}
	lines := f.replay("outlier.tick", points.String()+"http_response,host=a response_time=0.01 30000000000\nhttp_response,host=b response_time=0.01 30000000000\n")
	got := alerts(lines)
	require.Contains(t, got, "WARNING outlier:a: one took 0.5 s")
	require.Contains(t, got, "WARNING outlier:b: one took 0.5 s")
}

// movingAverage returns the example in Python that has a snapshot.
func movingAverage(t *testing.T) folder {
	python := pythontest.Interpreter(t)
	return copyExample(t, "moving_average", map[string]string{
		`"python3"`: `"` + python + `"`, "../../udf/python": filepath.Join(root, "udf", "python"),
	})
}

func TestUDFMovingAverage(t *testing.T) {
	t.Parallel()
	var points strings.Builder
	for i, idle := range []int{90, 10, 10, 10, 10, 10, 10, 10, 80, 80} {
		fmt.Fprintf(&points, "cpu,cpu=cpu-total,host=a usage_idle=%d %d\n", idle, i)
	}
	require.Equal(t, []string{
		"WARNING busy:a is WARNING: 10.0 % idle",
		"OK busy:a is OK: 21.7 % idle",
	}, alerts(movingAverage(t).replay("moving_average.tick", points.String())))
}

// printer returns the example of the printer, and where its logs are.
func printer(t *testing.T, replace map[string]string) (f, logs folder) {
	python := pythontest.Interpreter(t)
	logs = newFolder(t)
	all := map[string]string{"../../": root + "/", "/tmp/": logs.path + "/", "${PYTHON:-python3}": python}
	maps.Copy(all, replace)
	return copyExample(t, "printer", all), logs
}

// hours returns the hours since the start at which windows begin that a part failed in.
func hours(ends []time.Time) (out []string) {
	for _, e := range ends {
		out = append(out, e.Add(-5*time.Minute).UTC().Format("15:04"))
	}
	return out
}

// TestUDFPrinterReplay runs the example of the printer over its 24 hours, without an agent. What the script
// says are anomalies is what the generator says is wrong, and nothing else.
func TestUDFPrinterReplay(t *testing.T) {
	t.Parallel()
	f, _ := printer(t, nil)
	temperatures := pythontest.Command(t, "temperatures.py", "--url", "-")
	temperatures.Dir = f.path
	points, err := temperatures.Output()
	require.NoError(t, err)
	failures := make(map[string][]time.Time)
	for _, l := range f.replay("print_temps.tick", string(points)) {
		require.Equal(t, "alert", l.Kind)
		if l.Level == "CRITICAL" {
			failures[l.ID] = append(failures[l.ID], l.Time)
		}
	}
	require.Equal(t, []string{"01:00"}, hours(failures["hotend"]))
	require.Equal(t, []string{"08:00", "08:05", "08:10"}, hours(failures["bed"]))
	require.Equal(t, []string{"12:00", "12:05", "12:10", "12:15", "12:20", "12:25"}, hours(failures["air"]))
	require.Len(t, failures, 3)
}

// TestUDFPrinter runs the command of the example with an agent, over its first hours.
func TestUDFPrinter(t *testing.T) {
	t.Parallel()
	f, logs := printer(t, map[string]string{"127.0.0.1:8186": local(freePort(t))})
	cmd := exec.Command(f.file("run"), "9")
	cmd.Env = append(os.Environ(), "AGENT="+agentBinary, "PYTHON="+pythontest.Interpreter(t))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for log, want := range map[string][]string{
		"hotend_failure.log": {"01:00"},
		"bed_failure.log":    {"08:00", "08:05", "08:10"},
		"air_failure.log":    nil,
	} {
		b, err := os.ReadFile(logs.file(log))
		if want != nil {
			require.NoError(t, err, "%s", out)
		}
		var failures []time.Time
		for text := range strings.Lines(string(b)) {
			var l line
			require.NoError(t, json.Unmarshal([]byte(text), &l))
			if l.Level == "CRITICAL" {
				failures = append(failures, l.Time)
			}
		}
		require.Equal(t, want, hours(failures), "%s: %s\n%s", log, b, out)
	}
	require.Contains(t, string(out), logs.file("hotend_failure.log")+": windows that end at\n  2016-01-01T01:05:00Z\n"+logs.file("bed_failure.log"))
}

// TestUDFSnapshot has the windows of a function in Python survive the restart of the agent.
func TestUDFSnapshot(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.state = s.file("state")
	s.inputs = `[[inputs.udfsock]]
  name = "movingAverage"
  command = ["` + pythontest.Interpreter(t) + `", "-u", "` + filepath.Join(root, "examples", "moving_average", "moving_average.py") + `"]
  environment = ["PYTHONPATH=` + pythontest.Path() + `"]
`
	script, err := os.ReadFile(filepath.Join(root, "examples", "moving_average", "moving_average.tick"))
	require.NoError(t, err)
	s.script("moving_average", strings.Replace(string(script), "/tmp/moving_average.log", s.file("alerts.log"), 1))
	a := s.start()
	for i := range 6 {
		s.send(fmt.Sprintf("cpu,cpu=cpu-total,host=a usage_idle=10 %d", i+1))
	}
	require.Contains(t, s.lines("alerts.log", 1)[0], "busy:a is WARNING: 10.0 % idle")
	a.stop()
	s.start()
	s.send("cpu,cpu=cpu-total,host=a usage_idle=80 7")
	require.Contains(t, s.lines("alerts.log", 2)[1], "busy:a is OK: 21.7 % idle")
}
