package tick

import (
	"slices"
	"sync"

	"github.com/influxdata/telegraf/selfstat"
)

// This file tells the two instances of a plugin block apart.
//
// The agent makes two of every processor block, one right after the other, and hands both the same
// configuration: the first for what inputs collect, the second for what aggregators push. Nothing
// tells an instance which one it is, and a second one that evaluates would alert twice. But the two
// get different IDs, and an instance is configured before the next is made. So an instance is the
// second of its block if the one made before it is a first one, with the same settings and another
// ID. One without an ID, in a test or in another host, stands alone.

// A role says which instance of its block one is.
type role uint8

const (
	unknown role = iota
	first
	second
)

// born is the newest instance and the one before it. It outlives a reload, which makes new ones.
var born struct {
	sync.Mutex
	last, before *Tick
}

// enroll notes that t was made. The instance before has its configuration by now.
func (t *Tick) enroll() {
	born.Lock()
	defer born.Unlock()
	if born.last != nil {
		born.last.decide(born.before)
	}
	born.last, born.before = t, born.last
}

// isSecond reports whether t is the second instance of its block. It must have its configuration.
func (t *Tick) isSecond() bool {
	born.Lock()
	defer born.Unlock()
	if born.last == t {
		t.decide(born.before)
	}
	return t.role == second
}

// decide sets the role of t, unless it is known; before is the instance that was made before t.
func (t *Tick) decide(before *Tick) {
	switch {
	case t.role != unknown:
	case before != nil && before.role == first && before.sameBlock(t):
		t.role = second
	default:
		t.role = first
	}
}

// sameBlock reports whether t and o can be the two instances of one block.
func (t *Tick) sameBlock(o *Tick) bool {
	a, b := instanceID(t.Statistics), instanceID(o.Statistics)
	return a != "" && b != "" && a != b && slices.Equal(t.Scripts, o.Scripts) &&
		slices.EqualFunc(t.Tasks, o.Tasks, func(a, b *Task) bool { return a.Name == b.Name && a.Script == b.Script && a.File == b.File })
}

// instanceID returns the ID that the host gave an instance, "" if there is none.
func instanceID(c *selfstat.Collector) string {
	if c == nil {
		return ""
	}
	defer c.Unregister(statsName, "instance", nil)
	return c.Register(statsName, "instance", nil).Tags()["_id"]
}
