package node

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/agg"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/window"
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
	case *window.Ring:
		found, kind := d.Result(s.n.place, s.n.found[:0])
		if kind == point.Missing {
			s.compute(b, d)
			return
		}
		s.n.kind, s.n.found = lastKind{kind, kind}, found
		s.send(s.first.Name, b.TMax, d)
	case *window.Folds:
		s.fold(b, d)
	default:
		s.n.listed = listedPoints{b, s.n.args.Field}
		s.compute(b, &s.n.listed)
	}
}

// points is the content of a batch.
type points interface {
	rows
	Len() int
	Sample(function, i int) point.Sample
}

// listedPoints are those of a batch that lists them.
type listedPoints struct {
	*point.Batch
	field string
}

func (l *listedPoints) Sample(_, i int) point.Sample {
	p := &l.Points[i]
	return point.Sample{Time: p.Time, Value: p.Field(l.field)}
}

func (l *listedPoints) Row(i int) ([]point.Tag, []point.Field) {
	return l.Points[i].Tags, l.Points[i].Fields
}

// compute computes the function of all points.
func (s *batchGroup) compute(b *point.Batch, all points) {
	var f agg.Func
	kind := point.Missing
	for i := range all.Len() {
		x := all.Sample(s.n.place, i)
		if !s.n.take(x.Value.Kind, &kind) {
			continue
		}
		if f == nil {
			f = s.n.function(kind)
		}
		f.Push(i, x)
	}
	if f == nil {
		s.none(b)
		return
	}
	s.n.found = f.Append(s.n.found[:0])
	s.send(s.first.Name, b.TMax, all)
}

// none sends the result for a batch without a value that can be used.
func (s *batchGroup) none(b *point.Batch) {
	if s.n.def.Empty.Kind == point.Missing {
		return
	}
	s.n.kind = lastKind{point.Float, point.Float}
	// Its own time is the Unix epoch, as Kapacitor has it.
	s.n.found = append(s.n.found[:0], agg.Result{Index: -1, Value: s.n.def.Empty})
	s.send(s.first.Name, b.TMax, nil)
}

// fold sends the result of what the window has kept. The errors come where they would if the points
// were looked at now: those of a kind that no set can begin with depend on what was before.
func (s *batchGroup) fold(b *point.Batch, f *window.Folds) {
	early, late := f.Unused(s.n.place)
	kind := point.Missing
	s.report(early, &kind)
	found, used := f.Result(s.n.place, s.n.found[:0])
	if used == point.Missing {
		s.none(b)
		return
	}
	s.n.take(used, &kind)
	s.report(late, &kind)
	s.n.found = found
	s.send(s.first.Name, b.TMax, f)
}

func (s *batchGroup) report(list []window.Run, kind *point.Kind) {
	for _, x := range list {
		for range x.N {
			s.n.take(x.Kind, kind)
		}
	}
}
