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
		New:     func(point.Kind, *Args) Func { return &count{} },
		Sliding: func(point.Kind, *Args) Evicter { return &count{} },
	})
}

type count struct{ n int64 }

func (c *count) Reset()                  { c.n = 0 }
func (c *count) Push(int, point.Sample)  { c.n++ }
func (c *count) Evict(int, point.Sample) { c.n-- }

func (c *count) Append(dst []Result) []Result { return append(dst, aggregate(point.IntValue(c.n))) }
