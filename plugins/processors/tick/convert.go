package tick

import (
	"math"
	"slices"
	"strings"

	"github.com/influxdata/telegraf"

	"github.com/telegraf-tigk/telegraf-tigk/internal/engine"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file turns metrics into points.

// A converter turns metrics into points the way they would arrive by line protocol. It belongs to
// the goroutine that calls Add.
type converter struct {
	db, rp       string // of metrics without the tags
	dbTag, rpTag string // tags that hold database and retention policy; "" is none

	in point.Interner
}

// fits reports whether s is the shape of the fields.
func fits(s *engine.Shape, fields []*telegraf.Field) bool {
	if len(s.Keys) != len(fields) {
		return false
	}
	for i, f := range fields {
		if f.Key != s.Keys[i] {
			return false
		}
	}
	return true
}

// shape returns the shape of a metric's fields, and remembers it.
func (c *converter) shape(r *engine.Route, fields []*telegraf.Field) *engine.Shape {
	for _, s := range r.Shapes() {
		if fits(s, fields) {
			return s
		}
	}
	s := c.newShape(fields)
	r.Remember(s)
	return s
}

func (c *converter) newShape(fields []*telegraf.Field) *engine.Shape {
	s := &engine.Shape{Keys: make([]string, len(fields)), Slot: make([]int, len(fields))}
	order := make([]int, len(fields))
	for i, f := range fields {
		s.Keys[i] = c.in.Name([]byte(f.Key))
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(s.Keys[a], s.Keys[b]) })
	for at, i := range order {
		s.Slot[i] = at
	}
	return s
}

// dbrp returns database and retention policy of a metric.
func (c *converter) dbrp(m telegraf.Metric) (db, rp string) {
	db, rp = c.db, c.rp
	if c.dbTag != "" {
		if v, ok := m.GetTag(c.dbTag); ok && v != "" {
			db = v
		}
	}
	if c.rpTag != "" {
		if v, ok := m.GetTag(c.rpTag); ok && v != "" {
			rp = v
		}
	}
	return db, rp
}

// point makes p the point of m and reports whether one is left: like line protocol it leaves out
// empty tags and numbers that are none, and a point needs a field. The fields are written over those
// that p has.
func (c *converter) point(m telegraf.Metric, r *engine.Route, db, rp string, p *point.Point) bool {
	list := m.FieldList()
	s := c.shape(r, list)
	if cap(p.Fields) < len(list) {
		p.Fields = make([]point.Field, len(list))
	}
	fields := p.Fields[:len(list)]
	dropped := 0
	for i, f := range list {
		v := value(f.Value)
		if v.Kind == point.Missing {
			dropped++
		}
		fields[s.Slot[i]] = point.Field{Key: s.Keys[i], Value: v}
	}
	if dropped > 0 {
		kept := fields[:0]
		for _, f := range fields {
			if f.Value.Kind != point.Missing {
				kept = append(kept, f)
			}
		}
		fields = kept
	}
	if len(fields) == 0 {
		return false
	}
	for _, t := range m.TagList() {
		switch {
		case t.Value == "" || t.Key == "":
		case t.Key == c.dbTag || t.Key == c.rpTag:
		default:
			c.in.Tag(t.Key, t.Value)
		}
	}
	*p = point.Point{Name: r.Name, DB: db, RP: rp, Time: m.Time().UnixNano(), Tags: c.in.Tags(), Fields: fields}
	return true
}

// value returns a metric's field value as line protocol has it: unsigned integers are integers, cut
// off at the largest one; what is Missing does not get through.
func value(v any) point.Value {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return point.Value{}
		}
		return point.FloatValue(v)
	case int64:
		return point.IntValue(v)
	case uint64:
		return point.IntValue(int64(min(v, math.MaxInt64)))
	case string:
		return point.StringValue(v)
	case bool:
		return point.BoolValue(v)
	}
	return point.Value{}
}
