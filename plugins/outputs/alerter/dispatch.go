package alerter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/influxdata/telegraf"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
)

// A dispatcher runs the workers of all queues. A queue exists while it holds deliveries, a worker
// while its queue has something for it.
type dispatcher struct {
	log              telegraf.Logger
	stats            *stats
	limit            *limiter
	retries          *limiter // for failures that are tried again
	keeps            bool     // the spool outlives the process
	timeout          time.Duration
	retryMin         time.Duration
	retryMax, maxAge time.Duration

	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	spool   Spool
	queues  map[string]*queue
	held    map[eventKey]*delivery // by series
	bundles map[string]*bundle
	flights map[*delivery]time.Time // since when they are being tried
	due     func(key string)        // is called when a bundle is due
	room    room
	touched map[string]struct{} // IDs of alerts that came before an earlier process's were read
	closing bool
	resting bool          // begin nothing any more
	idle    chan struct{} // closed when closing and no worker is left
	workers int
}

func newDispatcher(a *Alerter, s Spool) *dispatcher {
	d := &dispatcher{
		log: a.Log, stats: a.stats, limit: a.limit, retries: newLimiter(time.Minute, time.Now),
		timeout:  time.Duration(a.Timeout),
		retryMin: time.Duration(a.RetryMinInterval), retryMax: time.Duration(a.RetryMaxInterval),
		maxAge: time.Duration(a.RetryMaxAge), spool: s, keeps: a.StateDirectory != "",
		queues: map[string]*queue{}, held: map[eventKey]*delivery{}, bundles: map[string]*bundle{},
		flights: map[*delivery]time.Time{}, idle: make(chan struct{}),
	}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	return d
}

// put spools e and sees to its deliveries. If it was made of what is in a bundle, that is over. It is
// not safe before a commit.
func (d *dispatcher) put(e *alert.Event, list []delivery, levels []topicLevel, from *bundle, safe func()) {
	now := time.Now()
	for i := range list {
		it := &list[i]
		it.since = now
		it.dest = it.key()
		var err error
		if it.origin, err = json.Marshal(it.options); err != nil {
			d.limit.log(d.log.Errorf, "options", fmt.Errorf("options of %s: %w", it.outlet.kind.Name, err))
		}
		it.series = seriesOf(it.dest, it.origin, e.ID)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p := &posting{event: e, levels: levels, safe: safe}
	muted := map[*handler.Kind]int{}
	for i := range list {
		it := &list[i]
		made := d.admit(p, it)
		if made {
			p.list = append(p.list, it)
		}
		if it.held || !made {
			muted[it.outlet.kind]++
		}
	}
	held := p.over
	if from != nil {
		p.over = append(p.over, from.items...)
	}
	if d.spool.Put(p) != nil {
		d.stats.get("").repeated.Incr(1)
		if from != nil {
			for _, it := range from.items {
				d.spool.Done(it, dropped)
			}
			d.sent(from)
		}
		return
	}
	if d.touched != nil && len(d.touched) < remembered {
		d.touched[e.ID] = struct{}{}
	}
	for k, n := range muted {
		d.stats.get(k.Name).muted.Incr(int64(n))
	}
	for _, it := range held {
		d.forget(it)
	}
	if from != nil {
		d.sent(from)
	}
	for _, it := range p.list {
		d.settle(it)
	}
	if len(p.list) > 0 {
		d.makeRoom(p.list[0].seq)
	}
}

// enqueue lets a delivery wait for its turn.
func (d *dispatcher) enqueue(it *delivery) {
	if it.timeout <= 0 {
		it.timeout = d.timeout
	}
	q := d.queues[it.dest]
	if q == nil {
		q = newQueue(it.outlet, it.dest)
		d.queues[it.dest] = q
	}
	before := q.push(it)
	if before == nil && !it.revived && it.event.Previous == alert.OK {
		_, told := d.spool.Told(it.series)
		it.unheard = !told
	}
	d.room.add(it, before)
	d.stats.get(it.outlet.kind.Name).queued.Incr(1)
	d.start(q)
}

// start makes sure that a worker looks at q.
func (d *dispatcher) start(q *queue) {
	switch {
	case q.sleeping:
		select {
		case q.wake <- struct{}{}:
		default:
		}
	case q.workers < q.outlet.kind.Parallel:
		q.workers++
		d.workers++
		go d.work(q)
	}
}

func (d *dispatcher) work(q *queue) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.leave(q)
	for d.ctx.Err() == nil && !d.resting {
		c, wait := q.pick(time.Now(), d.closing)
		if c != nil {
			d.attempt(q, c)
			continue
		}
		if wait < 0 || q.sleeping {
			return
		}
		q.sleeping = true
		d.mu.Unlock()
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-q.wake:
		case <-d.ctx.Done():
		}
		t.Stop()
		d.mu.Lock()
		q.sleeping = false
	}
}

func (d *dispatcher) leave(q *queue) {
	q.workers--
	d.workers--
	if q.n == 0 {
		delete(d.queues, q.key)
	}
	if d.closing && d.workers == 0 {
		close(d.idle)
	}
}

// attempt tries the head of c, which was picked, with the lock released meanwhile.
func (d *dispatcher) attempt(q *queue, c *chain) {
	it := c.items[0]
	st := d.stats.get(q.outlet.kind.Name)
	it.last = d.closing
	q.flying++
	c.flying = true
	d.flights[it] = time.Now()
	d.mu.Unlock()
	err := it.send(d.ctx, d.log)
	d.mu.Lock()
	q.flying--
	c.flying = false
	delete(d.flights, it)

	now := time.Now()
	var how *handler.Error
	if errors.As(err, &how) && how.Rest != nil {
		it.options = how.Rest
		d.spool.Rest(it)
	}
	switch {
	case err == nil:
		if q.fails >= 3 { // no news after a hiccup
			d.log.Infof("Handler %s delivers again", q.outlet.kind.Name)
		}
		q.fails, q.resume, q.works = 0, time.Time{}, true
		st.delivered.Incr(1)
		d.finish(q, c, made)
	case how != nil && how.Permanent:
		q.fails, q.resume, q.works = 0, time.Time{}, true // the receiver is there
		st.failed.Incr(1)
		d.limit.log(d.log.Errorf, q.key+" "+err.Error(), fmt.Errorf("%s: alert %q of task %q dropped: %w", q.outlet.kind.Name, it.event.ID, it.event.Task, err))
		d.finish(q, c, failed)
	case now.Sub(it.since) > d.maxAge:
		st.dropped.Incr(1)
		d.limit.log(d.log.Errorf, q.key, fmt.Errorf("%s: alert %q of task %q given up after %s: %w", q.outlet.kind.Name, it.event.ID, it.event.Task, d.maxAge, err))
		q.fault(now, err)
		d.finish(q, c, failed)
	default:
		st.retried.Incr(1)
		it.attempts++
		q.fault(now, err)
		var after time.Duration
		if how != nil {
			after = how.After
		}
		it.due = now.Add(max(after, backoff(it.attempts, d.retryMin, d.retryMax)))
		q.resume = now.Add(max(after, backoff(q.fails, d.retryMin, d.retryMax)))
		q.again(c)
		d.retries.log(d.log.Warnf, q.key, fmt.Errorf("%s: alert %q of task %q is tried again later: %w", q.outlet.kind.Name, it.event.ID, it.event.Task, err))
	}
	// Others may go on now that it is known how this one ended.
	if q.undelivered() > 1 {
		d.start(q)
	}
}

// finish ends the delivery at the head of c.
func (d *dispatcher) finish(q *queue, c *chain, how ending) {
	it := c.items[0]
	q.remove(c)
	d.stats.get(q.outlet.kind.Name).queued.Incr(-1)
	d.room.remove(it)
	d.spool.Done(it, how)
}

// close gives every queued delivery one last attempt until the deadline; in the last quarter of the
// time none begins if the spool keeps it, for a receiver may have taken what is cut off. It returns how
// many remain, whether the spool keeps them, and whether all senders have come back.
func (d *dispatcher) close(deadline time.Time) (left int, kept, clean bool) {
	d.mu.Lock()
	d.closing = true
	for _, q := range d.queues {
		d.start(q)
	}
	if d.workers == 0 {
		close(d.idle)
	}
	d.mu.Unlock()
	patience := time.Until(deadline)
	if d.keeps {
		rest := time.AfterFunc(patience*3/4, func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.resting = true
		})
		defer rest.Stop()
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-d.idle:
	case <-t.C:
	}
	d.cancel()
	select {
	case <-d.idle:
		clean = true
	case <-time.After(time.Second): // one does not heed its context
	}
	d.mu.Lock()
	for _, q := range d.queues {
		left += q.n
	}
	left += len(d.held)
	for _, b := range d.bundles {
		left += len(b.items)
		if b.due != nil {
			b.due.Stop()
		}
	}
	d.mu.Unlock()
	kept, err := d.spool.Close()
	if err != nil {
		d.log.Errorf("Closing the spool: %v", err)
	}
	return left, kept, clean
}
