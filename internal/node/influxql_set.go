package node

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/agg"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// results sends the results of sets of one group.
type results struct {
	n *influxql
	spec.Forward
	group *point.Group
	tags  tagMemo
}

// streamGroup computes functions of the points in a row that have one time. Such a set is complete
// when a point of another time comes.
type streamGroup struct {
	results
	set pointSet
}

// pointSet is the set that is coming in on a stream. It is saved with the task.
type pointSet struct {
	First   firstMessage
	Open    bool
	Name    string // of the set's first point
	Time    int64
	Kind    point.Kind
	Samples []point.Sample
	Points  []point.Point // tags and fields of the samples, if the function selects points
}

func (s *streamGroup) State() any { return &s.set }

func (s *streamGroup) Barrier(g *point.Group, t int64) {
	s.set.First.see("barrier")
	s.Out.Barrier(g, t)
}

func (s *streamGroup) Point(p *point.Point) {
	set := &s.set
	set.First.see(p.Name)
	if !set.Open || p.Time != set.Time {
		s.complete()
		set.Open, set.Name, set.Time, set.Kind = true, p.Name, p.Time, point.Missing
		set.Samples, set.Points = set.Samples[:0], set.Points[:0]
	}
	v := p.Field(s.n.args.Field)
	if !s.n.take(v.Kind, &set.Kind) {
		return
	}
	set.Samples = append(set.Samples, point.Sample{Time: p.Time, Value: v})
	if s.n.def.Selects() {
		set.keep(p)
	}
}

// keep appends the tags and fields of p; buffers of earlier points are used again.
func (s *pointSet) keep(p *point.Point) {
	n := len(s.Points)
	if n < cap(s.Points) {
		s.Points = s.Points[:n+1]
	} else {
		s.Points = append(s.Points, point.Point{})
	}
	q := &s.Points[n]
	q.Tags = p.Tags
	q.Fields = p.AppendFields(q.Fields[:0])
}

// complete sends the result of the set on a stream, if there is one.
func (s *streamGroup) complete() {
	set := &s.set
	if len(set.Samples) == 0 {
		return
	}
	f := s.n.function(set.Kind)
	for i := range set.Samples {
		f.Push(i, set.Samples[i])
	}
	s.n.found = f.Append(s.n.found[:0])
	s.send(set.Name, set.Time, set)
}

func (s *pointSet) Row(i int) ([]point.Tag, []point.Field) {
	return s.Points[i].Tags, s.Points[i].Fields
}

// rows gives the tags and fields of the points that results stand for.
type rows interface {
	Row(i int) ([]point.Tag, []point.Field)
}

// send sends what was found: t is the time of the set, points are those that Index refers to.
func (s *results) send(name string, t int64, points rows) {
	switch s.n.def.Class {
	case agg.Aggregate, agg.Selector:
		for i := range s.n.found {
			r := &s.n.found[i]
			s.n.point = point.Point{Name: name, Time: s.timeOf(r, t), Group: s.group}
			if s.n.def.Class == agg.Selector {
				tags, fields := points.Row(r.Index)
				s.n.point.Tags, s.n.point.Fields = tags, s.n.renamed(fields, r)
			} else {
				s.n.point.Tags, s.n.point.Fields = s.group.Tags, s.n.result(r)
			}
			s.Out.Point(&s.n.point)
		}
		return
	}
	out := &s.n.batch.batch
	s.n.batch.begin(&point.Batch{Name: name, TMax: t, Group: s.group})
	for i := range s.n.found {
		r := &s.n.found[i]
		s.n.point = point.Point{Time: s.timeOf(r, t), Tags: s.group.Tags, Fields: s.n.result(r)}
		if s.n.def.Class == agg.Ranking {
			tags, _ := points.Row(r.Index)
			s.n.point.Tags = s.withGroupTags(tags)
		}
		s.n.batch.add(&s.n.point)
		out.TMax = max(out.TMax, s.n.point.Time)
	}
	s.Out.Batch(out)
}

// timeOf returns the time of a result of a set with time t.
func (s *results) timeOf(r *agg.Result, t int64) int64 {
	if r.Time != agg.NoTime && (s.n.pointTimes || s.n.def.Class == agg.Forecast) {
		return r.Time
	}
	return t
}

// withGroupTags returns the tags of a point together with those of the group, of which the point
// can lack some.
func (s *results) withGroupTags(tags []point.Tag) []point.Tag {
	return s.tags.get(tags, func(tags []point.Tag) []point.Tag {
		for _, t := range s.group.Tags {
			if _, ok := point.Lookup(tags, t.Key); !ok {
				tags = point.SetTag(tags, t.Key, t.Value)
			}
		}
		return tags
	})
}
