package delivery

import (
	"container/list"
	"fmt"
	"slices"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spool"
)

// This file is the life of a delivery. Nothing else changes its state, or puts it into one of the places
// that belong to the states.
//
//	created ─┬─> held ────┬─> queued ──> flying <──> waiting
//	         ├─> bundled <┘     │           │           │
//	         └─> queued         └───────────┴───────────┴──> over      (held and bundled may be over, too)

// A delivery is one event for one handler.
type delivery struct {
	event   *alert.Event // as the handler sees it
	to      *integration
	options spec.Declarer // what is left of them
	timeout time.Duration // of one attempt
	item    *spool.Item   // what the spool has of it
	since   time.Time     // from when its age counts
	unheard bool          // its recipients have not heard of the alert yet

	state state
	// These belong to states.
	bundle   *bundle   // bundled
	queue    *queue    // queued, flying, waiting
	began    time.Time // flying
	attempts int       // waiting
	due      time.Time // waiting

	next *delivery     // that supersedes it
	list *list.List    // where it is in the backlog
	mark *list.Element // there
}

// A state is what a delivery does.
type state uint8

const (
	created state = iota // it is not in the spool yet
	held                 // waits until no mute covers it
	bundled              // waits to be made one event with others
	queued               // waits for its turn
	flying               // is being tried
	waiting              // has failed and waits for its next try
	over                 // is made, or never will be
)

var stateNames = [...]string{"created", "held", "bundled", "queued", "flying", "waiting", "over"}

func (s state) String() string { return stateNames[s] }

// after says what may follow each state.
var after = [...][]state{
	created: {held, bundled, queued},
	held:    {bundled, queued, over},
	bundled: {over},
	queued:  {flying, over},
	flying:  {waiting, over},
	waiting: {flying, over},
	over:    {},
}

// strict makes a change that is not allowed a panic; tests set it.
var strict = false

// change leaves a state, with what belongs to it. It reports false, and does nothing, if the next one may
// not follow: that is a mistake in this package, and no reason to end an agent.
func (d *Dispatcher) change(it *delivery, next state) bool {
	if !slices.Contains(after[it.state], next) {
		err := fmt.Errorf("%s: a delivery of alert %q that is %s cannot be %s", it.to.kind.Name, it.event.ID, it.state, next)
		if strict {
			panic(err)
		}
		d.causes.Log(d.log.Errorf, "state", err)
		return false
	}
	count := d.stats.get(it.to.kind.Name)
	switch it.state {
	case held:
		delete(d.held, it.item.Series)
		count.held.Incr(-1)
	case bundled:
		d.unbundle(it)
		count.queued.Incr(-1)
	case flying:
		it.queue.flying--
		delete(d.flying, it)
	}
	it.state = next
	return true
}

// place gives a new delivery, or one that is not held any more, its first place.
func (d *Dispatcher) place(it *delivery) {
	switch {
	case it.item.Held:
		d.becomeHeld(it)
	case it.to.kind == aggregateKind:
		d.becomeBundled(it)
	default:
		d.becomeQueued(it)
	}
}

func (d *Dispatcher) becomeHeld(it *delivery) {
	if !d.change(it, held) {
		return
	}
	d.held[it.item.Series] = it
	d.backlog.add(it, nil)
	d.stats.get(it.to.kind.Name).held.Incr(1)
}

func (d *Dispatcher) becomeBundled(it *delivery) {
	if !d.change(it, bundled) {
		return
	}
	d.toBundle(it)
	d.backlog.add(it, nil)
	d.stats.get(it.to.kind.Name).queued.Incr(1)
}

func (d *Dispatcher) becomeQueued(it *delivery) {
	if !d.change(it, queued) {
		return
	}
	q := d.queues[it.item.Dest]
	if q == nil {
		q = newQueue(it.to, it.item.Dest)
		d.queues[q.dest] = q
	}
	before := q.push(it)
	if before != nil {
		it.unheard = false
	}
	d.backlog.add(it, before)
	d.stats.get(it.to.kind.Name).queued.Incr(1)
	d.wake(q)
}

// becomeFlying is for what a queue has picked.
func (d *Dispatcher) becomeFlying(it *delivery, now time.Time) {
	if !d.change(it, flying) {
		return
	}
	it.began = now
	it.queue.flying++
	d.flying[it] = struct{}{}
}

// becomeWaiting lets a delivery that failed wait for its next try; with last set there is none.
func (d *Dispatcher) becomeWaiting(it *delivery, due time.Time, last bool) {
	if !d.change(it, waiting) {
		return
	}
	it.attempts++
	it.due = due
	if !last {
		it.queue.putBack(it)
	}
}

// becomeOver ends a delivery, and tells the spool how; it knows if another event has taken the place of
// this one.
func (d *Dispatcher) becomeOver(it *delivery, how spool.Ending) {
	if d.leave(it) {
		d.spool.Done(it.item, how)
	}
}

// leave is becomeOver for what the spool knows to be over: another event has taken its place.
func (d *Dispatcher) leave(it *delivery) bool {
	before := it.state
	if !d.change(it, over) {
		return false
	}
	if before == queued || before == flying || before == waiting {
		it.queue.remove(it)
		d.stats.get(it.to.kind.Name).queued.Incr(-1)
	}
	d.backlog.remove(it)
	return true
}
