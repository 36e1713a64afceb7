package alerter

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/influxdata/telegraf"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
)

// A diskSpool is a Spool that outlives the process. All that it has is in memory too; the disk has
// a log of what happened to it, from which the next process makes it again.
//
// It is a log of its own and no database (bbolt was at hand) because an event must be on the disk
// before it is acknowledged, and events come in storms: appending costs one sync of one file and as
// many bytes as the event has, a commit of bbolt two syncs and several pages. What a crash can do to
// a log is plain, too: its end may be missing.
//
// The log is cut into segments. When one has grown enough, the next begins with a copy of what is
// still needed, and when that is synced the older ones are removed. So there may be several at any
// time, and reading all of them in order is right whenever the process died.
//
// An event is synced before it is acknowledged: Commit waits for it or, if the metric tracks its
// delivery, has it done by the next round of a goroutine, which covers all events that have come
// meanwhile. What deliveries were made is written at once but synced some time later: a crash of
// the process forgets none of it, one of the machine what happened in the last second, so that
// receivers get those events again.
//
// When the disk fails, the spool goes on in memory and returns to the disk with a new segment as
// soon as it works again.
type diskSpool struct {
	name   string // of the folder, for messages
	dir    folder
	log    telegraf.Logger
	unlock func()
	growth int64 // minGrowth
	// late calls open and restores what it returns, if that was not possible at first.
	late func() error

	mu sync.Mutex // guards memorySpool and all below
	*memorySpool
	opened  bool   // what an earlier process left has been read
	file    file   // the segment to write to; nil while broken
	current string // its name
	number  uint64 // of the last segment
	size    int64  // of the segment
	limit   int64  // at which it is full
	written uint64 // records
	synced  uint64 // how many of them are on the disk for sure
	fresh   bool   // the segment's name is not there for sure
	broken  error  // why nothing is written
	stale   []oldSegment
	held    []heldMetric
	scratch encoder

	syncing      sync.Mutex // held during a sync, taken before mu
	urgent, lazy chan struct{}
	stop, ended  chan struct{}
}

// An oldSegment may go when what is in the newer one is synced.
type oldSegment struct {
	name string
	file file // still open, or nil
}

// A heldMetric is acknowledged when so many records are synced.
type heldMetric struct {
	after  uint64
	metric telegraf.Metric
}

const (
	// syncLag is how long the news of a delivery may stay unsynced.
	syncLag = time.Second
	// diskRetry is the pause between attempts to write to a disk that failed.
	diskRetry = 10 * time.Second
	// minGrowth is how much is written to a segment before the next one.
	minGrowth = 8 << 20
)

// openSpool locks and reads a folder. It fails only if another spool has it; start must follow.
func openSpool(name string, dir folder, m *memorySpool, log telegraf.Logger) (*diskSpool, *loaded, error) {
	s := &diskSpool{
		name: name, dir: dir, log: log, memorySpool: m, growth: minGrowth,
		urgent: make(chan struct{}, 1), lazy: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{}),
	}
	x, err := s.open()
	if errors.Is(err, errLocked) {
		return nil, nil, fmt.Errorf("state_directory %s: %w", name, err)
	}
	if err != nil {
		s.fail(err)
	}
	return s, x, nil
}

// open reads what an earlier process has left.
func (s *diskSpool) open() (*loaded, error) {
	if s.unlock == nil {
		unlock, err := s.dir.Lock()
		if err != nil {
			return nil, err
		}
		s.unlock = unlock
	}
	x, err := loadSpool(s.dir, s.log)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened = true
	s.number = max(s.number, x.number)
	for _, name := range x.names {
		s.stale = append(s.stale, oldSegment{name: name})
	}
	// Events that have come meanwhile are newer.
	if len(s.events) > 0 {
		events := s.events
		s.events = map[uint64]*spooled{}
		for seq, item := range events {
			s.events[seq+x.last] = item
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

// start begins a segment with what has been restored, and the work in the background.
func (s *diskSpool) start() {
	if s.broken == nil {
		s.repair()
	}
	go s.run()
}

// adopt stores an event that was read. list has nil for deliveries that are over.
func (s *diskSpool) adopt(x *storedEvent, list []*delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(x.seq, x.event, list, x.since)
}

// Put implements [Spool].
func (s *diskSpool) Put(p *posting) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	seq := s.next
	if err := s.memorySpool.Put(p); err != nil {
		return err
	}
	item := s.events[seq]
	switch {
	case item != nil:
		s.append(func(e *encoder) { e.stored(seq, item); e.changes(p) })
	case len(p.levels)+len(p.over) > 0:
		none := &spooled{event: &alert.Event{EventID: p.event.EventID}, since: time.Now().UnixNano()}
		s.append(func(e *encoder) { e.stored(seq, none); e.changes(p) })
	case p.event.EventID != "":
		s.append(func(e *encoder) { e.ids(s.order[len(s.order)-1:]) })
	}
	return nil
}

// Done implements [Spool].
func (s *diskSpool) Done(it *delivery, how ending) {
	s.mu.Lock()
	defer s.mu.Unlock()
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
	s.append(func(e *encoder) { e.mark(kind, it) })
	s.wake(s.lazy)
}

// Rest implements [Spool].
func (s *diskSpool) Rest(it *delivery) {
	rest, err := json.Marshal(it.options)
	if err != nil {
		s.log.Errorf("Spool: options of %s: %v", it.outlet.kind.Name, err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	it.rest = rest
	s.append(func(e *encoder) { e.mark(recRest, it); e.bytes(rest) })
	s.wake(s.lazy)
}

// Full implements [Spool].
func (s *diskSpool) Full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.memorySpool.Full()
}

// Use implements [Spool].
func (s *diskSpool) Use() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.memorySpool.Use()
}

// Broken implements [Spool].
func (s *diskSpool) Broken() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

func (s *diskSpool) wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (e *encoder) mark(kind byte, it *delivery) {
	e.byte(kind)
	e.uint(it.seq)
	e.uint(uint64(it.index))
}

func (e *encoder) ids(list []sighted) {
	e.byte(recIDs)
	for _, id := range list {
		e.b = append(e.b, id.key[:]...)
		e.b = binary.LittleEndian.AppendUint64(e.b, uint64(id.at))
	}
}

// append writes a record of what has been done in memory.
func (s *diskSpool) append(fill func(*encoder)) {
	if s.file == nil {
		return
	}
	s.scratch.b = beginRecord(s.scratch.b[:0])
	fill(&s.scratch)
	endRecord(s.scratch.b, 0)
	if _, err := s.file.Write(s.scratch.b); err != nil {
		s.fail(err)
		return
	}
	s.written++
	s.size += int64(len(s.scratch.b))
	if cap(s.scratch.b) > 1<<20 {
		s.scratch.b = nil
	}
	if s.size > s.limit {
		if err := s.rotate(); err != nil {
			s.fail(err)
		}
	}
}

// rotate begins the next segment with a copy of everything.
func (s *diskSpool) rotate() error {
	s.number++
	name := segmentName(s.number)
	f, err := s.dir.Create(name)
	if err != nil {
		return err
	}
	size, err := s.copyTo(f)
	if err != nil {
		return errors.Join(err, f.Close(), s.dir.Remove(name))
	}
	s.retire()
	s.file, s.current, s.fresh = f, name, true
	s.size, s.limit = size, size+max(size, s.growth)
	s.written++
	return nil
}

// retire gives up the current segment. It may be in the midst of a sync, so it is closed later.
func (s *diskSpool) retire() {
	if s.file != nil {
		s.stale = append(s.stale, oldSegment{s.current, s.file})
		s.file = nil
	}
}

// copyTo writes all IDs and events.
func (s *diskSpool) copyTo(f file) (size int64, err error) {
	e := encoder{b: []byte(segmentMagic)}
	flush := func(least int) {
		if err == nil && len(e.b) >= least {
			_, err = f.Write(e.b)
			size += int64(len(e.b))
			e.b = e.b[:0]
		}
	}
	record := func(fill func()) {
		start := len(e.b)
		e.b = beginRecord(e.b)
		fill()
		endRecord(e.b, start)
		flush(1 << 20)
	}
	record(func() { e.byte(recBegin) })
	for ids := s.order[s.head:]; len(ids) > 0 && err == nil; {
		n := min(len(ids), 4096)
		record(func() { e.ids(ids[:n]) })
		ids = ids[n:]
	}
	record(func() { e.standing(s.told, s.levels) })
	for _, seq := range s.numbers() {
		if err != nil {
			return size, err
		}
		record(func() { e.stored(seq, s.events[seq]) })
	}
	record(func() { e.byte(recEnd); e.uint(uint64(len(s.events))) })
	flush(0)
	return size, err
}

// fail notes that the disk cannot be written.
func (s *diskSpool) fail(err error) {
	if s.broken == nil {
		s.log.Errorf("Spool: cannot write to %s: %v; alerts are kept in memory until that works again", s.name, err)
	}
	s.broken = err
	s.retire()
	s.wake(s.lazy)
}

// Commit implements [Spool].
func (s *diskSpool) Commit(tracked []telegraf.Metric, wait bool) {
	s.mu.Lock()
	for _, m := range tracked {
		s.held = append(s.held, heldMetric{s.written, m.Copy()})
	}
	// A disk that is slow, or has failed, must not make us hoard metrics.
	var spare []heldMetric
	if n := len(s.held) - s.maxEvents; n > 0 {
		if wait = true; s.broken != nil {
			spare, s.held = s.held[:n:n], s.held[n:]
		}
	}
	wait = wait && s.broken == nil
	s.mu.Unlock()
	accept(spare)
	if wait {
		s.sync()
	} else if len(tracked) > 0 {
		s.wake(s.urgent)
	}
}

func accept(list []heldMetric) {
	for _, h := range list {
		h.metric.Accept()
	}
}

// sync makes all that was written before the call safe, together with what else has been written
// by then.
func (s *diskSpool) sync() {
	s.mu.Lock()
	target := s.written
	s.mu.Unlock()

	s.syncing.Lock()
	defer s.syncing.Unlock()
	s.mu.Lock()
	if s.broken != nil {
		s.mu.Unlock()
		return
	}
	f, written, fresh, stale := s.file, s.written, s.fresh, s.stale
	need := s.synced < target || len(stale) > 0
	if need {
		s.stale = nil
	}
	s.mu.Unlock()
	if need {
		err := f.Sync()
		if err == nil && fresh {
			err = s.dir.Sync()
		}
		s.mu.Lock()
		if err != nil {
			// What was written before may be lost, and a second try would not tell.
			s.stale = append(stale, s.stale...)
			s.fail(err)
			s.mu.Unlock()
			return
		}
		s.synced = written
		if f == s.file {
			s.fresh = false
		}
		s.mu.Unlock()
		s.remove(stale)
	}
	s.release()
}

// release acknowledges the metrics whose events are safe.
func (s *diskSpool) release() {
	s.mu.Lock()
	n := 0
	for n < len(s.held) && s.held[n].after <= s.synced {
		n++
	}
	safe := s.held[:n:n]
	if s.held = s.held[n:]; len(s.held) == 0 {
		s.held = nil
	}
	s.mu.Unlock()
	accept(safe)
}

// remove deletes segments that are not needed any more, the oldest first. If that fails the next
// ones have it done.
func (s *diskSpool) remove(stale []oldSegment) {
	for i, old := range stale {
		if old.file != nil {
			_ = old.file.Close()
			stale[i].file = nil
		}
	}
	for i, old := range stale {
		if err := s.dir.Remove(old.name); err != nil {
			s.log.Debugf("Spool: %v", err)
			s.mu.Lock()
			s.stale = append(stale[i:len(stale):len(stale)], s.stale...)
			s.mu.Unlock()
			return
		}
	}
}

// repair writes everything to a new segment.
func (s *diskSpool) repair() {
	s.syncing.Lock()
	defer s.syncing.Unlock()
	s.mu.Lock()
	err := s.rotate()
	if err == nil {
		err = errors.Join(s.file.Sync(), s.dir.Sync())
	}
	if err != nil {
		s.fail(err)
		s.mu.Unlock()
		return
	}
	if s.broken != nil {
		s.log.Infof("Spool: writes to %s again", s.name)
	}
	s.broken, s.fresh, s.synced = nil, false, s.written
	stale := s.stale
	s.stale = nil
	s.mu.Unlock()
	s.remove(stale)
	s.release()
}

// run syncs what nobody waits for, and returns to a disk that failed.
func (s *diskSpool) run() {
	defer close(s.ended)
	t := time.NewTimer(diskRetry)
	t.Stop()
	armed := false
	for {
		select {
		case <-s.urgent:
			s.sync()
			continue
		case <-s.lazy:
			if armed {
				continue
			}
		case <-t.C:
			armed = false
			s.mu.Lock()
			broken, opened := s.broken != nil, s.opened
			s.mu.Unlock()
			switch {
			case !broken:
				s.sync()
			case opened || s.late() == nil:
				s.repair()
			}
		case <-s.stop:
			return
		}
		s.mu.Lock()
		pause := syncLag
		again := s.synced < s.written
		if s.broken != nil {
			pause, again = diskRetry, true
		}
		s.mu.Unlock()
		if again && !armed {
			t.Reset(pause)
			armed = true
		}
	}
}

// Close implements [Spool].
func (s *diskSpool) Close() (kept bool, err error) {
	close(s.stop)
	<-s.ended
	if s.broken != nil && s.opened {
		s.repair()
	}
	s.sync()
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, err = s.broken == nil, s.broken
	if s.file != nil {
		err = errors.Join(err, s.file.Close())
		s.file = nil
	}
	for _, old := range s.stale {
		if old.file != nil {
			_ = old.file.Close()
		}
	}
	if s.unlock != nil {
		s.unlock()
		s.unlock = nil
	}
	return kept, err
}
