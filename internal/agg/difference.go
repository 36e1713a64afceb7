package agg

import "github.com/telegraf-tigk/telegraf-tigk/internal/point"

func init() {
	register(&Def{
		Name:      "difference",
		Doc:       "Difference to the point before. Of points of one time that follow each other only the first counts.",
		Params:    onlyField,
		Class:     Transformation,
		Kinds:     numSame,
		Example:   Example{"difference('v')", "m v=1 0s\nm v=4 2s\nm v=9 2s\nm v=2 5s", "m difference=3 2s\nm difference=-2 5s"},
		Transform: func(*Args) Transformer { return difference{} },
	})
}

type difference struct{}

func (difference) Push(st *Series, s point.Sample) {
	if st.N == 0 || st.Curr.Time != s.Time {
		st.advance(s)
	}
}

func (difference) Emit(st *Series) (Result, bool) {
	if st.N < 2 || !st.Fresh {
		return Result{}, false
	}
	st.Fresh = false
	if st.Curr.Value.Kind == point.Int {
		return st.result(point.IntValue(st.Curr.Value.Int() - st.Prev.Value.Int())), true
	}
	return st.result(point.FloatValue(st.Curr.Value.Float() - st.Prev.Value.Float())), true
}
