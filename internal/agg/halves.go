package agg

import "github.com/telegraf-tigk/telegraf-tigk/internal/point"

// halves holds the samples of a sliding window in two heaps: the first so many in the order of
// value and number, the greatest on top, and the others, the smallest on top. How many are in the
// lower one is settled when a result is wanted. A function asks for nearly the same rank again and
// again, so few samples change sides, and most of those that come or leave are near the bottom of
// their heap: O(log n) at worst, a few steps in the mean.
//
// What a step costs is fetching cache lines. So an item has as many items below it as fill one, and
// a sample that comes waits for the next one that leaves, to take its place.
type halves[T number] struct {
	low, high []item[T]
	waiting   []item[T]
	served    int     // how many of waiting have found a place
	places    []int32 // of sample i at i modulo the length, a power of two: n in low, ^n in high
	n         int
}

// An item is sample i.
type item[T number] struct {
	value T
	i     int
}

const arity = 4

func (h *halves[T]) Reset() {
	*h = halves[T]{low: h.low[:0], high: h.high[:0], waiting: h.waiting[:0], places: h.places}
}

func (h *halves[T]) Push(i int, s point.Sample) {
	if h.n++; h.n > len(h.places) {
		h.places = make([]int32, max(8, 2*len(h.places)))
		for at, e := range h.low {
			h.put(e.i, int32(at))
		}
		for at, e := range h.high {
			h.put(e.i, ^int32(at))
		}
	}
	if h.served == len(h.waiting) || h.served > len(h.waiting)/2 && len(h.waiting) == cap(h.waiting) {
		h.waiting = h.waiting[:copy(h.waiting, h.waiting[h.served:])]
		h.served = 0
	}
	h.waiting = append(h.waiting, item[T]{num[T](s.Value), i})
}

func (h *halves[T]) Evict(i int, _ point.Sample) {
	h.n--
	if h.served == len(h.waiting) {
		h.take(i)
		return
	}
	e := h.waiting[h.served]
	h.served++
	if e.i == i {
		return
	}
	switch at := h.places[i&(len(h.places)-1)]; {
	case h.isLow(&e) && at >= 0:
		h.setLow(int(at), e)
	case !h.isLow(&e) && at < 0:
		h.setHigh(int(^at), e)
	default:
		h.take(i)
		h.add(e)
	}
}

// split makes low hold the first n samples, of which there are as many.
func (h *halves[T]) split(n int) {
	for _, e := range h.waiting[h.served:] {
		h.add(e)
	}
	h.waiting, h.served = h.waiting[:0], 0
	for len(h.low) < n {
		h.pushLow(h.takeHigh(0))
	}
	for len(h.low) > n {
		h.pushHigh(h.takeLow(0))
	}
}

// isLow reports whether e belongs in low.
func (h *halves[T]) isLow(e *item[T]) bool { return len(h.low) > 0 && e.before(&h.low[0]) }

func (h *halves[T]) add(e item[T]) {
	if h.isLow(&e) {
		h.pushLow(e)
	} else {
		h.pushHigh(e)
	}
}

// take removes sample i.
func (h *halves[T]) take(i int) {
	if at := h.places[i&(len(h.places)-1)]; at >= 0 {
		h.takeLow(int(at))
	} else {
		h.takeHigh(int(^at))
	}
}

func (h *halves[T]) put(i int, place int32) { h.places[i&(len(h.places)-1)] = place }

// before orders items by value, equal ones by number.
func (e *item[T]) before(f *item[T]) bool {
	return e.value < f.value || e.value == f.value && e.i < f.i
}

func (h *halves[T]) pushLow(e item[T]) {
	h.low = append(h.low, e)
	h.raiseLow(len(h.low)-1, e)
}

func (h *halves[T]) pushHigh(e item[T]) {
	h.high = append(h.high, e)
	h.raiseHigh(len(h.high)-1, e)
}

// takeLow removes and returns the sample at a place.
func (h *halves[T]) takeLow(at int) item[T] {
	out, last := h.low[at], len(h.low)-1
	e := h.low[last]
	h.low = h.low[:last]
	if at < last {
		h.setLow(at, e)
	}
	return out
}

func (h *halves[T]) takeHigh(at int) item[T] {
	out, last := h.high[at], len(h.high)-1
	e := h.high[last]
	h.high = h.high[:last]
	if at < last {
		h.setHigh(at, e)
	}
	return out
}

// setLow replaces the sample at a place.
func (h *halves[T]) setLow(at int, e item[T]) {
	if h.low[at].before(&e) {
		h.raiseLow(at, e)
	} else {
		h.sinkLow(at, e)
	}
}

func (h *halves[T]) setHigh(at int, e item[T]) {
	if e.before(&h.high[at]) {
		h.raiseHigh(at, e)
	} else {
		h.sinkHigh(at, e)
	}
}

// raiseLow puts e at a place or, past those that it must precede, above it.
func (h *halves[T]) raiseLow(at int, e item[T]) {
	for at > 0 {
		up := (at - 1) / arity
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

func (h *halves[T]) raiseHigh(at int, e item[T]) {
	for at > 0 {
		up := (at - 1) / arity
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
func (h *halves[T]) sinkLow(at int, e item[T]) {
	for {
		down := arity*at + 1
		if down >= len(h.low) {
			break
		}
		for c := down + 1; c < min(arity*at+1+arity, len(h.low)); c++ {
			if h.low[down].before(&h.low[c]) {
				down = c
			}
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

func (h *halves[T]) sinkHigh(at int, e item[T]) {
	for {
		down := arity*at + 1
		if down >= len(h.high) {
			break
		}
		for c := down + 1; c < min(arity*at+1+arity, len(h.high)); c++ {
			if h.high[c].before(&h.high[down]) {
				down = c
			}
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
