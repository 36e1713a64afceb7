package alerter

import (
	"maps"
	"slices"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
)

// This file defines what becomes of deliveries while their events are muted.
//
// Of each series (one alert for the same recipients) at most one delivery is held, the newest, with
// the level that the recipients were told last. When the mute ends it is let go, unless it tells
// nothing new. A recovery is never held: recipients who know of the alert get it at once, and for
// those who do not, alert and recovery are over. All of that is decided when an event comes; what
// waits for its delivery already is delivered.

// admit finds out what a new delivery and one that is held become, and reports whether the new one
// is to be made at all.
func (d *dispatcher) admit(p *posting, it *delivery) bool {
	before := d.held[it.series]
	if before == nil && !it.muted {
		return true
	}
	it.told = d.told(it)
	if before != nil && !slices.Contains(p.over, before) {
		p.over = append(p.over, before)
	}
	if it.event.Level == alert.OK {
		return it.told != alert.OK
	}
	if it.held = it.muted; it.held {
		// Two handlers may mean the same recipients.
		return !slices.ContainsFunc(p.list, func(x *delivery) bool { return x.series == it.series })
	}
	return true
}

// told returns at which level the recipients of a new delivery know the alert to be, when they have
// got what is on its way.
func (d *dispatcher) told(it *delivery) alert.Level {
	if h := d.held[it.series]; h != nil {
		return h.told
	}
	if q := d.queues[it.dest]; q != nil {
		if b := q.last(it); b != nil {
			return b.event.Level
		}
	}
	if l, ok := d.spool.Told(it.series); ok {
		return l
	}
	// An earlier process may have told them.
	return it.event.Previous
}

// release lets go what is held and not covered any more. It returns how many deliveries follow, and
// how many would have told nothing new.
func (d *dispatcher) release(covered func(*alert.Event) bool) (due, idle int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	held := slices.SortedFunc(maps.Values(d.held), func(a, b *delivery) int { return int(a.seq) - int(b.seq) })
	for _, it := range held {
		if covered(it.event) {
			continue
		}
		d.forget(it)
		if it.event.Recoverable && it.event.Level == it.told {
			d.spool.Done(it, dropped)
			idle++
			continue
		}
		due++
		it.held, it.since = false, time.Now()
		d.settle(it)
	}
	return due, idle
}

// settle gives a delivery its place: among those that are held or to be aggregated, or in a queue.
func (d *dispatcher) settle(it *delivery) {
	switch {
	case it.held:
		d.held[it.series] = it
		d.room.add(it, nil)
		d.stats.get(it.outlet.kind.Name).held.Incr(1)
	case it.outlet.kind == aggregateKind:
		d.collect(it)
		d.room.add(it, nil)
		d.stats.get(it.outlet.kind.Name).queued.Incr(1)
	default:
		d.enqueue(it)
	}
}

// forget takes a delivery from the place that settle gave it. It must not be in a queue and on its
// way.
func (d *dispatcher) forget(it *delivery) {
	st := d.stats.get(it.outlet.kind.Name)
	switch {
	case it.held:
		delete(d.held, it.series)
		st.held.Incr(-1)
	case it.bundle != nil:
		d.uncollect(it)
		st.queued.Incr(-1)
	default:
		it.queue.drop(it)
		st.queued.Incr(-1)
	}
	d.room.remove(it)
}
