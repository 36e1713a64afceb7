package engine

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file holds the mailboxes. Each task has one, and gets what comes in its order. A task without
// work holds no buffer.

// A message is a point on its way to tasks. All mailboxes that it lies in share it, and its tasks only
// read it; the last one gives it back.
type message struct {
	point   point.Point // Fields is a buffer of the message's own
	arrived int64
	hops    int // times that the point came out of a loopback
	refs    atomic.Int32
}

// An item is a message, or a call that keeps its place among the messages.
type item struct {
	message *message
	call    func()
}

// A buffer is a part of what lies in a mailbox: what its task works on in one turn.
type buffer struct {
	items  [64]item
	at, n  int // those from at to n are to be dealt with
	points int
	fields int
	next   *buffer
}

// A pool is what all mailboxes share: their size, who empties them, and what is used again.
type pool struct {
	workers  workers
	limit    int // points in a mailbox, and 32 times as many fields
	budget   budget
	messages sync.Pool // of *message
	buffers  sync.Pool // of *buffer

	waits, dropped atomic.Int64 // points that had to wait, and that found no place

	watched atomic.Bool   // turned is read
	turned  chan struct{} // has something in it when turns have ended
}

func newPool(limit int, block bool) *pool {
	p := &pool{limit: limit, budget: budget{endless: block, left: budgetMax}, turned: make(chan struct{}, 1)}
	p.workers.work = p.workers.run
	p.messages.New = func() any { return new(message) }
	p.buffers.New = func() any { return new(buffer) }
	return p
}

// message returns one that the caller holds, with an old point in it.
func (p *pool) message() *message {
	m := p.messages.Get().(*message)
	m.refs.Store(1)
	m.hops = 0
	return m
}

// release is called by who holds a message no longer.
func (p *pool) release(m *message) {
	if m.refs.Add(-1) == 0 {
		p.messages.Put(m)
	}
}

// A mailbox is filled by whoever has points for its task and emptied by the workers, one buffer each
// turn. In steady state nothing is allocated.
//
// A task that cannot take points for a while stalls: they stay in the mailbox, and nobody waits for
// space in it. Calls overtake them, and the clock is looked at; no goroutine waits for the end.
type mailbox struct {
	*pool
	turn    func() (again bool) // calls take and done; one at a time
	next    *mailbox            // that waits for a turn; belongs to the workers
	dropped atomic.Int64        // points that found no place
	woken   atomic.Bool         // something has happened that may end a stall

	mu      sync.Mutex
	first   *buffer // nil while the mailbox is empty
	last    *buffer
	points  int // in all buffers
	fields  int
	urgent  []func() // calls that do not wait for points
	busy    bool     // it waits for a turn, or has it
	due     bool     // the task is to look at the clock
	stalled bool
	closed  bool          // nothing comes in any more
	gaveUp  bool          // somebody has waited in vain since the last take
	space   chan struct{} // closed by the next take; nil unless somebody waits
}

// full reports whether the mailbox has n times the points, or the fields, that it should.
func (m *mailbox) full(n int) bool { return m.points >= n*m.limit || m.fields >= n*32*m.limit }

// put adds p. If the mailbox is full, it waits as long as b allows, and drops p if there is no space
// then. A point from a loopback never waits, since its sender may be the task that empties the
// mailbox; it has as much space again.
func (m *mailbox) put(p *message, b *budget) {
	m.mu.Lock()
	if p.hops > 0 && m.full(2) || p.hops == 0 && m.full(1) && !m.wait(b) {
		m.mu.Unlock()
		m.dropped.Add(1)
		m.pool.dropped.Add(1)
		return
	}
	if m.closed {
		m.mu.Unlock()
		return
	}
	p.refs.Add(1)
	m.add(item{message: p})
	m.unlock(!m.stalled)
}

// do has the task call f once it has dealt with what is in the mailbox. It never waits.
// It reports whether the mailbox is still open.
func (m *mailbox) do(f func()) bool {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return false
	}
	if m.stalled {
		m.urgent = append(m.urgent, f)
	} else {
		m.add(item{call: f})
	}
	m.unlock(true)
	return true
}

// add adds an item.
func (m *mailbox) add(it item) {
	b := m.last
	if b == nil || b.n == len(b.items) {
		b = m.buffers.Get().(*buffer)
		if m.last == nil {
			m.first = b
		} else {
			m.last.next = b
		}
		m.last = b
	}
	b.items[b.n] = it
	b.n++
	if it.message != nil {
		n := len(it.message.point.Fields)
		b.points, b.fields = b.points+1, b.fields+n
		m.points, m.fields = m.points+1, m.fields+n
	}
}

// unlock unlocks. With wake the task has a turn.
func (m *mailbox) unlock(wake bool) {
	start := wake && !m.busy
	m.busy = m.busy || wake
	m.mu.Unlock()
	if start {
		m.workers.add(m)
	}
}

// wait waits for space, with the lock held when it is called and when it returns, and reports whether
// there is some.
func (m *mailbox) wait(b *budget) bool {
	if m.stalled || m.gaveUp && !b.endless {
		return false
	}
	m.waits.Add(1)
	for m.full(1) && !m.closed {
		if m.stalled {
			return false
		}
		if m.space == nil {
			m.space = make(chan struct{})
		}
		space := m.space
		m.mu.Unlock()
		ok := b.wait(space)
		m.mu.Lock()
		if !ok && m.space == space {
			m.gaveUp = true
			return false
		}
	}
	return true
}

// take begins a turn. It returns calls that are urgent, or else the oldest buffer, or neither if the
// task is to look at the clock, which comes after everything else. While the task stalls no points are
// returned, and all calls are urgent.
func (m *mailbox) take(stalled bool) (calls []func(), b *buffer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if stalled && !m.stalled {
		for b := m.first; b != nil; b = b.next {
			m.hurry(b)
		}
		m.makeSpace() // nobody is to wait
	}
	m.stalled = stalled
	switch {
	case len(m.urgent) > 0:
		calls, m.urgent = m.urgent, nil
		return calls, nil
	case stalled || m.first == nil:
		m.due = false
		return nil, nil
	}
	b = m.first
	if m.first = b.next; m.first == nil {
		m.last = nil
	}
	b.next = nil
	m.points -= b.points
	m.fields -= b.fields
	m.gaveUp = false
	m.makeSpace()
	return nil, b
}

// hurry makes the calls in b urgent.
func (m *mailbox) hurry(b *buffer) {
	for i := b.at; i < b.n; i++ {
		if call := b.items[i].call; call != nil {
			m.urgent = append(m.urgent, call)
			b.items[i].call = nil
		}
	}
}

// done ends the turn, with the buffer that has been dealt with if it was one; what is left of it comes
// before everything else. With due the task has a timer that is due. done reports whether there is to be
// another turn.
func (m *mailbox) done(b *buffer, due bool) (again bool) {
	left := b != nil && b.at < b.n
	if b != nil && !left {
		m.recycle(b)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if left {
		m.putBack(b)
	}
	m.due = m.due || due
	m.busy = len(m.urgent) > 0 || m.due || m.first != nil && !m.stalled || m.woken.Load()
	if m.watched.Load() {
		wake(m.turned)
	}
	return m.busy
}

func (m *mailbox) recycle(b *buffer) {
	clear(b.items[:b.n])
	b.at, b.n, b.points, b.fields = 0, 0, 0, 0
	m.buffers.Put(b)
}

// putBack puts what is left of b in front.
func (m *mailbox) putBack(b *buffer) {
	b.points, b.fields = 0, 0
	for _, it := range b.items[b.at:b.n] {
		if it.message != nil {
			b.points++
			b.fields += len(it.message.point.Fields)
		}
	}
	m.points, m.fields = m.points+b.points, m.fields+b.fields
	if b.next = m.first; m.first == nil {
		m.last = b
	}
	m.first = b
}

func (m *mailbox) makeSpace() {
	if m.space != nil {
		close(m.space)
		m.space = nil
	}
}

// ring has the task look at the clock when it has dealt with what is in the mailbox.
func (m *mailbox) ring() {
	m.mu.Lock()
	m.due = true
	m.unlock(!m.closed)
}

// knock has the task find out whether it still stalls.
func (m *mailbox) knock() {
	m.woken.Store(true)
	m.mu.Lock()
	m.unlock(m.stalled)
}

// close lets nothing more in. What is in the mailbox will be dealt with.
func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.makeSpace()
}

// length returns the number of points that wait.
func (m *mailbox) length() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.points
}

// works reports whether there is something in the mailbox, or has been and is being dealt with.
func (m *mailbox) works() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.busy || m.first != nil
}

// wake puts something into c, unless there is.
func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// A budget is how long the agent waits for tasks that are behind: unless it is endless, for one
// part in ten of the time, so that a task that is too slow takes no more than that from the others.
// What is saved up bridges a burst. It belongs to the goroutine that adds points.
type budget struct {
	endless bool
	left    time.Duration
	since   time.Time // of the last wait's end
}

const (
	budgetMax   = time.Second
	budgetShare = 10
	longestWait = 100 * time.Millisecond // for a task that stands still
)

// wait waits for space and reports whether it came.
func (b *budget) wait(space <-chan struct{}) bool {
	if b.endless {
		<-space
		return true
	}
	begin := time.Now()
	if !b.since.IsZero() {
		b.left = min(budgetMax, b.left+begin.Sub(b.since)/budgetShare)
	}
	timer := time.NewTimer(min(b.left, longestWait))
	defer timer.Stop()
	ok := false
	select {
	case <-space:
		ok = true
	case <-timer.C:
	}
	b.since = time.Now()
	b.left -= b.since.Sub(begin)
	return ok
}
