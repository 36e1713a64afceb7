package agg

import "github.com/telegraf-tigk/telegraf-tigk/internal/point"

func init() {
	register(&Def{
		Name:    "last",
		Doc:     "Latest point. Of points of one time the one with the greater value, or with TRUE.",
		Params:  onlyField,
		Class:   Selector,
		Kinds:   anySame,
		Example: Example{"last('v')", "m,h=a v=3 0s\nm,h=b v=4 0s\nm v=5 1s", "m,h=b last=4 0s"},
		Better:  later,
	})
}

func later(point.Kind) func(a, b point.Sample) bool {
	return func(a, b point.Sample) bool {
		return a.Time > b.Time || a.Time == b.Time && greater(a.Value, b.Value)
	}
}
