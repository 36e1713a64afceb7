package delivery

import (
	"errors"
	"fmt"
	"slices"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spool"
)

// This file makes deliveries of what an earlier process has left in the spool.

// maxTouched bounds the alerts that are remembered while the spool cannot be read.
const maxTouched = 1 << 16

// restore takes up what is left to deliver.
func (d *Dispatcher) restore(load func() ([]*spool.Entry, error)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	entries, err := load()
	if err != nil {
		if d.touched == nil && !errors.Is(err, journal.ErrLocked) {
			d.touched = map[string]struct{}{}
		}
		return err
	}
	d.unholdReleased(entries)
	n := 0
	for _, e := range entries {
		for _, item := range slices.Clone(e.Items) {
			if item != nil && d.revive(e, item) {
				n++
			}
		}
	}
	d.touched = nil
	d.makeRoom(nil)
	if n > 0 {
		d.log.Infof("Resuming %d alert deliveries from %s", n, d.c.Directory)
	}
	return nil
}

// unholdReleased has what was released before take its turn before what has come behind it. The spool does
// not know of the release, but if it was held still, what came behind has taken its place.
func (d *Dispatcher) unholdReleased(entries []*spool.Entry) {
	behind := map[spool.Series]bool{}
	for _, e := range slices.Backward(entries) {
		for _, item := range e.Items {
			if item != nil && item.Held && behind[item.Series] {
				d.spool.Unhold(item)
			}
		}
		for _, item := range e.Items {
			if item != nil {
				behind[item.Series] = true
			}
		}
	}
}

// revive goes on with a delivery, if there is still a handler for it.
func (d *Dispatcher) revive(e *spool.Entry, item *spool.Item) bool {
	if _, ok := d.touched[e.Event.ID]; ok {
		// The alert has gone on; its older states would turn it back.
		d.stats.get(item.Kind).dropped.Incr(1)
		d.spool.Done(item, spool.Dropped)
		return false
	}
	it, err := d.deliveryOf(e.Event, item)
	if err != nil {
		d.fail(item.Kind, e.Event, err)
		d.spool.Done(item, spool.Dropped)
		return false
	}
	it.since = e.Since
	d.place(it)
	return true
}

// deliveryOf makes a delivery with the handlers that the configuration has now.
func (d *Dispatcher) deliveryOf(e *alert.Event, item *spool.Item) (*delivery, error) {
	k := lookupKind(item.Kind)
	if k == nil {
		return nil, handler.ErrUnknown(item.Kind)
	}
	to := d.handlers[k]
	if to == nil {
		return nil, d.unavailable(k)
	}
	options, err := k.DecodeOptions(item.Options)
	if err != nil {
		return nil, err
	}
	it := d.newDelivery(to, e, options)
	it.item = item
	if item.Remainder != nil {
		if it.options, err = k.DecodeOptions(item.Remainder); err != nil {
			return nil, fmt.Errorf("remainder: %w", err)
		}
	}
	if e.Previous != item.Previous {
		own := *e
		own.Previous = item.Previous
		it.event = &own
	}
	return it, nil
}
