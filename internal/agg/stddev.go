package agg

import (
	"math"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

func init() {
	register(&Def{
		Name:    "stddev",
		Doc:     "Sample standard deviation; NaN for a single value.",
		Params:  onlyField,
		Kinds:   numFloat,
		Example: Example{"stddev('v')", "m v=1 0s\nm v=3 0s\nm v=5 0s\nm v=5 1s", "m stddev=2 0s"},
		New:     func(point.Kind, *Args) Func { return &stddev{} },
	})
}

// stddev keeps the mean and the sum of squared distances from it (Welford), which stays exact
// where a sum of squares would cancel out. NaN is left out.
type stddev struct {
	n        float64
	mean, m2 float64
}

func (d *stddev) Reset() { *d = stddev{} }

func (d *stddev) Push(_ int, s point.Sample) {
	x := num[float64](s.Value)
	if math.IsNaN(x) {
		return
	}
	d.n++
	delta := x - d.mean
	d.mean += delta / d.n
	d.m2 += delta * (x - d.mean)
}

func (d *stddev) Append(dst []Result) []Result {
	x := math.NaN()
	if d.n >= 2 {
		x = math.Sqrt(d.m2 / (d.n - 1))
	}
	return append(dst, aggregate(point.FloatValue(x)))
}
