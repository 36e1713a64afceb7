package spool

import (
	"slices"
	"sync"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
)

// This file tells those who hand over events which of them are safe.

// A receipt has them hear that an event is.
type receipt struct {
	batch *Batch
	event *alert.Event
	left  int  // entries with something to deliver of the event: its own, and those that are made of it
	given bool // guarded by the receipts' lock
}

// An unsynced event is safe when so many records are synced.
type unsynced struct {
	after   uint64
	receipt *receipt
}

// inherit has the receipts of an event wait for e, too, which is made of it.
func (e *Entry) inherit(it *Item) {
	if e.left == 0 || it.entry == nil {
		return
	}
	for _, r := range it.entry.receipts {
		r.left++
		e.receipts = append(e.receipts, r)
	}
}

// settle is called when e is over.
func (s *Spool) settle(e *Entry) {
	for _, r := range e.receipts {
		r.left--
		if r.left == 0 && (s.disk == nil || s.disk.Broken() != nil) {
			s.receipts.give(r)
		}
	}
	e.receipts = nil
}

// written returns the number of records so far.
func (s *Spool) written() uint64 {
	if s.disk == nil {
		return 0
	}
	n, _ := s.disk.Counts()
	return n
}

// await sees to it that who handed over p hears when it is safe. e is its entry, nil if nothing is left
// of it; before is the number of records before it came. The lock is held.
func (s *Spool) await(e *Entry, p *Posting, before uint64) {
	if p.Batch == nil {
		return
	}
	r := &receipt{batch: p.Batch, event: p.Event}
	broken := s.disk != nil && s.disk.Broken() != nil
	switch {
	case e != nil && e.left > 0:
		r.left = 1
		e.receipts = append(e.receipts, r)
	case s.disk == nil || broken:
		s.receipts.give(r)
		return
	}
	if s.disk == nil {
		return
	}
	after := s.written()
	if broken && after == before {
		after++ // it is in the copy with which the next segment begins
	}
	s.unsynced = append(s.unsynced, unsynced{after, r})
	switch {
	case !broken:
		s.swept = false
	case !s.swept || len(s.unsynced) > 2*len(s.entries)+16:
		s.sweep()
	}
}

// sweep gives receipts for what is over, while the disk fails.
func (s *Spool) sweep() {
	s.swept = true
	s.unsynced = slices.DeleteFunc(s.unsynced, func(u unsynced) bool {
		if u.receipt.left == 0 {
			s.receipts.give(u.receipt)
		}
		return u.receipt.left == 0
	})
}

// release gives receipts for what has been synced.
func (s *Spool) release() {
	s.lock.Lock()
	defer s.lock.Unlock()
	_, synced := s.disk.Counts()
	n := 0
	for n < len(s.unsynced) && s.unsynced[n].after <= synced {
		s.receipts.give(s.unsynced[n].receipt)
		n++
	}
	if s.unsynced = s.unsynced[n:]; len(s.unsynced) == 0 {
		s.unsynced = nil
	}
}

// Commit has what was put before it made safe soon. It waits only for a disk that hangs, lest events be
// hoarded.
func (s *Spool) Commit() {
	if s.disk == nil {
		return
	}
	s.lock.Lock()
	hoard := len(s.unsynced) > s.c.MaxEvents
	s.lock.Unlock()
	if hoard {
		s.disk.Sync()
	} else {
		s.disk.Urgent()
	}
}

// Sync makes what was put before it safe.
func (s *Spool) Sync() {
	if s.disk != nil {
		s.disk.Sync()
	}
}

// Broken says why nothing can be written to the disk, if that is so.
func (s *Spool) Broken() error {
	if s.disk == nil {
		return nil
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.disk.Broken()
}

// receipts are given one after the other, by a goroutine that holds no lock and runs while there are
// some. The zero value is ready for use.
type receipts struct {
	mu      sync.Mutex
	list    []*receipt
	busy    bool
	running sync.WaitGroup
}

// give gives those that were not given yet.
func (q *receipts) give(list ...*receipt) {
	if len(list) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range list {
		if !r.given {
			r.given = true
			q.list = append(q.list, r)
		}
	}
	if !q.busy && len(q.list) > 0 {
		q.busy = true
		q.running.Go(q.run)
	}
}

func (q *receipts) run() {
	for {
		q.mu.Lock()
		list := q.list
		q.list = nil
		if len(list) == 0 {
			q.busy = false
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
		for len(list) > 0 {
			b := list[0].batch
			var events []*alert.Event
			for len(list) > 0 && list[0].batch == b {
				events = append(events, list[0].event)
				list = list[1:]
			}
			b.Safe(events)
		}
	}
}

// wait returns when all have been given.
func (q *receipts) wait() { q.running.Wait() }
