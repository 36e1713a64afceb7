package alerter

import (
	"container/list"
	"errors"
)

// This file defines what goes when the spool is full.
//
// A receiver must learn the newest state of an alert; how the alert got there matters less. So first
// those deliveries go that a newer one of the same alert to the same destination supersedes, in the
// order in which they were superseded. When only newest states are left, those that are oldest go,
// and the log says so. What is being tried stays, and so does the event that came last.

// A room lists the waiting deliveries in the order in which they would have to go.
type room struct {
	superseded, newest list.List
}

// add notes a new delivery and the one that it supersedes, if any.
func (r *room) add(it, before *delivery) {
	if before != nil && !before.old {
		r.newest.Remove(before.place)
		before.place, before.old = r.superseded.PushBack(before), true
	}
	it.place = r.newest.PushBack(it)
}

func (r *room) remove(it *delivery) {
	if it.old {
		r.superseded.Remove(it.place)
	} else {
		r.newest.Remove(it.place)
	}
}

// makeRoom drops deliveries until the spool is not full, but none of the event numbered keep.
func (d *dispatcher) makeRoom(keep uint64) {
	for d.spool.Full() {
		it := victim(&d.room.superseded, keep)
		if it == nil {
			if it = victim(&d.room.newest, keep); it == nil {
				return
			}
			d.limit.log(d.log.Errorf, "spool full", errors.New("spool is full: the alerts that have waited longest are dropped, even their newest state"))
		}
		d.drop(it)
	}
}

// victim returns the first delivery that may go.
func victim(l *list.List, keep uint64) *delivery {
	for x := l.Front(); x != nil; x = x.Next() {
		if it := x.Value.(*delivery); it.seq != keep && !it.queue.flies(it) {
			return it
		}
	}
	return nil
}

func (d *dispatcher) drop(it *delivery) {
	it.queue.drop(it)
	d.room.remove(it)
	d.spool.Done(it, dropped)
	st := d.stats.get(it.outlet.kind.Name)
	st.dropped.Incr(1)
	st.queued.Incr(-1)
}
