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
	})
}

type median[T number] struct{ entries[T] }

func (m *median[T]) Append(dst []Result) []Result {
	m.sort()
	n := len(m.set)
	x := float64(m.set[n/2].value)
	if n%2 == 0 {
		lo := float64(m.set[n/2-1].value)
		x = lo + (x-lo)/2
	}
	return append(dst, aggregate(point.FloatValue(x)))
}
