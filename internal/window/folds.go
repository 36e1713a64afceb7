package window

import (
	"math"

	"github.com/telegraf-tigk/telegraf-tigk/internal/agg"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// Folds are what functions need of a window whose points are in no other window. They are the
// [point.Digest] of the points that they have taken in.
type Folds struct {
	// Of a time window: where its ring would have the points. They are not there, but on how the
	// ring wraps depends what late ones do. Those of earlier windows, all of them out of range by
	// the next emission, are the oldest.
	Layout  layout
	N       int // points taken in since the last emission
	Holding bool
	Held    []held
	Calls   []fold // of each function

	plan *Plan
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

// faults are the runs of values that cannot be used, before and after the first that can.
type faults struct{ Early, Late []Run }

// A Run is how often values of one kind came in a row.
type Run struct {
	Kind point.Kind
	N    int
}

// A held point is a copy of one.
type held struct {
	Time   int64
	Tags   []point.Tag
	Fields []point.Field
}

// Len returns the number of points.
func (f *Folds) Len() int { return f.N }

// Unused returns the runs of values that a function cannot use, in the order of their arrival: those before
// its first value and those after it. A value cannot be used if the function does not take its kind, or if
// its kind is not that of the first value.
func (f *Folds) Unused(function int) (early, late []Run) {
	if x := f.Calls[function].Faults; x != nil {
		return x.Early, x.Late
	}
	return nil, nil
}

// Result appends what a function gives for the points to dst and returns the kind of their values, Missing
// if none can be used.
func (f *Folds) Result(function int, dst []agg.Result) ([]agg.Result, point.Kind) {
	c, x := &f.plan.calls[function], &f.Calls[function]
	switch {
	case x.Kind == point.Missing:
	case c.Def.Fold != nil:
		dst = c.folder(x.Kind).Append(&x.Total, dst)
	default:
		s := x.Best.Sample
		dst = append(dst, agg.Result{Time: s.Time, Index: function, Value: s.Value})
	}
	return dst, x.Kind
}

// Row returns the tags and fields of the point that a result stands for, by its Index.
func (f *Folds) Row(index int) ([]point.Tag, []point.Field) {
	b := f.Calls[index].Best
	return b.Tags, b.Fields
}

// push brings a point into a time window that will begin at from. A late point in the last place of
// the ring makes all points up to it go at the next emission if the ring wraps by then, but not if
// it grows in between. Those after it are held until that is known.
func (f *Folds) push(p *point.Point, from int64) {
	if f.Layout.full() {
		f.Layout.grow()
		f.release(from)
	}
	at := f.Layout.push()
	if f.Holding {
		f.Held = append(f.Held, held{p.Time, p.Tags, p.AppendFields(nil)})
		return
	}
	f.take(p, from)
	f.Holding = p.Time < from && at == f.Layout.Cap-1
}

func (f *Folds) add(p *point.Point) { f.take(p, math.MinInt64) }

// take takes p in, unless the window begins at from and everything so far was too old for it.
func (f *Folds) take(p *point.Point, from int64) {
	if f.N == 0 && p.Time < from {
		return
	}
	f.N++
	for i := range f.Calls {
		f.Calls[i].take(&f.plan.calls[i], p)
	}
}

// release takes in what is held.
func (f *Folds) release(from int64) {
	for i := range f.Held {
		h := &f.Held[i]
		f.take(&point.Point{Time: h.Time, Tags: h.Tags, Fields: h.Fields}, from)
	}
	f.Holding, f.Held = false, nil
}

// dropBefore does what Ring.dropBefore does: what remains are the points taken in.
func (f *Folds) dropBefore(from int64) {
	if len(f.Held) > 0 {
		f.reset()
	}
	f.release(from)
	f.Layout.drop(f.Layout.Size - f.N)
}

// reset begins a new window.
func (f *Folds) reset() {
	f.N = 0
	for i := range f.Calls {
		x := &f.Calls[i]
		x.Kind, x.Total = point.Missing, agg.Total{}
		if x.Faults != nil {
			x.Faults.Early, x.Faults.Late = x.Faults.Early[:0], x.Faults.Late[:0]
		}
	}
}

// take takes in what c takes of p.
func (f *fold) take(c *call, p *point.Point) {
	var v point.Value
	if at := c.field.Of(p.Fields); at != nil {
		v = *at
	}
	first := f.Kind == point.Missing
	if first && c.Def.Kinds.Of(v.Kind) == point.Missing || !first && v.Kind != f.Kind {
		f.fault(v.Kind)
		return
	}
	f.Kind = v.Kind
	if c.Def.Fold != nil {
		c.folder(v.Kind).Push(&f.Total, v)
		return
	}
	x := point.Sample{Time: p.Time, Value: v}
	switch {
	case first:
		if f.Best == nil {
			f.Best = new(best)
		}
		f.Best.set(x, p)
	case c.better(v.Kind)(x, f.Best.Sample):
		f.Best.set(x, p)
	}
}

func (b *best) set(x point.Sample, p *point.Point) {
	b.Sample, b.Tags, b.Fields = x, p.Tags, p.AppendFields(b.Fields[:0])
}

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
	*list = append(*list, Run{k, 1})
}
