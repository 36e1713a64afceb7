//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/stretchr/testify/require"
)

// patience is how long a test waits for what must happen; nothing waits for
// something not to happen.
const patience = 30 * time.Second

// process is a running agent with its log and standard output, as one text.
type process struct {
	t   *testing.T
	cmd *exec.Cmd

	mu    sync.Mutex
	lines []string
	next  int // first line that wait has not consumed
	grown chan struct{}
}

// startAgent runs the agent until the test ends.
func startAgent(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command("telegraf-tigk", args...), grown: make(chan struct{}, 1)}
	out, w, err := os.Pipe()
	require.NoError(t, err)
	p.cmd.Stdout, p.cmd.Stderr = w, w
	require.NoError(t, p.cmd.Start())
	require.NoError(t, w.Close())
	read := make(chan struct{})
	go func() {
		defer close(read)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.mu.Lock()
			p.lines = append(p.lines, s.Text())
			p.mu.Unlock()
			select {
			case p.grown <- struct{}{}:
			default:
			}
		}
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		<-read
		_ = out.Close()
		if t.Failed() {
			t.Logf("log of the agent:\n%s", strings.Join(p.lines, "\n"))
		}
	})
	return p
}

// wait blocks until a line matches that came after the last one waited for.
func (p *process) wait(pattern string) string {
	p.t.Helper()
	re, deadline := regexp.MustCompile(pattern), time.After(patience)
	for {
		p.mu.Lock()
		for p.next < len(p.lines) {
			line := p.lines[p.next]
			p.next++
			if re.MatchString(line) {
				p.mu.Unlock()
				return line
			}
		}
		p.mu.Unlock()
		select {
		case <-p.grown:
		case <-deadline:
			require.FailNow(p.t, "no such line in the log", pattern)
		}
	}
}

func (p *process) signal(sig os.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(sig))
}

// exit waits for the end and returns the exit code, -1 if a signal killed it.
func (p *process) exit() int {
	p.t.Helper()
	state, err := p.cmd.Process.Wait()
	require.NoError(p.t, err)
	return state.ExitCode()
}

// files is a folder with a configuration that tests rewrite.
type files struct {
	t   *testing.T
	dir string
}

func newFiles(t *testing.T) files { return files{t, t.TempDir()} }

func (f files) path(name string) string { return filepath.Join(f.dir, name) }

// write replaces a file in one step, as configuration management does.
func (f files) write(name, text string) {
	f.t.Helper()
	require.NoError(f.t, os.MkdirAll(filepath.Dir(f.path(name)), 0o755))
	temp := f.path(name + ".new")
	require.NoError(f.t, os.WriteFile(temp, []byte(text), 0o600))
	require.NoError(f.t, os.Rename(temp, f.path(name)))
}

// mock is a configuration whose metrics carry a name.
func mock(name string) string {
	return `[agent]
  interval = "100ms"
  flush_interval = "100ms"
  skip_processors_after_aggregators = true
[[inputs.mock]]
  metric_name = ` + strconv.Quote(name) + `
  [[inputs.mock.constant]]
    name = "v"
    value = 1
[[outputs.file]]
  files = ["stdout"]
`
}

func running(name string) string { return `^` + name + `,host=` }

const refused = `E! Reload refused, the running configuration stays: `

func TestStopsCleanly(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		f := newFiles(t)
		f.write("telegraf.conf", mock("one"))
		f.write("pid", "12345678901234567890\n")
		p := startAgent(t, "--config", f.path("telegraf.conf"), "--pidfile", f.path("pid"))
		p.wait(running("one"))
		pid, err := os.ReadFile(f.path("pid"))
		require.NoError(t, err)
		require.Equal(t, strconv.Itoa(p.cmd.Process.Pid)+"\n", string(pid))

		p.signal(sig)
		p.wait("Stopping running outputs")
		require.Zero(t, p.exit())
		require.NoFileExists(t, f.path("pid"))
	}
}

func TestReloadOnHangup(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	f.write("telegraf.conf", mock("one"))
	p := startAgent(t, "--config", f.path("telegraf.conf"), "--pidfile", f.path("pid"))
	p.wait(running("one"))

	f.write("telegraf.conf", mock("two"))
	p.signal(syscall.SIGHUP)
	p.wait("Reloading Telegraf config")
	p.wait("Starting Telegraf")
	p.wait(running("two"))
	require.FileExists(t, f.path("pid"))

	p.signal(syscall.SIGTERM)
	require.Zero(t, p.exit())
}

// TestBrokenReload is where Telegraf itself would exit.
func TestBrokenReload(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ conf, says string }{
		"syntax":         {"[[inputs.mock\n", "telegraf.conf failed"},
		"unknown plugin": {mock("two") + "[[inputs.no_such_plugin]]\n", "no_such_plugin"},
		"unknown option": {mock("two") + "[[inputs.mem]]\n  no_such_option = 1\n", "no_such_option"},
		"plugin refuses": {mock("two") + "[[processors.starlark]]\n  source = 'def'\n", "could not initialize processor"},
		"secret":         {mock("two") + "[[inputs.http]]\n  urls = []\n  password = '@{no_store:key}'\n", "no_store"},
		"no inputs":      {"[[outputs.discard]]\n", "no inputs found"},
		"interval":       {"[agent]\n  interval = '0s'\n" + strings.SplitAfterN(mock("two"), "\n", 2)[1], "interval"},
	}
	f := newFiles(t)
	f.write("telegraf.conf", mock("one"))
	p := startAgent(t, "--config", f.path("telegraf.conf"))
	p.wait(running("one"))
	for name, tt := range tests {
		f.write("telegraf.conf", tt.conf)
		p.signal(syscall.SIGHUP)
		require.Contains(t, p.wait(refused), tt.says, name)
		p.wait(running("one"))
	}
	require.NoError(t, os.Remove(f.path("telegraf.conf")))
	p.signal(syscall.SIGHUP)
	require.Contains(t, p.wait(refused), "no such file")
	p.wait(running("one"))

	f.write("telegraf.conf", mock("two"))
	p.signal(syscall.SIGHUP)
	p.wait(running("two"))
	p.signal(syscall.SIGTERM)
	require.Zero(t, p.exit())
}

// TestReloadThatDoesNotStart passes the check, as only Start finds the port
// taken.
func TestReloadThatDoesNotStart(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	f.write("telegraf.conf", mock("one"))
	p := startAgent(t, "--config", f.path("telegraf.conf"))
	p.wait(running("one"))

	f.write("telegraf.conf", mock("two")+"[[inputs.socket_listener]]\n  service_address = 'tcp://192.0.2.1:1'\n")
	p.signal(syscall.SIGHUP)
	p.wait("E! The new configuration does not start, going back to the one before: .*192.0.2.1")
	p.wait(running("one"))

	f.write("telegraf.conf", mock("three"))
	p.signal(syscall.SIGHUP)
	p.wait(running("three"))
	p.signal(syscall.SIGTERM)
	require.Zero(t, p.exit())
}

// TestStartFailureIsFatal: nothing ran before, so there is nothing to go back to.
func TestStartFailureIsFatal(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	f.write("telegraf.conf", mock("one")+"[[inputs.socket_listener]]\n  service_address = 'tcp://192.0.2.1:1'\n")
	p := startAgent(t, "--config", f.path("telegraf.conf"))
	p.wait(`E! \[telegraf\] Error running agent: .*192.0.2.1`)
	require.Equal(t, 1, p.exit())
}

func TestWatchConfig(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"notify", "poll"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			f := newFiles(t)
			f.write("telegraf.conf", mock("one"))
			f.write("conf.d/keep.conf", "[global_tags]\n  a = 'b'\n")
			p := startAgent(t, "--config", f.path("telegraf.conf"), "--config-directory", f.path("conf.d"),
				"--watch-config", how, "--watch-interval", "50ms")
			p.wait("Config watcher started")
			p.wait(`^one,a=b`)

			f.write("telegraf.conf", mock("two"))
			p.wait("Reloading Telegraf config .*telegraf.conf modified")
			p.wait(`^two,a=b`)

			f.write("telegraf.conf", "[[oops")
			p.wait(refused)
			p.wait(`^two,a=b`)

			f.write("telegraf.conf", mock("three"))
			p.wait(`^three,a=b`)

			// A new folder with a new file, then a file that goes.
			f.write("conf.d/sub/more.conf", "[global_tags]\n  c = 'd'\n")
			p.wait("more.conf is new")
			p.wait(`^three,a=b,c=d`)
			require.NoError(t, os.Remove(f.path("conf.d/keep.conf")))
			p.wait("keep.conf deleted")
			p.wait(`^three,c=d`)

			p.signal(syscall.SIGTERM)
			require.Zero(t, p.exit())
		})
	}
}

// TestPanicInCheck: the plugin panics in Init, which the agent would not
// survive.
func TestPanicInCheck(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	f.write("telegraf.conf", mock("one"))
	p := startAgent(t, "--config", f.path("telegraf.conf"))
	p.wait(running("one"))
	f.write("telegraf.conf", mock("two")+"[[inputs.test_panic]]\n")
	p.signal(syscall.SIGHUP)
	p.wait("Check: panic: out of order")
	p.wait(refused + ".*exit status 2")
	p.wait(running("one"))
}

func init() {
	inputs.Add("test_panic", func() telegraf.Input { return &panicking{} })
}

type panicking struct{}

func (*panicking) SampleConfig() string                { return "" }
func (*panicking) Init() error                         { panic("out of order") }
func (*panicking) Gather(_ telegraf.Accumulator) error { return nil }

func TestRemoteConfig(t *testing.T) {
	t.Parallel()
	type reply struct{ conf, modified string }
	var current atomic.Pointer[reply]
	current.Store(&reply{mock("one"), "Thu, 01 Jan 2026 00:00:00 GMT"})
	asked := make(chan struct{}, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if r.Method == http.MethodHead && len(asked) == 0 {
				asked <- struct{}{}
			}
		}()
		if r.Header.Get("User-Agent") != userAgent() && r.Method == http.MethodHead {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		now := current.Load()
		w.Header().Set("Last-Modified", now.modified)
		_, _ = io.WriteString(w, now.conf)
	}))
	t.Cleanup(srv.Close)

	p := startAgent(t, "--config", srv.URL+"/telegraf.conf", "--config-url-watch-interval", "50ms", "--debug")
	p.wait("Remote config watcher started for 1 URL")
	p.wait(running("one"))
	select {
	case <-asked:
	case <-time.After(patience):
		require.FailNow(t, "the watcher does not ask")
	}
	current.Store(&reply{mock("two"), "Thu, 01 Jan 2026 00:00:01 GMT"})
	p.wait("remote config modified: " + srv.URL)
	p.wait(running("two"))
	p.signal(syscall.SIGTERM)
	require.Zero(t, p.exit())
}

func TestSystemdIsNotified(t *testing.T) {
	f := newFiles(t)
	f.write("telegraf.conf", mock("one"))
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: f.path("notify"), Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", f.path("notify"))
	notified := func(pattern string) {
		t.Helper()
		buf := make([]byte, 4096)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
		n, err := conn.Read(buf)
		require.NoError(t, err)
		require.Regexp(t, pattern, string(buf[:n]))
	}

	p := startAgent(t, "--config", f.path("telegraf.conf"))
	notified(`^READY=1$`)
	p.wait(running("one"))
	f.write("telegraf.conf", "[[oops")
	p.signal(syscall.SIGHUP)
	notified(`^RELOADING=1\nMONOTONIC_USEC=\d+\s*$`)
	notified(`^READY=1\nSTATUS=Reload refused: .*telegraf.conf`)
	f.write("telegraf.conf", mock("two"))
	p.signal(syscall.SIGHUP)
	notified(`^RELOADING=1`)
	notified(`^STATUS=$`)
	notified(`^READY=1$`)
	p.signal(syscall.SIGTERM)
	notified(`^STOPPING=1$`)
	require.Zero(t, p.exit())
}

// TestStateFile: the state of a stateful plugin is stored and taken up again.
func TestStateFile(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	f.write("telegraf.conf", strings.Replace(mock("one"), "[agent]\n", "[agent]\n  statefile = "+strconv.Quote(f.path("state"))+"\n", 1)+
		"[[processors.dedup]]\n  dedup_interval = '1h'\n")
	p := startAgent(t, "--config", f.path("telegraf.conf"))
	p.wait(running("one"))
	p.signal(syscall.SIGTERM)
	require.Zero(t, p.exit())
	data, err := os.ReadFile(f.path("state"))
	require.NoError(t, err)
	var state map[string]string
	require.NoError(t, json.Unmarshal(data, &state))
	require.Len(t, state, 1, "of dedup")

	p = startAgent(t, "--config", f.path("telegraf.conf"), "--debug")
	p.wait("Initializing plugin states")
	p.wait("Connecting outputs")
	p.signal(syscall.SIGTERM)
	require.Zero(t, p.exit())
}
