package alerter

import (
	"crypto/sha256"
	"errors"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
)

// A Spool keeps events until all their deliveries are over. Its methods are called by one goroutine
// at a time.
type Spool interface {
	// Put stores e, which needs n deliveries, and returns its number and the numbers of older
	// events that were dropped to make room. [errKnown] means that an event of that ID is or was
	// here.
	Put(e *alert.Event, n int) (seq uint64, dropped []uint64, err error)
	// Done notes that one delivery of an event is over. A number that is not known is ignored.
	Done(seq uint64)
	// Close ends the use of the spool.
	Close() error
}

var errKnown = errors.New("known event")

// remembered is how many IDs of events are kept to recognise repeats.
const remembered = 1 << 16

// memorySpool is a Spool that dies with the process. The oldest events are dropped when it is full.
type memorySpool struct {
	maxEvents int
	maxBytes  int64
	bytes     int64
	events    map[uint64]*spooled
	first     uint64 // no event has a lower number
	next      uint64
	seen      map[[16]byte]struct{}
	order     [][16]byte // ring of the IDs in seen
	oldest    int
}

type spooled struct {
	event *alert.Event
	bytes int64
	left  int
}

func newMemorySpool(maxEvents int, maxBytes int64) *memorySpool {
	return &memorySpool{
		maxEvents: maxEvents, maxBytes: maxBytes,
		events: map[uint64]*spooled{}, seen: map[[16]byte]struct{}{},
	}
}

func (s *memorySpool) Put(e *alert.Event, n int) (uint64, []uint64, error) {
	if e.EventID != "" && !s.remember(e.EventID) {
		return 0, nil, errKnown
	}
	seq := s.next
	s.next++
	if n == 0 {
		return seq, nil, nil
	}
	item := &spooled{event: e, bytes: sizeOf(e), left: n}
	s.events[seq] = item
	s.bytes += item.bytes
	var dropped []uint64
	for ; s.first < seq && (len(s.events) > s.maxEvents || s.bytes > s.maxBytes); s.first++ {
		if s.events[s.first] != nil {
			s.forget(s.first)
			dropped = append(dropped, s.first)
		}
	}
	return seq, dropped, nil
}

func (s *memorySpool) Done(seq uint64) {
	item := s.events[seq]
	if item == nil {
		return
	}
	if item.left--; item.left == 0 {
		s.forget(seq)
	}
}

func (s *memorySpool) forget(seq uint64) {
	s.bytes -= s.events[seq].bytes
	delete(s.events, seq)
}

func (s *memorySpool) Close() error { return nil }

// remember notes an ID and reports whether it is new.
func (s *memorySpool) remember(id string) bool {
	sum := sha256.Sum256([]byte(id))
	key := [16]byte(sum[:16])
	if _, ok := s.seen[key]; ok {
		return false
	}
	if len(s.order) < remembered {
		s.order = append(s.order, key)
	} else {
		delete(s.seen, s.order[s.oldest])
		s.order[s.oldest] = key
		s.oldest = (s.oldest + 1) % remembered
	}
	s.seen[key] = struct{}{}
	return true
}

// sizeOf estimates the memory that an event takes.
func sizeOf(e *alert.Event) int64 {
	n := 512 + len(e.EventID) + 2*len(e.ID) + len(e.Message) + len(e.Details) + len(e.Data) + len(e.Group) + len(e.Task)
	for _, t := range e.Tags {
		n += 2*len(t.Key) + 2*len(t.Value) + 64
	}
	for _, f := range e.Fields {
		n += len(f.Key) + len(f.Value.Text) + 48
	}
	for _, h := range e.Handlers {
		n += 2*(len(h.Kind)+len(h.Options)) + 256
	}
	return int64(n)
}
