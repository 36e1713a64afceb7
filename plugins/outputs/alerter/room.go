package alerter

import (
	"container/list"
	"errors"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
)

// This file defines what goes when the spool is full.
//
// A receiver must learn the newest state of an alert; how the alert got there matters less. So first
// those deliveries go that a newer one of the same alert to the same recipients supersedes, in the
// order in which they were superseded. Then go recoveries of alerts of which the recipients have not
// heard: that is no news to them. When only newest states are left, the oldest alerts go and the log
// says so; recoveries of which recipients wait go last of all, for without them an alert would stay
// open for ever. What is being tried stays, and so does the event that came last.

// A room lists the waiting deliveries in the order in which they would have to go.
type room struct {
	superseded, idle, alerts, recoveries list.List
}

func (r *room) lists() [4]*list.List {
	return [...]*list.List{&r.superseded, &r.idle, &r.alerts, &r.recoveries}
}

// add notes a new delivery and the one that it supersedes, if any.
func (r *room) add(it, before *delivery) {
	if before != nil && before.shelf != &r.superseded {
		r.move(before, &r.superseded)
	}
	switch {
	case it.event.Level != alert.OK:
		r.move(it, &r.alerts)
	case it.unheard:
		r.move(it, &r.idle)
	default:
		r.move(it, &r.recoveries)
	}
}

func (r *room) move(it *delivery, to *list.List) {
	r.remove(it)
	it.shelf, it.place = to, to.PushBack(it)
}

func (r *room) remove(it *delivery) {
	if it.shelf != nil {
		it.shelf.Remove(it.place)
		it.shelf, it.place = nil, nil
	}
}

// makeRoom drops deliveries until the spool is not full, but none of the event numbered keep.
func (d *dispatcher) makeRoom(keep uint64) {
	for d.spool.Full() {
		var it *delivery
		for _, l := range d.room.lists() {
			if it = victim(l, keep); it != nil {
				break
			}
		}
		if it == nil {
			return
		}
		if it.shelf == &d.room.alerts || it.shelf == &d.room.recoveries {
			d.limit.log(d.log.Errorf, "spool full", errors.New("spool is full: the alerts that have waited longest are dropped, even their newest state"))
		}
		d.drop(it)
	}
}

// victim returns the first delivery that may go.
func victim(l *list.List, keep uint64) *delivery {
	for x := l.Front(); x != nil; x = x.Next() {
		if it := x.Value.(*delivery); it.seq != keep && (it.queue == nil || !it.queue.flies(it)) {
			return it
		}
	}
	return nil
}

func (d *dispatcher) drop(it *delivery) {
	d.forget(it)
	d.spool.Done(it, dropped)
	d.stats.get(it.outlet.kind.Name).dropped.Incr(1)
	if next := it.next; next != nil && it.unheard && it.attempts == 0 {
		next.unheard = true
		if next.shelf == &d.room.recoveries {
			d.room.move(next, &d.room.idle)
		}
	}
}
