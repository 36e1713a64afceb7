package delivery

import (
	"maps"
	"slices"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spool"
)

// This file defines what becomes of deliveries while their events are muted.
//
// Of each series (one alert for the same recipients) at most one delivery is held, the newest, with
// the level that the recipients know. When the mute ends it is let go, unless it tells nothing new. A
// recovery is never held: recipients who know of the alert get it at once, and for those who do not,
// alert and recovery are over. All of that is decided when an event comes; what waits for its delivery
// already is delivered.

// admit decides whether a new delivery is to be made at all, and whether it is held. before is the one
// of its series that is, if any; others are those of the same event.
func (d *Dispatcher) admit(it, before *delivery, muted bool, others []*delivery) bool {
	if before == nil && !muted {
		return true
	}
	it.item.Known = d.known(it, before)
	if it.event.Level == alert.OK {
		return it.item.Known != alert.OK
	}
	if it.item.Held = muted; muted {
		// Two handlers may mean the same recipients.
		return !slices.ContainsFunc(others, func(x *delivery) bool { return x.item.Series == it.item.Series })
	}
	return true
}

// known returns at which level the recipients of a new delivery know the alert to be, when they have
// got what is on its way.
func (d *Dispatcher) known(it, before *delivery) alert.Level {
	if before != nil {
		return before.item.Known
	}
	if q := d.queues[it.item.Dest]; q != nil {
		if x := q.newest(it); x != nil {
			return x.event.Level
		}
	}
	if l, ok := d.spool.Known(it.item.Series); ok {
		return l
	}
	// An earlier process may have told them.
	return it.event.Previous
}

// release lets go what is held and not covered any more. It returns how many deliveries follow, and
// of how many the recipients know already.
func (d *Dispatcher) release(covered func(*alert.Event) bool) (due, known int) {
	all := slices.SortedFunc(maps.Values(d.held), func(a, b *delivery) int { return d.spool.Compare(a.item, b.item) })
	for _, it := range all {
		if covered(it.event) {
			continue
		}
		if it.event.Recoverable && it.event.Level == it.item.Known {
			d.becomeOver(it, spool.Dropped)
			known++
			continue
		}
		due++
		d.spool.Unhold(it.item)
		it.since = time.Now()
		d.place(it)
	}
	return due, known
}
