package spool

import (
	"encoding/binary"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/codec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
)

// This file writes the spool to its journal.

// format changes with the layout of the records.
var format = journal.Format{Prefix: "spool", Lock: "alerter.lock", Magic: "alerter spool 4\n", Mark: [4]byte{0xff, 0xfe, 's', '4'}}

// A record of the spool is one of these kinds, followed by what its comment says.
const (
	recEvent     = 'E' // number, since, deliveries, event, and what changed by it, if anything
	recMade      = 'M' // number, index: the delivery is made, and those before it are over
	recFailed    = 'F' // number, index: the delivery is over, and with it those before it
	recDropped   = 'D' // number, index: the delivery is over
	recRemainder = 'R' // number, index, options: this is left of the delivery
	recIDs       = 'I' // hashes of event IDs with their times
	recLevels    = 'S' // levels that receivers know, levels in topics
)

// What a delivery is in the record of its event.
const (
	isOver = iota
	isOpen
	isHeld // and at which level the recipients know the alert to be
)

// lazily writes a record that nobody waits for.
func (s *Spool) lazily(fill func(*codec.Encoder)) {
	if s.disk != nil {
		s.disk.Append(fill)
		s.disk.Lazy()
	}
}

// record writes that an event has come.
func (s *Spool) record(e *Entry, p *Posting, over []ref) {
	changes := len(p.Levels)+len(over) > 0
	switch {
	case s.disk == nil:
	case e.left > 0 || changes:
		if e.left == 0 { // only its ID matters
			e = &Entry{Event: &alert.Event{EventID: p.Event.EventID}, Since: e.Since, number: e.number}
		}
		s.disk.Append(func(w *codec.Encoder) {
			encodeEntry(w, e)
			if changes {
				encodeChanges(w, p.Levels, over)
			}
		})
	case p.Event.EventID != "":
		ids := s.recent.list()
		s.disk.Append(func(w *codec.Encoder) { encodeIDs(w, ids[len(ids)-1:]) })
	}
}

// copy writes all IDs, levels and events.
func (s *Spool) copy(record func(func(*codec.Encoder))) {
	for ids := s.recent.list(); len(ids) > 0; {
		n := min(len(ids), 4096)
		record(func(w *codec.Encoder) { encodeIDs(w, ids[:n]) })
		ids = ids[n:]
	}
	record(func(w *codec.Encoder) { encodeLevels(w, s.known, s.levels) })
	for _, number := range s.numbers() {
		record(func(w *codec.Encoder) { encodeEntry(w, s.entries[number]) })
	}
}

func encodeEntry(w *codec.Encoder, e *Entry) {
	w.Byte(recEvent)
	w.Uint(e.number)
	w.Int(e.Since.UnixNano())
	w.Uint(uint64(len(e.Items)))
	for _, it := range e.Items {
		switch {
		case it == nil:
			w.Byte(isOver)
			continue
		case it.Held:
			w.Byte(isHeld)
			w.Byte(byte(it.Known))
		default:
			w.Byte(isOpen)
		}
		w.Text(it.Kind)
		w.Text(it.Dest)
		w.Byte(byte(it.Previous))
		w.Bytes(it.Options)
		w.Bytes(it.Remainder)
	}
	e.Event.Encode(w)
}

// A ref is how a record names a delivery.
type ref struct{ number, index uint64 }

// refsOf returns the names of those that are not over.
func refsOf(lists ...[]*Item) (refs []ref) {
	for _, list := range lists {
		for _, it := range list {
			if it.entry != nil {
				refs = append(refs, ref{it.entry.number, uint64(it.index)})
			}
		}
	}
	return refs
}

// encodeChanges appends what else changes by a posting.
func encodeChanges(w *codec.Encoder, levels []TopicLevel, over []ref) {
	w.Uint(uint64(len(levels)))
	for _, l := range levels {
		w.Text(l.Topic)
		w.Text(l.ID)
		w.Byte(byte(l.Level))
	}
	w.Uint(uint64(len(over)))
	for _, r := range over {
		w.Uint(r.number)
		w.Uint(r.index)
	}
}

// encodeLevels appends all levels that are remembered.
func encodeLevels(w *codec.Encoder, known map[Series]alert.Level, levels map[topicAlert]alert.Level) {
	w.Byte(recLevels)
	w.Uint(uint64(len(known)))
	for key, l := range known {
		w.B = append(w.B, key[:]...)
		w.Byte(byte(l))
	}
	w.Uint(uint64(len(levels)))
	for key, l := range levels {
		w.Text(key.topic)
		w.Text(key.id)
		w.Byte(byte(l))
	}
}

func encodeMark(w *codec.Encoder, kind byte, e *Entry, it *Item) {
	w.Byte(kind)
	w.Uint(e.number)
	w.Uint(uint64(it.index))
}

func encodeIDs(w *codec.Encoder, list []sighting) {
	w.Byte(recIDs)
	for _, id := range list {
		w.B = append(w.B, id.key[:]...)
		w.B = binary.LittleEndian.AppendUint64(w.B, uint64(id.at))
	}
}
