package delivery

import (
	"math/rand/v2"
	"slices"
	"time"
)

// This file defines in which order deliveries to one destination are tried.

// A queue holds the deliveries to one destination. Those of one alert ID form a chain, of which only
// the head may be tried, so that they arrive in order; a head that failed waits until it is due and
// lets other chains pass. A failure also makes the whole queue pause, so that a dead destination is
// tried with one delivery per pause, and another one each time.
type queue struct {
	to     *integration
	dest   string
	chains map[string]*chain // by alert ID
	fresh  []*chain          // heads that were never tried, oldest first
	failed []*chain          // heads that failed
	n      int               // deliveries, those being tried included
	flying int               // deliveries being tried
	turn   bool              // of a head that failed, when both kinds wait

	health health

	// workers is the number of goroutines; one of them may be asleep, until awake.
	workers  int
	sleeping bool
	awake    chan struct{}
}

// The health of a destination is how deliveries to it ended of late.
type health struct {
	fails  int       // failures in a row
	since  time.Time // when the first of them was
	err    error     // the last one
	works  bool      // one has succeeded
	resume time.Time // when to try again
}

// A chain is the deliveries of one alert, oldest first.
type chain struct {
	items []*delivery
	taken bool // the head was picked; the chain is neither among the fresh nor among the failed
}

func newQueue(to *integration, dest string) *queue {
	return &queue{to: to, dest: dest, chains: map[string]*chain{}, awake: make(chan struct{}, 1)}
}

// push appends it and returns the delivery that it supersedes, if any: the last one with the same
// options, by which not only the destination but also the recipients there are the same.
func (q *queue) push(it *delivery) (before *delivery) {
	q.n++
	it.queue = q
	c := q.chains[it.event.ID]
	if c == nil {
		c = &chain{}
		q.chains[it.event.ID] = c
		q.fresh = append(q.fresh, c)
	}
	if before = q.newest(it); before != nil {
		before.next = it
	}
	c.items = append(c.items, it)
	return before
}

// newest returns the last delivery of the same series that is of another event, if there is one.
func (q *queue) newest(it *delivery) *delivery {
	c := q.chains[it.event.ID]
	if c == nil {
		return nil
	}
	for _, x := range slices.Backward(c.items) {
		if x.item.Series == it.item.Series && x.event.EventID != it.event.EventID {
			return x
		}
	}
	return nil
}

// pick takes the delivery that is to be tried now. If there is none it returns how long to wait; negative
// means until something happens. closing ignores pauses.
func (q *queue) pick(now time.Time, closing bool) (*delivery, time.Duration) {
	if q.health.fails > 0 && q.flying > 0 && !closing {
		return nil, -1 // one at a time until it works again
	}
	if wait := q.health.resume.Sub(now); wait > 0 && !closing {
		return nil, wait
	}
	q.turn = !q.turn
	i, wait := q.nextFailed(now, closing)
	// A delivery that fails again and again must not starve the others, nor they it.
	if i >= 0 && (len(q.fresh) == 0 || q.turn && q.health.fails == 0) {
		c := q.failed[i]
		q.failed = slices.Delete(q.failed, i, i+1)
		return c.take(), 0
	}
	if len(q.fresh) > 0 {
		c := q.fresh[0]
		q.fresh[0] = nil
		if q.fresh = q.fresh[1:]; len(q.fresh) == 0 {
			q.fresh = nil
		}
		return c.take(), 0
	}
	return nil, wait
}

func (c *chain) take() *delivery {
	c.taken = true
	return c.items[0]
}

// nextFailed returns the index of the head that is due longest, or -1 and how long to wait for one.
func (q *queue) nextFailed(now time.Time, closing bool) (int, time.Duration) {
	best := -1
	for i, c := range q.failed {
		if best < 0 || c.items[0].due.Before(q.failed[best].items[0].due) {
			best = i
		}
	}
	if best < 0 {
		return -1, -1
	}
	if wait := q.failed[best].items[0].due.Sub(now); wait > 0 && !closing {
		return -1, wait
	}
	return best, 0
}

// putBack returns what was picked and failed.
func (q *queue) putBack(it *delivery) {
	c := q.chains[it.event.ID]
	c.taken = false
	q.failed = append(q.failed, c)
}

// remove takes out a delivery. If it was picked, the next of its alert may follow.
func (q *queue) remove(it *delivery) {
	c := q.chains[it.event.ID]
	head := c.items[0] == it
	if head {
		c.items[0] = nil
		c.items = c.items[1:]
	} else {
		i := slices.Index(c.items, it)
		c.items = slices.Delete(c.items, i, i+1)
	}
	q.n--
	switch {
	case len(c.items) == 0:
		delete(q.chains, it.event.ID)
		if !c.taken {
			same := func(x *chain) bool { return x == c }
			q.fresh = slices.DeleteFunc(q.fresh, same)
			q.failed = slices.DeleteFunc(q.failed, same)
		}
	case head && c.taken:
		c.taken = false
		q.fresh = append(q.fresh, c)
	}
}

// idle returns how many deliveries are left that are not being tried.
func (q *queue) idle() int { return q.n - q.flying }

// worked notes that the destination is there.
func (h *health) worked() { *h = health{works: true} }

// failed notes that a delivery failed and might have succeeded.
func (h *health) failed(now time.Time, err error) {
	if h.fails == 0 {
		h.since = now
	}
	h.fails++
	h.err = err
}

// Backoff returns the pause after n failures: from lo, doubled each time, up to hi, of which up to
// a half is left to chance, lest all agents of a fleet return at once.
func Backoff(n int, lo, hi time.Duration) time.Duration {
	d := lo
	for ; n > 1 && d < hi; n-- {
		d *= 2
	}
	d = min(d, hi)
	return d/2 + rand.N(d/2+1)
}
