package node

import (
	"slices"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// This file is the short way of points through a join: of those that have to wait, alone in their group, and
// of those that complete the oldest set of a group, if what they are joined to is absorbed. Behind that set there
// is never another one that is complete with it: the next one of its time has no message of a parent before it has.

// A joinStep is what a join needs for its step.
type joinStep struct {
	*join
	wants  []joinWant    // what is looked at behind
	fields []point.Field // the same, sorted
	group  *joinGroup    // whose oldest set the point at hand completes
	src    int           // of the point
}

// A joinWant is where a field of a joined point comes from.
type joinWant struct {
	src   int
	field point.FieldName
}

// Step keeps points that wait whole, and passes on what is looked at of joined ones.
func (j *join) Step(behind *spec.Step) *spec.Step {
	if behind == nil || behind.Reads == nil || len(j.on) > 0 || j.emitter.mixed || j.parents < 2 {
		return nil
	}
	s := &joinStep{join: j}
	for _, name := range slices.Sorted(slices.Values(behind.Reads)) {
		for i := range j.names {
			if field, ok := strings.CutPrefix(name, j.names[i].prefix); ok {
				s.wants = append(s.wants, joinWant{i, point.NewFieldName(field)})
				s.fields = append(s.fields, point.Field{Key: name})
			}
		}
	}
	return &spec.Step{
		Refers: behind.Refers,
		Try: func(to point.Sink, x *spec.Trial) spec.Verdict {
			src, pg := to.(*joinInput).src, x.Group //nolint:forcetypeassert // of this node
			if pg.Index >= len(j.groups) || pg.ByName {
				return spec.Refuse
			}
			g := j.groups[pg.Index]
			if g == nil || g.group != pg {
				return spec.Refuse
			}
			t := j.grid.Round(x.View.Time)
			if len(g.sets) == 0 {
				if j.waiting >= maxWaiting {
					return spec.Refuse
				}
				j.wait(g, src, x, t)
				return spec.Absorb
			}
			set := g.sets[g.first]
			if set.time != t || set.have != j.parents-1 || set.msgs[src].kind != noMessage || !s.joined(set, src, x.View.Fields) {
				return spec.Refuse
			}
			s.group, s.src = g, src
			x.View.Time, x.View.Fields = t, s.fields
			return spec.Pass
		},
		Commit: func() {
			set := s.group.pop()
			s.group.heads[s.src] = set.time
			j.recycle(set)
		},
	}
}

// wait makes a point the first of a set.
func (j *join) wait(g *joinGroup, src int, x *spec.Trial, t int64) {
	g.heads[src] = t
	s := j.newSet(t)
	g.sets = append(g.sets, s)
	s.have = 1
	j.waiting++
	s.msgs[src].keep(g.group, x.Point, x.View.Fields, t)
}

// joined sets the fields to those of a set that those of src complete. It reports false if one is missing.
func (s *joinStep) joined(set *joinSet, src int, fields []point.Field) bool {
	for i := range s.wants {
		w, from := &s.wants[i], fields
		if w.src != src {
			from = set.msgs[w.src].point.Fields
		}
		v := w.field.Again(from)
		if v == nil {
			if v = w.field.Of(from); v == nil {
				return false
			}
		}
		s.fields[i].Value = *v
	}
	return true
}
