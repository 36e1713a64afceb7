package tick

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"
)

const sums = `stream|from().measurement('cpu')|window().periodCount(3).everyCount(3)|sum('usage_idle')|influxDBOut()`

func withState(dir string, pairs ...string) (*Tick, *testutil.CaptureLogger) {
	p, log := plugin(pairs...)
	p.StateDirectory = dir
	return p, log
}

// run starts p, gives it metrics and stops it. It returns what the tasks made.
func run(t *testing.T, p *Tick, ms ...telegraf.Metric) []telegraf.Metric {
	t.Helper()
	acc := start(t, p)
	for _, m := range ms {
		require.NoError(t, p.Add(m, acc))
	}
	p.Stop()
	return emitted(acc)
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

func TestStateOfOtherScript(t *testing.T) {
	dir := t.TempDir()
	p, _ := withState(dir, "x", sums)
	require.Empty(t, run(t, p, cpu(1)))
	p, log := withState(dir, "x", alertScript)
	require.Len(t, run(t, p, cpu(5)), 1)
	require.Empty(t, log.Errors())
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

func TestStateDirectoryThatCannotBe(t *testing.T) {
	file := t.TempDir() + "/file"
	write(t, file, "")
	p, _ := withState(file+"/state", "x", sums)
	require.NoError(t, p.Init(), "nothing is opened")
	require.ErrorContains(t, p.Start(&testutil.Accumulator{}), "state_directory")
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
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, left, 1, "no temporary file stays")
	})
}
