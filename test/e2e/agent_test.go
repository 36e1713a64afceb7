//go:build unix

package e2e

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A folder is where a test keeps its files. Its path is short, since sockets are in it.
type folder struct {
	t    testing.TB
	path string
}

func newFolder(t testing.TB) folder {
	t.Helper()
	path, err := os.MkdirTemp("", "e2e-") //nolint:usetesting // t.TempDir is too long a path for a socket, and fails a test whose child still writes
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(path) })
	return folder{t, path}
}

func (f folder) file(name string) string { return filepath.Join(f.path, name) }

// write replaces a file in one step, as configuration management does.
func (f folder) write(name, text string) string {
	f.t.Helper()
	path := f.file(name)
	require.NoError(f.t, os.MkdirAll(filepath.Dir(path), 0o755))
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	require.NoError(f.t, os.WriteFile(temp, []byte(text), 0o600))
	require.NoError(f.t, os.Rename(temp, path))
	return path
}

// lines waits until a file has n lines, and returns them.
func (f folder) lines(name string, n int) []string {
	f.t.Helper()
	var lines []string
	eventually(f.t, func() error {
		text, err := os.ReadFile(f.file(name))
		if err != nil {
			return err
		}
		lines = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		if len(lines) < n || !strings.HasSuffix(string(text), "\n") {
			return fmt.Errorf("%s has %d lines, want %d:\n%s", name, len(lines), n, text)
		}
		return nil
	})
	return lines
}

// eventually waits until check has nothing to complain about.
func eventually(t testing.TB, check func() error) {
	t.Helper()
	eventuallyWithin(t, patience, check)
}

func eventuallyWithin(t testing.TB, limit time.Duration, check func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	require.NoError(t, err, "after %v", limit)
}

// An agent is a running telegraf-tigk with its log.
type agent struct {
	t   testing.TB
	cmd *exec.Cmd

	mu    sync.Mutex
	lines []string
	grown chan struct{}
	ended chan struct{}
}

// start runs the agent until the test ends.
func start(t testing.TB, dir string, args ...string) *agent {
	t.Helper()
	return startCommand(t, dir, append([]string{agentBinary}, args...))
}

// startCommand runs a command that becomes the agent.
func startCommand(t testing.TB, dir string, argv []string) *agent {
	t.Helper()
	a := &agent{t: t, cmd: exec.Command(argv[0], argv[1:]...), grown: make(chan struct{}, 1), ended: make(chan struct{})}
	a.cmd.Dir = dir
	out, w, err := os.Pipe()
	require.NoError(t, err)
	a.cmd.Stdout, a.cmd.Stderr = w, w
	require.NoError(t, a.cmd.Start())
	require.NoError(t, w.Close())
	read := make(chan struct{})
	go func() {
		defer close(read)
		s := bufio.NewScanner(out)
		s.Buffer(nil, 64<<20)
		for s.Scan() {
			a.mu.Lock()
			a.lines = append(a.lines, s.Text())
			a.mu.Unlock()
			select {
			case a.grown <- struct{}{}:
			default:
			}
		}
	}()
	go func() {
		defer close(a.ended)
		_ = a.cmd.Wait()
	}()
	t.Cleanup(func() {
		a.stop()
		<-read
		_ = out.Close()
		if t.Failed() {
			t.Logf("log of the agent:\n%s", a.log())
		}
	})
	return a
}

// log returns the end of what the agent has written, each line cut to a readable length.
func (a *agent) log() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var b strings.Builder
	for _, l := range a.lines[max(0, len(a.lines)-200):] {
		b.WriteString(l[:min(len(l), 500)] + "\n")
	}
	return b.String()
}

// signal sends a signal to the agent.
func (a *agent) signal(sig syscall.Signal) {
	a.t.Helper()
	require.NoError(a.t, a.cmd.Process.Signal(sig))
}

// stop ends the agent as a service manager would: asked first, killed if it does not listen.
func (a *agent) stop() {
	select {
	case <-a.ended:
		return
	default:
	}
	_ = a.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-a.ended:
	case <-time.After(patience):
		a.t.Errorf("the agent did not stop within %v", patience)
		_ = a.cmd.Process.Kill()
		<-a.ended
	}
}

// kill ends the agent as a crash would.
func (a *agent) kill() {
	_ = a.cmd.Process.Kill() // it may have ended
	<-a.ended
}

// alive fails the test if the agent has ended.
func (a *agent) alive() {
	a.t.Helper()
	select {
	case <-a.ended:
		require.FailNow(a.t, "the agent has ended")
	default:
	}
}

// mark returns the place in the log where it ends now.
func (a *agent) mark() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.lines)
}

// matches returns the log lines from mark on that match.
func (a *agent) matches(mark int, pattern string) []string {
	re := regexp.MustCompile(pattern)
	a.mu.Lock()
	defer a.mu.Unlock()
	var found []string
	for _, l := range a.lines[mark:] {
		if re.MatchString(l) {
			found = append(found, l)
		}
	}
	return found
}

// wait waits for a log line, and returns the first that matches.
func (a *agent) wait(pattern string) string { a.t.Helper(); return a.waitFrom(0, pattern) }

// waitFrom does the same for lines from mark on.
func (a *agent) waitFrom(mark int, pattern string) string {
	a.t.Helper()
	deadline := time.After(patience)
	for {
		if found := a.matches(mark, pattern); len(found) > 0 {
			return found[0]
		}
		select {
		case <-a.grown:
		case <-a.ended:
			if found := a.matches(mark, pattern); len(found) > 0 {
				return found[0]
			}
			require.FailNow(a.t, "the agent has ended without this line in its log", pattern)
		case <-deadline:
			require.FailNow(a.t, "no such line in the log", pattern)
		}
	}
}

// A setup is a configuration that takes line protocol on a Unix socket and runs the scripts of a
// folder.
type setup struct {
	folder
	state                                string   // folder for the state of both plugins; "": they keep none
	wrap                                 []string // command that becomes the agent
	inputs, tick, alerter, outputs, more string
}

func newSetup(t testing.TB) *setup { return &setup{folder: newFolder(t)} }

// config returns the text of telegraf.conf.
func (s *setup) config() string {
	tick, alerter := s.tick, s.alerter
	if s.state != "" {
		tick = `  state_directory = "` + s.state + `/tick"` + "\n" + tick
		alerter = `  state_directory = "` + s.state + `/alerter"` + "\n" + alerter
	}
	return `
[agent]
  interval = "200ms"
  flush_interval = "200ms"
  omit_hostname = true
  skip_processors_after_aggregators = true
[[inputs.socket_listener]]
  service_address = "unix://` + s.file("in.sock") + `"
  data_format = "influx"
` + s.inputs + `
[[processors.tick]]
  scripts = ["` + s.file("tick.d") + `"]
` + tick + `
[[outputs.alerter]]
  retry_min_interval = "100ms"
  retry_max_interval = "500ms"
  close_timeout = "500ms"
` + alerter + `
[[outputs.discard]]
` + s.outputs + s.more
}

// script adds a script to the folder of scripts.
func (s *setup) script(name, text string) {
	s.t.Helper()
	s.write("tick.d/"+name+".tick", text)
}

// start writes the configuration and starts the agent.
func (s *setup) start() *agent {
	s.t.Helper()
	s.write("telegraf.conf", s.config())
	return startCommand(s.t, s.path, append(slices.Clone(s.wrap), agentBinary, "--config", s.file("telegraf.conf")))
}

// send writes points to the agent's socket, which opens when the agent is ready.
func (s *setup) send(lines ...string) {
	s.t.Helper()
	conn := s.dial()
	_, err := conn.Write([]byte(strings.Join(lines, "\n") + "\n"))
	require.NoError(s.t, err)
	require.NoError(s.t, conn.Close())
}

func (s *setup) dial() net.Conn {
	s.t.Helper()
	var conn net.Conn
	eventually(s.t, func() (err error) {
		conn, err = net.Dial("unix", s.file("in.sock"))
		return err
	})
	return conn
}

// freePort returns a TCP port of the loopback interface that nobody listens on.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func local(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }
