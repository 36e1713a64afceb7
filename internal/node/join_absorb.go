package node

import (
	"slices"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// This file absorbs points: those that have to wait, and those that complete the only set of a group
// if what they are joined to is absorbed.

// A joinAbsorber is what a join needs to be [spec.Absorbing].
type joinAbsorber struct {
	child  spec.Absorbing // what gets all that the join sends; nil if the join is not absorbing
	next   way
	wants  []joinWant    // what child looks at
	fields []point.Field // the same, sorted
	at     point.Point   // has the time
}

// A joinWant is where a field of a joined point comes from.
type joinWant struct {
	src   int
	field point.FieldName
}

// Fuse notes whether what the node sends may be absorbed.
func (j *join) Fuse(children []spec.Declarer) {
	j.child, j.wants, j.fields = nil, nil, nil
	child := spec.OnlyAbsorbing(children)
	if child == nil || child.Wants() == nil || len(j.on) > 0 || j.emitter.mixed || j.parents < 2 {
		return
	}
	for _, name := range slices.Sorted(slices.Values(child.Wants())) {
		for i := range j.names {
			if field, ok := strings.CutPrefix(name, j.names[i].prefix); ok {
				j.wants = append(j.wants, joinWant{i, point.NewFieldName(field)})
				j.fields = append(j.fields, point.Field{Key: name})
			}
		}
	}
	j.child = child
}

// Absorbs reports whether the node can absorb points.
func (j *join) Absorbs() bool { return j.child != nil }

// Wants returns nil: points that wait are kept whole.
func (j *join) Wants() []string { return nil }

// Refers returns what the lambdas behind refer to.
func (j *join) Refers() []string { return j.child.Refers() }

// AbsorbField is not called, as all fields are wanted.
func (j *joinInput) AbsorbField(*point.Group, *point.Point, point.Value) bool { return false }

// Absorb takes a point that waits, alone in its group, or is the last one of the only set of its group.
func (j *joinInput) Absorb(pg *point.Group, p *point.Point, fields []point.Field) bool {
	if pg.Index >= len(j.groups) || pg.ByName {
		return false
	}
	g := j.groups[pg.Index]
	if g == nil || g.group != pg {
		return false
	}
	t := j.grid.Round(p.Time)
	if len(g.sets) == 0 {
		if j.waiting >= maxWaiting {
			return false
		}
		j.wait(g, p, fields, t)
		return true
	}
	s := g.sets[g.first]
	if g.pending() > 1 || s.time != t || s.have != j.parents-1 || s.msgs[j.src].kind != noMessage || !j.absorbs(g, s, j.src, p, fields) {
		return false
	}
	g.heads[j.src] = t
	j.recycle(g.pop())
	return true
}

// wait makes the point the first of a set.
func (j *joinInput) wait(g *joinGroup, p *point.Point, fields []point.Field, t int64) {
	g.heads[j.src] = t
	s := j.newSet(t)
	g.sets = append(g.sets, s)
	s.have = 1
	j.waiting++
	s.msgs[j.src].keep(g.group, p, fields, t)
}

// absorbs reports whether what the set and the fields of src make is absorbed.
func (j *join) absorbs(g *joinGroup, s *joinSet, src int, p *point.Point, fields []point.Field) bool {
	for i := range j.wants {
		w, from := &j.wants[i], fields
		if w.src != src {
			from = s.msgs[w.src].point.Fields
		}
		v := w.field.Again(from)
		if v == nil {
			if v = w.field.Of(from); v == nil {
				return false
			}
		}
		j.fields[i].Value = *v
	}
	if s.time != p.Time {
		j.at.Time = s.time
		p = &j.at
	}
	return j.next.Absorb(g.group, p, j.fields)
}
