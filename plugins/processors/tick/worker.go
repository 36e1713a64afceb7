package tick

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file holds the workers: goroutines to which tasks are pinned, each with its queue.

// A batch is what a worker does in one go: points, and calls that keep their place among them. Its
// buffers are used again.
type batch struct {
	items  []item
	fields []point.Field
	points int
}

// An item is a point for a target, or a call.
type item struct {
	point    point.Point // without Fields
	from, to int         // of the fields
	target   *target
	arrived  int64
	hops     int // times that the point came out of a loopback
	call     func()
}

// A queue is filled by whoever has points and emptied by its worker, which takes all there is and
// hands back the buffers that it has done with: in steady state nothing is allocated.
type queue struct {
	limit   int // points, and 32 times as many fields
	block   bool
	waits   atomic.Int64 // times that a point had to wait
	dropped atomic.Int64 // points that found no place

	mu     sync.Mutex
	space  sync.Cond
	in     *batch
	closed bool
	wake   chan struct{}
}

func newQueue(limit int, block bool) *queue {
	q := &queue{limit: limit, block: block, in: new(batch), wake: make(chan struct{}, 1)}
	q.space.L = &q.mu
	return q
}

// full reports whether the batch has n times the points, or the fields, that it should.
func (q *queue) full(n int) bool {
	return q.in.points >= n*q.limit || len(q.in.fields) >= n*32*q.limit
}

// put adds a copy of p, which has come round hops times. A point from a loopback never waits: its
// sender may be the worker that empties the queue. It has as much space again.
func (q *queue) put(p *point.Point, t *target, arrived int64, hops int) {
	q.mu.Lock()
	if hops > 0 && q.full(2) || hops == 0 && !q.block && q.full(1) {
		q.mu.Unlock()
		q.dropped.Add(1)
		return
	}
	if hops == 0 && q.full(1) {
		q.waits.Add(1)
		for q.full(1) && !q.closed {
			q.space.Wait()
		}
	}
	b := q.in
	from := len(b.fields)
	b.fields = append(b.fields, p.Fields...)
	it := item{point: *p, from: from, to: len(b.fields), target: t, arrived: arrived, hops: hops}
	it.point.Fields = nil
	b.items = append(b.items, it)
	b.points++
	first := len(b.items) == 1
	q.mu.Unlock()
	if first {
		q.signal()
	}
}

// do has the worker call f once it has dealt with what is in the queue. It never waits. It reports
// whether the worker is still there to do it.
func (q *queue) do(f func()) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.in.items = append(q.in.items, item{call: f})
	q.signal()
	return true
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take exchanges the batch that was filled for an empty one and reports whether more can come.
func (q *queue) take(empty *batch) (full *batch, open bool) {
	empty.reset()
	q.mu.Lock()
	defer q.mu.Unlock()
	full, q.in = q.in, empty
	q.space.Broadcast()
	return full, !q.closed
}

// close lets the worker end once the queue is empty.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.space.Broadcast()
	q.signal()
}

// length returns the number of points that wait.
func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.in.points
}

// bufferLimit is the number of items beyond which a buffer is not kept for the next batch.
const bufferLimit = 1 << 14

func (b *batch) reset() {
	if cap(b.items) > bufferLimit || cap(b.fields) > 32*bufferLimit {
		*b = batch{}
		return
	}
	clear(b.items)
	clear(b.fields)
	b.items, b.fields, b.points = b.items[:0], b.fields[:0], 0
}

// A worker runs the tasks pinned to it, one call at a time.
type worker struct {
	*queue
	clock func() int64
	tasks int // pinned to it; belongs to the caller of apply

	// What follows belongs to the worker's goroutine.
	runners []*runner
	next    int64 // not later than the first timer of its tasks
}

// idle is how long a worker without timers sleeps.
const idle = time.Hour

func newWorker(limit int, block bool, clock func() int64) *worker {
	return &worker{queue: newQueue(limit, block), clock: clock, next: never}
}

// run works until the queue is closed and empty.
func (w *worker) run() {
	timer := time.NewTimer(idle)
	defer timer.Stop()
	b := new(batch)
	for {
		var open bool
		b, open = w.take(b)
		if len(b.items) > 0 {
			w.work(b)
			continue
		}
		if !open {
			return
		}
		now := w.clock()
		if now >= w.next {
			w.tick(now)
			continue
		}
		timer.Reset(time.Duration(min(w.next-now, int64(idle))))
		select {
		case <-w.wake:
		case <-timer.C:
		}
	}
}

func (w *worker) work(b *batch) {
	for i := range b.items {
		it := &b.items[i]
		if it.call != nil {
			it.call()
			continue
		}
		if it.arrived >= w.next {
			w.tick(it.arrived)
		}
		it.point.Fields = b.fields[it.from:it.to:it.to]
		for _, t := range it.target.tasks {
			t.r.push(&it.point, it.arrived, it.hops)
		}
	}
}

// tick brings the time to the tasks with a timer that is due, and finds out when the next one is.
func (w *worker) tick(now int64) {
	w.next = never
	for _, r := range w.runners {
		if r.next <= now {
			r.tick(now)
		}
		w.next = min(w.next, r.next)
	}
}
