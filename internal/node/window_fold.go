package node

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/agg"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// folds is the content of a window whose points are in no other window, as far as functions need
// it. It is the [point.Digest] of the points that it has taken in.
type folds struct {
	// Of a time window: where its ring would have the points. They are not there, but on how the
	// ring wraps depends what late ones do. Those of earlier windows, all of them out of range by
	// the next emission, are the oldest.
	Layout  layout
	N       int // points taken in since the last emission
	Holding bool
	Held    []kept
	Folds   []fold // of each function

	fusion *fusion
}

// A fold is what a function needs to know of the points of one window.
type fold struct {
	Kind   point.Kind // of the values; Missing before the first that can be used
	Total  agg.Total
	Best   *best   // of functions that select the best point
	Faults *faults // nil if there were none yet
}

// best is a copy of the best point so far.
type best struct {
	Sample point.Sample
	Tags   []point.Tag
	Fields []point.Field
}

// faults are the kinds of the values that cannot be used, each with how often it came in a row,
// before and after the first that can.
type faults struct{ Early, Late []fault }

type fault struct {
	Kind point.Kind
	N    int
}

func newFolds(f *fusion) *folds {
	return &folds{fusion: f, Folds: make([]fold, len(f.nodes))}
}

// Len returns the number of points.
func (f *folds) Len() int { return f.N }

// push brings a point into a time window that will begin at from. A late point in the last place of
// the ring makes all points up to it go at the next emission if the ring wraps by then, but not if
// it grows in between. Those after it are held until that is known.
func (f *folds) push(p *point.Point, from int64) {
	if f.Layout.full() {
		f.Layout.grow()
		f.release(from)
	}
	at := f.Layout.push()
	if f.Holding {
		f.Held = append(f.Held, kept{p.Time, p.Tags, p.AppendFields(nil)})
		return
	}
	f.add(p, from)
	f.Holding = p.Time < from && at == f.Layout.Cap-1
}

// add takes p in, unless the window begins at from and everything so far was too old for it.
func (f *folds) add(p *point.Point, from int64) {
	if f.N == 0 && p.Time < from {
		return
	}
	f.N++
	for i, n := range f.fusion.nodes {
		n.fold(&f.Folds[i], p)
	}
}

// release takes in what is held.
func (f *folds) release(from int64) {
	for i := range f.Held {
		k := &f.Held[i]
		f.add(&point.Point{Time: k.Time, Tags: k.Tags, Fields: k.Fields}, from)
	}
	f.Holding, f.Held = false, nil
}

// dropBefore does what ring.dropBefore does: what remains are the points taken in.
func (f *folds) dropBefore(from int64) {
	if len(f.Held) > 0 {
		f.reset()
	}
	f.release(from)
	f.Layout.drop(f.Layout.Size - f.N)
}

// reset begins a new window.
func (f *folds) reset() {
	f.N = 0
	for i := range f.Folds {
		x := &f.Folds[i]
		x.Kind, x.Total = point.Missing, agg.Total{}
		if x.Faults != nil {
			x.Faults.Early, x.Faults.Late = x.Faults.Early[:0], x.Faults.Late[:0]
		}
	}
}

// fold takes the field of p into f.
func (n *influxql) fold(f *fold, p *point.Point) {
	var v point.Value
	if at := n.field.Of(p.Fields); at != nil {
		v = *at
	}
	first := f.Kind == point.Missing
	if first && n.def.Kinds.Of(v.Kind) == point.Missing || !first && v.Kind != f.Kind {
		f.fault(v.Kind)
		return
	}
	f.Kind = v.Kind
	if n.def.Fold != nil {
		n.folder(v.Kind).Push(&f.Total, v)
		return
	}
	x := point.Sample{Time: p.Time, Value: v}
	switch {
	case first:
		if f.Best == nil {
			f.Best = new(best)
		}
		f.Best.set(x, p)
	case n.better(v.Kind)(x, f.Best.Sample):
		f.Best.set(x, p)
	}
}

func (b *best) set(x point.Sample, p *point.Point) {
	b.Sample, b.Tags, b.Fields = x, p.Tags, p.AppendFields(b.Fields[:0])
}

// whole returns the tags and fields of the point.
func (b *best) whole(int) ([]point.Tag, []point.Field) { return b.Tags, b.Fields }

func (f *fold) fault(k point.Kind) {
	if f.Faults == nil {
		f.Faults = new(faults)
	}
	list := &f.Faults.Late
	if f.Kind == point.Missing {
		list = &f.Faults.Early
	}
	if last := len(*list) - 1; last >= 0 && (*list)[last].Kind == k {
		(*list)[last].N++
		return
	}
	*list = append(*list, fault{k, 1})
}
