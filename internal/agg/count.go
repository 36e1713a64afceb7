package agg

import "github.com/telegraf-tigk/telegraf-tigk/internal/point"

func init() {
	register(&Def{
		Name:    "count",
		Doc:     "Number of values.",
		Params:  onlyField,
		Kinds:   anyInt,
		Empty:   point.IntValue(0),
		Example: Example{"count('v')", "m v=1 0s\nm v=3 0s\nm v=5 1s", "m count=2i 0s"},
		Fold:    func(point.Kind) Folder { return count{} },
		Sliding: func(point.Kind, *Args) Evicter { return &slidingTotal{by: count{}} },
	})
}

type count struct{}

func (count) Push(t *Total, _ point.Value) { t.N++ }
func (count) Pop(t *Total, _ point.Value)  { t.N-- }

func (count) Append(t *Total, dst []Result) []Result {
	return append(dst, aggregate(point.IntValue(t.N)))
}
