package agg

import "github.com/telegraf-tigk/telegraf-tigk/internal/point"

func init() {
	register(&Def{
		Name:    "spread",
		Doc:     "Difference of the largest and the smallest value.",
		Params:  onlyField,
		Kinds:   numSame,
		Example: Example{"spread('v')", "m v=1 0s\nm v=4 0s\nm v=5 1s", "m spread=3 0s"},
		Fold:    foldByKind(spread[float64]{}, spread[int64]{}),
		Sliding: func(k point.Kind, _ *Args) Evicter {
			return &slidingSpread{min: slidingPick{better: smaller(k)}, max: slidingPick{better: larger(k)}}
		},
	})
}

// spread has the least value in X and the greatest in Y.
type spread[T number] struct{}

func (spread[T]) Push(t *Total, v point.Value) {
	x := num[T](v)
	if t.N == 0 {
		t.X, t.Y = bits(x), bits(x)
	}
	t.N = 1
	t.X, t.Y = bits(min(get[T](t.X), x)), bits(max(get[T](t.Y), x)) // NaN if one of them is
}

func (spread[T]) Append(t *Total, dst []Result) []Result {
	return append(dst, aggregate(value(get[T](t.Y)-get[T](t.X))))
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
