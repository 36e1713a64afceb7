package alerter

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/influxdata/telegraf"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
)

// A diskSpool is a Spool that outlives the process. All that it has is in memory too; a journal has
// what happened to it, from which the next process makes it again.
//
// An event is synced before its source hears that it is safe: Commit waits for the sync or has it done by
// the next round of a goroutine, which covers all events that have come meanwhile. What deliveries were made is written at once but synced some time later: a crash of
// the process forgets none of it, one of the machine what happened in the last second, so that
// receivers get those events again.
//
// When the disk fails, the spool goes on in memory until that works again. Events are safe then when
// nothing is left to deliver of them.
type diskSpool struct {
	disk   *journal.Log // its lock guards memorySpool and unsynced
	log    telegraf.Logger
	failed error // why the folder could not be read at first
	// late calls open and restores what it returns, if that was not possible at first.
	late func() error

	*memorySpool
	unsynced []unsynced
	swept    bool // those that were over when the disk failed are out of unsynced
}

// An unsynced event is safe when so many records are synced.
type unsynced struct {
	after uint64
	item  *spooled // nil if it was over when it came
	*receipt
}

// openSpool locks and reads a folder. It fails only if another spool has it; start must follow. What it
// returns is nil if there is nothing that can be read yet.
func openSpool(name string, dir journal.Folder, m *memorySpool, log telegraf.Logger) (*diskSpool, *loaded, error) {
	s := &diskSpool{log: log, memorySpool: m}
	m.syncs = func() bool { return s.disk.Broken() == nil }
	s.disk = journal.New(journal.Config{
		Format: spoolFormat, Folder: dir, Name: name, Title: "Spool", Log: log,
		Without: "alerts are kept in memory",
		Copy:    s.copy, Synced: s.release, Late: func() error { return s.late() },
	})
	x, err := s.open()
	if errors.Is(err, journal.ErrLocked) {
		return nil, nil, err
	}
	s.failed = err
	return s, x, nil
}

// open reads what an earlier process has left.
func (s *diskSpool) open() (*loaded, error) {
	x := newLoaded()
	if err := s.disk.Read(x.take); err != nil {
		return nil, err
	}
	x.settle()
	s.disk.Lock()
	defer s.disk.Unlock()
	// Events that have come meanwhile are newer.
	if len(s.events) > 0 {
		events := s.events
		s.events = map[uint64]*spooled{}
		for seq, item := range events {
			s.events[seq+x.last] = item
			s.pending[keyOf(item.event.EventID)] = seq + x.last
			for _, it := range item.list {
				if it != nil {
					it.seq = seq + x.last
				}
			}
		}
	}
	s.next += x.last
	// What is remembered of later events prevails.
	for key, l := range s.told {
		x.told[key] = l
	}
	for key, l := range s.levels {
		x.levels[key] = l
	}
	s.told, s.levels = x.told, x.levels
	recent := s.order[s.head:]
	s.order, s.head, s.seen = nil, 0, map[eventKey]struct{}{}
	for _, id := range append(x.ids, recent...) {
		s.note(id.key, id.at)
	}
	return x, nil
}

// start begins to write, with all that has been restored.
func (s *diskSpool) start() { s.disk.Start(s.failed) }

// adopt stores an event that was read. list has nil for deliveries that are over.
func (s *diskSpool) adopt(x *storedEvent, list []*delivery) {
	s.disk.Lock()
	defer s.disk.Unlock()
	s.add(x.seq, x.event, list, x.since)
}

// copy writes all IDs, levels and events.
func (s *diskSpool) copy(record func(func(*journal.Encoder))) {
	for ids := s.order[s.head:]; len(ids) > 0; {
		n := min(len(ids), 4096)
		record(func(e *journal.Encoder) { encodeIDs(e, ids[:n]) })
		ids = ids[n:]
	}
	record(func(e *journal.Encoder) { encodeStanding(e, s.told, s.levels) })
	for _, seq := range s.numbers() {
		record(func(e *journal.Encoder) { encodeStored(e, seq, s.events[seq]) })
	}
}

// Put implements [Spool].
func (s *diskSpool) Put(p *posting) error {
	s.disk.Lock()
	defer s.disk.Unlock()
	seq, safe := s.next, p.safe
	before, _ := s.disk.Counts()
	p.safe = nil
	err := s.memorySpool.Put(p)
	p.safe = safe
	defer s.hold(p, before)
	if err != nil {
		return err
	}
	item := s.events[seq]
	switch {
	case item != nil:
		s.disk.Append(func(e *journal.Encoder) { encodeStored(e, seq, item); encodeChanges(e, p) })
	case len(p.levels)+len(p.over) > 0:
		none := &spooled{event: &alert.Event{EventID: p.event.EventID}, since: time.Now().UnixNano()}
		s.disk.Append(func(e *journal.Encoder) { encodeStored(e, seq, none); encodeChanges(e, p) })
	case p.event.EventID != "":
		s.disk.Append(func(e *journal.Encoder) { encodeIDs(e, s.order[len(s.order)-1:]) })
	}
	return nil
}

// hold lets the source of an event hear when it is safe. While the disk fails, that is when nothing is
// left to deliver of it, or when the copy is safe with which the next segment begins. before is the number
// of records before the event came.
func (s *diskSpool) hold(p *posting, before uint64) {
	if p.safe == nil {
		return
	}
	u := unsynced{item: s.find(p.event), receipt: &receipt{safe: p.safe}}
	u.after, _ = s.disk.Counts()
	if s.disk.Broken() != nil {
		if u.after == before {
			u.after++
		}
		if u.item == nil {
			s.receipts.give(u.receipt)
			return
		}
		if !s.swept || len(s.unsynced) > 2*len(s.events)+16 {
			s.swept = true
			s.unsynced = slices.DeleteFunc(s.unsynced, func(u unsynced) bool {
				if u.item == nil || u.item.left == 0 {
					s.receipts.give(u.receipt)
				}
				return u.given
			})
		}
	} else {
		s.swept = false
	}
	if u.item != nil {
		u.item.safe = append(u.item.safe, u.receipt)
	}
	s.unsynced = append(s.unsynced, u)
}

// Done implements [Spool].
func (s *diskSpool) Done(it *delivery, how ending) {
	s.disk.Lock()
	defer s.disk.Unlock()
	if !s.over(it) {
		return
	}
	kind := byte(recFailed)
	switch how {
	case made:
		s.tell(it)
		kind = recMade
	case dropped:
		kind = recDropped
	}
	s.disk.Append(func(e *journal.Encoder) { encodeMark(e, kind, it) })
	s.disk.Lazy()
}

// Rest implements [Spool].
func (s *diskSpool) Rest(it *delivery) {
	rest, err := json.Marshal(it.options)
	if err != nil {
		s.log.Errorf("Spool: options of %s: %v", it.outlet.kind.Name, err)
		return
	}
	s.disk.Lock()
	defer s.disk.Unlock()
	it.rest = rest
	s.disk.Append(func(e *journal.Encoder) { encodeMark(e, recRest, it); e.Bytes(rest) })
	s.disk.Lazy()
}

// Full implements [Spool].
func (s *diskSpool) Full() bool {
	s.disk.Lock()
	defer s.disk.Unlock()
	return s.memorySpool.Full()
}

// Use implements [Spool].
func (s *diskSpool) Use() float64 {
	s.disk.Lock()
	defer s.disk.Unlock()
	return s.memorySpool.Use()
}

// Broken implements [Spool].
func (s *diskSpool) Broken() error {
	s.disk.Lock()
	defer s.disk.Unlock()
	return s.disk.Broken()
}

// Commit implements [Spool]. A disk that hangs must not make us hoard events.
func (s *diskSpool) Commit(wait bool) {
	s.disk.Lock()
	wait = wait || len(s.unsynced) > s.maxEvents
	s.disk.Unlock()
	if wait {
		s.disk.Sync()
	} else {
		s.disk.Urgent()
	}
}

// release tells sources which events are safe.
func (s *diskSpool) release() {
	s.disk.Lock()
	defer s.disk.Unlock()
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

// Close implements [Spool].
func (s *diskSpool) Close() (kept bool, err error) {
	kept, err = s.disk.Close()
	s.receipts.wait()
	return kept, err
}
