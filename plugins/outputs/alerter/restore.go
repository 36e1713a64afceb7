package alerter

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
)

// This file makes deliveries of what an earlier process has left in the spool.

// openDispatcher returns a dispatcher with the spool that the configuration wants.
func (a *Alerter) openDispatcher(dir journal.Folder) (*dispatcher, error) {
	m := newMemorySpool(a.SpoolMaxEvents, int64(a.SpoolMaxSize))
	if dir == nil {
		d := newDispatcher(a, m)
		d.due = a.aggregate
		return d, nil
	}
	s, x, err := openSpool(a.StateDirectory, dir, m, a.Log)
	if err != nil {
		return nil, err
	}
	d := newDispatcher(a, s)
	d.due = a.aggregate
	restore := func(x *loaded) {
		if n := d.restore(a, s, x); n > 0 {
			a.Log.Infof("Resuming %d alert deliveries from %s", n, a.StateDirectory)
		}
	}
	if x != nil {
		d.mu.Lock()
		restore(x)
		d.mu.Unlock()
	} else {
		d.touched = map[string]struct{}{}
	}
	s.late = func() error {
		d.mu.Lock()
		defer d.mu.Unlock()
		x, err := s.open()
		if err == nil {
			restore(x)
			d.touched = nil
		}
		return err
	}
	s.start()
	return d, nil
}

// restore queues what is left to deliver and returns how much that is.
func (d *dispatcher) restore(a *Alerter, s *diskSpool, x *loaded) (n int) {
	for _, seq := range slices.Sorted(maps.Keys(x.events)) {
		e := x.events[seq]
		list := make([]*delivery, len(e.list))
		for i := range e.list {
			from := &e.list[i]
			if !from.open {
				continue
			}
			if _, ok := d.touched[e.event.ID]; ok {
				// The alert has gone on; its older states would turn it back.
				d.stats.get(from.kind).dropped.Incr(1)
				continue
			}
			it, err := a.revive(e.event, from)
			if err != nil {
				a.fail(from.kind, e.event, err)
				continue
			}
			it.since = time.Unix(0, e.since)
			if old := d.held[it.series]; it.held && old != nil { // of a log that has lost a part
				d.forget(old)
				d.spool.Done(old, dropped)
			}
			list[i] = it
		}
		s.adopt(e, list)
		for _, it := range list {
			if it != nil {
				n++
				d.settle(it)
			}
		}
	}
	d.makeRoom(0)
	return n
}

// revive makes a delivery with the handlers that the configuration has now.
func (a *Alerter) revive(e *alert.Event, from *storedDelivery) (*delivery, error) {
	k := lookupKind(from.kind)
	if k == nil {
		return nil, handler.ErrUnknown(from.kind)
	}
	o := a.outlets[k]
	if o == nil {
		return nil, a.unavailable(k)
	}
	options, err := k.DecodeOptions(from.options)
	if err != nil {
		return nil, err
	}
	it := &delivery{outlet: o, event: e, options: options, origin: from.options, rest: from.rest, held: from.held, told: from.told, revived: true}
	it.dest = it.key()
	it.series = seriesOf(it.dest, it.origin, e.ID)
	if s := o.section(options); s != nil {
		it.timeout = s.Timeout
	}
	if from.rest != nil {
		if it.options, err = k.DecodeOptions(from.rest); err != nil {
			return nil, fmt.Errorf("rest: %w", err)
		}
	}
	if e.Previous != from.previous {
		own := *e
		own.Previous = from.previous
		it.event = &own
	}
	return it, nil
}
