package alert

import (
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/codec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file defines how events and states look in journals. A change of it makes those of another version
// unreadable, so their formats change with it.

// Encode appends the event, with everything that is in it.
func (e *Event) Encode(w *codec.Encoder) {
	for _, s := range [...]string{
		e.EventID, e.ID, e.Message, e.Details, e.Topic, e.Category, e.Name, e.Task, e.Rule, e.Node, e.Group, e.ValueKey,
	} {
		w.Text(s)
	}
	w.Int(int64(e.Nth))
	w.Int(e.Time)
	w.Int(int64(e.Duration))
	w.Byte(byte(e.Level))
	w.Byte(byte(e.Previous))
	w.Byte(byte(e.NodePrevious))
	w.Bool(e.Recoverable)
	encodeTags(w, e.GroupTags)
	encodeTags(w, e.Tags)
	w.Uint(uint64(len(e.Fields)))
	for _, f := range e.Fields {
		w.Text(f.Key)
		w.Byte(byte(f.Value.Kind))
		w.Uint(f.Value.Num)
		w.Text(f.Value.Text)
	}
	w.Bytes(e.Data)
	w.Uint(uint64(len(e.Handlers)))
	for _, h := range e.Handlers {
		w.Text(h.Kind)
		w.Bytes(h.Options)
	}
}

// DecodeEvent reads an event.
func DecodeEvent(d *codec.Decoder) *Event {
	e := &Event{}
	for _, s := range [...]*string{
		&e.EventID, &e.ID, &e.Message, &e.Details, &e.Topic, &e.Category, &e.Name, &e.Task, &e.Rule, &e.Node, &e.Group, &e.ValueKey,
	} {
		*s = d.Text()
	}
	e.Nth = int(d.Int())
	e.Time = d.Int()
	e.Duration = time.Duration(d.Int())
	e.Level = DecodeLevel(d)
	e.Previous = DecodeLevel(d)
	e.NodePrevious = DecodeLevel(d)
	e.Recoverable = d.Bool()
	e.GroupTags = decodeTags(d)
	e.Tags = decodeTags(d)
	for range d.Count() {
		f := point.Field{Key: d.Text(), Value: point.Value{Kind: point.Kind(d.Byte())}}
		f.Value.Num = d.Uint()
		f.Value.Text = d.Text()
		e.Fields = append(e.Fields, f)
	}
	e.Data = d.Bytes()
	for range d.Count() {
		e.Handlers = append(e.Handlers, Handler{Kind: d.Text(), Options: d.Bytes()})
	}
	return e
}

func encodeTags(w *codec.Encoder, tags []point.Tag) {
	w.Uint(uint64(len(tags)))
	for _, t := range tags {
		w.Text(t.Key)
		w.Text(t.Value)
	}
}

func decodeTags(d *codec.Decoder) []point.Tag {
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

// DecodeLevel reads a level, which is written as a byte.
func DecodeLevel(d *codec.Decoder) Level {
	l := Level(d.Byte())
	if !l.valid() {
		d.Fail()
		return OK
	}
	return l
}

// Encode appends the state.
func (s *EventState) Encode(w *codec.Encoder) {
	w.Text(s.ID)
	w.Text(s.Message)
	w.Text(s.Details)
	w.Int(s.Time)
	w.Int(int64(s.Duration))
	w.Byte(byte(s.Level))
	w.Int(int64(s.Nth))
}

// DecodeState reads what a topic remembers of an event.
func DecodeState(d *codec.Decoder) EventState {
	return EventState{
		ID: d.Text(), Message: d.Text(), Details: d.Text(),
		Time: d.Int(), Duration: time.Duration(d.Int()), Level: DecodeLevel(d), Nth: int(d.Int()),
	}
}

// Size estimates the memory that the event takes, for those who keep many.
func (e *Event) Size() int64 {
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
