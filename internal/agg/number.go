package agg

import (
	"cmp"
	"math"
	"slices"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// A number is what the numeric functions compute with.
type number interface{ int64 | float64 }

// num returns the number in v, an Int or Float.
func num[T number](v point.Value) T {
	if v.Kind == point.Float {
		return T(v.Float())
	}
	return T(v.Int())
}

// value returns x as an Int or Float.
func value[T number](x T) point.Value {
	if half := T(1) / 2; half == 0 {
		return point.IntValue(int64(x))
	}
	return point.FloatValue(float64(x))
}

// bits returns x as it stands in a Total.
func bits[T number](x T) uint64 { return value(x).Num }

// get returns the number that bits encoded.
func get[T number](b uint64) T {
	if half := T(1) / 2; half == 0 {
		return T(int64(b))
	}
	return T(math.Float64frombits(b))
}

// aggregate returns a Result that stands for no sample.
func aggregate(v point.Value) Result { return Result{Time: NoTime, Index: -1, Value: v} }

// foldByKind makes a Folder for floats or ints.
func foldByKind(f, i Folder) func(point.Kind) Folder {
	return func(k point.Kind) Folder {
		if k == point.Float {
			return f
		}
		return i
	}
}

// byKind makes a Func for floats or ints.
func byKind(f, i func() Func) func(point.Kind, *Args) Func {
	return func(k point.Kind, _ *Args) Func {
		if k == point.Float {
			return f()
		}
		return i()
	}
}

// slidingByKind makes an Evicter for floats or ints.
func slidingByKind(f, i func() Evicter) func(point.Kind, *Args) Evicter {
	return func(k point.Kind, _ *Args) Evicter {
		if k == point.Float {
			return f()
		}
		return i()
	}
}

// An entry is a sample with a number as value.
type entry[T number] struct {
	value T
	time  int64
	i     int
}

// entries collects a set whose order matters; functions embed it.
type entries[T number] struct{ set []entry[T] }

func (e *entries[T]) Reset() { e.set = e.set[:0] }

func (e *entries[T]) Push(i int, s point.Sample) {
	e.set = append(e.set, entry[T]{num[T](s.Value), s.Time, i})
}

// sort sorts the set by value, equal ones in the order in which they came.
func (e *entries[T]) sort() {
	slices.SortFunc(e.set, func(a, b entry[T]) int {
		if c := cmp.Compare(a.value, b.value); c != 0 {
			return c
		}
		return a.i - b.i
	})
}

func (e *entry[T]) result() Result { return Result{Time: e.time, Index: e.i, Value: value(e.value)} }
