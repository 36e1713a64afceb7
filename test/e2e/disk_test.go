//go:build unix

package e2e

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// This file tests what happens when the state cannot be written. The file system for it is a small
// one in memory that only the agent sees, mounted in a namespace of its own; that needs no more
// rights than to make such a namespace.

// A disk is a small file system of its own.
type disk struct {
	t    testing.TB
	path string // where it is mounted
	root string // where we see the same folder
	in   []string
}

// newDisk mounts 4 MB at path, in a namespace that lasts until the test ends.
func newDisk(t testing.TB, path string) *disk {
	t.Helper()
	unshare := []string{"unshare", "--mount"}
	if os.Getuid() != 0 {
		unshare = append(unshare, "--user", "--map-root-user")
	}
	require.NoError(t, os.MkdirAll(path, 0o755))
	// The shell holds the namespace until its input ends.
	argv := append(unshare, "sh", "-c", `mount -t tmpfs -o size=4m,mode=0777 tmpfs "$1" && echo mounted && exec cat`, "sh", path)
	holder := exec.Command(argv[0], argv[1:]...)
	in, err := holder.StdinPipe()
	require.NoError(t, err)
	out, err := holder.StdoutPipe()
	require.NoError(t, err)
	var problem strings.Builder
	holder.Stderr = &problem
	err = holder.Start()
	if err == nil {
		var b [8]byte
		if _, err = io.ReadFull(out, b[:]); err != nil {
			err = holder.Wait()
		}
	}
	if err != nil {
		t.Skipf("NOT RUN: state on a file system of its own, since none can be mounted here: %v: %s", err, problem.String())
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = holder.Wait()
	})
	pid := fmt.Sprint(holder.Process.Pid)
	d := &disk{t: t, path: path, root: "/proc/" + pid + "/root" + path, in: []string{"nsenter", "--target", pid, "--mount"}}
	if os.Getuid() != 0 {
		d.in = append(d.in, "--user", "--preserve-credentials")
	}
	return d
}

// fill leaves no space on the disk.
func (d *disk) fill() {
	d.t.Helper()
	f, err := os.Create(filepath.Join(d.root, "filler"))
	require.NoError(d.t, err)
	defer f.Close()
	for size := 1 << 20; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		require.ErrorContains(d.t, err, "no space left on device")
	}
}

// free undoes fill.
func (d *disk) free() {
	d.t.Helper()
	require.NoError(d.t, os.Remove(filepath.Join(d.root, "filler")))
}

// readOnly makes the disk one that can only be read.
func (d *disk) readOnly() {
	d.t.Helper()
	argv := append(d.in[:len(d.in):len(d.in)], "mount", "-o", "remount,bind,ro", d.path)
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	require.NoError(d.t, err, "%s", out)
}

// A diskSetup is an agent with an alert that goes to a mail and an HTTP server, and to a file that is
// not on the disk in question.
type diskSetup struct {
	*setup
	receivers
	sent int
}

func newDiskSetup(t testing.TB) *diskSetup {
	t.Helper()
	s := &diskSetup{setup: newSetup(t), receivers: startReceivers(t)}
	s.state = s.file("disk/state")
	s.tick = `  checkpoint_interval = "100ms"`
	s.alerter = emailSection(s.box.addr)
	s.script("disk", `stream
    |from().measurement('m')
    |alert().crit(lambda: "v" > 0).id('disk').message('`+receiptText+`').details('').stateChangesOnly()
        .post('`+s.hook.URL+`').email().log('`+s.file("alerts.log")+`')
`)
	return s
}

// decide sends points at one level after the other, and waits until all are in the file.
func (s *diskSetup) decide(n int) {
	s.t.Helper()
	s.send(toggles(s.sent + n)[s.sent:]...)
	s.sent += n
	s.lines("alerts.log", s.sent)
}

// delivered waits until both receivers have all alerts. It returns the number of repeats.
func (s *diskSetup) delivered() int {
	s.t.Helper()
	got := s.wait(s.t, s.sent)
	require.NoError(s.t, got.whole())
	require.Len(s.t, got.byHook["disk"], s.sent)
	return got.repeats()
}

// alerts makes n alerts, which are to be delivered once.
func (s *diskSetup) alerts(n int) {
	s.t.Helper()
	s.decide(n)
	require.Zero(s.t, s.delivered(), "repeats")
}

// says waits until both plugins have named the trouble, and returns the lines. A trouble that lasts
// must not fill the log.
func (s *diskSetup) says(a *agent, mark int, what string) []string {
	s.t.Helper()
	a.waitFrom(mark, `[EW]! \[processors.tick\] .*`+what)
	a.waitFrom(mark, `[EW]! \[outputs.alerter\] .*`+what)
	lines := a.matches(mark, what)
	require.LessOrEqual(s.t, len(lines), 10, "lines about it: %s", strings.Join(lines, "\n"))
	return lines
}

// The disk is full for a while.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	s := newDiskSetup(t)
	d := newDisk(t, s.file("disk"))
	s.wrap = d.in
	a := s.start()
	s.alerts(5)
	d.fill()
	mark := a.mark()
	s.alerts(200)
	for _, line := range s.says(a, mark, "no space left on device") {
		t.Log(line)
	}
	s.down(true)
	s.decide(20)
	require.LessOrEqual(t, len(a.matches(mark, "no space left on device")), 10, "lines about it")
	d.free()
	t.Log(a.waitFrom(mark, `I! \[processors.tick\] .* writes to .* again`))
	t.Log(a.waitFrom(mark, `I! \[outputs.alerter\] .* writes to .* again`))

	// What could not be delivered is on the disk now.
	a.kill()
	s.down(false)
	a = s.start()
	require.Zero(t, s.delivered(), "repeats")
	s.alerts(3)
	a.alive()
	t.Logf("%d alerts delivered before, during and after", s.sent)
}

// The agent starts when the disk is full.
func TestStartOnFullDisk(t *testing.T) {
	t.Parallel()
	s := newDiskSetup(t)
	d := newDisk(t, s.file("disk"))
	s.wrap = d.in
	d.fill()
	a := s.start()
	s.alerts(50)
	for _, line := range s.says(a, 0, "no space left on device") {
		t.Log(line)
	}
	a.alive()
	t.Logf("%d alerts delivered", s.sent)
}

// The state can be read, but not written any more.
func TestReadOnlyState(t *testing.T) {
	t.Parallel()
	s := newDiskSetup(t)
	d := newDisk(t, s.file("disk"))
	s.wrap = d.in
	a := s.start()
	s.alerts(5) // the last one is CRITICAL
	a.stop()
	d.readOnly()
	a = s.start()
	s.send("m,host=a v=1i 1511323444500000000") // still CRITICAL
	s.alerts(50)
	for _, line := range s.says(a, 0, "read-only file system") {
		t.Log(line)
	}
	a.alive()
	t.Logf("%d alerts delivered", s.sent)
}

// The folder for the state cannot even be made.
func TestNoStateFolder(t *testing.T) {
	t.Parallel()
	s := newDiskSetup(t)
	s.write("disk", "in the way")
	a := s.start()
	s.alerts(50)
	for _, line := range s.says(a, 0, "not a directory") {
		t.Log(line)
	}
	a.alive()
	t.Logf("%d alerts delivered", s.sent)
}
