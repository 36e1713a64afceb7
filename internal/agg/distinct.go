package agg

import (
	"cmp"
	"slices"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

func init() {
	register(&Def{
		Name:    "distinct",
		Doc:     "Each value once, in the order of the times at which they came first.",
		Params:  onlyField,
		Class:   Distinct,
		Kinds:   anySame,
		Example: Example{"distinct('v')", "m v=3 0s\nm v=1 0s\nm v=3 0s\nm v=5 1s", "m distinct=1 0s\nm distinct=3 0s"},
		New:     func(point.Kind, *Args) Func { return &distinct{} },
	})
}

type distinct struct{ set, once []candidate }

func (d *distinct) Reset() { d.set = d.set[:0] }

func (d *distinct) Push(i int, s point.Sample) { d.set = append(d.set, candidate{s, i}) }

func (d *distinct) Append(dst []Result) []Result {
	slices.SortFunc(d.set, func(a, b candidate) int {
		if c := compare(a.s.Value, b.s.Value); c != 0 {
			return c
		}
		return a.i - b.i
	})
	d.once = d.once[:0]
	for i := range d.set {
		if i == 0 || compare(d.set[i-1].s.Value, d.set[i].s.Value) != 0 {
			d.once = append(d.once, d.set[i])
		}
	}
	slices.SortFunc(d.once, func(a, b candidate) int {
		if c := cmp.Compare(a.s.Time, b.s.Time); c != 0 {
			return c
		}
		return compare(a.s.Value, b.s.Value)
	})
	for i := range d.once {
		dst = append(dst, Result{Time: d.once[i].s.Time, Index: d.once[i].i, Value: d.once[i].s.Value})
	}
	return dst
}

// compare orders two values of one kind.
func compare(a, b point.Value) int {
	switch a.Kind {
	case point.Float:
		return cmp.Compare(a.Float(), b.Float())
	case point.String:
		return cmp.Compare(a.Text, b.Text)
	}
	return cmp.Compare(a.Int(), b.Int())
}
