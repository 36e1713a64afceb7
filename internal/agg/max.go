package agg

import "github.com/telegraf-tigk/telegraf-tigk/internal/point"

func init() {
	register(&Def{
		Name:    "max",
		Doc:     "Point with the largest value; of equal ones the earliest.",
		Params:  onlyField,
		Class:   Selector,
		Kinds:   numSame,
		Example: Example{"max('v')", "m,h=a v=3,w=7 0s\nm,h=b v=1,w=8 0s\nm v=5 1s", "m,h=a max=3,w=7 0s"},
		Better:  larger,
	})
}

func larger(k point.Kind) func(a, b point.Sample) bool {
	if k == point.Float {
		return largerNum[float64]
	}
	return largerNum[int64]
}

func largerNum[T number](a, b point.Sample) bool {
	x, y := num[T](a.Value), num[T](b.Value)
	return x > y || x == y && a.Time < b.Time
}
