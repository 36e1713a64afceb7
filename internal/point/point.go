// Package point holds the data that flows through a task: points, batches, groups and their values.
//
// # Lifetime
//
// What a node receives is valid only during the call that hands it over. Strings and Tags slices
// are immutable and may be kept for ever; a Point's Fields and a Batch's Points are the sender's
// buffers: whoever keeps them copies them ([Point.AppendFields], [Point.Clone]). Nobody changes a point that
// it did not make: a node that alters one sends a copy of its own, whose buffers it may reuse for
// the next one. Or it sends the point itself with other Fields, Tags or Group and sets them back
// when that is done; what the slices hold it leaves alone. Points of a batch it does not lend so.
package point

import (
	"slices"
	"strings"
)

// A Tag is one key and value of a tag set. Tag sets are sorted by key.
type Tag struct{ Key, Value string }

// A Field is one named value of a point. Fields are sorted by key.
type Field struct {
	Key   string
	Value Value
}

// A Point is one measurement at one time.
type Point struct {
	Name   string // measurement
	DB, RP string // database and retention policy; empty behind windows, aggregates and joins
	Time   int64  // nanoseconds since the Unix epoch
	Tags   []Tag  // sorted by key; immutable, may be shared and kept
	Fields []Field
	Group  *Group // never nil inside a task
}

// A Batch is a set of points of one group, the content of a window for example. The points carry
// times, tags and fields; Name, DB, RP and Group of the points are not set.
//
// A sender and all its receivers can agree not to list the points. Then Points is empty and Digest
// is what the receivers read instead.
type Batch struct {
	Name   string
	TMax   int64 // nanoseconds since the Unix epoch
	Group  *Group
	Points []Point
	Digest Digest
}

// A Digest stands for the points of a batch.
type Digest interface{ Len() int }

// Len returns the number of points, listed or not.
func (b *Batch) Len() int {
	if b.Digest != nil {
		return b.Digest.Len()
	}
	return len(b.Points)
}

// A Sink receives what flows along an edge of a task's graph: points on a stream edge, batches on
// a batch edge, and on both the signals that nothing older than t will come (Barrier) and that the
// group's state is to be forgotten (Delete).
type Sink interface {
	Point(p *Point)
	Batch(b *Batch)
	Barrier(g *Group, t int64)
	Delete(g *Group)
}

// Field returns the value of the named field; its Kind is Missing if there is none.
func (p *Point) Field(key string) Value {
	for i := range p.Fields {
		if p.Fields[i].Key == key {
			return p.Fields[i].Value
		}
	}
	return Value{}
}

// Tag returns the value of the named tag and whether the point has it.
func (p *Point) Tag(key string) (string, bool) { return Lookup(p.Tags, key) }

// Lookup returns the value of the named tag in a tag set and whether it is there.
func Lookup(tags []Tag, key string) (string, bool) {
	for i := range tags {
		if tags[i].Key == key {
			return tags[i].Value, true
		}
	}
	return "", false
}

// AppendFields appends copies of the point's fields to dst, for whoever keeps them.
func (p *Point) AppendFields(dst []Field) []Field { return append(dst, p.Fields...) }

// Clone returns a copy that the caller may keep.
func (p *Point) Clone() *Point {
	q := *p
	q.Fields = slices.Clone(p.Fields)
	return &q
}

// Clone returns a copy that the caller may keep.
func (b *Batch) Clone() *Batch {
	c := *b
	c.Points = slices.Clone(b.Points)
	for i := range c.Points {
		c.Points[i].Fields = slices.Clone(c.Points[i].Fields)
	}
	return &c
}

// SetField sets the named field in fields, which stay sorted by key, and returns them.
func SetField(fields []Field, key string, v Value) []Field {
	for i := range fields {
		switch {
		case fields[i].Key == key:
			fields[i].Value = v
			return fields
		case fields[i].Key > key:
			fields = append(fields, Field{})
			copy(fields[i+1:], fields[i:])
			fields[i] = Field{key, v}
			return fields
		}
	}
	return append(fields, Field{key, v})
}

// SetTag returns a new tag set that is tags with the named tag set; tags is not changed.
// If tags has that very value already, it is returned as it is.
func SetTag(tags []Tag, key, value string) []Tag {
	i, found := slices.BinarySearchFunc(tags, key, compareTag)
	if found && tags[i].Value == value {
		return tags
	}
	out := make([]Tag, 0, len(tags)+1)
	out = append(out, tags[:i]...)
	out = append(out, Tag{key, value})
	if found {
		i++
	}
	return append(out, tags[i:]...)
}

// SortFields sorts fields by key, as Point.Fields must be; of equal keys the last wins.
func SortFields(fields []Field) []Field {
	sorted := true
	for i := 1; i < len(fields); i++ {
		if fields[i-1].Key >= fields[i].Key {
			sorted = false
			break
		}
	}
	if sorted {
		return fields
	}
	slices.SortStableFunc(fields, func(a, b Field) int {
		switch {
		case a.Key < b.Key:
			return -1
		case a.Key > b.Key:
			return 1
		}
		return 0
	})
	out := fields[:0]
	for i := range fields {
		if i+1 < len(fields) && fields[i+1].Key == fields[i].Key {
			continue
		}
		out = append(out, fields[i])
	}
	return out
}

// SortTags sorts tags by key, as Point.Tags must be; of equal keys the last wins.
func SortTags(tags []Tag) []Tag {
	slices.SortStableFunc(tags, func(a, b Tag) int { return strings.Compare(a.Key, b.Key) })
	out := tags[:0]
	for i := range tags {
		if i+1 == len(tags) || tags[i+1].Key != tags[i].Key {
			out = append(out, tags[i])
		}
	}
	return out
}

func compareTag(t Tag, key string) int {
	switch {
	case t.Key < key:
		return -1
	case t.Key > key:
		return 1
	}
	return 0
}

// A Sample is one value at one time, as the InfluxQL functions take them.
type Sample struct {
	Time  int64
	Value Value
}
