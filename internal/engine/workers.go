package engine

import "sync"

// This file holds the goroutines that empty the mailboxes.

// Workers give tasks their turns. As long as one waits for its turn there is a goroutine that is not
// itself in the middle of a turn, be it that it has yet to begin: so no task waits for another, however
// long that takes, and Go's scheduler shares the processors among those at work. When tasks are quick,
// few goroutines serve them all; when there is nothing to do, there is none.
type workers struct {
	work func() // run; a func value, for starting a goroutine with it allocates nothing

	mu      sync.Mutex
	first   *mailbox // that waits for a turn
	last    *mailbox
	looking int // goroutines that are not in the middle of a turn
}

// add has a mailbox wait for a turn. It must not wait for one already, nor have one.
func (w *workers) add(m *mailbox) {
	w.mu.Lock()
	w.push(m)
	start := w.looking == 0
	if start {
		w.looking++
	}
	w.mu.Unlock()
	if start {
		go w.work()
	}
}

func (w *workers) push(m *mailbox) {
	if w.last == nil {
		w.first = m
	} else {
		w.last.next = m
	}
	w.last = m
}

func (w *workers) pop() *mailbox {
	m := w.first
	if m == nil {
		return nil
	}
	if w.first = m.next; w.first == nil {
		w.last = nil
	}
	m.next = nil
	return m
}

// run gives turns until nobody waits for one.
func (w *workers) run() {
	growStack(0)
	w.mu.Lock()
	for {
		m := w.pop()
		w.looking--
		start := w.first != nil && w.looking == 0
		if start {
			w.looking++
		}
		w.mu.Unlock()
		if m == nil {
			return
		}
		if start {
			go w.work()
		}
		again := m.turn()
		w.mu.Lock()
		w.looking++
		if again {
			w.push(m)
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
