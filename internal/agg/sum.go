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
		Fold:    foldByKind(sum[float64]{}, sum[int64]{}),
		Sliding: slidingByKind(func() Evicter { return &slidingSum{} }, func() Evicter { return &slidingTotal{by: sum[int64]{}} }),
	})
}

// Like Kapacitor's, a sum has a time of its own, the Unix epoch, which shows with usePointTimes.
func sumResult(v point.Value) Result { return Result{Time: 0, Index: -1, Value: v} }

type sum[T number] struct{}

func (sum[T]) Push(t *Total, v point.Value) { t.X = bits(get[T](t.X) + num[T](v)) }
func (sum[T]) Pop(t *Total, v point.Value)  { t.X = bits(get[T](t.X) - num[T](v)) }

func (sum[T]) Append(t *Total, dst []Result) []Result {
	return append(dst, sumResult(value(get[T](t.X))))
}

type slidingSum struct{ Exact }

func (s *slidingSum) Push(_ int, p point.Sample)  { s.Add(p.Value.Float()) }
func (s *slidingSum) Evict(_ int, p point.Sample) { s.Sub(p.Value.Float()) }

func (s *slidingSum) Append(dst []Result) []Result {
	return append(dst, sumResult(point.FloatValue(s.Value())))
}
