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
		Sliding: func(point.Kind, *Args) Evicter { return &slidingDistinct{} },
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
	return appendOnce(dst, d.once)
}

// appendOnce appends the candidates by time, those of one time by value.
func appendOnce(dst []Result, once []candidate) []Result {
	slices.SortFunc(once, func(a, b candidate) int {
		if c := cmp.Compare(a.s.Time, b.s.Time); c != 0 {
			return c
		}
		return compare(a.s.Value, b.s.Value)
	})
	for i := range once {
		dst = append(dst, Result{Time: once[i].s.Time, Index: once[i].i, Value: once[i].s.Value})
	}
	return dst
}

// slidingDistinct chains the samples of each value in the order in which they came.
type slidingDistinct struct {
	set    []link // of sample i at i modulo the length, a power of two
	n      int
	chains map[point.Value]chain
	once   []candidate
}

type link struct {
	s    point.Sample
	next int // number of the next sample with that value
}

type chain struct{ first, last int }

func (d *slidingDistinct) Reset() {
	d.n = 0
	clear(d.chains)
}

func (d *slidingDistinct) at(i int) *link { return &d.set[i&(len(d.set)-1)] }

// key returns what samples of one value share: 0 and -0 are one.
func key(v point.Value) point.Value {
	if v.Kind == point.Float && v.Float() == 0 {
		return point.FloatValue(0)
	}
	return v
}

func (d *slidingDistinct) Push(i int, s point.Sample) {
	if d.n == len(d.set) {
		old := d.set
		d.set = make([]link, max(8, 2*d.n))
		for j := i - d.n; j < i; j++ {
			*d.at(j) = old[j&(len(old)-1)]
		}
	}
	if d.chains == nil {
		d.chains = make(map[point.Value]chain)
	}
	d.n++
	*d.at(i) = link{s: s}
	k := key(s.Value)
	c, ok := d.chains[k]
	if ok {
		d.at(c.last).next = i
	} else {
		c.first = i
	}
	c.last = i
	d.chains[k] = c
}

func (d *slidingDistinct) Evict(i int, s point.Sample) {
	d.n--
	k := key(s.Value)
	c := d.chains[k]
	if c.first == c.last {
		delete(d.chains, k)
		return
	}
	c.first = d.at(i).next
	d.chains[k] = c
}

func (d *slidingDistinct) Append(dst []Result) []Result {
	d.once = d.once[:0]
	for _, c := range d.chains {
		d.once = append(d.once, candidate{d.at(c.first).s, c.first})
	}
	return appendOnce(dst, d.once)
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
