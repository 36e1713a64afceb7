package agg

import "github.com/telegraf-tigk/telegraf-tigk/internal/point"

func init() {
	register(&Def{
		Name:    "spread",
		Doc:     "Difference of the largest and the smallest value.",
		Params:  onlyField,
		Kinds:   numSame,
		Example: Example{"spread('v')", "m v=1 0s\nm v=4 0s\nm v=5 1s", "m spread=3 0s"},
		New:     byKind(func() Func { return &spread[float64]{} }, func() Func { return &spread[int64]{} }),
		Sliding: func(k point.Kind, _ *Args) Evicter {
			return &slidingSpread{min: slidingPick{better: smaller(k)}, max: slidingPick{better: larger(k)}}
		},
	})
}

type spread[T number] struct {
	min, max T
	any      bool
}

func (s *spread[T]) Reset() { s.any = false }

func (s *spread[T]) Push(_ int, p point.Sample) {
	x := num[T](p.Value)
	if !s.any {
		s.min, s.max, s.any = x, x, true
	}
	s.min, s.max = min(s.min, x), max(s.max, x) // NaN if one of them is
}

func (s *spread[T]) Append(dst []Result) []Result {
	return append(dst, aggregate(value(s.max-s.min)))
}

type slidingSpread struct {
	min, max slidingPick
}

func (s *slidingSpread) Reset() {
	s.min.Reset()
	s.max.Reset()
}

func (s *slidingSpread) Push(i int, p point.Sample) {
	s.min.Push(i, p)
	s.max.Push(i, p)
}

func (s *slidingSpread) Evict(i int, p point.Sample) {
	s.min.Evict(i, p)
	s.max.Evict(i, p)
}

func (s *slidingSpread) Append(dst []Result) []Result {
	lo, hi := s.min.deque[s.min.head].s.Value, s.max.deque[s.max.head].s.Value
	if lo.Kind == point.Int {
		return append(dst, aggregate(point.IntValue(hi.Int()-lo.Int())))
	}
	return append(dst, aggregate(point.FloatValue(hi.Float()-lo.Float())))
}
