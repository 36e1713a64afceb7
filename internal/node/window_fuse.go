package node

import (
	"fmt"
	"slices"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/agg"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// This file joins windows to the functions behind them.
//
// Functions that get every point of every batch cost a sliding window its whole length per
// emission. If nothing but functions of sets follows a window, it sends them batches whose points
// are not listed; what they read instead, per group, depends on the window:
//
//   - If no point is in two windows and totals or single points are enough, it keeps only these:
//     [folds].
//   - Otherwise a [ring] keeps times and the fields that the functions take, and whole points only
//     for functions that select some. If the window slides, the ring feeds every point that comes
//     or goes to an [agg.Evicter] for each function: a [slide].
//
// The results are those of batches with points, in which order errors come included.

// A fusion is a window and its functions.
type fusion struct {
	nodes  []*influxql
	fields []string // that they take
	points bool     // some select points
	texts  bool     // some give strings
	folds  bool
	slides bool

	whole []point.Field // of the point that a function selected
}

// fuse joins a window to the nodes behind it. It returns nil if one of them needs batches with points.
func fuse(children []spec.Declarer, tumbles bool) *fusion {
	f := &fusion{folds: tumbles, slides: !tumbles}
	for _, c := range children {
		n, ok := c.(*influxql)
		if !ok || n.def.Class == agg.Transformation {
			return nil
		}
		n.place = len(f.nodes)
		f.nodes = append(f.nodes, n)
		n.column = slices.Index(f.fields, n.args.Field)
		if n.column < 0 {
			n.column = len(f.fields)
			f.fields = append(f.fields, n.args.Field)
		}
		f.points = f.points || n.selects()
		f.texts = f.texts || n.def.Class != agg.Aggregate
		f.folds = f.folds && (n.def.Fold != nil || n.def.Better != nil)
	}
	return f
}

// describe tells what of the points the window keeps. f is nil if it keeps them all for others.
func (f *fusion) describe() string {
	if f == nil {
		return " points"
	}
	var b strings.Builder
	for _, n := range f.nodes {
		if f.folds {
			fmt.Fprintf(&b, " %s", n.def.Name)
		}
		fmt.Fprintf(&b, " %q", n.args.Field)
	}
	if f.points {
		b.WriteString(" points")
	}
	return b.String()
}

// A slide is what a function has computed of the points in a ring. While all of them have the
// field, with one kind of value that is tame, f has seen them all. Others are only counted: while
// there are any, the function is computed from the ring, since errors must be reported and kinds
// chosen in the order of the points.
type slide struct {
	f           agg.Evicter // nil if there is none for kind
	kind        point.Kind
	first, next int // numbers of the oldest sample in f and of the next
	odd         int // points that f has not seen
}

func (s *slide) push(n *influxql, x point.Sample) {
	if s.first == s.next && s.odd == 0 && s.kind != x.Value.Kind {
		s.begin(n, x.Value.Kind)
	}
	if s.takes(x.Value) {
		s.f.Push(s.next, x)
		s.next++
	} else {
		s.odd++
	}
}

// evict takes out the oldest point.
func (s *slide) evict(x point.Sample) {
	if s.takes(x.Value) {
		s.f.Evict(s.first, x)
		s.first++
	} else {
		s.odd--
	}
}

func (s *slide) takes(v point.Value) bool { return s.f != nil && v.Kind == s.kind && agg.Tame(v) }

func (s *slide) begin(n *influxql, kind point.Kind) {
	*s = slide{kind: kind}
	if n.def.Sliding != nil && n.def.Kinds.Of(kind) != point.Missing {
		s.f = n.def.Sliding(kind, &n.args)
		s.f.Reset()
	}
}

// ready reports whether f has seen all points, of which there is one at least.
func (s *slide) ready() bool { return s.odd == 0 && s.first != s.next }

// rebuild computes the slide anew, for the first kind in r that can be used.
func (s *slide) rebuild(n *influxql, r *ring) {
	*s = slide{odd: r.Len()}
	for i := range r.Len() {
		v := r.sample(n, i).Value
		if s.begin(n, v.Kind); s.takes(v) {
			break
		}
	}
	s.odd = 0
	for i := range r.Len() {
		x := r.sample(n, i)
		if s.takes(x.Value) {
			s.f.Push(s.next, x)
			s.next++
		} else {
			s.odd++
		}
	}
}
