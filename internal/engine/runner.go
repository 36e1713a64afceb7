package engine

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/bus"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// This file runs one task and carries out what it wants done.

// never is a time that does not come.
const never = math.MaxInt64

// maxHops is how often a point may come out of a loopback.
const maxHops = 10

// A runner is a task's place in the engine. The place stays when the script changes; the task in it
// is replaced. Its methods are called in the turns of its mailbox, of which there is one at a time.
type runner struct {
	e    *Engine
	name string
	rule string // version of the script
	box  mailbox

	task   *task.Task // nil before the start and after the end
	next   int64      // when the task's next timer is due
	hops   int        // of the point that the task is working on
	failed atomic.Bool
	errors errorLog
	poster *poster
	stats  taskStats
	lag    lag

	// What follows is about what the task asks for.
	context context.Context // ends with the task
	cancel  context.CancelFunc
	round   *round                       // of readings, while nodes ask for documents
	loaded  []func()                     // answers that wait for the end of the call
	calls   map[clusterKey]chan struct{} // holds one entry for each that is under way

	written []bus.Point // that are to be sent

	functions *functions  // nil unless the script has user-defined functions
	waits     atomic.Bool // the task cannot be started yet

	timer *time.Timer // rings at armed; nil until the task has timers
	armed int64

	unread, unsaved flag // something has happened since the last statistics, and the last checkpoint
	pushes          uint64
	evalNS          int64
	allErrors       int64
}

// A flag is put up by one goroutine, mostly over and over, and taken down by another.
type flag struct{ atomic.Bool }

func (n *flag) set() {
	if !n.Load() { // a write costs more
		n.Store(true)
	}
}

func (n *flag) clear() (was bool) { return n.Load() && n.Swap(false) }

func newRunner(e *Engine, name string) *runner {
	r := &runner{e: e, name: name, next: never, armed: never}
	r.box.pool, r.box.turn = e.pool, r.turn
	return r
}

// turn deals with a part of what is in the mailbox, or looks at the clock if there is nothing.
func (r *runner) turn() (again bool) {
	if r.box.woken.Load() {
		r.box.woken.Store(false)
	}
	stalled := r.stalls()
	calls, b := r.box.take(stalled)
	switch {
	case b != nil:
		r.deal(b)
	case len(calls) > 0:
		for _, f := range calls {
			f()
		}
	default:
		r.armed = never
		if now := r.e.clock(); now >= r.next {
			r.tick(now)
		}
	}
	if stalled && !r.stalls() {
		r.box.woken.Store(true)
	}
	return r.box.done(b, r.arm())
}

// deal deals with what is in b, as far as the task does not stall.
func (r *runner) deal(b *buffer) {
	for b.at < b.n {
		it := &b.items[b.at]
		switch p := it.message; {
		case it.call != nil:
			it.call()
		case p == nil: // a call that was urgent
		case r.functions != nil && !r.makeWay():
			return
		default:
			r.push(&p.point, p.arrived, p.hops)
			r.e.pool.release(p)
		}
		b.at++
	}
}

// longest is how long a task with timers does not look at the clock, which may have been set.
const longest = time.Minute

// arm makes sure that the timer rings when the task's next timer is due, and reports whether that is
// now. It may ring before.
func (r *runner) arm() (due bool) {
	if r.next >= r.armed {
		return false
	}
	wait := r.next - r.e.clock()
	if wait <= 0 {
		return true
	}
	r.armed = r.next
	d := min(time.Duration(wait), longest)
	if r.timer != nil {
		r.timer.Reset(d)
		return false
	}
	r.timer = time.AfterFunc(d, r.box.ring)
	return false
}

// timed is the share of pushes whose time is taken: one in so many.
const timed = 16

// start puts t in place of the task that ran before, and with its state if the script has changed
// only in what it says. If none ran, the task goes on with the state that is saved. Should either
// fail, fresh makes another one. Documents come from d.
func (r *runner) start(t *task.Task, rule string, fresh func() (*task.Task, error), d *round) {
	state := r.e.store.get(r.name)
	if r.task != nil {
		if state = r.carryOver(t); state != nil {
			r.task.Leave()
			r.leave()
		}
	}
	r.stop()
	r.rule = rule
	r.failed.Store(false)
	r.unsaved.set()
	err := t.Start(r.e.clock())
	if err == nil && state != nil {
		t = r.restore(t, state, fresh)
	}
	r.task = t
	r.context, r.cancel = context.WithCancel(r.e.context)
	if err == nil {
		err = r.openFunctions()
	}
	r.stats.begin(r)
	r.afterLoads(err, d)
	if !r.failed.Load() {
		r.e.health.runs(r.name)
	}
}

// carryOver returns the state of the task if t may go on with it. What user-defined functions hold
// cannot be had at once, so tasks with some begin anew.
func (r *runner) carryOver(t *task.Task) []byte {
	if r.failed.Load() || r.functions != nil || !t.Continues(r.task) {
		return nil
	}
	var b bytes.Buffer
	if err := r.task.Save(&b); err != nil {
		return nil
	}
	return b.Bytes()
}

// stop ends the task: what it holds back goes out.
func (r *runner) stop() {
	r.waits.Store(false)
	if r.task == nil {
		return
	}
	r.unsaved.set()
	if r.functions != nil {
		r.functions.finish()
	}
	r.after(r.task.Close())
	r.leave()
}

// leave ends the task without a word; what it holds back is in its saved state.
func (r *runner) leave() {
	r.waits.Store(false)
	if r.task == nil {
		return
	}
	if r.functions != nil {
		r.functions.end()
		r.functions = nil
	}
	r.stats.end(r)
	r.errors.flush(r.e.log, r.name)
	r.task, r.next, r.armed = nil, never, never
	if r.timer != nil {
		r.timer.Stop()
	}
	r.cancel()
}

// remove ends the task for good: its alerts are forgotten.
func (r *runner) remove() {
	r.waits.Store(false)
	if r.task != nil {
		t := r.task
		r.stop()
		t.Stats(func(s task.NodeStats) {
			r.e.forget(alert.NodeTopic(r.name, s.Node))
		})
	}
	if r.poster != nil {
		r.poster.close()
	}
	r.e.store.forget(r.name)
	r.e.health.isGone(taskID(r.name), fmt.Sprintf("Task %s is gone", r.name))
}

// push brings a point that arrived at the given time.
func (r *runner) push(p *point.Point, arrived int64, hops int) {
	if r.task == nil || r.failed.Load() {
		return
	}
	r.hops = hops
	r.pushes++
	if r.pushes%timed != 0 {
		r.evaluate(p, arrived)
	} else {
		begin := time.Now()
		r.evaluate(p, arrived)
		r.evalNS += timed * int64(time.Since(begin))
	}
	r.hops = 0
}

func (r *runner) evaluate(p *point.Point, arrived int64) {
	r.unsaved.set()
	err := r.task.Tick(arrived)
	if err == nil {
		err = r.task.Push(p)
	}
	r.after(err)
}

// tick brings the time.
func (r *runner) tick(now int64) {
	if r.task == nil || r.failed.Load() {
		r.next = never
		return
	}
	r.unsaved.set()
	r.after(r.task.Tick(now))
}

// after carries out the effects of a call that returned err, and finds out about the next timer. The
// caller has set unsaved before the call, for a checkpoint must wait for what the call decides.
func (r *runner) after(err error) {
	if r.e.c.Meter != nil {
		r.unread.set()
	}
	if effects := r.task.Take(); len(effects) > 0 {
		r.carryOut(effects)
	}
	if err != nil && !r.failed.Load() {
		r.fail(err, r.task.Stack())
		return
	}
	r.next = never
	if at, ok := r.task.Next(); ok && !r.failed.Load() {
		r.next = at
	}
}

// fail reports that the task has stopped. It stays so until its script changes.
func (r *runner) fail(err error, stack []byte) {
	r.failed.Store(true)
	r.next = never
	if r.functions != nil {
		r.functions.end()
	}
	r.e.counters.failures.Add(1)
	r.e.log.Errorf("Task %q has stopped: %v", r.name, err)
	r.e.health.hasStopped(r.name, err)
	if len(stack) > 0 {
		r.e.log.Debugf("Task %q: stack of the error: %s", r.name, stack)
	}
}

// carryOut does what the task wants done. A panic in here is the task's too.
func (r *runner) carryOut(effects []spec.Effect) {
	defer func() {
		if x := recover(); x != nil && !r.failed.Load() {
			r.fail(fmt.Errorf("%s: internal error: %v", r.name, x), debug.Stack())
		}
	}()
	defer r.sendPoints()
	for i := range effects {
		x := &effects[i]
		if r.e.observe != nil {
			r.e.observe(r.name, x)
		}
		switch x.Kind {
		case spec.AlertEffect:
			r.stats.event(x.Event.Level)
			x.Event.Rule = r.rule
			r.e.alert(x.Event)
		case spec.WriteEffect:
			r.write(x)
		case spec.AskEffect:
			r.ask(x.Node, x.Ask)
		case spec.UDFEffect:
			if r.functions != nil {
				r.functions.send(x)
			}
		case spec.LoopbackEffect:
			r.loopback(x)
		case spec.LogEffect:
			logLine(r.e.log, x.Level, r.name, x.Text)
		case spec.ErrorEffect:
			r.report(x.Node, x.Text)
		}
	}
}

// loopback brings a point back to the tasks.
func (r *runner) loopback(x *spec.Effect) {
	if r.hops >= maxHops {
		r.e.counters.loops.Add(1)
		r.report(x.Node, fmt.Sprintf("a point of %s has come round %d times and is dropped; the script feeds itself", x.Point.Name, maxHops))
		return
	}
	r.e.counters.looped.Add(1)
	r.e.dispatch(x.Point, r.hops+1)
}

// report counts an error of a node and logs it, but not every time.
func (r *runner) report(node, text string) {
	r.allErrors++
	r.unread.set()
	r.errors.add(r.e.log, r.name, node, text, r.e.clock())
}

func logLine(log Logger, level, name, text string) {
	switch level {
	case "DEBUG":
		log.Debugf("Task %q: %s", name, text)
	case "WARN":
		log.Warnf("Task %q: %s", name, text)
	case "ERROR":
		log.Errorf("Task %q: %s", name, text)
	default:
		log.Infof("Task %q: %s", name, text)
	}
}

// An errorLog keeps errors that come again and again from filling the log: the first of a kind is
// logged at once, those of each minute after it as one line with their number.
type errorLog struct {
	seen map[errorKind]*errorCount
}

type errorKind struct{ node, text string }

type errorCount struct {
	since int64
	n     int
}

// maxErrorKinds bounds the kinds of one task that are reported apart.
const maxErrorKinds = 100

func (l *errorLog) add(log Logger, name, node, text string, now int64) {
	k := errorKind{node, text}
	c := l.seen[k]
	if c == nil && len(l.seen) >= maxErrorKinds {
		k.text = "other errors"
		c = l.seen[k]
	}
	if c == nil {
		if l.seen == nil {
			l.seen = make(map[errorKind]*errorCount)
		}
		l.seen[k] = &errorCount{since: now}
		log.Errorf("Task %q: %s: %s", name, node, k.text)
		return
	}
	c.n++
}

// sum logs what has come up again and forgets what has not. It is called every few seconds.
func (l *errorLog) sum(log Logger, name string, now int64) {
	for k, c := range l.seen {
		if now-c.since < int64(time.Minute) {
			continue
		}
		if c.n == 0 {
			delete(l.seen, k)
			continue
		}
		log.Errorf("Task %q: %s: %s (%d times more)", name, k.node, k.text, c.n)
		c.since, c.n = now, 0
	}
}

// flush logs and forgets everything.
func (l *errorLog) flush(log Logger, name string) {
	l.sum(log, name, never)
	l.seen = nil
}
