package agg

func init() {
	register(&Def{
		Name:    "mode",
		Doc:     "Most frequent value. Of values that are equally frequent one that began early wins; if all differ it is the smallest.",
		Params:  onlyField,
		Kinds:   numSame,
		Example: Example{"mode('v')", "m v=1 0s\nm v=3 0s\nm v=3 0s\nm v=5 1s", "m mode=3 0s"},
		New:     byKind(func() Func { return &mode[float64]{} }, func() Func { return &mode[int64]{} }),
	})
}

type mode[T number] struct{ entries[T] }

// Append scans runs of equal values as InfluxDB does, whose quirks show in ties: the first sample
// of a run, except that of the first run, is never compared, and a tie is decided between the time
// of the run's first sample and that of the sample that made the best run as long as it is.
func (m *mode[T]) Append(dst []Result) []Result {
	m.sort()
	first := m.set[0]
	run, length := first, 0
	best, most, bestTime := first.value, 0, first.time
	for _, e := range m.set {
		if e.value != run.value {
			run, length = e, 1
			continue
		}
		length++
		if length < most || length == most && run.time > bestTime {
			continue
		}
		best, most, bestTime = e.value, length, e.time
	}
	return append(dst, aggregate(value(best)))
}
