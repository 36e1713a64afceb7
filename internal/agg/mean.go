package agg

import "github.com/telegraf-tigk/telegraf-tigk/internal/point"

func init() {
	register(&Def{
		Name:    "mean",
		Doc:     "Arithmetic mean of the values. Ints are summed as ints, which wrap around at 64 bits.",
		Params:  onlyField,
		Kinds:   numFloat,
		Example: Example{"mean('v')", "m v=1 0s\nm v=4 0s\nm v=5 1s", "m mean=2.5 0s"},
		Fold:    foldByKind(mean[float64]{}, mean[int64]{}),
		Sliding: slidingByKind(func() Evicter { return &slidingMean{} }, func() Evicter { return &slidingTotal{by: mean[int64]{}} }),
	})
}

type mean[T number] struct{ sum[T] }

func (m mean[T]) Push(t *Total, v point.Value) {
	m.sum.Push(t, v)
	t.N++
}

func (m mean[T]) Pop(t *Total, v point.Value) {
	m.sum.Pop(t, v)
	t.N--
}

func (mean[T]) Append(t *Total, dst []Result) []Result {
	return append(dst, aggregate(point.FloatValue(float64(get[T](t.X))/float64(t.N))))
}

type slidingMean struct {
	sum Exact
	n   int64
}

func (m *slidingMean) Reset() {
	m.sum.Reset()
	m.n = 0
}

func (m *slidingMean) Push(_ int, s point.Sample) {
	m.sum.Add(s.Value.Float())
	m.n++
}

func (m *slidingMean) Evict(_ int, s point.Sample) {
	m.sum.Sub(s.Value.Float())
	m.n--
}

func (m *slidingMean) Append(dst []Result) []Result {
	return append(dst, aggregate(point.FloatValue(m.sum.Value()/float64(m.n))))
}
