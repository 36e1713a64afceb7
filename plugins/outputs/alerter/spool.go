package alerter

import (
	"crypto/sha256"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
)

// A Spool keeps events until all their deliveries are over, and remembers for a while which events
// there were. All methods but Commit are called by one goroutine at a time.
type Spool interface {
	// Put stores an event with its deliveries, and numbers them. It fails with errKnown if an event of
	// that ID is or was here; its source hears all the same when that one is safe.
	Put(p *posting) error
	// Done notes that a delivery is over. One that is not known is ignored.
	Done(it *delivery, how ending)
	// Rest notes that a part of a delivery has been made: its options are what is left.
	Rest(it *delivery)
	// Full reports whether there is more than the limits allow.
	Full() bool
	// Use returns how much of what the limits allow is taken: 1 is all.
	Use() float64
	// Told returns at which level the receiver of a series of deliveries was told that the alert is,
	// if that is known and not OK.
	Told(series eventKey) (alert.Level, bool)
	// Level returns the level that an alert has in a topic, as far as postings have said.
	Level(topic, id string) alert.Level
	// Topic returns the alerts of a topic that are not OK, as far as postings have said.
	Topic(name string) map[string]alert.Level
	// Broken says why nothing can be written to the disk, if that is so.
	Broken() error
	// Commit makes what was put before it safe. It waits for that if told to.
	Commit(wait bool)
	// Close ends the use of the spool and reports whether it keeps what is left in it.
	Close() (kept bool, err error)
}

// A posting is an event that comes into the spool, with all that changes by it. A crash leaves all
// or nothing of it.
type posting struct {
	event  *alert.Event
	list   []*delivery
	levels []topicLevel // of the alert in topics that it reached by way of a handler
	over   []*delivery  // these are over, for this event takes their place
	safe   func()       // is called when the event is safe, by a goroutine without locks; may be nil
}

// A topicLevel is the level of an alert in a topic.
type topicLevel struct {
	topic, id string
	level     alert.Level
}

type topicAlert struct{ topic, id string }

// An ending is how a delivery ended.
type ending byte

const (
	// made: the receiver has it. All deliveries of the same alert to the same destination that were
	// before it are over too.
	made ending = iota
	// failed: its turn came, and it is over for good, but the receiver did not get it.
	failed
	// dropped: before its turn came, to make room.
	dropped
)

// maxStanding bounds the alerts whose levels are remembered for their receivers, and in topics.
const maxStanding = 1 << 17

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
	pending   map[eventKey]uint64
	seen      map[eventKey]struct{}
	order     []sighted // what is in seen, oldest first, from head on
	head      int
	told      map[eventKey]alert.Level   // by series; none is OK
	levels    map[topicAlert]alert.Level // none is OK
	receipts  receipts
	syncs     func() bool // reports whether there is a disk, which works; nil if there is none
}

type spooled struct {
	event *alert.Event
	since int64 // nanoseconds since the Unix epoch
	bytes int64
	left  int
	list  []*delivery // nil where it is over
	safe  []*receipt  // for those who wait for it to be over
}

// An eventKey is the hash of an EventID, or of what the deliveries of a series have in common.
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
		events: map[uint64]*spooled{}, pending: map[eventKey]uint64{}, seen: map[eventKey]struct{}{},
		told: map[eventKey]alert.Level{}, levels: map[topicAlert]alert.Level{},
	}
}

func (s *memorySpool) Put(p *posting) error {
	now := time.Now().UnixNano()
	if p.event.EventID != "" && !s.remember(keyOf(p.event.EventID), now) {
		s.await(p)
		return errKnown
	}
	s.add(s.next, p.event, p.list, now)
	s.await(p)
	for _, l := range p.levels {
		stand(s.levels, topicAlert{l.topic, l.id}, l.level)
	}
	for _, it := range p.over {
		s.over(it)
	}
	return nil
}

// await lets the source of an event hear when nothing is left to deliver of it.
func (s *memorySpool) await(p *posting) {
	if p.safe == nil {
		return
	}
	r := &receipt{safe: p.safe}
	if item := s.find(p.event); item != nil {
		item.safe = append(item.safe, r)
		return
	}
	s.receipts.give(r)
}

// find returns what is stored of an event, if anything.
func (s *memorySpool) find(e *alert.Event) *spooled { return s.events[s.pending[keyOf(e.EventID)]] }

// stand notes the level of an alert.
func stand[K comparable](m map[K]alert.Level, key K, level alert.Level) {
	if level == alert.OK {
		delete(m, key)
		return
	}
	if _, ok := m[key]; ok || len(m) < maxStanding {
		m[key] = level
	}
}

func (s *memorySpool) Told(series eventKey) (alert.Level, bool) {
	l, ok := s.told[series]
	return l, ok
}

func (s *memorySpool) Level(topic, id string) alert.Level { return s.levels[topicAlert{topic, id}] }

func (s *memorySpool) Topic(name string) map[string]alert.Level {
	m := map[string]alert.Level{}
	for key, l := range s.levels {
		if key.topic == name {
			m[key.id] = l
		}
	}
	return m
}

func (s *memorySpool) Broken() error { return nil }

// add stores e, unless there is nothing to deliver: list has nil for what is over.
func (s *memorySpool) add(seq uint64, e *alert.Event, list []*delivery, since int64) {
	s.next = max(s.next, seq+1)
	item := &spooled{event: e, since: since, bytes: e.Size(), list: slices.Clone(list)}
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
	s.pending[keyOf(e.EventID)] = seq // from 1 on
	s.bytes += item.bytes
}

func (s *memorySpool) Done(it *delivery, how ending) {
	if s.over(it) && how == made {
		s.tell(it)
	}
}

// tell notes what a receiver knows now. Of an alert that never recovers there is nothing to know.
func (s *memorySpool) tell(it *delivery) {
	if it.event.Recoverable {
		stand(s.told, it.series, it.event.Level)
	}
}

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
		if s.syncs == nil || !s.syncs() {
			s.receipts.give(item.safe...)
		}
	}
	return true
}

func (s *memorySpool) Rest(*delivery) {}

func (s *memorySpool) Full() bool { return len(s.events) > s.maxEvents || s.bytes > s.maxBytes }

func (s *memorySpool) Use() float64 {
	return max(float64(len(s.events))/float64(s.maxEvents), float64(s.bytes)/float64(s.maxBytes))
}

func (s *memorySpool) Commit(bool) {}

func (s *memorySpool) Close() (bool, error) {
	s.receipts.wait()
	return false, nil
}

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
