package agg

import "github.com/telegraf-tigk/telegraf-tigk/internal/point"

// pick selects the best sample; of equally good ones the first pushed.
type pick struct {
	better func(a, b point.Sample) bool
	best   point.Sample
	i      int
	any    bool
}

func (p *pick) Reset() { p.any = false }

func (p *pick) Push(i int, s point.Sample) {
	if !p.any || p.better(s, p.best) {
		p.best, p.i, p.any = s, i, true
	}
}

func (p *pick) Append(dst []Result) []Result {
	return append(dst, Result{Time: p.best.Time, Index: p.i, Value: p.best.Value})
}

// slidingPick is a pick over a sliding window: a deque of the samples that are or may yet become
// the best, the best first. A sample goes as soon as a better one has come after it.
type slidingPick struct {
	better func(a, b point.Sample) bool
	deque  []candidate
	head   int
}

type candidate struct {
	s point.Sample
	i int
}

func (p *slidingPick) Reset() { p.deque, p.head = p.deque[:0], 0 }

func (p *slidingPick) Push(i int, s point.Sample) {
	for len(p.deque) > p.head && p.better(s, p.deque[len(p.deque)-1].s) {
		p.deque = p.deque[:len(p.deque)-1]
	}
	if len(p.deque) == cap(p.deque) && p.head > len(p.deque)/2 {
		p.deque = p.deque[:copy(p.deque, p.deque[p.head:])]
		p.head = 0
	}
	p.deque = append(p.deque, candidate{s, i})
}

func (p *slidingPick) Evict(i int, _ point.Sample) {
	if p.deque[p.head].i == i {
		p.head++
		if p.head == len(p.deque) {
			p.Reset()
		}
	}
}

func (p *slidingPick) Append(dst []Result) []Result {
	c := &p.deque[p.head]
	return append(dst, Result{Time: c.s.Time, Index: c.i, Value: c.s.Value})
}

// greater reports whether a is the greater of two values of one kind.
func greater(a, b point.Value) bool {
	switch a.Kind {
	case point.Float:
		return a.Float() > b.Float()
	case point.String:
		return a.Text > b.Text
	}
	return a.Int() > b.Int() // TRUE is 1
}
