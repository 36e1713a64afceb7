package window

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/agg"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// A slide is what a function has computed of the points in a ring. While all of them have the field, with
// one kind of value that is tame, f has seen them all. Others are only counted: while there are any, the
// function is computed from the ring, since errors must be reported and kinds chosen in the order of the
// points.
type slide struct {
	f           agg.Evicter // nil if there is none for kind
	kind        point.Kind
	first, next int // numbers of the oldest sample in f and of the next
	odd         int // points that f has not seen
}

func (s *slide) push(c *call, x point.Sample) {
	if s.first == s.next && s.odd == 0 && s.kind != x.Value.Kind {
		s.begin(c, x.Value.Kind)
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

func (s *slide) begin(c *call, kind point.Kind) {
	*s = slide{kind: kind}
	if c.Def.Sliding != nil && c.Def.Kinds.Of(kind) != point.Missing {
		s.f = c.Def.Sliding(kind, c.Args)
		s.f.Reset()
	}
}

// ready reports whether f has seen all points, of which there is one at least.
func (s *slide) ready() bool { return s.odd == 0 && s.first != s.next }

// rebuild computes the slide anew, for the first kind in r that can be used.
func (s *slide) rebuild(r *Ring, c *call) {
	*s = slide{}
	for i := range r.Len() {
		v := r.sample(c, i).Value
		if s.begin(c, v.Kind); s.takes(v) {
			break
		}
	}
	for i := range r.Len() {
		x := r.sample(c, i)
		if s.takes(x.Value) {
			s.f.Push(s.next, x)
			s.next++
		} else {
			s.odd++
		}
	}
}
