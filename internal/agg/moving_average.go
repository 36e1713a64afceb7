package agg

import (
	"math"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

func init() {
	register(&Def{
		Name: "movingAverage",
		Doc:  "Mean of the last n values, from the n-th on.",
		Params: []Param{
			fieldArg,
			{"window", "number n of values", func(a *Args) any { return &a.N }},
		},
		Class:     Transformation,
		Kinds:     numFloat,
		Check:     checkN,
		Example:   Example{"movingAverage('v', 2)", "m v=1 0s\nm v=4 1s\nm v=6 2s", "m movingAverage=2.5 1s\nm movingAverage=5 2s"},
		Transform: func(a *Args) Transformer { return movingAverage{int(min(a.N, math.MaxInt32))} },
	})
}

// movingAverage keeps the last n values in a ring that grows as they come, and their sum.
type movingAverage struct{ n int }

func (m movingAverage) Push(st *Series, s point.Sample) {
	st.advance(s)
	if len(st.Last) < m.n {
		st.Last = append(st.Last, s.Value.Num)
	} else {
		old := st.Last[st.Next]
		st.Last[st.Next] = s.Value.Num
		st.Next = (st.Next + 1) % m.n
		if s.Value.Kind == point.Float {
			st.Float.Sub(math.Float64frombits(old))
		} else {
			st.Int -= int64(old)
		}
	}
	if s.Value.Kind == point.Float {
		st.Float.Add(s.Value.Float())
	} else {
		st.Int += s.Value.Int()
	}
}

func (m movingAverage) Emit(st *Series) (Result, bool) {
	if len(st.Last) < m.n {
		return Result{}, false
	}
	sum := st.Float.Value()
	if st.Curr.Value.Kind == point.Int {
		sum = float64(st.Int)
	}
	return st.result(point.FloatValue(sum / float64(m.n))), true
}
