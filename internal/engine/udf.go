package engine

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
	"github.com/telegraf-tigk/telegraf-tigk/internal/udf"
)

// This file connects tasks with user-defined functions.
//
// A task's nodes have a session each, which never makes the task wait for the function. What the
// function sends lies in the task's inbox until the task's goroutine comes by, which it does between
// two points, and at once when it has nothing else to do. While a session is full, the task stalls: it
// takes no points, so these stay in the mailbox, but goes on with everything else.

// inboxSize is how much may lie in an inbox. A function whose task does not take more is not read from.
const inboxSize = 1024

// functions are the sessions of a task.
type functions struct {
	r    *runner
	list []*functionNode
	in   inbox
	over sync.Once
}

// A functionNode is a node with its session.
type functionNode struct {
	node, name string
	session    *udf.Session
}

// A reply is what a session tells.
type reply struct {
	node     string
	data     *udf.Response // unless nil
	snapshot bool
	state    []byte // the snapshot
	failed   error
}

// An inbox holds what the sessions have reported until the task's goroutine takes it.
type inbox struct {
	some atomic.Bool   // there is something
	bell chan struct{} // rings when there is

	mu     sync.Mutex
	space  sync.Cond
	list   []reply
	spare  []reply
	free   []*udf.Response
	closed bool // nobody takes anything any more
}

// put adds a reply; it waits while the inbox is full. It returns a response to read the next one
// into, and whether this is the first reply.
func (in *inbox) put(m reply) (next *udf.Response, first bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for len(in.list) >= inboxSize && !in.closed {
		in.space.Wait()
	}
	if in.closed {
		return m.data, false
	}
	in.list = append(in.list, m)
	in.some.Store(true)
	select {
	case in.bell <- struct{}{}:
	default:
	}
	if n := len(in.free); m.data != nil && n > 0 {
		next, in.free = in.free[n-1], in.free[:n-1]
	} else {
		next = new(udf.Response)
	}
	return next, len(in.list) == 1
}

// take returns the messages; done returns them.
func (in *inbox) take() []reply {
	in.mu.Lock()
	defer in.mu.Unlock()
	list := in.list
	in.list, in.spare = in.spare[:0], nil
	in.some.Store(false)
	in.space.Broadcast()
	return list
}

func (in *inbox) done(list []reply) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for i := range list {
		if r := list[i].data; r != nil && len(in.free) < inboxSize {
			in.free = append(in.free, r)
		}
	}
	clear(list)
	in.spare = list[:0]
}

func (in *inbox) close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
	in.space.Broadcast()
}

// openFunctions begins the sessions of the task, which has been started and restored.
func (r *runner) openFunctions() error {
	us := r.task.UDFs()
	if len(us) == 0 {
		return nil
	}
	f := &functions{r: r}
	f.in.space.L, f.in.bell = &f.in.mu, make(chan struct{}, 1)
	for _, u := range us {
		if udf.Functions.Lookup(u.Function) == nil {
			return fmt.Errorf("%s: the function %s is not configured any more", u.Node, u.Function)
		}
	}
	r.functions = f
	for _, u := range us {
		r.task.Restarted(u.Node)
		f.open(udf.Functions.Lookup(u.Function), u)
	}
	return nil
}

func (f *functions) open(fn *udf.Function, u task.UDF) {
	tell := func(m reply) *udf.Response {
		m.node = u.Node
		next, first := f.in.put(m)
		if first {
			f.r.box.do(f.drain)
		}
		return next
	}
	x := &functionNode{node: u.Node, name: u.Function}
	x.session = fn.Open(u.Init, u.Snapshot, udf.Events{
		Receive:  func(r *udf.Response) *udf.Response { return tell(reply{data: r}) },
		Broken:   func() { tell(reply{}) },
		Snapshot: func(b []byte) { tell(reply{snapshot: true, state: b}) },
		Room:     f.r.box.knock,
		Failed:   func(err error) { tell(reply{failed: err}) },
	})
	f.list = append(f.list, x)
}

// send hands data to the function of a node.
func (f *functions) send(x *spec.Effect) {
	for _, fn := range f.list {
		if fn.node == x.Node {
			fn.session.Send(x.UDF.Frames, x.UDF.Points)
			return
		}
	}
}

// full reports whether a function takes nothing for now.
func (f *functions) full() bool {
	for _, fn := range f.list {
		if fn.session.Full() {
			return true
		}
	}
	return false
}

// drain brings the task what has come. It is called by the task's goroutine.
func (f *functions) drain() {
	r := f.r
	if r.functions != f || !f.in.some.Load() {
		return
	}
	list := f.in.take()
	defer f.in.done(list)
	r.unsaved.set()
	begin := time.Now()
	err := r.task.Tick(r.e.clock())
	for i := range list {
		if r.failed.Load() {
			return
		}
		m := &list[i]
		switch {
		case m.data != nil:
			if err == nil {
				err = r.task.Receive(m.node, m.data)
			}
		case m.snapshot:
			r.task.KeepSnapshot(m.node, m.state)
		case m.failed != nil:
			err = fmt.Errorf("%s: %w", m.node, m.failed)
		default:
			r.task.Restarted(m.node)
		}
		if i%64 == 63 || i == len(list)-1 || err != nil {
			r.after(err)
		}
	}
	r.evalNS += int64(time.Since(begin))
}

// finish ends the sessions one after the other, as the data flows: what a function still has to say is
// dealt with, by functions behind it, too.
func (f *functions) finish() {
	r := f.r
	for !r.failed.Load() {
		ended, err := r.task.Finish()
		r.after(err)
		if len(ended) == 0 {
			break
		}
		f.close(ended...)
	}
	f.end()
}

// quiesce is [functions.finish] for a task whose state is kept: its nodes do not send what they hold.
func (f *functions) quiesce() {
	for _, fn := range f.list {
		f.close(fn.node)
	}
}

func (r *runner) quiesce() {
	if r.functions != nil && !r.failed.Load() {
		r.unsaved.set()
		r.functions.quiesce()
	}
}

// close closes the sessions of nodes, and takes what they still receive.
func (f *functions) close(nodes ...string) {
	var closing sync.WaitGroup
	for _, fn := range f.list {
		for _, name := range nodes {
			if fn.node == name {
				closing.Go(fn.session.Close)
			}
		}
	}
	closed := make(chan struct{})
	go func() {
		closing.Wait()
		close(closed)
	}()
	for {
		select {
		case <-f.in.bell:
			f.drain()
		case <-closed:
			f.drain()
			return
		}
	}
}

// end gives up the sessions that are still open. It does not wait for them.
func (f *functions) end() {
	f.over.Do(func() {
		f.in.close()
		for _, fn := range f.list {
			f.r.e.requests.Go(fn.session.Close)
		}
	})
}

// show shows how the functions fare.
func (f *functions) show(s *taskStats) {
	for _, fn := range f.list {
		x := fn.session.Stats()
		kind := "@" + fn.name
		s.set(f.r, fn.node, kind, "udf_connected", x.Connected)
		s.set(f.r, fn.node, kind, "udf_queue_length", x.Queue)
		s.set(f.r, fn.node, kind, "udf_points_dropped", x.Dropped)
		s.set(f.r, fn.node, kind, "udf_points_lost", x.Lost)
		s.set(f.r, fn.node, kind, "udf_restarts", x.Restarts)
		s.set(f.r, fn.node, kind, "udf_round_trip_ns", int64(x.RoundTrip))
	}
}

// makeWay does what is more urgent than the next point: it takes what functions have sent. It reports
// whether the task can take the point.
func (r *runner) makeWay() bool {
	if r.functions.in.some.Load() {
		r.functions.drain()
	}
	return !r.stalls()
}

// stalls reports whether the task can take no points for now: it cannot be started yet, or a function
// is full.
func (r *runner) stalls() bool {
	f := r.functions
	return r.waits.Load() || f != nil && !r.failed.Load() && f.full()
}

// settleTimeout is how long the agent, when it stops, waits for functions that take nothing.
const settleTimeout = 5 * time.Second

// settle waits until the tasks have dealt with their points, as long as these become fewer: of a task that
// stalls, calls, such as that to end, overtake the points that wait.
func (e *Engine) settle() {
	e.pool.watched.Store(true)
	defer e.pool.watched.Store(false)
	late := time.NewTimer(settleTimeout)
	defer late.Stop()
	for least := math.MaxInt; ; {
		left, works := 0, false
		for _, r := range e.index.Load().runners {
			if !r.waits.Load() && r.box.works() {
				left, works = left+r.box.length(), true
			}
		}
		if !works {
			return
		}
		if left < least {
			least = left
			late.Reset(settleTimeout)
		}
		select {
		case <-e.pool.turned:
		case <-late.C:
			return
		}
	}
}

// hold makes a place for the task of a script whose functions cannot be asked yet: its points wait, as
// many as the mailbox takes. A task that runs goes on with the script it has.
func (e *Engine) hold(s *source, cause error) {
	if w := e.waits[s.name]; w == nil || !w.same(s) {
		e.waits[s.name] = s
		e.log.Infof("Task %q waits for a user-defined function: %v", s.name, cause)
	}
	e.counters.waiting.Store(int64(len(e.waits)))
	delete(e.problems, s.problem())
	p := e.places[s.name]
	if p != nil && !p.r.waits.Load() {
		return
	}
	t, err := s.outline(e.base, e.c.DBRP)
	if err != nil {
		e.problem(s, err)
		return
	}
	if p == nil {
		p = &place{r: newRunner(e, s.name)}
		e.places[s.name] = p
		p.r.waits.Store(true)
		if gone := e.leaving[s.name]; gone != nil {
			p.r.box.do(func() { <-gone })
		}
	}
	p.src = s
	p.entry = entry{r: p.r, dbrps: t.DBRPs()}
	p.names, p.all = t.Measurements()
}

// release notes that a task waits no longer.
func (e *Engine) release(name string) {
	delete(e.waits, name)
	e.counters.waiting.Store(int64(len(e.waits)))
}

// reached starts the tasks that wait for functions, as far as these can be asked now.
func (e *Engine) reached() {
	e.changing.Lock()
	defer e.changing.Unlock()
	var begin []*source
	for _, s := range e.waits {
		t, err := s.load(e.base, e.c.DBRP)
		switch {
		case errors.Is(err, udf.ErrUnreachable):
		case err != nil:
			e.release(s.name)
			e.problem(s, err)
			if p := e.places[s.name]; p != nil && p.r.waits.Load() {
				e.drop(s.name, p)
			}
		default:
			s.task = t
			begin = append(begin, s)
		}
	}
	docs := e.prefetch(begin)
	for _, s := range begin {
		e.begin(s, docs)
	}
	e.reindex()
	e.tellNews()
}

// watchFunctions returns a channel that has something in it when a function can be asked.
func watchFunctions() (reached <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	stop = udf.Functions.Watch(func() {
		select {
		case c <- struct{}{}:
		default:
		}
	})
	return c, stop
}
