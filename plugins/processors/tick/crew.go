package tick

import "sync"

// This file holds the goroutines that empty the mailboxes.

// A crew gives tasks their turns. As long as one waits for its turn there is a goroutine that is not
// itself in the middle of a turn, be it that it has yet to begin: so no task waits for another, however
// long that takes, and Go's scheduler shares the processors among those at work. When tasks are quick,
// few goroutines serve them all; when there is nothing to do, there is none.
type crew struct {
	work func() // run; a func value, for starting a goroutine with it allocates nothing

	mu      sync.Mutex
	first   *mailbox // that waits for a turn
	last    *mailbox
	looking int // goroutines that are not in the middle of a turn
}

// add has a mailbox wait for a turn. It must not wait for one already, nor have one.
func (c *crew) add(m *mailbox) {
	c.mu.Lock()
	c.push(m)
	start := c.looking == 0
	if start {
		c.looking++
	}
	c.mu.Unlock()
	if start {
		go c.work()
	}
}

func (c *crew) push(m *mailbox) {
	if c.last == nil {
		c.first = m
	} else {
		c.last.next = m
	}
	c.last = m
}

func (c *crew) pop() *mailbox {
	m := c.first
	if m == nil {
		return nil
	}
	if c.first = m.next; c.first == nil {
		c.last = nil
	}
	m.next = nil
	return m
}

// run gives turns until nobody waits for one.
func (c *crew) run() {
	growStack(0)
	c.mu.Lock()
	for {
		m := c.pop()
		c.looking--
		start := c.first != nil && c.looking == 0
		if start {
			c.looking++
		}
		c.mu.Unlock()
		if m == nil {
			return
		}
		if start {
			go c.work()
		}
		again := m.turn()
		c.mu.Lock()
		c.looking++
		if again {
			c.push(m)
		}
	}
}

// stackSize is what most turns take.
const stackSize = 6 << 10

// growStack makes the stack of a new goroutine large enough for a turn. In the middle of one it would
// take microseconds, as all that is on the stack is moved.
//
//go:noinline
func growStack(i int) byte {
	var b [stackSize]byte
	return b[i]
}
