package alerter

import (
	"container/list"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// This file defines in which order deliveries to one destination are tried.

// A delivery is one event for one handler.
type delivery struct {
	outlet  *outlet
	event   *alert.Event
	options spec.Declarer
	timeout time.Duration // of one attempt; 0 is the plugin's

	seq      uint64        // of the event in the spool
	index    int           // among the event's deliveries
	dest     string        // key of the queue
	origin   []byte        // the first options as JSON
	rest     []byte        // what is left of them, likewise
	shelf    *list.List    // one of the room's, if it waits
	place    *list.Element // there
	revived  bool          // of an earlier process, which may have tried it
	unheard  bool          // the recipients have not heard of the alert before
	next     *delivery     // that supersedes it
	series   eventKey      // of the alert and the recipients
	muted    bool          // when it came
	held     bool          // until no mute covers it
	told     alert.Level   // what the recipients know, if it is held
	since    time.Time
	attempts int
	due      time.Time
	last     bool    // it had its last attempt, when the plugin closes
	queue    *queue  // it is in, if any
	bundle   *bundle // it is in, if any
}

// A queue holds the deliveries to one destination. Those of one alert ID form a chain, of which only
// the head may be tried, so that they arrive in order; a head that failed waits until it is due and
// lets other chains pass. A failure also makes the whole queue pause, so that a dead destination is
// tried with one delivery per pause, and another one each time.
type queue struct {
	outlet *outlet
	key    string
	chains map[string]*chain
	fresh  []*chain  // heads that were never tried, oldest first
	tried  []*chain  // heads that failed
	n      int       // deliveries, those being tried included
	flying int       // deliveries being tried
	fails  int       // failures in a row
	failed time.Time // when the first of them was
	err    error     // the last one
	works  bool      // one has succeeded
	resume time.Time
	odd    bool
	// workers is the number of goroutines; one of them may be asleep, until wake.
	workers  int
	sleeping bool
	wake     chan struct{}
}

type chain struct {
	id     string
	items  []*delivery
	flying bool // the head is being tried
}

func newQueue(o *outlet, key string) *queue {
	return &queue{outlet: o, key: key, chains: map[string]*chain{}, wake: make(chan struct{}, 1)}
}

// push appends d and returns the delivery that it supersedes, if any: the last one with the same
// options, by which not only the destination but also the recipients there are the same.
func (q *queue) push(d *delivery) (before *delivery) {
	q.n++
	c := q.chains[d.event.ID]
	if c == nil {
		c = &chain{id: d.event.ID}
		q.chains[c.id] = c
		q.fresh = append(q.fresh, c)
	}
	if before = q.last(d); before != nil {
		before.next = d
	}
	c.items = append(c.items, d)
	d.queue = q
	return before
}

// last returns the newest delivery of the same series that is of another event, if there is one.
func (q *queue) last(d *delivery) *delivery {
	c := q.chains[d.event.ID]
	if c == nil {
		return nil
	}
	for i := len(c.items) - 1; i >= 0; i-- {
		if x := c.items[i]; x.series == d.series && x.event.EventID != d.event.EventID {
			return x
		}
	}
	return nil
}

// flies reports whether d is being tried.
func (q *queue) flies(d *delivery) bool {
	c := q.chains[d.event.ID]
	return c.flying && c.items[0] == d
}

// drop takes out a delivery that does not fly.
func (q *queue) drop(d *delivery) {
	c := q.chains[d.event.ID]
	i := slices.Index(c.items, d)
	c.items = slices.Delete(c.items, i, i+1)
	q.n--
	if len(c.items) == 0 {
		delete(q.chains, c.id)
		same := func(x *chain) bool { return x == c }
		q.fresh = slices.DeleteFunc(q.fresh, same)
		q.tried = slices.DeleteFunc(q.tried, same)
	}
}

// pick takes out the chain whose head is to be tried now. If there is none it returns how long to
// wait; negative means until something happens. closing ignores pauses and gives each delivery one
// last attempt.
func (q *queue) pick(now time.Time, closing bool) (*chain, time.Duration) {
	if q.fails > 0 && q.flying > 0 && !closing {
		return nil, -1 // one at a time until it works again
	}
	if wait := q.resume.Sub(now); wait > 0 && !closing {
		return nil, wait
	}
	q.odd = !q.odd
	i, wait := q.nextTried(now, closing)
	// A delivery that fails again and again must not starve the others, nor they it.
	if i >= 0 && (len(q.fresh) == 0 || q.odd && q.fails == 0) {
		c := q.tried[i]
		q.tried = slices.Delete(q.tried, i, i+1)
		return c, 0
	}
	if len(q.fresh) > 0 {
		c := q.fresh[0]
		q.fresh[0] = nil
		if q.fresh = q.fresh[1:]; len(q.fresh) == 0 {
			q.fresh = nil
		}
		return c, 0
	}
	return nil, wait
}

// nextTried returns the index of the head that is due longest, or -1 and how long to wait for one.
func (q *queue) nextTried(now time.Time, closing bool) (int, time.Duration) {
	best := -1
	for i, c := range q.tried {
		if closing && c.items[0].last {
			continue
		}
		if best < 0 || c.items[0].due.Before(q.tried[best].items[0].due) {
			best = i
		}
	}
	if best < 0 {
		return -1, -1
	}
	if wait := q.tried[best].items[0].due.Sub(now); wait > 0 && !closing {
		return -1, wait
	}
	return best, 0
}

// remove takes the head off its chain, which was picked, and lets the next of the chain follow.
func (q *queue) remove(c *chain) {
	c.items[0] = nil
	c.items = c.items[1:]
	q.n--
	if len(c.items) == 0 {
		delete(q.chains, c.id)
		return
	}
	q.fresh = append(q.fresh, c)
}

// again puts back a picked chain whose head failed.
func (q *queue) again(c *chain) { q.tried = append(q.tried, c) }

// undelivered returns how many deliveries are left that are not being tried.
func (q *queue) undelivered() int { return q.n - q.flying }

// fault notes that a delivery failed and might have succeeded.
func (q *queue) fault(now time.Time, err error) {
	if q.fails == 0 {
		q.failed = now
	}
	q.fails++
	q.err = err
}

// backoff returns the pause after n failures: from lo, doubled each time, up to hi, of which up to
// a half is left to chance, lest all agents of a fleet return at once.
func backoff(n int, lo, hi time.Duration) time.Duration {
	d := lo
	for ; n > 1 && d < hi; n-- {
		d *= 2
	}
	d = min(d, hi)
	return d/2 + rand.N(d/2+1)
}

// key returns what deliveries must have in common to wait in one queue.
func (d *delivery) key() string {
	if o, ok := d.options.(handler.Destiner); ok {
		return d.outlet.kind.Name + " " + o.Destination()
	}
	return d.outlet.kind.Name
}
