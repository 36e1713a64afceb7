package spool

import (
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/codec"
)

// This file makes a spool again of what its journal says, whatever a crash has left of that.

// load reads the journal, adds what is in it to the spool, and returns the events, oldest first.
func (s *Spool) load() ([]*Entry, error) {
	x := newLoaded()
	if err := s.disk.Read(x.take); err != nil {
		return nil, err
	}
	x.settle()
	s.lock.Lock()
	defer s.lock.Unlock()
	// Events that have come meanwhile are newer.
	entries := s.entries
	s.entries = map[uint64]*Entry{}
	for _, e := range entries {
		e.number += x.last
		s.entries[e.number] = e
	}
	s.next += x.last
	// What is remembered of later events prevails.
	maps.Copy(x.known, s.known)
	maps.Copy(x.levels, s.levels)
	s.known, s.levels = x.known, x.levels
	ids := append(x.ids, s.recent.list()...)
	s.recent = newRecent()
	for _, id := range ids {
		s.recent.add(id.key, id.at)
	}
	var list []*Entry
	for _, number := range slices.Sorted(maps.Keys(x.entries)) {
		list = append(list, s.add(x.entries[number]))
	}
	return list, nil
}

// A loaded is what the journal says. Of an event the last word counts.
type loaded struct {
	entries map[uint64]*Entry
	ids     []sighting
	last    uint64 // highest number of an event that was mentioned

	known  map[Series]alert.Level
	levels map[topicAlert]alert.Level

	made map[string]uint64 // by chain: the last event that is over there
}

func newLoaded() *loaded {
	return &loaded{
		entries: map[uint64]*Entry{}, made: map[string]uint64{},
		known: map[Series]alert.Level{}, levels: map[topicAlert]alert.Level{},
	}
}

// chainOf returns what the deliveries have in common that must keep their order.
func chainOf(dest, alertID string) string { return dest + "\x00" + alertID }

// take reads one record.
func (x *loaded) take(payload []byte) error {
	d := &codec.Decoder{B: payload[1:]}
	switch payload[0] {
	case recEvent:
		return x.event(d)
	case recMade, recFailed, recDropped, recRemainder:
		return x.mark(payload[0], d)
	case recIDs:
		for len(d.B) >= 24 {
			x.ids = append(x.ids, sighting{hash(d.B[:16]), int64(binary.LittleEndian.Uint64(d.B[16:]))})
			d.B = d.B[24:]
		}
		return d.Err()
	case recLevels:
		return x.takeLevels(d)
	}
	return codec.ErrBad
}

func (x *loaded) event(d *codec.Decoder) error {
	e := &Entry{number: d.Uint(), Since: time.Unix(0, d.Int())}
	for range d.Count() {
		e.Items = append(e.Items, decodeItem(d))
	}
	e.Event = alert.DecodeEvent(d)
	var levels []TopicLevel
	var over []ref
	if len(d.B) > 0 {
		for range d.Count() {
			levels = append(levels, TopicLevel{d.Text(), d.Text(), alert.DecodeLevel(d)})
		}
		for range d.Count() {
			over = append(over, ref{d.Uint(), d.Uint()})
		}
	}
	if d.Err() != nil {
		return d.Err()
	}
	for _, it := range e.Items {
		if it != nil {
			it.Series = SeriesOf(it.Dest, it.Options, e.Event.ID)
		}
	}
	x.entries[e.number] = e
	x.last = max(x.last, e.number)
	if e.Event.EventID != "" {
		x.ids = append(x.ids, sighting{hashOf(e.Event.EventID), e.Since.UnixNano()})
	}
	for _, l := range levels {
		setLevel(x.levels, topicAlert{l.Topic, l.ID}, l.Level)
	}
	for _, o := range over {
		if old := x.entries[o.number]; old != nil && o.index < uint64(len(old.Items)) {
			old.Items[o.index] = nil
		}
	}
	return nil
}

// decodeItem returns nil for a delivery that is over.
func decodeItem(d *codec.Decoder) *Item {
	it := &Item{}
	switch d.Byte() {
	case isOpen:
	case isHeld:
		it.Held, it.Known = true, alert.DecodeLevel(d)
	default:
		return nil
	}
	it.Kind, it.Dest, it.Previous = d.Text(), d.Text(), alert.DecodeLevel(d)
	it.Options, it.Remainder = d.Bytes(), d.Bytes()
	return it
}

func (x *loaded) mark(kind byte, d *codec.Decoder) error {
	number, index := d.Uint(), d.Uint()
	var remainder []byte
	if kind == recRemainder {
		remainder = d.Bytes()
	}
	if d.Err() != nil {
		return d.Err()
	}
	x.last = max(x.last, number)
	e := x.entries[number]
	if e == nil || index >= uint64(len(e.Items)) {
		return nil // it is over and forgotten, or could not be read
	}
	it := e.Items[index]
	switch {
	case it == nil:
		return nil
	case kind == recRemainder:
		it.Remainder = remainder
		return nil
	case kind != recDropped:
		chain := chainOf(it.Dest, e.Event.ID)
		x.made[chain] = max(x.made[chain], number)
	}
	if kind == recMade && e.Event.Recoverable {
		setLevel(x.known, it.Series, e.Event.Level)
	}
	e.Items[index] = nil
	return nil
}

func (x *loaded) takeLevels(d *codec.Decoder) error {
	known, levels := map[Series]alert.Level{}, map[topicAlert]alert.Level{}
	for range d.Count() {
		if len(d.B) < len(Series{}) {
			return codec.ErrBad
		}
		key := Series(d.B)
		d.B = d.B[len(key):]
		known[key] = alert.DecodeLevel(d)
	}
	for range d.Count() {
		key := topicAlert{d.Text(), d.Text()}
		levels[key] = alert.DecodeLevel(d)
	}
	if d.Err() != nil {
		return d.Err()
	}
	x.known, x.levels = known, levels
	return nil
}

// settle ends what a later delivery shows to be over, should its own record be lost: a receiver
// must not get an alert after the recovery that it got already.
func (x *loaded) settle() {
	for number, e := range x.entries {
		open := false
		for i, it := range e.Items {
			if it != nil && number < x.made[chainOf(it.Dest, e.Event.ID)] {
				e.Items[i] = nil
			}
			open = open || e.Items[i] != nil
		}
		if !open {
			delete(x.entries, number)
		}
	}
}
