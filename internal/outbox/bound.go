package outbox

import (
	"container/list"
	"iter"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
)

// This file decides what is given up when there are too many events.
//
// What the receiver has, and has had for a while, goes first: it can still be delivered, but no crash is
// allowed then. Of what it has not, those go first that a newer event of their alert supersedes, then
// those of alerts of which nobody has heard. A recovery goes with the alert that it would be the end of,
// and one that comes later is not taken over: nobody hears of a recovery without its alert.

// A line has entries in their order.
type line struct {
	list  list.List
	ranks [ranks]list.List // the same entries, by rank
}

// A rank says how soon an entry is given up.
type rank uint8

const (
	superseded rank = iota // its alert has a newer event
	unknown                // nobody has heard of its alert
	expected               // somebody has heard of its alert
	ranks
)

// A place is where in a line an entry is.
type place struct {
	line         *line
	rank         rank
	at, byRank   *list.Element
	older, newer *entry      // of the same alert
	known        alert.Level // the level that a receiver knows of before this event
}

func (l *line) len() int { return l.list.Len() }

func (l *line) first() *entry {
	if f := l.list.Front(); f != nil {
		return f.Value.(*entry)
	}
	return nil
}

// least returns the entry that is given up first.
func (l *line) least() *entry {
	for i := range l.ranks {
		if f := l.ranks[i].Front(); f != nil {
			return f.Value.(*entry)
		}
	}
	return nil
}

func (l *line) all() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for f := l.list.Front(); f != nil; f = f.Next() {
			if !yield(f.Value.(*entry)) {
				return
			}
		}
	}
}

// push adds x at the end.
func (l *line) push(x *entry) {
	x.line, x.rank = l, x.ranked()
	x.at, x.byRank = l.list.PushBack(x), l.ranks[x.rank].PushBack(x)
}

func (l *line) remove(x *entry) {
	l.list.Remove(x.at)
	l.ranks[x.rank].Remove(x.byRank)
}

// rerank puts x where it belongs when what is known of it has changed.
func (x *entry) rerank() {
	if r := x.ranked(); r != x.rank {
		x.line.ranks[x.rank].Remove(x.byRank)
		x.rank, x.byRank = r, x.line.ranks[r].PushBack(x)
	}
}

func (x *entry) ranked() rank {
	switch {
	case x.newer != nil:
		return superseded
	case x.known == alert.OK:
		return unknown
	}
	return expected
}

func bySeq(x, y *entry) int {
	if x.seq < y.seq {
		return -1
	}
	return 1
}

// A history is what is known of an alert.
type history struct {
	newest *entry // in the outbox; nil if there is none
	lost   bool   // the alert has been raised, and nobody hears of it
}

// recoversLost reports whether e is the recovery of an alert that nobody hears of.
func (o *Outbox) recoversLost(e *alert.Event) bool {
	a := o.alerts[keyOf(e)]
	return a != nil && a.lost && e.Level == alert.OK
}

// enqueue adds x, the newest event of its alert, to the queue.
func (o *Outbox) enqueue(x *entry) {
	x.key, x.bytes = keyOf(x.event), x.event.Size()
	a := o.alerts[x.key]
	if a == nil {
		a = &history{}
		o.alerts[x.key] = a
	}
	lost, recoversLost := a.lost, o.recoversLost(x.event)
	a.lost = false
	x.known = x.event.NodePrevious
	if before := a.newest; before != nil {
		before.newer, x.older, x.known = x, before, before.event.Level
		before.rerank()
	} else if lost {
		x.known = alert.OK
	}
	a.newest = x
	o.entries[x.event] = x
	o.bytes += x.bytes
	o.queue.push(x)
	if recoversLost {
		o.counts.superseded++
		o.end(x)
	}
}

// unlink takes x out of the history of its alert.
func (o *Outbox) unlink(x *entry) {
	a := o.alerts[x.key]
	if x.older != nil {
		x.older.newer = x.newer
	}
	if x.newer != nil {
		x.newer.older = x.older
		return
	}
	a.newest = x.older
	switch {
	case x.older != nil:
		x.older.rerank()
	case !a.lost:
		delete(o.alerts, x.key)
	}
}

func (o *Outbox) crowded(events int, bytes int64) bool {
	return len(o.entries) > events || o.bytes > bytes
}

// makeSpace makes space for another event of the given size.
func (o *Outbox) makeSpace(size int64) {
	for o.crowded(o.c.MaxEvents-1, o.c.MaxBytes-size) && len(o.entries) > 0 {
		from, since := &o.given, o.called
		if x := from.first(); x != nil {
			since = x.since
		} else if from = &o.queue; !o.handing {
			since = from.first().since
		}
		if stuck := since.Add(stuckAfter); o.receiver != nil && time.Now().Before(stuck) {
			o.waitUntil(stuck, func() bool { return !o.crowded(o.c.MaxEvents-1, o.c.MaxBytes-size) })
			continue
		}
		if !o.full {
			o.full = true
			o.c.Log.Warnf("Outbox: %d alert events wait; from now on some are given up, those first that newer ones supersede", len(o.entries))
		}
		o.giveUp(from.least())
	}
}

// giveUp ends an event that is not safe.
func (o *Outbox) giveUp(x *entry) {
	for x != nil {
		if x.newer != nil {
			o.counts.superseded++
		} else {
			o.counts.forgotten++
		}
		next := x.newer
		if x.handed { // it may have been delivered
			next = nil
		} else if next != nil {
			next.known = x.known
		} else if x.event.Level != alert.OK && x.known == alert.OK {
			o.alerts[x.key].lost = true
		}
		raised := x.event.Level != alert.OK
		o.end(x)
		if next == nil {
			return
		}
		next.rerank()
		if !raised || next.event.Level != alert.OK || next.known != alert.OK {
			return
		}
		x = next // the end of an alert that nobody hears of
	}
}
