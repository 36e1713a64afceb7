package delivery

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spool"
)

// This file tries deliveries. A queue exists while it holds some, a worker while its queue has something
// for it.

// wake makes sure that a worker looks at q.
func (d *Dispatcher) wake(q *queue) {
	switch {
	case q.sleeping:
		select {
		case q.awake <- struct{}{}:
		default:
		}
	case q.workers < q.to.kind.Parallel:
		q.workers++
		d.workers++
		go d.work(q)
	}
}

func (d *Dispatcher) work(q *queue) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.quit(q)
	for d.ctx.Err() == nil && d.stage != ending {
		it, wait := q.pick(time.Now(), d.stage == closing)
		if it != nil {
			d.try(it)
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
		case <-q.awake:
		case <-d.ctx.Done():
		}
		t.Stop()
		d.mu.Lock()
		q.sleeping = false
	}
}

// quit ends a worker.
func (d *Dispatcher) quit(q *queue) {
	q.workers--
	d.workers--
	if q.n == 0 {
		delete(d.queues, q.dest)
	}
	if d.stage >= closing && d.workers == 0 {
		close(d.idle)
	}
}

// try makes one attempt, with the lock released meanwhile.
func (d *Dispatcher) try(it *delivery) {
	q := it.queue
	last := d.stage == closing
	d.becomeFlying(it, time.Now())
	d.mu.Unlock()
	err := d.send(d.ctx, it)
	d.mu.Lock()
	d.landed(it, err, time.Now(), last)
	d.landings++
	d.landing.Broadcast()
	// Others may go on now that it is known how this one ended.
	if q.idle() > 1 {
		d.wake(q)
	}
}

// send calls the handler, within the time that the delivery has.
func (d *Dispatcher) send(ctx context.Context, it *delivery) (err error) {
	until, cancel := context.WithTimeout(ctx, it.timeout)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			d.log.Errorf("Handler %s panicked: %v\n%s", it.to.kind.Name, r, debug.Stack())
			err = handler.Permanent(fmt.Errorf("panic: %v", r))
		}
	}()
	err = it.to.sender.Send(until, it.event, it.options)
	if err != nil && until.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("no answer within %s: %w", it.timeout, err)
	}
	return err
}

// landed decides what becomes of a delivery that was tried.
func (d *Dispatcher) landed(it *delivery, err error, now time.Time, last bool) {
	q, name := it.queue, it.to.kind.Name
	count := d.stats.get(name)
	var how *handler.Error
	if errors.As(err, &how) && how.Rest != nil {
		it.options = how.Rest
		d.keepRemainder(it)
	}
	about := func(what string) error {
		return fmt.Errorf("%s: alert %q of task %q %s: %w", name, it.event.ID, it.event.Task, what, err)
	}
	switch {
	case err == nil:
		if q.health.fails >= 3 { // no news after a hiccup
			d.log.Infof("Handler %s delivers again", name)
		}
		q.health.worked()
		count.delivered.Incr(1)
		d.becomeOver(it, spool.Made)
	case how != nil && how.Permanent:
		q.health.worked() // the receiver is there
		count.failed.Incr(1)
		d.causes.Log(d.log.Errorf, q.dest+" "+err.Error(), about("dropped"))
		d.becomeOver(it, spool.Failed)
	case now.Sub(it.since) > d.c.MaxAge:
		count.dropped.Incr(1)
		d.causes.Log(d.log.Errorf, q.dest, about("given up after "+d.c.MaxAge.String()))
		q.health.failed(now, err)
		d.becomeOver(it, spool.Failed)
	default:
		count.retried.Incr(1)
		q.health.failed(now, err)
		var after time.Duration
		if how != nil {
			after = how.After
		}
		q.health.resume = now.Add(max(after, Backoff(q.health.fails, d.c.RetryMin, d.c.RetryMax)))
		d.becomeWaiting(it, now.Add(max(after, Backoff(it.attempts+1, d.c.RetryMin, d.c.RetryMax))), last)
		d.retries.Log(d.log.Warnf, q.dest, about("is tried again later"))
	}
}
