package alerter

import (
	"encoding/binary"
	"encoding/json"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
)

// This file defines what the spool writes to its journal.

// spoolFormat changes with the layout of the records.
var spoolFormat = journal.Format{Prefix: "spool", Lock: "alerter.lock", Magic: "alerter spool 4\n", Mark: [4]byte{0xff, 0xfe, 's', '4'}}

// A record of the spool is one of these kinds, followed by what its comment says.
const (
	recEvent    = 'E' // number, since, deliveries, event, and what changed by it, if anything
	recMade     = 'M' // number, index: the delivery is made, and those before it are over
	recFailed   = 'F' // number, index: the delivery is over, and with it those before it
	recDropped  = 'D' // number, index: the delivery is over
	recRest     = 'R' // number, index, options: this is left of the delivery
	recIDs      = 'I' // hashes of event IDs with their times
	recStanding = 'S' // levels that receivers were told, levels in topics
)

// How a delivery stands in the record of its event.
const (
	isOver = iota
	isOpen
	isHeld // and at which level the receiver was told that the alert is
)

// encodeStored appends a stored event: its number, and of each delivery whether it is over, and if not,
// what it is.
func encodeStored(e *journal.Encoder, seq uint64, item *spooled) {
	e.Byte(recEvent)
	e.Uint(seq)
	e.Int(item.since)
	e.Uint(uint64(len(item.list)))
	for _, it := range item.list {
		switch {
		case it == nil:
			e.Byte(isOver)
			continue
		case it.held:
			e.Byte(isHeld)
			e.Byte(byte(it.told))
		default:
			e.Byte(isOpen)
		}
		e.Text(it.outlet.kind.Name)
		e.Text(it.dest)
		e.Byte(byte(it.event.Previous))
		e.Bytes(it.origin)
		e.Bytes(it.rest)
	}
	item.event.Encode(e)
}

// encodeChanges appends what else changes by a posting.
func encodeChanges(e *journal.Encoder, p *posting) {
	if len(p.levels)+len(p.over) == 0 {
		return
	}
	e.Uint(uint64(len(p.levels)))
	for _, l := range p.levels {
		e.Text(l.topic)
		e.Text(l.id)
		e.Byte(byte(l.level))
	}
	e.Uint(uint64(len(p.over)))
	for _, it := range p.over {
		e.Uint(it.seq)
		e.Uint(uint64(it.index))
	}
}

// encodeStanding appends all levels that are remembered.
func encodeStanding(e *journal.Encoder, told map[eventKey]alert.Level, levels map[topicAlert]alert.Level) {
	e.Byte(recStanding)
	e.Uint(uint64(len(told)))
	for key, l := range told {
		e.B = append(e.B, key[:]...)
		e.Byte(byte(l))
	}
	e.Uint(uint64(len(levels)))
	for key, l := range levels {
		e.Text(key.topic)
		e.Text(key.id)
		e.Byte(byte(l))
	}
}

func encodeMark(e *journal.Encoder, kind byte, it *delivery) {
	e.Byte(kind)
	e.Uint(it.seq)
	e.Uint(uint64(it.index))
}

func encodeIDs(e *journal.Encoder, list []sighted) {
	e.Byte(recIDs)
	for _, id := range list {
		e.B = append(e.B, id.key[:]...)
		e.B = binary.LittleEndian.AppendUint64(e.B, uint64(id.at))
	}
}

// A storedEvent is an event as it was read.
type storedEvent struct {
	seq   uint64
	since int64
	list  []storedDelivery
	event *alert.Event

	levels []topicLevel
	over   [][2]uint64 // numbers and indexes of deliveries
}

type storedDelivery struct {
	open     bool
	held     bool
	told     alert.Level
	kind     string
	dest     string
	previous alert.Level
	options  json.RawMessage
	rest     json.RawMessage // if a part has been delivered
}

func decodeStored(d *journal.Decoder) *storedEvent {
	x := &storedEvent{seq: d.Uint(), since: d.Int()}
	for range d.Count() {
		var it storedDelivery
		how := d.Byte()
		if it.held = how == isHeld; it.held {
			it.told = alert.DecodeLevel(d)
		}
		if it.open = how == isOpen || it.held; it.open {
			it.kind, it.dest, it.previous = d.Text(), d.Text(), alert.DecodeLevel(d)
			it.options, it.rest = d.Bytes(), d.Bytes()
		}
		x.list = append(x.list, it)
	}
	x.event = alert.DecodeEvent(d)
	if len(d.B) > 0 {
		for range d.Count() {
			x.levels = append(x.levels, topicLevel{d.Text(), d.Text(), alert.DecodeLevel(d)})
		}
		for range d.Count() {
			x.over = append(x.over, [2]uint64{d.Uint(), d.Uint()})
		}
	}
	return x
}

func decodeStanding(d *journal.Decoder) (told map[eventKey]alert.Level, levels map[topicAlert]alert.Level, err error) {
	told, levels = map[eventKey]alert.Level{}, map[topicAlert]alert.Level{}
	for range d.Count() {
		if len(d.B) < len(eventKey{}) {
			return nil, nil, journal.ErrRecord
		}
		key := eventKey(d.B)
		d.B = d.B[len(key):]
		told[key] = alert.DecodeLevel(d)
	}
	for range d.Count() {
		key := topicAlert{d.Text(), d.Text()}
		levels[key] = alert.DecodeLevel(d)
	}
	return told, levels, d.Err()
}
