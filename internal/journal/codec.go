package journal

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file defines how things look inside records: numbers as varints, text behind its length. There
// are no names, so a change of the layout needs another [Format].

// An Encoder appends to B.
type Encoder struct{ B []byte }

// Byte appends a byte.
func (e *Encoder) Byte(v byte) { e.B = append(e.B, v) }

// Bool appends a truth value.
func (e *Encoder) Bool(v bool) {
	if v {
		e.Byte(1)
	} else {
		e.Byte(0)
	}
}

// Uint appends a number.
func (e *Encoder) Uint(n uint64) { e.B = binary.AppendUvarint(e.B, n) }

// Int appends a number.
func (e *Encoder) Int(n int64) { e.B = binary.AppendVarint(e.B, n) }

// Text appends text.
func (e *Encoder) Text(s string) { e.Uint(uint64(len(s))); e.B = append(e.B, s...) }

// Bytes appends bytes.
func (e *Encoder) Bytes(s []byte) { e.Uint(uint64(len(s))); e.B = append(e.B, s...) }

func (e *Encoder) tags(tags []point.Tag) {
	e.Uint(uint64(len(tags)))
	for _, t := range tags {
		e.Text(t.Key)
		e.Text(t.Value)
	}
}

// Event appends an event, with everything that is in it.
func (e *Encoder) Event(v *alert.Event) {
	for _, s := range [...]string{
		v.EventID, v.ID, v.Message, v.Details, v.Topic, v.Category, v.Name, v.Task, v.Node, v.Group,
	} {
		e.Text(s)
	}
	e.Int(int64(v.Nth))
	e.Int(v.Time)
	e.Int(int64(v.Duration))
	e.Byte(byte(v.Level))
	e.Byte(byte(v.Previous))
	e.Byte(byte(v.NodePrevious))
	e.Bool(v.Recoverable)
	e.tags(v.GroupTags)
	e.tags(v.Tags)
	e.Uint(uint64(len(v.Fields)))
	for _, f := range v.Fields {
		e.Text(f.Key)
		e.Byte(byte(f.Value.Kind))
		e.Uint(f.Value.Num)
		e.Text(f.Value.Text)
	}
	e.Bytes(v.Data)
	e.Uint(uint64(len(v.Handlers)))
	for _, h := range v.Handlers {
		e.Text(h.Kind)
		e.Bytes(h.Options)
	}
}

// State appends what a topic remembers of an event.
func (e *Encoder) State(s *alert.EventState) {
	e.Text(s.ID)
	e.Text(s.Message)
	e.Text(s.Details)
	e.Int(s.Time)
	e.Int(int64(s.Duration))
	e.Byte(byte(s.Level))
	e.Int(int64(s.Nth))
}

// ErrRecord is the error for a record that cannot be read.
var ErrRecord = errors.New("bad record")

// A Decoder reads what an Encoder wrote, from B. After the first mistake it returns zeros; ask Err
// once.
type Decoder struct {
	B   []byte
	bad bool
}

func (d *Decoder) fail() { d.B, d.bad = nil, true }

// Err returns an error unless all of B has been read without a mistake.
func (d *Decoder) Err() error {
	if d.bad || len(d.B) > 0 {
		return ErrRecord
	}
	return nil
}

// Byte reads a byte.
func (d *Decoder) Byte() byte {
	if len(d.B) == 0 {
		d.fail()
		return 0
	}
	v := d.B[0]
	d.B = d.B[1:]
	return v
}

// Bool reads a truth value.
func (d *Decoder) Bool() bool { return d.Byte() == 1 }

// Uint reads a number.
func (d *Decoder) Uint() uint64 {
	v, n := binary.Uvarint(d.B)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.B = d.B[n:]
	return v
}

// Int reads a number.
func (d *Decoder) Int() int64 {
	v, n := binary.Varint(d.B)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.B = d.B[n:]
	return v
}

// Count reads the number of things that take at least a byte each.
func (d *Decoder) Count() int {
	n := d.Uint()
	if n > uint64(len(d.B)) {
		d.fail()
		return 0
	}
	return int(n)
}

// Bytes returns a copy, or nil if there are none.
func (d *Decoder) Bytes() []byte {
	n := d.Count()
	if n == 0 {
		return nil
	}
	v := append([]byte(nil), d.B[:n]...)
	d.B = d.B[n:]
	return v
}

// Text reads text.
func (d *Decoder) Text() string {
	n := d.Count()
	v := string(d.B[:n])
	d.B = d.B[n:]
	return v
}

func (d *Decoder) tags() []point.Tag {
	n := d.Count()
	if n == 0 {
		return nil
	}
	tags := make([]point.Tag, 0, min(n, 32))
	for range n {
		tags = append(tags, point.Tag{Key: d.Text(), Value: d.Text()})
	}
	return tags
}

// Level reads a level.
func (d *Decoder) Level() alert.Level {
	l := alert.Level(d.Byte())
	if l > alert.Critical {
		d.fail()
		return alert.OK
	}
	return l
}

// Event reads an event.
func (d *Decoder) Event() *alert.Event {
	v := &alert.Event{}
	for _, s := range [...]*string{
		&v.EventID, &v.ID, &v.Message, &v.Details, &v.Topic, &v.Category, &v.Name, &v.Task, &v.Node, &v.Group,
	} {
		*s = d.Text()
	}
	v.Nth = int(d.Int())
	v.Time = d.Int()
	v.Duration = time.Duration(d.Int())
	v.Level = d.Level()
	v.Previous = d.Level()
	v.NodePrevious = d.Level()
	v.Recoverable = d.Bool()
	v.GroupTags = d.tags()
	v.Tags = d.tags()
	for range d.Count() {
		f := point.Field{Key: d.Text(), Value: point.Value{Kind: point.Kind(d.Byte())}}
		f.Value.Num = d.Uint()
		f.Value.Text = d.Text()
		v.Fields = append(v.Fields, f)
	}
	v.Data = d.Bytes()
	for range d.Count() {
		v.Handlers = append(v.Handlers, alert.Handler{Kind: d.Text(), Options: d.Bytes()})
	}
	return v
}

// State reads what a topic remembers of an event.
func (d *Decoder) State() alert.EventState {
	return alert.EventState{
		ID: d.Text(), Message: d.Text(), Details: d.Text(),
		Time: d.Int(), Duration: time.Duration(d.Int()), Level: d.Level(), Nth: int(d.Int()),
	}
}

// EventSize estimates the memory that an event takes.
func EventSize(e *alert.Event) int64 {
	n := 512 + len(e.EventID) + 2*len(e.ID) + len(e.Message) + len(e.Details) + len(e.Data) + len(e.Group) + len(e.Task)
	for _, t := range e.Tags {
		n += 2*len(t.Key) + 2*len(t.Value) + 64
	}
	for _, f := range e.Fields {
		n += len(f.Key) + len(f.Value.Text) + 48
	}
	for _, h := range e.Handlers {
		n += 2*(len(h.Kind)+len(h.Options)) + 256
	}
	return int64(n)
}
