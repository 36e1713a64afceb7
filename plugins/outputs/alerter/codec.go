package alerter

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file defines how events and their deliveries look inside the records of the spool: numbers as
// varints, text behind its length. There are no names, so a change of the layout needs another
// [segmentMagic].

type encoder struct{ b []byte }

func (e *encoder) byte(v byte)    { e.b = append(e.b, v) }
func (e *encoder) uint(n uint64)  { e.b = binary.AppendUvarint(e.b, n) }
func (e *encoder) int(n int64)    { e.b = binary.AppendVarint(e.b, n) }
func (e *encoder) text(s string)  { e.uint(uint64(len(s))); e.b = append(e.b, s...) }
func (e *encoder) bytes(s []byte) { e.uint(uint64(len(s))); e.b = append(e.b, s...) }

func (e *encoder) tags(tags []point.Tag) {
	e.uint(uint64(len(tags)))
	for _, t := range tags {
		e.text(t.Key)
		e.text(t.Value)
	}
}

func (e *encoder) event(v *alert.Event) {
	for _, s := range [...]string{
		v.EventID, v.ID, v.Message, v.Details, v.Topic, v.Category, v.Name, v.Task, v.Node, v.Group,
	} {
		e.text(s)
	}
	e.int(int64(v.Nth))
	e.int(v.Time)
	e.int(int64(v.Duration))
	e.byte(byte(v.Level))
	e.byte(byte(v.Previous))
	e.byte(byte(v.NodePrevious))
	e.byte(map[bool]byte{true: 1}[v.Recoverable])
	e.tags(v.GroupTags)
	e.tags(v.Tags)
	e.uint(uint64(len(v.Fields)))
	for _, f := range v.Fields {
		e.text(f.Key)
		e.byte(byte(f.Value.Kind))
		e.uint(f.Value.Num)
		e.text(f.Value.Text)
	}
	e.bytes(v.Data)
	e.uint(uint64(len(v.Handlers)))
	for _, h := range v.Handlers {
		e.text(h.Kind)
		e.bytes(h.Options)
	}
}

var errRecord = errors.New("bad record")

// A decoder reads what an encoder wrote. After the first mistake it returns zeros; ask err once.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) fail() { d.b, d.bad = nil, true }

func (d *decoder) err() error {
	if d.bad || len(d.b) > 0 {
		return errRecord
	}
	return nil
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail()
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

// count returns a number of things that take at least a byte each.
func (d *decoder) count() int {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.fail()
		return 0
	}
	return int(n)
}

// bytes returns a copy, or nil if there are none.
func (d *decoder) bytes() []byte {
	n := d.count()
	if n == 0 {
		return nil
	}
	v := append([]byte(nil), d.b[:n]...)
	d.b = d.b[n:]
	return v
}

func (d *decoder) text() string {
	n := d.count()
	v := string(d.b[:n])
	d.b = d.b[n:]
	return v
}

func (d *decoder) tags() []point.Tag {
	n := d.count()
	if n == 0 {
		return nil
	}
	tags := make([]point.Tag, 0, min(n, 32))
	for range n {
		tags = append(tags, point.Tag{Key: d.text(), Value: d.text()})
	}
	return tags
}

func (d *decoder) event() *alert.Event {
	v := &alert.Event{}
	for _, s := range [...]*string{
		&v.EventID, &v.ID, &v.Message, &v.Details, &v.Topic, &v.Category, &v.Name, &v.Task, &v.Node, &v.Group,
	} {
		*s = d.text()
	}
	v.Nth = int(d.int())
	v.Time = d.int()
	v.Duration = time.Duration(d.int())
	v.Level = alert.Level(d.byte())
	v.Previous = alert.Level(d.byte())
	v.NodePrevious = alert.Level(d.byte())
	v.Recoverable = d.byte() == 1
	v.GroupTags = d.tags()
	v.Tags = d.tags()
	for range d.count() {
		f := point.Field{Key: d.text(), Value: point.Value{Kind: point.Kind(d.byte())}}
		f.Value.Num = d.uint()
		f.Value.Text = d.text()
		v.Fields = append(v.Fields, f)
	}
	v.Data = d.bytes()
	for range d.count() {
		v.Handlers = append(v.Handlers, alert.Handler{Kind: d.text(), Options: d.bytes()})
	}
	if max(v.Level, v.Previous, v.NodePrevious) > alert.Critical {
		d.fail()
	}
	return v
}

// A record of the spool is one of these types, followed by what its comment says.
const (
	recEvent    = 'E' // number, since, deliveries, event, and what changed by it, if anything
	recMade     = 'M' // number, index: the delivery is made, and those before it are over
	recFailed   = 'F' // number, index: the delivery is over, and with it those before it
	recDropped  = 'D' // number, index: the delivery is over
	recRest     = 'R' // number, index, options: this is left of the delivery
	recIDs      = 'I' // hashes of event IDs with their times
	recStanding = 'S' // levels that receivers were told, levels in topics
	recBegin    = 'B' // here begins a copy of all that there is
	recEnd      = 'Z' // number of events in the copy: if all are there, what was before it counts no more
)

// How a delivery stands in the record of its event.
const (
	isOver = iota
	isOpen
	isHeld // and at which level the receiver was told that the alert is
)

// stored appends a stored event: its number, and of each delivery whether it is over, and if not,
// what it is.
func (e *encoder) stored(seq uint64, item *spooled) {
	e.byte(recEvent)
	e.uint(seq)
	e.int(item.since)
	e.uint(uint64(len(item.list)))
	for _, it := range item.list {
		switch {
		case it == nil:
			e.byte(isOver)
			continue
		case it.held:
			e.byte(isHeld)
			e.byte(byte(it.told))
		default:
			e.byte(isOpen)
		}
		e.text(it.outlet.kind.Name)
		e.text(it.dest)
		e.byte(byte(it.event.Previous))
		e.bytes(it.origin)
		e.bytes(it.rest)
	}
	e.event(item.event)
}

// changes appends what else changes by a posting.
func (e *encoder) changes(p *posting) {
	if len(p.levels)+len(p.over) == 0 {
		return
	}
	e.uint(uint64(len(p.levels)))
	for _, l := range p.levels {
		e.text(l.topic)
		e.text(l.id)
		e.byte(byte(l.level))
	}
	e.uint(uint64(len(p.over)))
	for _, it := range p.over {
		e.uint(it.seq)
		e.uint(uint64(it.index))
	}
}

// standing appends all levels that are remembered.
func (e *encoder) standing(told map[eventKey]alert.Level, levels map[topicAlert]alert.Level) {
	e.byte(recStanding)
	e.uint(uint64(len(told)))
	for key, l := range told {
		e.b = append(e.b, key[:]...)
		e.byte(byte(l))
	}
	e.uint(uint64(len(levels)))
	for key, l := range levels {
		e.text(key.topic)
		e.text(key.id)
		e.byte(byte(l))
	}
}

// A storedEvent is an event as it was read.
type storedEvent struct {
	seq   uint64
	since int64
	list  []storedDelivery
	event *alert.Event
	copy  int // in which copy it was last

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

func (d *decoder) stored() *storedEvent {
	x := &storedEvent{seq: d.uint(), since: d.int()}
	for range d.count() {
		var it storedDelivery
		how := d.byte()
		if it.held = how == isHeld; it.held {
			it.told = d.level()
		}
		if it.open = how == isOpen || it.held; it.open {
			it.kind, it.dest, it.previous = d.text(), d.text(), alert.Level(d.byte())
			it.options, it.rest = d.bytes(), d.bytes()
		}
		x.list = append(x.list, it)
	}
	x.event = d.event()
	if len(d.b) > 0 {
		for range d.count() {
			x.levels = append(x.levels, topicLevel{d.text(), d.text(), d.level()})
		}
		for range d.count() {
			x.over = append(x.over, [2]uint64{d.uint(), d.uint()})
		}
	}
	return x
}

func (d *decoder) level() alert.Level {
	l := alert.Level(d.byte())
	if l > alert.Critical {
		d.fail()
	}
	return l
}

func (d *decoder) standing() (told map[eventKey]alert.Level, levels map[topicAlert]alert.Level) {
	told, levels = map[eventKey]alert.Level{}, map[topicAlert]alert.Level{}
	for range d.count() {
		if len(d.b) < len(eventKey{}) {
			d.fail()
			break
		}
		key := eventKey(d.b)
		d.b = d.b[len(key):]
		told[key] = d.level()
	}
	for range d.count() {
		key := topicAlert{d.text(), d.text()}
		levels[key] = d.level()
	}
	return told, levels
}
