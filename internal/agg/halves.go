package agg

import "github.com/telegraf-tigk/telegraf-tigk/internal/point"

// halves holds the samples of a sliding window in two heaps: the first so many in the order of
// value and number, the greatest on top, and the others, the smallest on top. How many are in the
// lower one is settled when a result is wanted. A function asks for nearly the same rank again and
// again, so few samples change sides, and most of those that come or leave are near the bottom of
// their heap: O(log n) at worst, a few steps in the mean.
type halves[T number] struct {
	low, high []entry[T]
	places    []int32 // of sample i at i modulo the length, a power of two: n in low, ^n in high
}

func (h *halves[T]) Reset() { h.low, h.high = h.low[:0], h.high[:0] }

func (h *halves[T]) Push(i int, s point.Sample) {
	if n := len(h.low) + len(h.high); n == len(h.places) {
		h.places = make([]int32, max(8, 2*n))
		for at, e := range h.low {
			h.put(e.i, int32(at))
		}
		for at, e := range h.high {
			h.put(e.i, ^int32(at))
		}
	}
	e := entry[T]{num[T](s.Value), s.Time, i}
	if len(h.low) > 0 && e.before(&h.low[0]) {
		h.pushLow(e)
	} else {
		h.pushHigh(e)
	}
}

func (h *halves[T]) Evict(i int, _ point.Sample) {
	if at := h.places[i&(len(h.places)-1)]; at >= 0 {
		h.takeLow(int(at))
	} else {
		h.takeHigh(int(^at))
	}
}

// split brings the number of samples in low to n, of which there are as many.
func (h *halves[T]) split(n int) {
	for len(h.low) < n {
		h.pushLow(h.takeHigh(0))
	}
	for len(h.low) > n {
		h.pushHigh(h.takeLow(0))
	}
}

func (h *halves[T]) put(i int, place int32) { h.places[i&(len(h.places)-1)] = place }

// before orders entries by value, equal ones by number.
func (e *entry[T]) before(f *entry[T]) bool {
	return e.value < f.value || e.value == f.value && e.i < f.i
}

func (h *halves[T]) pushLow(e entry[T]) {
	h.low = append(h.low, e)
	h.raiseLow(len(h.low)-1, e)
}

func (h *halves[T]) pushHigh(e entry[T]) {
	h.high = append(h.high, e)
	h.raiseHigh(len(h.high)-1, e)
}

// takeLow removes and returns the entry at a place.
func (h *halves[T]) takeLow(at int) entry[T] {
	out, last := h.low[at], len(h.low)-1
	e := h.low[last]
	h.low = h.low[:last]
	switch {
	case at == last:
	case at > 0 && h.low[(at-1)/2].before(&e):
		h.raiseLow(at, e)
	default:
		h.sinkLow(at, e)
	}
	return out
}

func (h *halves[T]) takeHigh(at int) entry[T] {
	out, last := h.high[at], len(h.high)-1
	e := h.high[last]
	h.high = h.high[:last]
	switch {
	case at == last:
	case at > 0 && e.before(&h.high[(at-1)/2]):
		h.raiseHigh(at, e)
	default:
		h.sinkHigh(at, e)
	}
	return out
}

// raiseLow puts e at a place or, past those that it must precede, above it.
func (h *halves[T]) raiseLow(at int, e entry[T]) {
	for at > 0 {
		up := (at - 1) / 2
		if e.before(&h.low[up]) {
			break
		}
		h.low[at] = h.low[up]
		h.put(h.low[at].i, int32(at))
		at = up
	}
	h.low[at] = e
	h.put(e.i, int32(at))
}

func (h *halves[T]) raiseHigh(at int, e entry[T]) {
	for at > 0 {
		up := (at - 1) / 2
		if h.high[up].before(&e) {
			break
		}
		h.high[at] = h.high[up]
		h.put(h.high[at].i, ^int32(at))
		at = up
	}
	h.high[at] = e
	h.put(e.i, ^int32(at))
}

// sinkLow puts e at a place or, past those that must precede it, below it.
func (h *halves[T]) sinkLow(at int, e entry[T]) {
	for {
		down := 2*at + 1
		if down >= len(h.low) {
			break
		}
		if down+1 < len(h.low) && h.low[down].before(&h.low[down+1]) {
			down++
		}
		if !e.before(&h.low[down]) {
			break
		}
		h.low[at] = h.low[down]
		h.put(h.low[at].i, int32(at))
		at = down
	}
	h.low[at] = e
	h.put(e.i, int32(at))
}

func (h *halves[T]) sinkHigh(at int, e entry[T]) {
	for {
		down := 2*at + 1
		if down >= len(h.high) {
			break
		}
		if down+1 < len(h.high) && h.high[down+1].before(&h.high[down]) {
			down++
		}
		if e.before(&h.high[down]) {
			break
		}
		h.high[at] = h.high[down]
		h.put(h.high[at].i, ^int32(at))
		at = down
	}
	h.high[at] = e
	h.put(e.i, ^int32(at))
}
