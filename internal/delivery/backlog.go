package delivery

import (
	"container/list"
	"errors"
	"slices"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spool"
)

// This file defines what goes when the spool is full.
//
// A receiver must learn the newest state of an alert; how the alert got there matters less. So first
// those deliveries go that a newer one of the same alert to the same recipients supersedes, in the
// order in which they were superseded. Then go recoveries of alerts of which the recipients have not
// heard: that is no news to them. When only newest states are left, the oldest alerts go and the log
// says so; recoveries of which recipients wait go last of all, for without them an alert would stay
// open for ever. What is being tried stays, and so does the event that came last.

// A backlog lists the deliveries in the order in which they would have to go.
type backlog struct {
	superseded, unheard, alerts, recoveries list.List
}

func (b *backlog) lists() [4]*list.List {
	return [...]*list.List{&b.superseded, &b.unheard, &b.alerts, &b.recoveries}
}

// add notes a new delivery and the one that it supersedes, if any.
func (b *backlog) add(it, before *delivery) {
	if before != nil && before.list != &b.superseded {
		b.move(before, &b.superseded)
	}
	switch {
	case it.event.Level != alert.OK:
		b.move(it, &b.alerts)
	case it.unheard:
		b.move(it, &b.unheard)
	default:
		b.move(it, &b.recoveries)
	}
}

func (b *backlog) move(it *delivery, to *list.List) {
	b.remove(it)
	it.list, it.mark = to, to.PushBack(it)
}

func (b *backlog) remove(it *delivery) {
	if it.list != nil {
		it.list.Remove(it.mark)
		it.list, it.mark = nil, nil
	}
}

// first returns the first delivery that may go, nil if there is none.
func (b *backlog) first(keep []*delivery) *delivery {
	for _, l := range b.lists() {
		for x := l.Front(); x != nil; x = x.Next() {
			if it := x.Value.(*delivery); it.state != flying && !slices.Contains(keep, it) {
				return it
			}
		}
	}
	return nil
}

// catchUp is how long whoever hands over events waits for a handler that works and is behind, as long as
// nothing is delivered meanwhile.
const catchUp = 100 * time.Millisecond

// waitForRoom waits while the spool is full and a handler that works is behind: what it would get in a
// moment need not make room. It is no use to wait for handlers that fail.
func (d *Dispatcher) waitForRoom() {
	full := func() bool { return d.takes() && d.spool.Use() >= 1 && d.behind() }
	if !full() {
		return
	}
	late := false
	t := time.AfterFunc(catchUp, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		late = true
		d.landing.Broadcast()
	})
	defer t.Stop()
	for before := d.landings; !late && full(); d.landing.Wait() {
		if d.landings != before {
			before = d.landings
			t.Reset(catchUp)
		}
	}
}

// behind reports whether a handler that works has much to do.
func (d *Dispatcher) behind() bool {
	for _, q := range d.queues {
		if q.health.fails == 0 && q.n > max(d.c.MaxEvents/10, 16) {
			return true
		}
	}
	return false
}

// makeRoom drops deliveries until the spool is not full, but none of those in keep.
func (d *Dispatcher) makeRoom(keep []*delivery) {
	for d.spool.Full() {
		it := d.backlog.first(keep)
		if it == nil {
			return
		}
		if it.list == &d.backlog.alerts || it.list == &d.backlog.recoveries {
			d.causes.Log(d.log.Errorf, "spool full", errors.New("spool is full: the alerts that have waited longest are dropped, even their newest state"))
		}
		d.drop(it)
	}
}

func (d *Dispatcher) drop(it *delivery) {
	d.becomeOver(it, spool.Dropped)
	d.stats.get(it.to.kind.Name).dropped.Incr(1)
	if next := it.next; next != nil && it.unheard && it.attempts == 0 {
		next.unheard = true
		if next.list == &d.backlog.recoveries {
			d.backlog.move(next, &d.backlog.unheard)
		}
	}
}
