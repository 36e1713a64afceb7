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
	"time"

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

// A diskSetup is an agent with an alert that goes to a mail and an HTTP server.
type diskSetup struct {
	*setup
	hook *hook
	box  *mailbox
	sent int
}

func newDiskSetup(t testing.TB) *diskSetup {
	t.Helper()
	s := &diskSetup{setup: newSetup(t), hook: startHook(t, nil), box: startMailbox(t, "127.0.0.1:0")}
	s.state = s.file("disk/state")
	s.tick = `  checkpoint_interval = "100ms"`
	s.alerter = emailSection(s.box.addr)
	s.script("disk", `stream
    |from().measurement('m')
    |alert().crit(lambda: "v" > 0).id('disk').message('`+receiptText+`').details('').stateChangesOnly()
        .post('`+s.hook.URL+`').email()
`)
	return s
}

// alerts sends points at one level after the other, and waits until both receivers have all of them.
func (s *diskSetup) alerts(n int) {
	s.t.Helper()
	s.send(toggles(s.sent + n)[s.sent:]...)
	s.sent += n
	bodies, mails := posted(s.t, s.hook.wait(s.t, s.sent)), mailed(s.t, s.box.wait(s.t, s.sent))
	byHook, _, err := sortOut(bodies)
	require.NoError(s.t, err)
	require.NoError(s.t, byHook.chained())
	byMail, _, err := sortOut(mails)
	require.NoError(s.t, err)
	require.NoError(s.t, byHook.same(byMail))
	require.Len(s.t, byHook["disk"], s.sent)
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
	s.alerts(20)
	d.free()
	t.Log(a.waitFrom(mark, `I! \[outputs.alerter\] Spool: writes to .* again`))
	s.alerts(2) // an odd number in all
	a.alive()

	// What is on the disk now is worth something.
	saved := func() bool {
		info, err := os.Stat(filepath.Join(d.root, "state/tick/tasks.state"))
		return err == nil && info.Size() > 0
	}
	require.Eventually(t, saved, patience, 10*time.Millisecond)
	a.stop()
	a = s.start()
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
