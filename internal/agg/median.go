package agg

import "github.com/telegraf-tigk/telegraf-tigk/internal/point"

func init() {
	register(&Def{
		Name:    "median",
		Doc:     "Middle value; of an even number of values the mean of the two in the middle.",
		Params:  onlyField,
		Kinds:   numFloat,
		Example: Example{"median('v')", "m v=1 0s\nm v=9 0s\nm v=2 0s\nm v=5 1s", "m median=2 0s"},
		New:     byKind(func() Func { return &median[float64]{} }, func() Func { return &median[int64]{} }),
		Sliding: slidingByKind(func() Evicter { return &slidingMedian[float64]{} }, func() Evicter { return &slidingMedian[int64]{} }),
	})
}

type median[T number] struct{ entries[T] }

func (m *median[T]) Append(dst []Result) []Result {
	m.sort()
	n := len(m.set)
	return append(dst, middle(m.set[(n-1)/2].value, m.set[n/2].value, n))
}

// middle returns the median of n values; lo and hi are the two in the middle, or the same one twice.
func middle[T number](lo, hi T, n int) Result {
	x := float64(hi)
	if n%2 == 0 {
		x = float64(lo) + (x-float64(lo))/2
	}
	return aggregate(point.FloatValue(x))
}

type slidingMedian[T number] struct{ halves[T] }

func (m *slidingMedian[T]) Append(dst []Result) []Result {
	n := m.n
	m.split((n + 1) / 2)
	lo := m.low[0].value
	hi := lo
	if n%2 == 0 {
		hi = m.high[0].value
	}
	return append(dst, middle(lo, hi, n))
}
