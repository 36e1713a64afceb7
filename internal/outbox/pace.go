package outbox

import (
	"container/list"
	"slices"
	"time"
)

// This file decides when events leave the outbox. Outputs have buffers, and throw the oldest metrics away
// when these overflow. So events leave only as fast as outputs take them, and wait in the queue otherwise,
// which the journal has. But an output that is down must not hold back what another one can take.

const (
	// maxFlights is how many events may be under way. It is the default of metric_batch_size: so many an
	// output writes at once, fewer only at its flush interval. Buffers of outputs are hardly ever smaller.
	maxFlights = 1000
	// ackTimeout is how long after an event has been emitted others wait for it.
	ackTimeout = 2 * time.Second
)

// flights are the events that have been emitted of late and not settled, in the order in which they were
// emitted.
type flights struct {
	list  list.List
	bytes int64
	last  time.Time // when something was last delivered
	hang  bool      // nothing was, for so long that nobody waits any more
}

// begin notes that x leaves.
func (f *flights) begin(x *entry, now time.Time) {
	f.end(x)
	x.emitted, x.flight = now, f.list.PushBack(x)
	f.bytes += x.bytes
}

// end notes that nobody is to wait for x any more.
func (f *flights) end(x *entry) {
	if x.flight != nil {
		f.list.Remove(x.flight)
		x.flight = nil
		f.bytes -= x.bytes
	}
}

// landed notes that an event was delivered.
func (f *flights) landed(now time.Time) { f.last, f.hang = now, false }

// wait returns how long x must wait for others, of which there may be so many. An event that has been
// under way for long is stuck in an output, so it does not count. If nothing else has been delivered
// meanwhile either, the outputs hang, and all go out until something is.
func (f *flights) wait(x *entry, most int, mostBytes int64, now time.Time) time.Duration {
	for !f.hang && f.list.Len() > 0 && (f.list.Len() >= most || f.bytes+x.bytes > mostBytes) {
		y := f.list.Front().Value.(*entry)
		if w := y.emitted.Add(ackTimeout).Sub(now); w > 0 {
			return w
		}
		f.hang = f.last.Before(y.emitted)
		f.end(y)
	}
	return 0
}

// pick returns the next event to emit, or how long there will be none unless something happens. The
// event is among the sent then.
func (o *Outbox) pick(now time.Time) (*entry, time.Duration) {
	wait := time.Hour
	if len(o.queue) > 0 {
		x := o.queue[0]
		w := o.holdsBack(x, now)
		if w <= 0 {
			o.queue[0] = nil
			if o.queue = o.queue[1:]; len(o.queue) == 0 {
				o.queue = nil
			}
			o.bytes -= x.bytes
			o.space.Broadcast()
			o.makeRoom(x)
			o.flights.begin(x, now)
			return x, 0
		}
		wait = w
	}
	for i := 0; i < len(o.again) && !o.closing; i++ {
		x := o.again[i]
		w := x.due.Sub(now)
		if w <= 0 {
			w = o.pace(x, now)
		}
		if !x.gone && !x.old && w > 0 {
			wait = min(wait, w)
			continue
		}
		o.again = slices.Delete(o.again, i, i+1)
		i--
		switch {
		case x.gone:
		case x.old:
			o.giveUp(x)
		default:
			o.flights.begin(x, now)
			return x, 0
		}
	}
	return nil, wait
}

// holdsBack returns how long the first event of the queue must wait: for the journal, and for the outputs.
func (o *Outbox) holdsBack(x *entry, now time.Time) time.Duration {
	if x.safe {
		return o.pace(x, now)
	}
	w := x.since.Add(syncTimeout).Sub(now)
	if w <= 0 && !o.slow {
		o.slow = true
		o.c.Log.Errorf("Outbox: %s does not answer; alerts go out all the same", o.c.Name)
	}
	return w
}

// pace returns how long x must wait because too many others are under way.
func (o *Outbox) pace(x *entry, now time.Time) time.Duration {
	if o.closing && now.Sub(o.ending) >= flushTimeout {
		return 0
	}
	return o.flights.wait(x, min(o.c.MaxEvents, maxFlights), o.c.MaxBytes, now)
}

// crowded reports whether there are too many sent events for another one.
func (o *Outbox) crowded(x *entry) bool {
	return o.sent.Len()+o.sentOld.Len() >= o.c.MaxEvents || o.sentSize+x.bytes > o.c.MaxBytes
}

// makeRoom puts x among the sent events. If there are too many, the oldest is given up: it may still
// be delivered, but will not be emitted again. Those go first whose alert has a newer event.
func (o *Outbox) makeRoom(x *entry) {
	for o.crowded(x) {
		l := &o.sentOld
		if l.Len() == 0 {
			l = &o.sent
		}
		if l.Len() == 0 {
			break
		}
		if !o.full {
			o.full = true
			o.c.Log.Warnf("Outbox: %d alert events are waiting for outputs that do not take them; from now on the oldest are not kept for a restart, those first that newer ones supersede", o.sent.Len()+o.sentOld.Len())
		}
		o.giveUp(l.Front().Value.(*entry))
	}
	l := &o.sent
	if x.old {
		l = &o.sentOld
	}
	x.place = l.PushBack(x)
	o.sentSize += x.bytes
}
