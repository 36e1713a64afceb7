package alerter

import (
	"crypto/sha256"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/influxdata/telegraf"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
)

// A Spool keeps events until all their deliveries are over, and remembers for a while which events
// there were. All methods but Commit are called by one goroutine at a time.
type Spool interface {
	// Put stores e with its deliveries, and numbers them. It fails with errKnown if an event of that
	// ID is or was here.
	Put(e *alert.Event, list []*delivery) error
	// Done notes that a delivery is over. One that is not known is ignored.
	Done(it *delivery, how ending)
	// Rest notes that a part of a delivery has been made: its options are what is left.
	Rest(it *delivery)
	// Full reports whether there is more than the limits allow.
	Full() bool
	// Commit makes what was put before it safe. It waits for that if told to. The metrics, which
	// carried the events, are acknowledged no sooner.
	Commit(tracked []telegraf.Metric, wait bool)
	// Close ends the use of the spool and reports whether it keeps what is left in it.
	Close() (kept bool, err error)
}

// An ending is how a delivery ended.
type ending byte

const (
	// made: its turn came, and it is over for good. All deliveries of the same alert to the same
	// destination that were before it are over too.
	made ending = iota
	// dropped: to make room.
	dropped
)

var errKnown = errors.New("known event")

const (
	// remembered is how many IDs of events are kept to recognise repeats.
	remembered = 1 << 16
	// rememberFor is how long. A repeat comes as long as another output of the agent holds the
	// event back.
	rememberFor = 7 * 24 * time.Hour
)

// memorySpool is a Spool that dies with the process.
type memorySpool struct {
	maxEvents int
	maxBytes  int64
	bytes     int64
	events    map[uint64]*spooled
	next      uint64 // number of the next event
	pending   map[eventKey]struct{}
	seen      map[eventKey]struct{}
	order     []sighted // what is in seen, oldest first, from head on
	head      int
}

type spooled struct {
	event *alert.Event
	since int64 // nanoseconds since the Unix epoch
	bytes int64
	left  int
	list  []*delivery // nil where it is over
}

// An eventKey is the hash of an EventID.
type eventKey [16]byte

type sighted struct {
	key eventKey
	at  int64
}

func keyOf(id string) eventKey {
	sum := sha256.Sum256([]byte(id))
	return eventKey(sum[:16])
}

func newMemorySpool(maxEvents int, maxBytes int64) *memorySpool {
	return &memorySpool{
		maxEvents: maxEvents, maxBytes: maxBytes, next: 1,
		events: map[uint64]*spooled{}, pending: map[eventKey]struct{}{}, seen: map[eventKey]struct{}{},
	}
}

func (s *memorySpool) Put(e *alert.Event, list []*delivery) error {
	now := time.Now().UnixNano()
	if e.EventID != "" && !s.remember(keyOf(e.EventID), now) {
		return errKnown
	}
	s.add(s.next, e, list, now)
	return nil
}

// add stores e, unless there is nothing to deliver: list has nil for what is over.
func (s *memorySpool) add(seq uint64, e *alert.Event, list []*delivery, since int64) {
	s.next = max(s.next, seq+1)
	item := &spooled{event: e, since: since, bytes: sizeOf(e), list: slices.Clone(list)}
	for i, it := range list {
		if it != nil {
			it.seq, it.index = seq, i
			item.left++
		}
	}
	if item.left == 0 {
		return
	}
	s.events[seq] = item
	s.pending[keyOf(e.EventID)] = struct{}{}
	s.bytes += item.bytes
}

func (s *memorySpool) Done(it *delivery, _ ending) { s.over(it) }

// over forgets a delivery and reports whether it was known.
func (s *memorySpool) over(it *delivery) bool {
	item := s.events[it.seq]
	if item == nil || item.list[it.index] != it {
		return false
	}
	item.list[it.index] = nil
	if item.left--; item.left == 0 {
		s.bytes -= item.bytes
		delete(s.events, it.seq)
		delete(s.pending, keyOf(item.event.EventID))
	}
	return true
}

func (s *memorySpool) Rest(*delivery) {}

func (s *memorySpool) Full() bool { return len(s.events) > s.maxEvents || s.bytes > s.maxBytes }

func (s *memorySpool) Commit([]telegraf.Metric, bool) {}

func (s *memorySpool) Close() (bool, error) { return false, nil }

// remember notes an ID and reports whether it is new.
func (s *memorySpool) remember(key eventKey, at int64) bool {
	if _, ok := s.pending[key]; ok {
		return false
	}
	return s.note(key, at)
}

func (s *memorySpool) note(key eventKey, at int64) bool {
	if _, ok := s.seen[key]; ok {
		return false
	}
	s.seen[key] = struct{}{}
	s.order = append(s.order, sighted{key, at})
	for s.head < len(s.order)-1 && (len(s.seen) > remembered || at-s.order[s.head].at > int64(rememberFor)) {
		delete(s.seen, s.order[s.head].key)
		s.head++
	}
	if s.head > remembered {
		s.order = slices.Clone(s.order[s.head:])
		s.head = 0
	}
	return true
}

// numbers returns those of the stored events, oldest first.
func (s *memorySpool) numbers() []uint64 { return slices.Sorted(maps.Keys(s.events)) }

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
