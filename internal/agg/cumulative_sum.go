package agg

import "github.com/telegraf-tigk/telegraf-tigk/internal/point"

func init() {
	register(&Def{
		Name:      "cumulativeSum",
		Doc:       "Running sum of the values. Ints wrap around at 64 bits.",
		Params:    onlyField,
		Class:     Transformation,
		Kinds:     numSame,
		Example:   Example{"cumulativeSum('v')", "m v=1 0s\nm v=4 1s\nm v=6 2s", "m cumulativeSum=1 0s\nm cumulativeSum=5 1s\nm cumulativeSum=11 2s"},
		Transform: func(*Args) Transformer { return cumulativeSum{} },
	})
}

type cumulativeSum struct{}

func (cumulativeSum) Push(st *Series, s point.Sample) {
	sum := s.Value
	if st.N > 0 {
		if sum.Kind == point.Int {
			sum = point.IntValue(st.Curr.Value.Int() + sum.Int())
		} else {
			sum = point.FloatValue(st.Curr.Value.Float() + sum.Float())
		}
	}
	st.advance(point.Sample{Time: s.Time, Value: sum})
}

func (cumulativeSum) Emit(st *Series) (Result, bool) {
	return st.result(st.Curr.Value), st.N > 0
}
