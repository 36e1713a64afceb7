package agg

import "github.com/telegraf-tigk/telegraf-tigk/internal/point"

func init() {
	register(&Def{
		Name:    "first",
		Doc:     "Earliest point. Of points of one time the one with the greater value, or with FALSE.",
		Params:  onlyField,
		Class:   Selector,
		Kinds:   anySame,
		Example: Example{"first('v')", "m,h=a v=3 0s\nm,h=b v=4 0s\nm v=5 1s", "m,h=b first=4 0s"},
		Better:  earlier,
	})
}

func earlier(k point.Kind) func(a, b point.Sample) bool {
	if k == point.Bool {
		return func(a, b point.Sample) bool {
			return a.Time < b.Time || a.Time == b.Time && greater(b.Value, a.Value)
		}
	}
	return func(a, b point.Sample) bool {
		return a.Time < b.Time || a.Time == b.Time && greater(a.Value, b.Value)
	}
}
