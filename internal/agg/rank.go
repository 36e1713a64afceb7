package agg

import (
	"cmp"
	"errors"
	"slices"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// ranked gives the n greatest or smallest samples, those of equal value in the order of their
// times and then of their arrival. It holds the n best and as many more, and drops these whenever
// it is full, so a sample costs O(log n).
type ranked[T number] struct {
	set  []entry[T]
	n    int
	sign int // -1: greatest first
}

func (r *ranked[T]) Reset() { r.set = r.set[:0] }

func (r *ranked[T]) Push(i int, s point.Sample) {
	r.set = append(r.set, entry[T]{num[T](s.Value), s.Time, i})
	if len(r.set)/2 >= r.n && len(r.set) >= 64 {
		r.trim()
	}
}

func (r *ranked[T]) trim() {
	slices.SortFunc(r.set, func(a, b entry[T]) int {
		if c := cmp.Compare(a.value, b.value); c != 0 {
			return r.sign * c
		}
		if c := cmp.Compare(a.time, b.time); c != 0 {
			return c
		}
		return a.i - b.i
	})
	r.set = r.set[:min(len(r.set), r.n)]
}

func (r *ranked[T]) Append(dst []Result) []Result {
	r.trim()
	for i := range r.set {
		dst = append(dst, r.set[i].result())
	}
	return dst
}

func newRanked(sign int) func(point.Kind, *Args) Func {
	return func(k point.Kind, a *Args) Func {
		n := int(min(a.N, 1<<31-1))
		if k == point.Float {
			return &ranked[float64]{n: n, sign: sign}
		}
		return &ranked[int64]{n: n, sign: sign}
	}
}

// rankParams are the parameters of top and bottom.
func rankParams(which string) []Param {
	return []Param{
		{"num", "number of points", func(a *Args) any { return &a.N }},
		fieldArg,
		{"fieldsAndTags", "without effect: all tags of the " + which + " points are kept, and no other field", func(a *Args) any { return &a.Tags }},
	}
}

func checkN(a *Args) error {
	if a.N < 1 {
		return errors.New("the number of points must be positive")
	}
	return nil
}
