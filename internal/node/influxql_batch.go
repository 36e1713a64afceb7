package node

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/agg"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// batchGroup computes functions of batches.
type batchGroup struct {
	results
	first firstMessage
}

func (s *batchGroup) State() any { return &s.first }

func (s *batchGroup) Barrier(g *point.Group, t int64) {
	s.first.see("barrier")
	s.Out.Barrier(g, t)
}

func (s *batchGroup) Batch(b *point.Batch) {
	s.first.see(b.Name)
	switch d := b.Digest.(type) {
	case *ring:
		s.slide(b, d)
	case *folds:
		s.fold(b, &d.Folds[s.place])
	default:
		s.compute(b, (*listed)(b))
	}
}

// points is the content of a batch.
type points interface {
	selection
	Len() int
	sample(n *influxql, i int) point.Sample
}

// listed is a batch as points.
type listed point.Batch

func (b *listed) Len() int { return len(b.Points) }

func (b *listed) sample(n *influxql, i int) point.Sample {
	p := &b.Points[i]
	return point.Sample{Time: p.Time, Value: p.Field(n.args.Field)}
}

func (b *listed) whole(i int) ([]point.Tag, []point.Field) {
	return b.Points[i].Tags, b.Points[i].Fields
}

// compute computes the function of all points.
func (s *batchGroup) compute(b *point.Batch, all points) {
	var f agg.Func
	kind := point.Missing
	for i := range all.Len() {
		x := all.sample(s.influxql, i)
		if !s.take(x.Value.Kind, &kind) {
			continue
		}
		if f == nil {
			f = s.function(kind)
		}
		f.Push(i, x)
	}
	if f == nil {
		s.none(b)
		return
	}
	s.found = f.Append(s.found[:0])
	s.send(s.first.Name, b.TMax, all)
}

// none sends the result for a batch without a value that can be used.
func (s *batchGroup) none(b *point.Batch) {
	if s.def.Empty.Kind == point.Missing {
		return
	}
	s.kind = lastKind{point.Float, point.Float}
	// Its own time is the Unix epoch, as Kapacitor has it.
	s.found = append(s.found[:0], agg.Result{Index: -1, Value: s.def.Empty})
	s.send(s.first.Name, b.TMax, nil)
}

// slide sends what the function has computed of the points in the window.
func (s *batchGroup) slide(b *point.Batch, r *ring) {
	if r.slides == nil {
		s.compute(b, r)
		return
	}
	x := &r.slides[s.place]
	if !x.ready() {
		s.compute(b, r)
		if x.first == x.next && x.odd > 0 {
			x.rebuild(s.influxql, r)
		}
		return
	}
	s.kind = lastKind{x.kind, x.kind}
	s.found = x.f.Append(s.found[:0])
	for i := range s.found {
		if f := &s.found[i]; f.Index >= 0 {
			f.Index -= x.first
			f.Time = r.Times[r.Layout.at(f.Index)]
		}
	}
	s.send(s.first.Name, b.TMax, r)
}

// fold sends the result of what the window has kept. The errors come where they would if the points
// were looked at now: those of a kind that no set can begin with depend on what was before.
func (s *batchGroup) fold(b *point.Batch, f *fold) {
	kind := point.Missing
	if f.Faults != nil {
		s.report(f.Faults.Early, &kind)
	}
	if f.Kind == point.Missing {
		s.none(b)
		return
	}
	s.take(f.Kind, &kind)
	if f.Faults != nil {
		s.report(f.Faults.Late, &kind)
	}
	if s.def.Better != nil {
		x := f.Best.Sample
		s.found = append(s.found[:0], agg.Result{Time: x.Time, Value: x.Value})
	} else {
		s.found = s.folder(f.Kind).Append(&f.Total, s.found[:0])
	}
	s.send(s.first.Name, b.TMax, f.Best)
}

func (s *batchGroup) report(list []fault, kind *point.Kind) {
	for _, x := range list {
		for range x.N {
			s.take(x.Kind, kind)
		}
	}
}
