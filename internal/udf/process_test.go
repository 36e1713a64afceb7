//go:build unix

package udf

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/udf/agent"
)

// The test binary is the function: what it does is in UDF_TEST.
func TestMain(m *testing.M) {
	switch mode, _, _ := strings.Cut(os.Getenv("UDF_TEST"), " "); mode {
	case "":
		os.Exit(m.Run())
	case "mirror":
		mirrorMain()
	case "exit":
		fmt.Fprintln(os.Stderr, "no license")
		os.Exit(3)
	case "env":
		fmt.Fprintln(os.Stderr, strings.Join(os.Environ(), ";"))
		dir, _ := os.Getwd()
		fmt.Fprintln(os.Stderr, dir)
		mirrorMain()
	case "chatty":
		for i := range 10_000 {
			fmt.Fprintln(os.Stderr, "line", i)
		}
		mirrorMain()
	case "family": // one that leaves a child behind, which holds all pipes
		c := exec.Command("/bin/sleep", "1000")
		c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
		if err := c.Start(); err != nil {
			panic(err)
		}
		fmt.Fprintln(os.Stderr, "child", c.Process.Pid)
		mirrorMain()
	case "deaf": // one that does not end with its input
		mirrorMain()
		time.Sleep(time.Hour)
	case "owner": // an agent that has a function as a child, and nothing to do
		c := DefaultConfig()
		c.Name, c.Command, c.Environment = "child", []string{os.Args[0]}, []string{"UDF_TEST=deaf", "PIDFILE=" + os.Getenv("PIDFILE")}
		New(&c, nil).Open(AppendInit(nil, &Init{}), nil, Events{})
		time.Sleep(time.Hour)
	case "serve": // many, over a socket
		_, path, _ := strings.Cut(os.Getenv("UDF_TEST"), " ")
		network := "unix"
		if strings.Contains(path, ":") {
			network = "tcp"
		}
		l, err := net.Listen(network, path)
		if err != nil {
			panic(err)
		}
		_ = agent.NewServer(l, accepter{}).Serve()
	}
}

type accepter struct{}

func (accepter) Accept(c net.Conn) {
	a := agent.New(c, c)
	a.Handler = &mirror{out: a.Responses}
	_ = a.Start()
	go func() { _ = a.Wait() }()
}

// mirrorMain mirrors on standard input and output: strictly one request after the other, which an
// agent.Agent does not promise.
func mirrorMain() {
	if f := os.Getenv("PIDFILE"); f != "" {
		_ = os.WriteFile(f, []byte(strconv.Itoa(os.Getpid())), 0o600)
	}
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	back := make(chan *agent.Response, 1)
	m := mirror{out: back}
	var buf []byte
	for {
		if in.Buffered() == 0 {
			_ = out.Flush()
		}
		var q agent.Request
		if err := agent.ReadMessage(&buf, in, &q); err != nil {
			_ = os.Stdout.Close()
			return
		}
		r := &agent.Response{}
		switch x := q.Message.(type) {
		case *agent.Request_Keepalive:
			r.Message = &agent.Response_Keepalive{Keepalive: &agent.KeepaliveResponse{Time: x.Keepalive.Time}}
		case *agent.Request_Info:
			i, _ := m.Info()
			r.Message = &agent.Response_Info{Info: i}
		case *agent.Request_Init:
			i, _ := m.Init(x.Init)
			r.Message = &agent.Response_Init{Init: i}
		case *agent.Request_Snapshot:
			s, _ := m.Snapshot()
			r.Message = &agent.Response_Snapshot{Snapshot: s}
		case *agent.Request_Restore:
			s, _ := m.Restore(x.Restore)
			r.Message = &agent.Response_Restore{Restore: s}
		case *agent.Request_Point:
			_ = m.Point(x.Point)
			r = <-back
		}
		_ = agent.WriteMessage(r, out)
	}
}

// A mirror sends back what it gets. Its state is how many points that were.
type mirror struct {
	out   chan<- *agent.Response
	count int
}

func (*mirror) Info() (*agent.InfoResponse, error) {
	return &agent.InfoResponse{Options: map[string]*agent.OptionInfo{"field": {ValueTypes: []agent.ValueType{agent.ValueType_STRING, agent.ValueType_DOUBLE}}}}, nil
}

func (*mirror) Init(*agent.InitRequest) (*agent.InitResponse, error) {
	return &agent.InitResponse{Success: true}, nil
}

func (m *mirror) Snapshot() (*agent.SnapshotResponse, error) {
	return &agent.SnapshotResponse{Snapshot: []byte(strconv.Itoa(m.count))}, nil
}

func (m *mirror) Restore(r *agent.RestoreRequest) (*agent.RestoreResponse, error) {
	var err error
	m.count, err = strconv.Atoi(string(r.Snapshot))
	return &agent.RestoreResponse{Success: err == nil}, nil
}

func (m *mirror) BeginBatch(b *agent.BeginBatch) error {
	m.out <- &agent.Response{Message: &agent.Response_Begin{Begin: b}}
	return nil
}

func (m *mirror) Point(p *agent.Point) error {
	m.count++
	m.out <- &agent.Response{Message: &agent.Response_Point{Point: p}}
	return nil
}

func (m *mirror) EndBatch(e *agent.EndBatch) error {
	m.out <- &agent.Response{Message: &agent.Response_End{End: e}}
	return nil
}

func (m *mirror) Stop() { close(m.out) }

// newChild returns a rig whose function is this test binary.
func newChild(t testing.TB, mode string, change func(c *Config)) (r *rig, pidFile string) {
	pidFile = filepath.Join(t.TempDir(), "pid")
	r = newRig(t, func(c *Config) {
		c.Socket, c.Command = "", []string{os.Args[0]}
		c.Environment = []string{"UDF_TEST=" + mode, "PIDFILE=" + pidFile}
		if change != nil {
			change(c)
		}
	})
	r.Function = New(&r.Config, &r.log)
	r.pace = pace{5 * time.Millisecond, 50 * time.Millisecond}
	return r, pidFile
}

func pidIn(t testing.TB, file string) int {
	var pid int
	require.Eventually(t, func() bool {
		b, err := os.ReadFile(file)
		if err != nil {
			return false
		}
		pid, err = strconv.Atoi(string(b))
		return err == nil
	}, 10*time.Second, 5*time.Millisecond)
	return pid
}

// gone waits until there is no such process; one that nobody has reaped counts as gone.
func gone(t testing.TB, pid int) {
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return syscall.Kill(pid, 0) != nil
		}
		return strings.Contains(string(stat), ") Z ")
	}, 10*time.Second, 5*time.Millisecond, "process %d lives", pid)
}

// eventually waits until the points with the times from 1 to n have come.
func (r *rig) eventually(n int64) {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return int64(len(r.times())) >= n }, 20*time.Second, 5*time.Millisecond, "of %d points; log:\n%s", n, r.log.all())
}

func TestProcess(t *testing.T) {
	r, pidFile := newChild(t, "mirror", nil)
	x, err := r.Info(t.Context())
	require.NoError(t, err)
	require.Equal(t, Info{Options: map[string][]ValueType{"field": {String, Double}}}, x)
	gone(t, pidIn(t, pidFile))

	s := r.open("")
	sendTo(s, 1, 1000)
	s.Close()
	require.Equal(t, upTo(1, 1000), r.times())
	require.Equal(t, []string{"1000"}, r.snapshots)
	gone(t, pidIn(t, pidFile))
	require.Empty(t, r.log.all())
	require.EqualValues(t, 1000, r.Stats().Out)
}

// TestProcessEnvironment wants a child to see what is configured and nothing else.
func TestProcessEnvironment(t *testing.T) {
	t.Setenv("PASSWORD_OF_THE_AGENT", "secret")
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	r, _ := newChild(t, "env", func(c *Config) {
		c.Directory = dir
		c.Environment = []string{"UDF_TEST=env", "A=b"}
	})
	_, err = r.Info(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{`I UDF "mirror": UDF_TEST=env;A=b`, `I UDF "mirror": ` + dir}, r.log.lines)
}

func TestProcessFails(t *testing.T) {
	r, _ := newChild(t, "exit", nil)
	_, err := r.Info(t.Context())
	require.EqualError(t, err, "it ended: exit status 3")
	require.Equal(t, []string{`I UDF "mirror": no license`}, r.log.lines)

	r, _ = newChild(t, "", func(c *Config) { c.Command = []string{"/nonexistent/udf"} })
	_, err = r.Info(t.Context())
	require.ErrorIs(t, err, os.ErrNotExist)
	s := r.open("")
	require.Eventually(t, func() bool { return s.Stats().Restarts > 2 }, 5*time.Second, time.Millisecond)
	s.Close()
}

// TestStderr wants what a child writes to be logged, but not all of it.
func TestStderr(t *testing.T) {
	r, _ := newChild(t, "chatty", nil)
	_, err := r.Info(t.Context())
	require.NoError(t, err)
	require.Less(t, len(r.log.lines), 200)
	require.Equal(t, `I UDF "mirror": line 0`, r.log.lines[0])
	require.Contains(t, r.log.all(), "lines of its standard error are left out")
}

// TestGroupIsKilled has a child with a child of its own.
func TestGroupIsKilled(t *testing.T) {
	r, _ := newChild(t, "family", nil)
	s := r.open("")
	sendTo(s, 1, 1)
	r.eventually(1)
	var child int
	_, err := fmt.Sscanf(r.log.all(), `I UDF "mirror": child %d`, &child)
	require.NoError(t, err)
	begin := time.Now()
	s.Close()
	require.Less(t, time.Since(begin), 8*time.Second)
	gone(t, child)
}

// TestKillDuringData kills and stops the process again and again while data flows: all of it comes
// once, in its order.
func TestKillDuringData(t *testing.T) {
	kills := 12
	if testing.Short() {
		kills = 4
	}
	r, pidFile := newChild(t, "mirror", func(c *Config) {
		c.Timeout, c.SnapshotInterval = Interval(400*time.Millisecond), Interval(100*time.Millisecond)
		c.QueueSize, c.ReplaySize = 1<<20, 1<<20
	})
	s := r.open("")
	last := int64(0)
	for i := range kills {
		signal := syscall.SIGKILL
		if i%3 == 2 {
			signal = syscall.SIGSTOP
		}
		sendTo(s, last+1, last+500)
		last += 500
		r.eventually(last - 250)
		pid := pidIn(t, pidFile)
		require.NoError(t, os.Remove(pidFile))
		sendTo(s, last+1, last+500)
		require.NoError(t, syscall.Kill(pid, signal))
		sendTo(s, last+501, last+1000)
		last += 1000
		gone(t, pid)
	}
	r.eventually(last)
	s.Close()
	require.Equal(t, upTo(1, last), r.times())
	st := r.Stats()
	require.EqualValues(t, kills, st.Restarts)
	require.Zero(t, st.Lost+st.Dropped)
	require.Equal(t, strconv.FormatInt(last, 10), r.snapshots[len(r.snapshots)-1], "the state has all points, once")
}

// TestDeaf has a process that does not end with its input; it is killed.
func TestDeaf(t *testing.T) {
	r, pidFile := newChild(t, "deaf", func(c *Config) { c.Timeout = Interval(time.Second) })
	s := r.open("")
	sendTo(s, 1, 10)
	s.Close()
	require.Equal(t, upTo(1, 10), r.times())
	gone(t, pidIn(t, pidFile))
}

// TestChildDiesWithUs kills a process that has a function as its child.
func TestChildDiesWithUs(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere a child only notices the end of its input")
	}
	pidFile := filepath.Join(t.TempDir(), "pid")
	c := exec.Command(os.Args[0])
	c.Env = []string{"UDF_TEST=owner", "PIDFILE=" + pidFile}
	require.NoError(t, c.Start())
	pid := pidIn(t, pidFile)
	require.NoError(t, c.Process.Kill())
	_ = c.Wait()
	gone(t, pid)
}

// TestUser runs a function as somebody else.
func TestUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: users cannot be changed")
	}
	if _, err := lookupUser("nobody"); err != nil {
		t.Skip(err)
	}
	r, _ := newChild(t, "", func(c *Config) {
		c.Command, c.User = []string{"/bin/sh", "-c", "id -u >&2; id -G >&2; read x"}, "nobody"
	})
	u, err := lookupUser("nobody")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err = r.Info(ctx)
	require.Error(t, err)
	require.Contains(t, r.log.all(), fmt.Sprintf(`UDF "mirror": %d`, u.Uid))
	require.NotContains(t, r.log.all(), `: 0`)
}

// serve starts a function that listens, and returns the process.
func serve(t testing.TB, address string) *exec.Cmd {
	c := exec.Command(os.Args[0])
	c.Env = []string{"UDF_TEST=serve " + address}
	c.Stderr = os.Stderr
	require.NoError(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	return c
}

// TestSocket starts the agent's side first, and then kills and starts the listener.
func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "udf.sock")
	port := freePort(t)
	for socket, address := range map[string]string{path: path, "unix://" + path: path, "tcp://" + port: port} {
		t.Run(socket[:4], func(t *testing.T) {
			r := newRig(t, func(c *Config) { c.Socket = socket })
			r.Function = New(&r.Config, &r.log)
			r.pace = pace{5 * time.Millisecond, 50 * time.Millisecond}
			_, err := r.Known()
			require.ErrorIs(t, err, ErrUnreachable)
			known := make(chan error, 1)
			go func() { known <- r.Await(t.Context()) }()
			s := r.open("")
			sendTo(s, 1, 100)
			require.Eventually(t, func() bool { return s.Stats().Restarts > 1 }, 5*time.Second, time.Millisecond)
			c := serve(t, address)
			require.NoError(t, <-known)
			x, err := r.Known()
			require.NoError(t, err)
			require.Len(t, x.Options, 1)
			r.eventually(100)

			require.NoError(t, c.Process.Kill())
			_ = c.Wait()
			sendTo(s, 101, 200)
			_ = os.Remove(path) // a function that is killed cannot do that itself
			c = serve(t, address)
			r.eventually(200)
			s.Close()
			require.Equal(t, upTo(1, 200), r.times())
			require.NoError(t, c.Process.Kill())
			_ = c.Wait()
			_ = os.Remove(path)
		})
	}
}

func freePort(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// TestSlowReader has a function that takes nothing; nobody waits for it but its queue.
func TestSlowReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "udf.sock")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = c.Write(initFrame)
		<-t.Context().Done() // it reads nothing
	}()
	r := newRig(t, func(c *Config) {
		c.Socket, c.QueueSize, c.QueueFull, c.Timeout = path, 1000, DropNewest, Interval(time.Second)
	})
	r.Function = New(&r.Config, &r.log)
	s := r.open("")
	const n = 100_000
	sendTo(s, 1, n) // and it does not wait
	st := s.Stats()
	require.EqualValues(t, n, st.In+st.Dropped)
	require.LessOrEqual(t, st.Queue, int64(1000))
	require.Greater(t, st.Dropped, int64(n/2))
	s.Close()
}

// initFrame is a response that begins a session.
var initFrame = []byte{4, 2<<3 | 2, 2, 1 << 3, 1}

// BenchmarkMirror measures points that go to a function in another process and come back.
func BenchmarkMirror(b *testing.B) {
	path := filepath.Join(b.TempDir(), "udf.sock")
	child := serve(b, path)
	c := DefaultConfig()
	c.Name, c.Socket, c.QueueSize = "mirror", path, 50_000
	f := New(&c, nil)
	f.pace = pace{time.Millisecond, time.Millisecond}
	got, room, done := 0, make(chan struct{}, 1), make(chan struct{})
	s := f.Open(AppendInit(nil, &Init{}), nil, Events{
		Receive: func(r *Response) *Response {
			if got++; got == b.N {
				close(done)
			}
			return r
		},
		Room: func() { room <- struct{}{} },
	})
	p := &point.Point{
		Name: "cpu", DB: "telegraf", RP: "autogen", Time: 1.7e18,
		Tags:   []point.Tag{{Key: "cpu", Value: "cpu0"}, {Key: "host", Value: "server01"}},
		Fields: []point.Field{{Key: "usage_idle", Value: point.FloatValue(98.6)}, {Key: "usage_system", Value: point.FloatValue(0.4)}, {Key: "usage_user", Value: point.FloatValue(1)}},
		Group:  &point.Group{ID: "host=server01", Dims: []string{"host"}},
	}
	for s.Stats().Connected == 0 {
		time.Sleep(time.Millisecond)
	}
	var frame []byte
	own, its := cpuTime(b, os.Getpid()), cpuTime(b, child.Process.Pid)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if s.Full() {
			<-room
		}
		p.Time++
		frame = AppendPoint(frame[:0], p)
		s.Send(frame, 1)
	}
	<-done
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "points/s")
	b.ReportMetric(float64(cpuTime(b, os.Getpid())-own)/float64(b.N), "own-cpu-ns/op")
	b.ReportMetric(float64(cpuTime(b, child.Process.Pid)-its)/float64(b.N), "its-cpu-ns/op")
	s.Close()
	require.Equal(b, b.N, got)
}

// cpuTime returns what a process has used of the processors, which a busy machine does not change.
func cpuTime(b *testing.B, pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	require.NoError(b, err)
	system, err := strconv.Atoi(fields[12])
	require.NoError(b, err)
	return time.Duration(user+system) * 10 * time.Millisecond
}
