package alerter

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
)

// This file makes a spool again of what its journal says, whatever a crash has left of that.

// A loaded is what the journal says. Of an event the last word counts.
type loaded struct {
	events map[uint64]*storedEvent
	ids    []sighted
	last   uint64 // highest number of an event that was mentioned

	told   map[eventKey]alert.Level
	levels map[topicAlert]alert.Level

	made map[string]uint64 // by chain: the last event that is over there
}

func newLoaded() *loaded {
	return &loaded{
		events: map[uint64]*storedEvent{}, made: map[string]uint64{},
		told: map[eventKey]alert.Level{}, levels: map[topicAlert]alert.Level{},
	}
}

// chainOf returns what the deliveries have in common that must keep their order.
func chainOf(dest, alertID string) string { return dest + "\x00" + alertID }

// seriesOf returns what the deliveries of one alert to the same recipients have in common; origin is
// the options as JSON.
func seriesOf(dest string, origin []byte, alertID string) eventKey {
	b := make([]byte, 0, 256)
	b = append(append(b, dest...), 0)
	b = append(append(b, origin...), 0)
	sum := sha256.Sum256(append(b, alertID...))
	return eventKey(sum[:16])
}

// take reads one record.
func (x *loaded) take(payload []byte) error {
	d := &journal.Decoder{B: payload[1:]}
	switch payload[0] {
	case recEvent:
		e := decodeStored(d)
		if d.Err() != nil {
			return d.Err()
		}
		x.events[e.seq] = e
		x.last = max(x.last, e.seq)
		if e.event.EventID != "" {
			x.ids = append(x.ids, sighted{keyOf(e.event.EventID), e.since})
		}
		for _, l := range e.levels {
			stand(x.levels, topicAlert{l.topic, l.id}, l.level)
		}
		for _, o := range e.over {
			if old := x.events[o[0]]; old != nil && o[1] < uint64(len(old.list)) {
				old.list[o[1]].open = false
			}
		}
		e.levels, e.over = nil, nil
	case recMade, recFailed, recDropped, recRest:
		seq, index := d.Uint(), d.Uint()
		var rest []byte
		if payload[0] == recRest {
			rest = d.Bytes()
		}
		if d.Err() != nil {
			return d.Err()
		}
		x.last = max(x.last, seq)
		e := x.events[seq]
		if e == nil || index >= uint64(len(e.list)) {
			return nil // it is over and forgotten, or could not be read
		}
		it := &e.list[index]
		if payload[0] == recRest {
			it.rest = rest
			return nil
		}
		if payload[0] != recDropped && it.open {
			chain := chainOf(it.dest, e.event.ID)
			x.made[chain] = max(x.made[chain], seq)
		}
		if payload[0] == recMade && e.event.Recoverable {
			stand(x.told, seriesOf(it.dest, it.options, e.event.ID), e.event.Level)
		}
		it.open = false
	case recIDs:
		for len(d.B) >= 24 {
			x.ids = append(x.ids, sighted{eventKey(d.B[:16]), int64(binary.LittleEndian.Uint64(d.B[16:]))})
			d.B = d.B[24:]
		}
		return d.Err()
	case recStanding:
		told, levels, err := decodeStanding(d)
		if err != nil {
			return err
		}
		x.told, x.levels = told, levels
	default:
		return journal.ErrRecord
	}
	return nil
}

// settle ends what a later delivery shows to be over, should its own record be lost: a receiver
// must not get an alert after the recovery that it got already.
func (x *loaded) settle() {
	for seq, e := range x.events {
		open := false
		for i := range e.list {
			it := &e.list[i]
			if seq < x.made[chainOf(it.dest, e.event.ID)] {
				it.open = false
			}
			open = open || it.open
		}
		if !open {
			delete(x.events, seq)
		}
	}
}
