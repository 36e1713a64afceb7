package engine

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/udf"
	udfagent "github.com/telegraf-tigk/telegraf-tigk/udf/agent"
)

// A counting function sends points back with their number. Its state is how many there have been.
type counting struct {
	s    *functionServer
	out  chan<- *udfagent.Response
	n    int64
	kill func()
}

func (*counting) Info() (*udfagent.InfoResponse, error) {
	return &udfagent.InfoResponse{Options: map[string]*udfagent.OptionInfo{"size": {ValueTypes: []udfagent.ValueType{udfagent.ValueType_INT}}}}, nil
}

func (c *counting) Init(r *udfagent.InitRequest) (*udfagent.InitResponse, error) {
	for _, o := range r.Options {
		if o.Values[0].GetIntValue() <= 0 {
			return &udfagent.InitResponse{Error: "size must be positive"}, nil
		}
	}
	return &udfagent.InitResponse{Success: true}, nil
}

func (c *counting) Snapshot() (*udfagent.SnapshotResponse, error) {
	return &udfagent.SnapshotResponse{Snapshot: []byte(strconv.FormatInt(c.n, 10))}, nil
}

func (c *counting) Restore(r *udfagent.RestoreRequest) (*udfagent.RestoreResponse, error) {
	var err error
	c.n, err = strconv.ParseInt(string(r.Snapshot), 10, 64)
	return &udfagent.RestoreResponse{Success: err == nil}, nil
}

func (*counting) BeginBatch(*udfagent.BeginBatch) error { return nil }
func (*counting) EndBatch(*udfagent.EndBatch) error     { return nil }

func (c *counting) Point(p *udfagent.Point) error {
	c.s.hold()
	c.n++
	p.FieldsInt["n"] = c.n
	if p.FieldsInt["i"] == c.s.killAt.take() {
		c.kill()
	}
	c.out <- &udfagent.Response{Message: &udfagent.Response_Point{Point: p}}
	return nil
}

func (c *counting) Stop() { close(c.out) }

// A functionServer serves counting functions on a socket.
type functionServer struct {
	f      *udf.Function
	log    *recorder
	path   string
	killAt once

	mu   sync.Mutex
	gate chan struct{} // holds up every point, unless nil
}

// A once is a number that is there once.
type once struct {
	mu sync.Mutex
	n  int64
}

func (o *once) set(n int64) { o.mu.Lock(); defer o.mu.Unlock(); o.n = n }

func (o *once) take() int64 { o.mu.Lock(); defer o.mu.Unlock(); return o.n }

func (s *functionServer) hold() {
	s.mu.Lock()
	gate := s.gate
	s.mu.Unlock()
	if gate != nil {
		<-gate
	}
}

func (s *functionServer) close() (open func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gate := make(chan struct{})
	s.gate = gate
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.gate = nil
		close(gate)
	})
}

// Accept runs a function.
func (s *functionServer) Accept(c net.Conn) {
	a := udfagent.New(c, c)
	a.Handler = &counting{s: s, out: a.Responses, kill: func() { s.killAt.set(-1); _ = c.Close() }}
	_ = a.Start()
	go func() { _ = a.Wait() }()
}

// configure makes functions known, as inputs.udfsock does. It does not serve them.
func configure(t *testing.T, name string, change func(c *udf.Config)) *functionServer {
	s := &functionServer{path: filepath.Join(t.TempDir(), "udf.sock"), log: &recorder{}}
	s.killAt.set(-1)
	c := udf.DefaultConfig()
	c.Name, c.Socket = name, s.path
	if change != nil {
		change(&c)
	}
	require.NoError(t, c.Check())
	s.f = udf.New(&c, s.log)
	require.NoError(t, udf.Functions.Add(s.f))
	t.Cleanup(func() { udf.Functions.Remove(s.f) })
	return s
}

// serve serves the functions and tells who waits for them.
func (s *functionServer) serve(t *testing.T) *functionServer {
	l, err := net.Listen("unix", s.path)
	require.NoError(t, err)
	srv := udfagent.NewServer(l, s)
	go func() { _ = srv.Serve() }()
	t.Cleanup(srv.Stop)
	require.NoError(t, s.f.Await(t.Context()))
	udf.Functions.Changed()
	return s
}

const counted = `stream|from().measurement('m')@count()|influxDBOut().measurement('out')`

// numbers returns those of the points that have come back.
func (r *rig) numbers(field string) []int64 {
	out := []int64{}
	for _, m := range r.made() {
		if m.name() == "out" && m.field(field) != nil {
			out = append(out, m.field(field).(int64))
		}
	}
	return out
}

func upTo(from, to int64) []int64 {
	out := []int64{}
	for i := from; i <= to; i++ {
		out = append(out, i)
	}
	return out
}

// give gives the points with the numbers from from to to.
func (r *rig) give(from, to int) {
	for i := from; i <= to; i++ {
		r.Add(numbered(i))
	}
}

func eventually(t *testing.T, f func() bool, args ...any) {
	t.Helper()
	require.Eventually(t, f, 20*time.Second, time.Millisecond, args...)
}

// waiting says how things are when somebody has waited in vain.
type waiting struct {
	p *rig
	s *functionServer
}

func (w waiting) String() string {
	return fmt.Sprintf("%d have come back; %+v; log:\n%s\n%s", len(w.p.numbers("i")), w.s.f.Stats(), strings.Join(w.p.log.texts(), "\n"), strings.Join(w.s.log.texts(), "\n"))
}

func TestUDF(t *testing.T) {
	s := configure(t, "count", nil).serve(t)
	p := newRig("x", strings.Replace(counted, "@count()", "@count().size(3)@count()", 1))
	p.measured()
	p.start(t)
	p.give(1, 3000)
	eventually(t, func() bool { return len(p.numbers("n")) > 0 }, "what comes back comes at once")
	eventually(t, func() bool { return len(p.numbers("n")) == 3000 })
	p.survey()
	p.Drain()
	shown := p.meter.nonZero()
	require.Equal(t, []int64{1, 3000}, []int64{shown["x/count2 udf_connected"], shown["x/count2 points_in"]})
	p.Stop()
	require.Equal(t, upTo(1, 3000), p.numbers("n"))
	require.Empty(t, p.log.errors())
	x := s.f.Stats()
	require.EqualValues(t, 6000, x.In)
	require.EqualValues(t, 6000, x.Out)
	require.Zero(t, x.Sessions+x.Dropped+x.Lost+x.Restarts)
}

// TestUDFStopDrains wants a stop to bring what functions, one behind the other, still have.
func TestUDFStopDrains(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		configure(t, "count", nil).serve(t)
		p := newRig("x", `stream|from().measurement('m')@count()|window().periodCount(10).everyCount(10)|count('n').as('n')@count()@count()|influxDBOut().measurement('out')`)
		p.conf.StateDirectory = dir
		p.start(t)
		p.give(1, 1000)
		p.Stop()
		require.Equal(t, upTo(1, 100), p.numbers("n"))
		udf.Functions.Remove(udf.Functions.Lookup("count"))
	}
}

// TestUDFLate starts a task before its function.
func TestUDFLate(t *testing.T) {
	s := configure(t, "count", nil)
	p := newRig("x", counted, "y", `stream|from().measurement('m')|influxDBOut().measurement('other')`)
	p.conf.QueueSize, p.conf.Block = 500, true
	p.start(t)
	require.Contains(t, p.log.texts()[0], `Task "x" waits for a user-defined function: task x:1:32: @count: function cannot be reached: it has not been asked yet`)
	p.give(1, 600) // nobody waits, although the queue is full
	require.EqualValues(t, 1, p.counters.waiting.Load())
	p.checkpoint()
	eventually(t, func() bool { return len(p.made()) == 600 })
	s.serve(t)
	eventually(t, func() bool { return len(p.numbers("i")) >= 500 }, "of 500 points; %s", waiting{p, s})
	require.Zero(t, p.counters.waiting.Load())
	p.Drain()
	dropped := p.pool.dropped.Load()
	p.give(601, 700)
	p.Stop()
	require.Positive(t, dropped)
	require.Equal(t, append(upTo(1, 600-dropped), upTo(601, 700)...), p.numbers("i"))
	require.Equal(t, upTo(1, 700-dropped), p.numbers("n"))
	require.Empty(t, p.log.errors())
	require.Contains(t, p.log.texts(), `Started task "x" from the configuration`)
}

// TestUDFLateAndWrong has a script that turns out to be wrong when its function can be asked.
func TestUDFLateAndWrong(t *testing.T) {
	s := configure(t, "count", nil)
	p := newRig("x", strings.Replace(counted, "()|influx", "().size('three')|influx", 1))
	p.start(t)
	p.give(1, 10)
	require.Empty(t, p.log.errors())
	s.serve(t)
	eventually(t, func() bool { return len(p.log.errors()) == 1 })
	require.Contains(t, p.log.errors()[0], "size")
	eventually(t, func() bool { return len(p.index.Load().runners) == 0 })
	p.Stop()
	require.Empty(t, p.made())
}

// TestUDFStopWhileWaiting stops tasks that have never run.
func TestUDFStopWhileWaiting(t *testing.T) {
	configure(t, "count", nil)
	p := newRig("x", counted)
	p.start(t)
	p.give(1, 10)
	begin := time.Now()
	p.Stop()
	require.Less(t, time.Since(begin), 4*time.Second)
	require.Empty(t, p.made())
}

func TestUDFUnknown(t *testing.T) {
	configure(t, "count", nil)
	p := newRig("x", strings.Replace(counted, "@count", "@coumt", 1))
	p.start(t)
	defer p.Stop()
	require.Len(t, p.log.errors(), 1)
	require.Contains(t, p.log.errors()[0], "there is no user-defined function of that name; did you mean @count?")
}

// TestUDFRefuses has a function that does not like its options.
func TestUDFRefuses(t *testing.T) {
	configure(t, "count", nil).serve(t)
	p := newRig("x", strings.Replace(counted, "()|influx", "().size(0)|influx", 1))
	p.start(t)
	eventually(t, func() bool { return len(p.log.errors()) == 1 })
	require.Contains(t, p.log.errors()[0], `Task "x" has stopped: count2: the function count refuses to begin: size must be positive`)
	p.give(1, 10)
	p.Stop()
	require.Empty(t, p.made())
}

// TestUDFRestarts loses the connection in the middle.
func TestUDFRestarts(t *testing.T) {
	s := configure(t, "count", nil).serve(t)
	p := newRig("x", counted)
	p.start(t)
	s.killAt.set(500)
	p.give(1, 1000)
	eventually(t, func() bool { return len(p.numbers("i")) == 1000 })
	p.Stop()
	require.Equal(t, upTo(1, 1000), p.numbers("i"))
	require.Equal(t, upTo(1, 1000), p.numbers("n"))
	require.EqualValues(t, 1, s.f.Stats().Restarts)
}

// TestUDFSlow has a function that stands still: its task stands, too, but goes on with everything else,
// and nobody waits for it.
func TestUDFSlow(t *testing.T) {
	s := configure(t, "count", func(c *udf.Config) { c.QueueSize, c.Timeout = 50, udf.Interval(time.Minute) }).serve(t)
	dir := t.TempDir()
	p := newRig("x", counted+"\n"+`stream|from().measurement('tick')|influxDBOut().measurement('tick')`,
		"y", `stream|from().measurement('m')|influxDBOut().measurement('other')`)
	p.conf.QueueSize, p.conf.Block, p.conf.StateDirectory = 1000, true, dir
	p.start(t)
	open := s.close()
	defer open()
	const n = 20_000
	begin := time.Now()
	p.give(1, n)
	require.Less(t, time.Since(begin), 10*time.Second)
	eventually(t, func() bool { return len(p.made()) == n }, "the other task has all of them")
	var x *runner
	for _, r := range p.index.Load().runners {
		if r.name == "x" {
			x = r
		}
	}
	require.True(t, x.box.stands())
	// What is left of the turn in which the task stalled waits beside what the mailbox takes.
	left := x.box.length() - 1000
	require.GreaterOrEqual(t, left, 0)
	require.Less(t, left, len(buffer{}.items))
	begin = time.Now()
	p.checkpoint()
	require.Less(t, time.Since(begin), 4*time.Second, "it saves its state meanwhile")
	require.NotEmpty(t, p.store.get("x"))
	p.survey()
	require.Contains(t, strings.Join(p.log.texts(), "\n"), `Task "x" does not keep up`)

	open()
	eventually(t, func() bool { return !x.box.stands() && x.box.length() == 0 })
	p.give(n+1, n+10)
	p.Stop()
	got := p.numbers("i")
	dropped := int(x.box.dropped.Load())
	require.Positive(t, dropped)
	require.Len(t, got, n+10-dropped)
	require.Equal(t, upTo(n+1, n+10), got[len(got)-10:])
	for i := 1; i < len(got); i++ {
		require.Less(t, got[i-1], got[i])
	}
}

// stands reports whether the task takes no points.
func (m *mailbox) stands() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stalled
}

// TestUDFStop stops while most points have yet to reach the function: all come back.
func TestUDFStop(t *testing.T) {
	for _, state := range []bool{false, true} {
		for range 5 {
			s := configure(t, "count", func(c *udf.Config) { c.QueueSize = 20 }).serve(t)
			p := newRig("x", counted)
			if state {
				p.conf.StateDirectory = t.TempDir()
			}
			p.start(t)
			p.give(1, 5000)
			p.Stop()
			require.Equal(t, upTo(1, 5000), p.numbers("i"))
			require.Empty(t, p.log.errors())
			udf.Functions.Remove(s.f)
		}
	}
}

// TestUDFReloadWhileStanding reloads, and removes, a task whose function stands still.
func TestUDFReloadWhileStanding(t *testing.T) {
	s := configure(t, "count", func(c *udf.Config) { c.QueueSize, c.Timeout = 50, udf.Interval(time.Second) }).serve(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "x.tick")
	write(t, file, counted)
	p := ofFiles(dir)
	p.start(t)
	open := s.close()
	defer open()
	p.give(1, 5000)
	require.Eventually(t, func() bool { return p.index.Load().runners[0].box.stands() }, 5*time.Second, time.Millisecond)
	write(t, file, `stream|from().measurement('m')|influxDBOut().measurement('new')`)
	eventually(t, func() bool { return len(p.made()) > 0 }, "the points that wait go to the new script")
	require.Equal(t, "new", p.made()[0].name())
	p.Stop()
	require.Empty(t, p.log.errors())
}

// TestUDFState restarts the agent: the function goes on with its state, be the agent stopped or killed.
func TestUDFState(t *testing.T) {
	s := configure(t, "count", func(c *udf.Config) { c.SnapshotInterval = udf.Interval(100 * time.Millisecond) })
	s.serve(t)
	r := agent(t, t.TempDir(), "x", counted)
	r.give(1, 100)
	eventually(t, func() bool { return len(r.numbers("n")) == 100 })
	r.Stop()
	r = agent(t, r.dir, "x", counted)
	r.give(101, 200)
	eventually(t, func() bool { return len(r.numbers("n")) == 100 })
	require.Equal(t, upTo(101, 200), r.numbers("n"))
	n := s.f.Stats().Snapshots
	eventually(t, func() bool { return s.f.Stats().Snapshots > n+1 }, "one that has been asked for since")
	r.checkpoint()
	dir := r.killed()
	killed := r
	r = agent(t, dir, "x", counted)
	r.give(201, 300)
	eventually(t, func() bool { return len(r.numbers("n")) == 100 })
	require.Equal(t, upTo(201, 300), r.numbers("n"))
	r.Stop()
	killed.Stop()
}

// TestUDFGone has a function that is not configured any more when the task begins.
func TestUDFGone(t *testing.T) {
	s := configure(t, "count", nil).serve(t)
	p := newRig("x", counted)
	p.start(t)
	eventually(t, func() bool { return s.f.Stats().Connected == 1 })
	udf.Functions.Remove(s.f)
	p.give(1, 100)
	eventually(t, func() bool { return len(p.numbers("n")) == 100 }, "who has a session keeps it")
	p.Stop()
	require.Empty(t, p.log.errors())
	_, err := udf.Functions.Info("count")
	require.ErrorIs(t, err, udf.ErrUnknown)
}

// TestInbox has a reader that is faster than its task.
func TestInbox(t *testing.T) {
	in := inbox{bell: make(chan struct{}, 1)}
	in.space.L = &in.mu
	const n = 10 * inboxSize
	go func() {
		r := new(udf.Response)
		for i := range n {
			r.Point.Time = int64(i)
			r, _ = in.put(reply{node: "x", data: r})
		}
	}()
	for next := int64(0); next < n; {
		<-in.bell
		list := in.take()
		require.LessOrEqual(t, len(list), inboxSize)
		for i := range list {
			require.Equal(t, next, list[i].data.Point.Time)
			next++
		}
		in.done(list)
	}
	in.close()
	r := new(udf.Response)
	next, first := in.put(reply{data: r})
	require.Same(t, r, next)
	require.False(t, first)
	require.False(t, in.some.Load())
}
