package agg

import (
	"math"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

func init() {
	register(&Def{
		Name: "percentile",
		Doc:  "Point with the value of nearest rank: of n values in order, number n·p/100, rounded half up. No result if that is 0 or more than n.",
		Params: []Param{
			fieldArg,
			{"percentile", "percentage p of the values that are not greater", func(a *Args) any { return &a.Percent }},
		},
		Class:   Selector,
		Kinds:   numSame,
		Example: Example{"percentile('v', 50.0)", "m,h=a v=1 0s\nm,h=b v=9 0s\nm,h=c v=2 0s\nm v=5 1s", "m,h=c percentile=2 0s"},
		New: func(k point.Kind, a *Args) Func {
			if k == point.Float {
				return &percentile[float64]{p: a.Percent}
			}
			return &percentile[int64]{p: a.Percent}
		},
	})
}

type percentile[T number] struct {
	entries[T]
	p float64
}

func (q *percentile[T]) Append(dst []Result) []Result {
	n := float64(len(q.set))
	rank := math.Floor(n*q.p/100 + 0.5)
	if !(rank >= 1 && rank <= n) {
		return dst
	}
	q.sort()
	return append(dst, q.set[int(rank)-1].result())
}
