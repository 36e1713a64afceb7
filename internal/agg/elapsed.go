package agg

import (
	"errors"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

func init() {
	register(&Def{
		Name: "elapsed",
		Doc:  "Time since the point before, as a whole number of units.",
		Params: []Param{
			fieldArg,
			{"unit", "unit of time of the result", func(a *Args) any { return &a.Unit }},
		},
		Class: Transformation,
		Kinds: anyInt,
		Check: func(a *Args) error {
			if a.Unit <= 0 {
				return errors.New("the unit must be positive")
			}
			return nil
		},
		Example:   Example{"elapsed('v', 1s)", "m v=1 0s\nm v=1 2s\nm v=1 5s", "m elapsed=2i 2s\nm elapsed=3i 5s"},
		Transform: func(a *Args) Transformer { return elapsed{int64(a.Unit)} },
	})
}

type elapsed struct{ unit int64 }

func (elapsed) Push(st *Series, s point.Sample) { st.advance(s) }

func (e elapsed) Emit(st *Series) (Result, bool) {
	if st.N < 2 {
		return Result{}, false
	}
	return st.result(point.IntValue((st.Curr.Time - st.Prev.Time) / e.unit)), true
}
