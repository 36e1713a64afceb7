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
		Fold:    func(point.Kind) Folder { return stddev{} },
		Sliding: func(point.Kind, *Args) Evicter { return &slidingStddev{} },
	})
}

// stddev keeps the mean in X and the sum of squared distances from it in Y (Welford), which stays
// exact where a sum of squares would cancel out. NaN is left out.
type stddev struct{}

func (stddev) Push(t *Total, v point.Value) {
	x := num[float64](v)
	if math.IsNaN(x) {
		return
	}
	t.N++
	mean := get[float64](t.X)
	delta := x - mean
	mean += delta / float64(t.N)
	t.X = bits(mean)
	t.Y = bits(get[float64](t.Y) + delta*(x-mean))
}

func (stddev) Append(t *Total, dst []Result) []Result {
	x := math.NaN()
	if t.N >= 2 {
		x = math.Sqrt(get[float64](t.Y) / float64(t.N-1))
	}
	return append(dst, aggregate(point.FloatValue(x)))
}

// slidingStddev keeps the sum and the sum of squares without rounding: Welford's method run
// backwards would never get rid of the error that an outlier leaves.
type slidingStddev struct {
	n                  int64
	sum, squares, work Exact
}

func (d *slidingStddev) Reset() {
	d.n = 0
	d.sum.Reset()
	d.squares.Reset()
}

func (d *slidingStddev) Push(_ int, s point.Sample) {
	x := num[float64](s.Value)
	d.n++
	d.sum.Add(x)
	d.squares.addProduct(x, x)
}

func (d *slidingStddev) Evict(_ int, s point.Sample) {
	x := num[float64](s.Value)
	d.n--
	d.sum.Sub(x)
	d.squares.addProduct(-x, x)
}

func (d *slidingStddev) Append(dst []Result) []Result {
	x := math.NaN()
	if d.n >= 2 {
		// The sum of the squared distances from the mean, times n.
		n, e := float64(d.n), &d.work
		e.Reset()
		for _, p := range d.squares.Parts {
			e.addProduct(n, p)
		}
		for _, p := range d.sum.Parts {
			for _, q := range d.sum.Parts {
				e.addProduct(-p, q)
			}
		}
		x = math.Sqrt(max(e.Value(), 0) / n / (n - 1))
	}
	return append(dst, aggregate(point.FloatValue(x)))
}
