package engine

import "time"

// This file says when a task does not keep up with its metrics, and when it does again.

// A lag is what is known of a task that is behind. It belongs to the goroutine that calls survey;
// what is shown of it is guarded by showing.
type lag struct {
	dropped  int64 // at the last look
	behind   bool
	last     int64 // when points were dropped last
	reported int64 // dropped when that was logged
	when     int64 // it was

	length, drops Gauge // nil until the task falls behind
	gone          bool  // the task has been removed
}

// calm is how long nothing must be dropped before a task counts as keeping up.
const calm = time.Minute

// lag looks at a task, in whose mailbox are n points.
func (e *Engine) lag(r *runner, n int64) {
	l, now, dropped := &r.lag, e.clock(), r.box.dropped.Load()
	more := dropped > l.dropped
	l.dropped = dropped
	if more {
		l.last = now
	}
	switch {
	case more && !l.behind:
		l.behind, l.reported, l.when = true, dropped, now
		e.log.Warnf("Task %q does not keep up: %d metrics wait for it, and %d have been dropped so far; see queue_size and queue_full", r.name, n, dropped)
		e.health.isBehind(r.name, dropped)
	case !l.behind:
	case now-l.last >= int64(calm) && n < int64(e.pool.limit)/2:
		e.log.Infof("Task %q keeps up again; %d metrics have been dropped", r.name, dropped)
		l.behind = false
		e.health.keepsUp(r.name)
	case dropped > l.reported && now-l.when >= int64(time.Minute):
		e.log.Warnf("Task %q still does not keep up: %d more metrics have been dropped", r.name, dropped-l.reported)
		l.reported, l.when = dropped, now
	}
	if e.c.Meter != nil && (dropped > 0 || l.length != nil) {
		e.showLag(r, n)
	}
}

func (e *Engine) showLag(r *runner, n int64) {
	e.showing.Lock()
	defer e.showing.Unlock()
	l := &r.lag
	if l.gone {
		return
	}
	if l.length == nil {
		l.length = e.c.Meter.Register("queue_length", Subject{Task: r.name})
		l.drops = e.c.Meter.Register("queue_dropped", Subject{Task: r.name})
	}
	l.length.Set(n)
	l.drops.Set(l.dropped)
}

// hideLag takes a task that is removed out of sight.
func (e *Engine) hideLag(r *runner) {
	e.showing.Lock()
	defer e.showing.Unlock()
	r.lag.gone = true
	if r.lag.length != nil {
		e.c.Meter.Unregister("queue_length", Subject{Task: r.name})
		e.c.Meter.Unregister("queue_dropped", Subject{Task: r.name})
	}
}
