package tick

import (
	"math"

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
	fields := c.fields(m.FieldList(), r, p.Fields)
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

// fields returns fields as points have them, in buf.
func (c *converter) fields(list []*telegraf.Field, r *engine.Route, buf []point.Field) []point.Field {
	if len(list) > engine.MaxFields {
		fields := buf[:0]
		for _, f := range list {
			if v := value(f.Value); v.Kind != point.Missing {
				fields = append(fields, point.Field{Key: c.in.Name([]byte(f.Key)), Value: v})
			}
		}
		return point.SortFields(fields)
	}
again:
	fields := r.Fields.Begin(buf)
	for _, f := range list {
		if v := value(f.Value); v.Kind != point.Missing && !r.Fields.Set(fields, f.Key, v) {
			r.Fields.Learn(f.Key)
			goto again
		}
	}
	return r.Fields.End(fields)
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
