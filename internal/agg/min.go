package agg

import "github.com/telegraf-tigk/telegraf-tigk/internal/point"

func init() {
	register(&Def{
		Name:    "min",
		Doc:     "Point with the smallest value; of equal ones the earliest.",
		Params:  onlyField,
		Class:   Selector,
		Kinds:   numSame,
		Example: Example{"min('v')", "m,h=a v=3 0s\nm,h=b v=1 0s\nm v=5 1s", "m,h=b min=1 0s"},
		Better:  smaller,
	})
}

func smaller(k point.Kind) func(a, b point.Sample) bool {
	if k == point.Float {
		return smallerNum[float64]
	}
	return smallerNum[int64]
}

func smallerNum[T number](a, b point.Sample) bool {
	x, y := num[T](a.Value), num[T](b.Value)
	return x < y || x == y && a.Time < b.Time
}
