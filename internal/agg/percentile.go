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
		Sliding: func(k point.Kind, a *Args) Evicter {
			if k == point.Float {
				return &slidingPercentile[float64]{p: a.Percent}
			}
			return &slidingPercentile[int64]{p: a.Percent}
		},
	})
}

// nearestRank returns the number, from 1, of the value out of n, or 0 if there is none.
func nearestRank(n int, p float64) int {
	rank := math.Floor(float64(n)*p/100 + 0.5)
	if !(rank >= 1 && rank <= float64(n)) {
		return 0
	}
	return int(rank)
}

type percentile[T number] struct {
	entries[T]
	p float64
}

func (q *percentile[T]) Append(dst []Result) []Result {
	rank := nearestRank(len(q.set), q.p)
	if rank == 0 {
		return dst
	}
	q.sort()
	return append(dst, q.set[rank-1].result())
}

type slidingPercentile[T number] struct {
	halves[T]
	p float64
}

func (q *slidingPercentile[T]) Append(dst []Result) []Result {
	rank := nearestRank(q.n, q.p)
	if rank == 0 {
		return dst
	}
	q.split(rank)
	return append(dst, Result{Time: NoTime, Index: q.low[0].i, Value: value(q.low[0].value)})
}
