package tick

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
)

const sums = `stream|from().measurement('cpu')|window().periodCount(3).everyCount(3)|sum('usage_idle')|influxDBOut()`

func withState(dir string, pairs ...string) (*Tick, *testutil.CaptureLogger) {
	p, log := plugin(pairs...)
	p.StateDirectory = dir
	return p, log
}

// run starts p, gives it metrics and stops it; then all is delivered. It returns what the tasks made.
func run(t *testing.T, p *Tick, ms ...telegraf.Metric) []telegraf.Metric {
	t.Helper()
	acc := start(t, p)
	for _, m := range ms {
		require.NoError(t, p.Add(m, acc))
	}
	p.Stop()
	deliver(acc)
	return emitted(acc)
}

// deliver does what outputs do with what has come.
func deliver(acc *testutil.Accumulator) {
	for _, m := range acc.GetTelegrafMetrics() {
		m.Accept()
	}
}

func TestStateSurvivesRestart(t *testing.T) {
	dir := t.TempDir()
	p, _ := withState(dir, "cpu", alertScript, "sum", sums)
	first := run(t, p, cpu(5), cpu(50), cpu(5))
	require.Len(t, first, 4) // CRITICAL, OK, CRITICAL; one sum
	p, _ = withState(dir, "cpu", alertScript, "sum", sums)
	require.Empty(t, run(t, p))
	p, _ = withState(dir, "cpu", alertScript, "sum", sums)
	second := run(t, p, cpu(50))
	require.Len(t, second, 1)
	previous, _ := second[0].GetField("previous_level")
	require.Equal(t, "CRITICAL", previous, "a recovery belongs to the alert before the restart")
	p, _ = withState(dir, "sum", sums)
	third := run(t, p, cpu(1), cpu(2))
	require.Len(t, third, 1)
	sum, _ := third[0].GetField("sum")
	require.InDelta(t, 53.0, sum, 0, "the window goes on")
}

// TestStateUnchanged leaves the file alone as long as nothing happens.
func TestStateUnchanged(t *testing.T) {
	dir := t.TempDir()
	scripts := []string{"cpu", alertScript, "sum", sums, "a", sums, "b", sums, "c", alertScript}
	p, _ := withState(dir, scripts...)
	p.CheckpointInterval = config.Duration(time.Hour)
	acc := start(t, p)
	file := func() os.FileInfo {
		p.engine.checkpoint()
		info, err := os.Stat(p.engine.store.file)
		require.NoError(t, err)
		return info
	}
	require.NoError(t, p.Add(cpu(5), acc))
	p.engine.drain()
	first := file()
	for range 10 {
		require.True(t, os.SameFile(first, file()))
	}
	require.NoError(t, p.Add(cpu(50), acc))
	p.engine.drain()
	require.False(t, os.SameFile(first, file()))
}

func TestStateOfOtherScript(t *testing.T) {
	dir := t.TempDir()
	p, _ := withState(dir, "x", sums)
	require.Empty(t, run(t, p, cpu(1)))
	p, log := withState(dir, "x", alertScript)
	require.Len(t, run(t, p, cpu(5)), 1)
	require.Empty(t, log.Errors())
	require.True(t, said(log, `Task "x" has another script than when its state was saved; it begins anew`))
}

func said(log *testutil.CaptureLogger, text string) bool {
	return slices.ContainsFunc(log.Messages(), func(m testutil.Entry) bool { return strings.Contains(m.Text, text) })
}

// TestStateOfChangedMessage keeps windows and levels when only what an alert says has changed.
func TestStateOfChangedMessage(t *testing.T) {
	dir := t.TempDir()
	const script = `stream|from().measurement('cpu')|window().periodCount(3).everyCount(3)|sum('usage_idle').as('s')|alert().crit(lambda: "s" > 10).message('old')`
	p, _ := withState(dir, "x", script)
	require.Empty(t, run(t, p, cpu(5), cpu(6)))
	p, log := withState(dir, "x", strings.Replace(script, "'old'", "'new'", 1)+".slack()")
	got := run(t, p, cpu(1))
	require.Len(t, got, 1)
	text, _ := got[0].GetField("message")
	require.Equal(t, "new", text)
	require.False(t, said(log, "begins anew"))
	p, log = withState(dir, "x", strings.Replace(script, "> 10", "> 5", 1))
	got = run(t, p, cpu(0), cpu(0), cpu(0))
	require.Len(t, got, 1)
	before, _ := got[0].GetField("previous_level")
	require.Equal(t, "CRITICAL", before, "the level stays")
	require.True(t, said(log, "it begins anew, but its alerts keep their levels"))
}

func TestBadStateFile(t *testing.T) {
	dir := t.TempDir()
	p, _ := withState(dir, "x", sums)
	require.Empty(t, run(t, p, cpu(1), cpu(1)))
	file := stateFile(dir, false)
	good, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, b := range [][]byte{nil, []byte("x"), good[:len(good)-1], append(good[:len(good)-1:len(good)-1], good[len(good)-1]^1), append(good[:len(stateMagic)+40:len(stateMagic)+40], 1)} {
		require.NoError(t, os.WriteFile(file, b, 0o600))
		p, log := withState(dir, "x", sums)
		require.Empty(t, run(t, p, cpu(1)), "it begins anew")
		require.Len(t, log.Errors(), 1)
		require.FileExists(t, file+".bad")
		require.NoError(t, os.Remove(file+".bad"))
	}
}

// TestStateDirectoryThatCannotBe has alerts go out all the same.
func TestStateDirectoryThatCannotBe(t *testing.T) {
	file := t.TempDir() + "/file"
	write(t, file, "")
	p, log := withState(file+"/state", "x", alertScript)
	require.Len(t, run(t, p, cpu(5)), 1)
	require.Len(t, log.Errors(), 3)
	require.Contains(t, log.Errors()[0], "state_directory: open "+file+"/state/tasks.state: not a directory; all tasks begin anew")
	require.Contains(t, log.Errors()[1], "Outbox: cannot write to "+file+"/state: mkdir "+file+": not a directory; alerts go out all the same")
	require.Contains(t, log.Errors()[2], "Cannot save the state of the tasks")
}

// TestStateLeftovers removes what a process has left that died while it wrote.
func TestStateLeftovers(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/.tasks.state.tmp", "x")
	write(t, dir+"/.tasks-after.state.tmp", "x")
	p, _ := withState(dir, "x", alertScript)
	run(t, p)
	require.NoFileExists(t, dir+"/.tasks.state.tmp")
	require.FileExists(t, dir+"/.tasks-after.state.tmp", "that of the other instance")
}

func TestStateDirectoryInUse(t *testing.T) {
	dir := t.TempDir()
	p, _ := withState(dir, "x", alertScript)
	acc := start(t, p)
	other, _ := withState(dir, "y", alertScript)
	require.NoError(t, other.Init(), "nothing is opened")
	require.ErrorContains(t, other.Start(acc), "state_directory "+dir+": in use by another process")
	p.Stop()
	third, _ := withState(dir, "x", alertScript)
	require.Empty(t, run(t, third))
}

// TestStateCannotBeSaved says so once, and when it can be again.
func TestStateCannotBeSaved(t *testing.T) {
	dir := t.TempDir()
	p, log := withState(dir, "x", alertScript)
	acc := start(t, p)
	for n := 1; n <= 2; n++ {
		inTheWay := stateFile(dir, false)
		require.NoError(t, os.RemoveAll(inTheWay))
		require.NoError(t, os.Mkdir(inTheWay, 0o700))
		for i := range 3 {
			require.NoError(t, p.Add(cpu(float64((n+i)%2*50)), acc))
			p.engine.drain()
			p.engine.checkpoint()
		}
		require.Len(t, log.Errors(), n)
		require.Contains(t, log.LastError(), "Cannot save the state of the tasks: ")
		require.Equal(t, n-1, times(log, "The state of the tasks can be saved again"))
		require.NoError(t, os.Remove(inTheWay))
		p.engine.checkpoint()
		p.engine.checkpoint()
		require.Equal(t, n, times(log, "The state of the tasks can be saved again"))
	}
	p.Stop()
	require.Len(t, log.Errors(), 2)
}

// times returns how often a text was logged.
func times(log *testutil.CaptureLogger, text string) (n int) {
	for _, m := range log.Messages() {
		n += strings.Count(m.Text, text)
	}
	return n
}

func TestCheckpoint(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		p, _ := withState(dir, "x", sums)
		p.CheckpointInterval = config.Duration(time.Second)
		acc := start(t, p)
		require.NoError(t, p.Add(metric.New("cpu", nil, map[string]any{"usage_idle": 7.0}, time.Unix(0, 0)), acc))
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		saved, err := os.ReadFile(stateFile(dir, false))
		require.NoError(t, err)
		x, err := decodeState(saved)
		require.NoError(t, err)
		require.NotEmpty(t, x.Tasks["x"])
		p.Stop()
		left, err := journal.Dir(dir).Names()
		require.NoError(t, err)
		require.Equal(t, []string{"outbox-0000000001.log", "tasks.state", "tick.lock"}, left, "no temporary file stays")
	})
}
