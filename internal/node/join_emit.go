package node

import (
	"cmp"
	"slices"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file makes a point or a batch of a set.

// An emitter has what a join needs to build its results; the buffers are used for each.
type emitter struct {
	sources []int // the parents, so that their fields come out sorted
	mixed   bool  // there is no such order
	point   point.Point
	fields  []point.Field
	batch   batchBuffer
	next    []int          // for each parent the index of its batch's next point
	row     []*point.Point // points to be joined
	counts  []int          // of the fields that each parent has in fields; -1 if they are not to be relied on
}

// order finds the order of the parents in which their prefixed fields are sorted. There is none if
// a prefix begins with another one.
func (e *emitter) order(names []nameCache) {
	e.next, e.row, e.counts = make([]int, len(names)), make([]*point.Point, len(names)), make([]int, len(names))
	for i := range names {
		e.sources = append(e.sources, i)
		for k := range names {
			e.mixed = e.mixed || i != k && strings.HasPrefix(names[i].prefix, names[k].prefix)
		}
	}
	if !e.mixed {
		slices.SortFunc(e.sources, func(a, b int) int { return cmp.Compare(names[a].prefix, names[b].prefix) })
	}
}

// send sends what a set makes. An incomplete one makes nothing in an inner join, or an empty batch.
func (j *join) send(g *joinGroup, s *joinSet) {
	first := 0
	for s.msgs[first].kind == noMessage {
		first++
	}
	whole := j.outer || s.have == j.parents
	m := &s.msgs[first]
	if m.kind == batchMessage {
		name := j.name(m.batch.Name)
		e := &j.emitter
		e.batch.begin(&point.Batch{Name: name, TMax: s.time, Group: j.groupOf(g, name)})
		if whole {
			j.rows(s)
		}
		j.out.Batch(&e.batch.batch)
		return
	}
	if !whole {
		return
	}
	e := &j.emitter
	for i := range s.msgs {
		e.row[i] = nil
		if s.msgs[i].kind != noMessage {
			e.row[i] = s.msgs[i].at()
		}
	}
	e.point.Name = j.name(m.at().Name)
	e.point.Time = s.time
	e.point.Group = j.groupOf(g, e.point.Name)
	e.point.Tags = e.point.Group.Tags
	e.point.Fields = j.joined(m.at().Fields)
	j.out.Point(&e.point)
}

func (j *join) name(name string) string {
	if j.streamName != "" {
		return j.streamName
	}
	return name
}

// groupOf returns the group of a result called name.
func (j *join) groupOf(g *joinGroup, name string) *point.Group {
	if !g.group.ByName || name == g.group.Name {
		return g.group
	}
	o := j.env.Groups().Get(name, g.group.Tags, g.group.Dims, true)
	if !o.Refused && !slices.Contains(g.outs, o) {
		j.env.Groups().Hold(o)
		g.outs = append(g.outs, o)
	}
	return o
}

// joined returns the fields of the points in the row. Those of a missing one are named after
// the fields of like, and filled.
func (j *join) joined(like []point.Field) []point.Field {
	e := &j.emitter
	if j.rejoined() {
		return e.fields
	}
	out := e.fields[:0]
	for _, i := range e.sources {
		names := &j.names[i]
		e.counts[i] = -1
		if p := e.row[i]; p != nil {
			if !e.mixed {
				e.counts[i] = len(p.Fields)
			}
			for k := range p.Fields {
				out = append(out, point.Field{Key: names.name(k, p.Fields[k].Key), Value: p.Fields[k].Value})
			}
			continue
		}
		for k := range like {
			out = append(out, point.Field{Key: names.name(k, like[k].Key), Value: j.filler})
		}
	}
	if e.mixed {
		out = point.SortFields(out)
	}
	e.fields = out
	return out
}

// rejoined sets the values of the fields if they have the names that they had last time.
func (j *join) rejoined() bool {
	e := &j.emitter
	n := 0
	for _, i := range e.sources {
		p, last := e.row[i], j.names[i].last
		if p == nil || len(p.Fields) != e.counts[i] || len(p.Fields) > len(last) {
			return false
		}
		for k := range p.Fields {
			f := &p.Fields[k]
			if !last[k].field.Is(f.Key) {
				return false
			}
			e.fields[n].Value = f.Value
			n++
		}
	}
	return n == len(e.fields)
}

// rows joins the points of a set of batches: again and again those with the smallest time, at most
// one of each batch.
func (j *join) rows(s *joinSet) {
	e := &j.emitter
	clear(e.next)
	var like []point.Field // of the first point looked at
	for {
		t, have := j.takeRow(s)
		if have == 0 {
			return
		}
		if like == nil {
			like = j.firstFields(s)
		}
		if !j.outer && have < j.parents {
			continue
		}
		e.batch.add(&point.Point{Time: t, Tags: e.batch.batch.Group.Tags, Fields: j.joined(like)})
	}
}

// firstFields returns the fields of the first point of the first batch that has points.
func (j *join) firstFields(s *joinSet) []point.Field {
	for i := range s.msgs {
		if b := s.msgs[i].batch; b != nil && len(b.Points) > 0 {
			return b.Points[0].Fields
		}
	}
	return nil
}

// takeRow puts the next points of the batches with the smallest rounded time into the row. It
// returns that time and how many there are.
func (j *join) takeRow(s *joinSet) (t int64, have int) {
	e := &j.emitter
	clear(e.row)
	for i := range s.msgs {
		b := s.msgs[i].batch
		if b == nil || e.next[i] == len(b.Points) {
			continue
		}
		p := &b.Points[e.next[i]]
		x := j.grid.Round(p.Time)
		if have > 0 && x < t {
			clear(e.row[:i])
			have = 0
		}
		if have == 0 || x == t {
			t = x
			e.row[i] = p
			have++
		}
	}
	for i, p := range e.row {
		if p != nil {
			e.next[i]++
		}
	}
	return t, have
}
