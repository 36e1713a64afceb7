package tick

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file holds the mailboxes. Each task has one, and gets what comes in its order. A task without
// work holds no buffer.

// A parcel is a point on its way to tasks. All mailboxes that it lies in share it, and its tasks only
// read it; the last one gives it back.
type parcel struct {
	point   point.Point // Fields is a buffer of the parcel's own
	arrived int64
	hops    int // times that the point came out of a loopback
	holders atomic.Int32
}

// An item is a parcel, or a call that keeps its place among the parcels.
type item struct {
	parcel *parcel
	call   func()
}

// A buffer is a part of what lies in a mailbox: what its task works on in one turn.
type buffer struct {
	items  [64]item
	n      int
	points int
	fields int
	next   *buffer
}

// A depot is what all mailboxes share: their size, who empties them, and what is used again.
type depot struct {
	crew     crew
	limit    int // points in a mailbox, and 32 times as many fields
	patience patience
	parcels  sync.Pool // of *parcel
	buffers  sync.Pool // of *buffer

	waits, dropped atomic.Int64 // points that had to wait, and that found no place
}

func newDepot(limit int, block bool) *depot {
	d := &depot{limit: limit, patience: patience{endless: block, left: patienceMost}}
	d.crew.work = d.crew.run
	d.parcels.New = func() any { return new(parcel) }
	d.buffers.New = func() any { return new(buffer) }
	return d
}

// parcel returns one that the caller holds, with an old point in it.
func (d *depot) parcel() *parcel {
	p := d.parcels.Get().(*parcel)
	p.holders.Store(1)
	p.hops = 0
	return p
}

// release is called by who holds a parcel no longer.
func (d *depot) release(p *parcel) {
	if p.holders.Add(-1) == 0 {
		d.parcels.Put(p)
	}
}

// A mailbox is filled by whoever has points for its task and emptied by the crew, one buffer each
// turn. In steady state nothing is allocated.
type mailbox struct {
	*depot
	turn    func() (again bool) // calls take and rest; one at a time
	next    *mailbox            // that waits for a turn; belongs to the crew
	dropped atomic.Int64        // points that found no place

	mu     sync.Mutex
	first  *buffer // nil while the mailbox is empty
	last   *buffer
	points int // in all buffers
	fields int
	busy   bool          // it waits for a turn, or has it
	due    bool          // the task is to look at the clock
	closed bool          // nothing comes in any more
	vain   bool          // somebody has waited in vain since the last take
	still  bool          // the goroutine takes no points for now
	stance *stance       // nil until that has happened
	room   chan struct{} // closed by the next take; nil unless somebody waits
}

// full reports whether the mailbox has n times the points, or the fields, that it should.
func (m *mailbox) full(n int) bool { return m.points >= n*m.limit || m.fields >= n*32*m.limit }

// put adds p. If the mailbox is full, it waits as long as w allows, and drops p if there is no room
// then. A point from a loopback never waits, since its sender may be the task that empties the
// mailbox; it has as much space again.
func (m *mailbox) put(p *parcel, w *patience) {
	m.mu.Lock()
	if p.hops > 0 && m.full(2) || p.hops == 0 && m.full(1) && !m.wait(w) {
		m.mu.Unlock()
		m.dropped.Add(1)
		m.depot.dropped.Add(1)
		return
	}
	if m.closed {
		m.mu.Unlock()
		return
	}
	p.holders.Add(1)
	m.add(item{parcel: p})
}

// do has the task call f once it has dealt with what is in the mailbox. It never waits.
// It reports whether the mailbox is still open.
func (m *mailbox) do(f func()) bool {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return false
	}
	if m.still {
		m.stance.aside = append(m.stance.aside, f)
		m.ringBell()
		m.mu.Unlock()
		return true
	}
	m.add(item{call: f})
	return true
}

// A stance is what a goroutine that takes no points has to do with.
type stance struct {
	aside []func()      // calls
	bell  chan struct{} // rings when there is something
}

// stand has calls kept aside until goOn, with those that are in the mailbox and, before them, those
// that the goroutine has taken.
func (m *mailbox) stand(taken []item) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.still = true
	if m.stance == nil {
		m.stance = &stance{bell: make(chan struct{}, 1)}
	}
	m.setAside(taken)
	for b := m.first; b != nil; b = b.next {
		m.setAside(b.items[:b.n])
	}
	m.makeRoom() // nobody is to wait for a goroutine that stands still
}

func (m *mailbox) setAside(items []item) {
	for i := range items {
		if items[i].call != nil {
			m.stance.aside = append(m.stance.aside, items[i].call)
			items[i].call = nil
		}
	}
}

// calls returns the calls that have been kept aside.
func (m *mailbox) calls() []func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.stance.aside
	m.stance.aside = nil
	return c
}

// goOn ends a stand, unless there are calls.
func (m *mailbox) goOn() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.stance.aside) > 0 {
		return false
	}
	m.still = false
	return true
}

// works reports whether there is something in the mailbox, or has been and is being dealt with.
func (m *mailbox) works() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.busy
}

// knock has a goroutine that stands still look around.
func (m *mailbox) knock() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.still {
		m.ringBell()
	}
}

func (m *mailbox) ringBell() {
	select {
	case m.stance.bell <- struct{}{}:
	default:
	}
}

// add adds an item, sees to it that the task has a turn, and unlocks.
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
	if it.parcel != nil {
		n := len(it.parcel.point.Fields)
		b.points, b.fields = b.points+1, b.fields+n
		m.points, m.fields = m.points+1, m.fields+n
	}
	was := m.busy
	m.busy = true
	m.mu.Unlock()
	if !was {
		m.crew.add(m)
	}
}

// wait waits for room, with the lock held when it is called and when it returns, and reports whether
// there is some.
func (m *mailbox) wait(w *patience) bool {
	if m.still || m.vain && !w.endless {
		return false // whoever empties this mailbox stands still
	}
	m.waits.Add(1)
	for m.full(1) && !m.closed {
		if m.still {
			return false
		}
		if m.room == nil {
			m.room = make(chan struct{})
		}
		room := m.room
		m.mu.Unlock()
		ok := w.wait(room)
		m.mu.Lock()
		if !ok && m.room == room {
			m.vain = true
			return false
		}
	}
	return true
}

// take begins a turn: it returns the oldest buffer. It returns nil if the task is to look at the
// clock, which comes after everything else.
func (m *mailbox) take() *buffer {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.first
	if b == nil {
		m.due = false
		return nil
	}
	if m.first = b.next; m.first == nil {
		m.last = nil
	}
	m.points -= b.points
	m.fields -= b.fields
	m.vain = false
	m.makeRoom()
	return b
}

// rest ends the turn with the buffer that has been dealt with, if it was one. It reports whether
// there is to be another turn, as there is if the task has a timer that is due.
func (m *mailbox) rest(done *buffer, due bool) (again bool) {
	if done != nil {
		clear(done.items[:done.n])
		done.n, done.points, done.fields, done.next = 0, 0, 0, nil
		m.buffers.Put(done)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.due = m.due || due
	m.busy = m.first != nil || m.due
	return m.busy
}

func (m *mailbox) makeRoom() {
	if m.room != nil {
		close(m.room)
		m.room = nil
	}
}

// ring has the task look at the clock when it has dealt with what is in the mailbox.
func (m *mailbox) ring() {
	m.mu.Lock()
	m.due = true
	if m.still {
		m.ringBell()
	}
	idle := !m.busy && !m.closed
	m.busy = m.busy || idle
	m.mu.Unlock()
	if idle {
		m.crew.add(m)
	}
}

// close lets nothing more in. What is in the mailbox will be dealt with.
func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.makeRoom()
}

// length returns the number of points that wait.
func (m *mailbox) length() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.points
}

// A patience is how long the agent waits for tasks that are behind: unless it is endless, for one
// part in ten of the time, so that a task that is too slow takes no more than that from the others.
// What is saved up bridges a burst. It belongs to the goroutine that calls Add.
type patience struct {
	endless bool
	left    time.Duration
	since   time.Time // of the last wait's end
}

const (
	patienceMost  = time.Second
	patienceShare = 10
	patienceOnce  = 100 * time.Millisecond // for a task that stands still
)

// wait waits for room and reports whether it came.
func (w *patience) wait(room <-chan struct{}) bool {
	if w.endless {
		<-room
		return true
	}
	begin := time.Now()
	if !w.since.IsZero() {
		w.left = min(patienceMost, w.left+begin.Sub(w.since)/patienceShare)
	}
	timer := time.NewTimer(min(w.left, patienceOnce))
	defer timer.Stop()
	ok := false
	select {
	case <-room:
		ok = true
	case <-timer.C:
	}
	w.since = time.Now()
	w.left -= w.since.Sub(begin)
	return ok
}
