package engine

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal/journaltest"
)

const sums = `stream|from().measurement('cpu')|window().periodCount(3).everyCount(3)|sum('usage_idle')|influxDBOut()`

func withState(dir string, pairs ...string) *rig {
	p := newRig(pairs...)
	p.conf.StateDirectory = dir
	return p
}

func TestStateSurvivesRestart(t *testing.T) {
	dir := t.TempDir()
	p := withState(dir, "cpu", alertScript, "sum", sums)
	first := p.run(t, cpu(5), cpu(50), cpu(5))
	require.Len(t, first, 4) // CRITICAL, OK, CRITICAL; one sum
	p = withState(dir, "cpu", alertScript, "sum", sums)
	require.Empty(t, p.run(t))
	p = withState(dir, "cpu", alertScript, "sum", sums)
	second := p.run(t, cpu(50))
	require.Len(t, second, 1)
	require.Equal(t, alert.Critical, second[0].event.Previous, "a recovery belongs to the alert before the restart")
	p = withState(dir, "sum", sums)
	third := p.run(t, cpu(1), cpu(2))
	require.Len(t, third, 1)
	require.InDelta(t, 53.0, third[0].field("sum"), 0, "the window goes on")
}

// TestStateUnchanged leaves the file alone as long as nothing happens.
func TestStateUnchanged(t *testing.T) {
	dir := t.TempDir()
	scripts := []string{"cpu", alertScript, "sum", sums, "a", sums, "b", sums, "c", alertScript}
	p := withState(dir, scripts...)
	p.conf.Checkpoint = time.Hour
	p.start(t)
	file := func() os.FileInfo {
		p.checkpoint()
		info, err := os.Stat(p.store.file)
		require.NoError(t, err)
		return info
	}
	p.Add(cpu(5))
	p.Drain()
	first := file()
	for range 10 {
		require.True(t, os.SameFile(first, file()))
	}
	p.Add(cpu(50))
	p.Drain()
	require.False(t, os.SameFile(first, file()))
}

func TestStateOfOtherScript(t *testing.T) {
	dir := t.TempDir()
	p := withState(dir, "x", sums)
	require.Empty(t, p.run(t, cpu(1)))
	p = withState(dir, "x", alertScript)
	require.Len(t, p.run(t, cpu(5)), 1)
	require.Empty(t, p.log.errors())
	require.True(t, said(p.log, `Task "x" has another script than when its state was saved; it begins anew`))
}

func said(log *recorder, text string) bool { return log.count(text) > 0 }

// TestStateOfChangedMessage keeps windows and levels when only what an alert says has changed.
func TestStateOfChangedMessage(t *testing.T) {
	dir := t.TempDir()
	const script = `stream|from().measurement('cpu')|window().periodCount(3).everyCount(3)|sum('usage_idle').as('s')|alert().crit(lambda: "s" > 10).message('old')`
	p := withState(dir, "x", script)
	require.Empty(t, p.run(t, cpu(5), cpu(6)))
	p = withState(dir, "x", strings.Replace(script, "'old'", "'new'", 1)+".slack()")
	got := p.run(t, cpu(1))
	require.Len(t, got, 1)
	require.Equal(t, "new", got[0].event.Message)
	require.False(t, said(p.log, "begins anew"))
	p = withState(dir, "x", strings.Replace(script, "> 10", "> 5", 1))
	got = p.run(t, cpu(0), cpu(0), cpu(0))
	require.Len(t, got, 1)
	require.Equal(t, alert.Critical, got[0].event.Previous, "the level stays")
	require.True(t, said(p.log, "it begins anew, but its alerts keep their levels"))
}

func TestBadStateFile(t *testing.T) {
	dir := t.TempDir()
	p := withState(dir, "x", sums)
	require.Empty(t, p.run(t, cpu(1), cpu(1)))
	file := stateFile(dir, false)
	good, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, b := range [][]byte{nil, []byte("x"), good[:len(good)-1], append(good[:len(good)-1:len(good)-1], good[len(good)-1]^1), append(good[:len(stateMagic)+40:len(stateMagic)+40], 1)} {
		require.NoError(t, os.WriteFile(file, b, 0o600))
		p := withState(dir, "x", sums)
		require.Empty(t, p.run(t, cpu(1)), "it begins anew")
		require.Len(t, p.log.errors(), 1)
		require.FileExists(t, file+".bad")
		require.NoError(t, os.Remove(file+".bad"))
	}
}

// TestStateDirectoryThatCannotBe has alerts go out all the same.
func TestStateDirectoryThatCannotBe(t *testing.T) {
	file := t.TempDir() + "/file"
	write(t, file, "")
	p := withState(file+"/state", "x", alertScript)
	require.Len(t, p.run(t, cpu(5)), 1)
	require.Len(t, p.log.errors(), 3)
	require.Contains(t, p.log.errors()[0], "state_directory: open "+file+"/state/tasks.state: not a directory; all tasks begin anew")
	require.Contains(t, p.log.errors()[1], "Outbox: cannot write to "+file+"/state: mkdir "+file+": not a directory; alerts go out all the same")
	require.Contains(t, p.log.errors()[2], "Cannot save the state of the tasks")
}

// TestStateLeftovers removes what a process has left that died while it wrote.
func TestStateLeftovers(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/.tasks.state.tmp", "x")
	write(t, dir+"/.tasks-after.state.tmp", "x")
	p := withState(dir, "x", alertScript)
	p.run(t)
	require.NoFileExists(t, dir+"/.tasks.state.tmp")
	require.FileExists(t, dir+"/.tasks-after.state.tmp", "that of the other instance")
}

func TestStateDirectoryInUse(t *testing.T) {
	dir := t.TempDir()
	p := withState(dir, "x", alertScript)
	p.start(t)
	other := withState(dir, "y", alertScript)
	other.init()
	require.ErrorContains(t, other.Open(), "state_directory "+dir+": in use by another process")
	p.Stop()
	third := withState(dir, "x", alertScript)
	require.Empty(t, third.run(t))
}

// TestStateCannotBeSaved says so once, and when it can be again.
func TestStateCannotBeSaved(t *testing.T) {
	dir := t.TempDir()
	p := withState(dir, "x", alertScript)
	p.start(t)
	for n := 1; n <= 2; n++ {
		inTheWay := stateFile(dir, false)
		require.NoError(t, os.RemoveAll(inTheWay))
		require.NoError(t, os.Mkdir(inTheWay, 0o700))
		for i := range 3 {
			p.Add(cpu(float64((n + i) % 2 * 50)))
			p.Drain()
			p.checkpoint()
		}
		require.Len(t, p.log.errors(), n)
		require.Contains(t, p.log.errors()[n-1], "Cannot save the state of the tasks: ")
		require.Equal(t, n-1, p.log.count("The state of the tasks can be saved again"))
		require.NoError(t, os.Remove(inTheWay))
		p.checkpoint()
		p.checkpoint()
		require.Equal(t, n, p.log.count("The state of the tasks can be saved again"))
	}
	p.Stop()
	require.Len(t, p.log.errors(), 2)
}

func TestCheckpoint(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		p := withState(dir, "x", sums)
		p.conf.Checkpoint = time.Second
		p.start(t)
		p.Add(pt("cpu", nil, map[string]any{"usage_idle": 7.0}, time.Unix(0, 0)))
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

// TestStateReadOnceMore tries again to read what would be lost, and writes over nothing that it cannot read.
func TestStateReadOnceMore(t *testing.T) {
	for _, failures := range []int{0, 1, 2, 3} {
		synctest.Test(t, func(t *testing.T) {
			disk := journaltest.NewDisk()
			p := newRig("x", alertScript)
			p.conf.StateDirectory, p.conf.Folder = "folder", disk.Folder("")
			require.Len(t, p.run(t, cpu(5)), 1)
			left := failures
			disk.SetFail(func(_ int, op *journaltest.Op) error {
				if op.Name == "tasks.state" && op.Kind == journaltest.Read && left > 0 {
					left--
					return syscall.EIO
				}
				return nil
			})
			q := newRig("x", alertScript)
			q.conf.StateDirectory, q.conf.Folder = "folder", disk.Folder("")
			if failures < 3 {
				require.Len(t, q.run(t, cpu(50)), 1, "the level is known")
				require.Empty(t, q.log.errors())
				return
			}
			require.Empty(t, q.run(t, cpu(50)))
			require.Equal(t, []string{"state_directory: input/output error; it is now tasks.state.bad, and all tasks begin anew"}, q.log.errors())
			require.Contains(t, disk.Folder("").Files, "tasks.state.bad")
		})
	}
}
