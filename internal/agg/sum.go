package agg

import "github.com/telegraf-tigk/telegraf-tigk/internal/point"

func init() {
	register(&Def{
		Name:    "sum",
		Doc:     "Sum of the values. Ints wrap around at 64 bits.",
		Params:  onlyField,
		Kinds:   numSame,
		Empty:   point.FloatValue(0),
		Example: Example{"sum('v')", "m v=1i 0s\nm v=3i 0s\nm v=5i 1s", "m sum=4i 0s"},
		New:     byKind(func() Func { return &sum[float64]{} }, func() Func { return &sum[int64]{} }),
		Sliding: slidingByKind(func() Evicter { return &slidingSum{} }, func() Evicter { return &sum[int64]{} }),
	})
}

// Like Kapacitor's, a sum has a time of its own, the Unix epoch, which shows with usePointTimes.
func sumResult(v point.Value) Result { return Result{Time: 0, Index: -1, Value: v} }

type sum[T number] struct{ x T }

func (s *sum[T]) Reset()                       { s.x = 0 }
func (s *sum[T]) Push(_ int, p point.Sample)   { s.x += num[T](p.Value) }
func (s *sum[T]) Evict(_ int, p point.Sample)  { s.x -= num[T](p.Value) }
func (s *sum[T]) Append(dst []Result) []Result { return append(dst, sumResult(value(s.x))) }

type slidingSum struct{ Exact }

func (s *slidingSum) Push(_ int, p point.Sample)  { s.Add(p.Value.Float()) }
func (s *slidingSum) Evict(_ int, p point.Sample) { s.Sub(p.Value.Float()) }

func (s *slidingSum) Append(dst []Result) []Result {
	return append(dst, sumResult(point.FloatValue(s.Value())))
}
