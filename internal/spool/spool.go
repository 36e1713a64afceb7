package spool

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/codec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
)

// A Config says where a spool is, and how large it may be.
type Config struct {
	MaxEvents int
	MaxBytes  int64
	Log       journal.Logger

	Folder journal.Folder // nil: memory
	Name   string         // of the folder, for messages
	Growth int64          // see [journal.Config]

	// Restore takes over what an earlier process has left: it calls load, and ends what it cannot
	// deliver any more. It is called by Start, and again from another goroutine as long as load fails.
	// No event must come between load's return and the use of what it returned.
	Restore func(load func() ([]*Entry, error)) error
}

// A Spool is safe for concurrent use.
type Spool struct {
	c    Config
	lock sync.Locker  // the journal's, if there is one; guards all below
	disk *journal.Log // nil: memory

	entries  map[uint64]*Entry // by number
	byID     map[hash]*Entry   // by event ID
	next     uint64            // number of the next one
	bytes    int64
	recent   recent
	known    map[Series]alert.Level     // what the receivers of a series know; none is OK
	levels   map[topicAlert]alert.Level // none is OK
	unsynced []unsynced                 // oldest first
	swept    bool                       // unsynced has nothing that was over when the disk failed
	receipts receipts
}

// An Entry is an event that is kept.
type Entry struct {
	Event *alert.Event
	Since time.Time
	// Items are its deliveries, nil where one is over. Behind Put and Restore they are the spool's own.
	Items []*Item

	number   uint64
	bytes    int64
	left     int
	receipts []*receipt
}

// An Item is one delivery. Its fields are set before it comes into the spool.
type Item struct {
	Kind      string          // of the handler
	Dest      string          // its destination, that those of an alert arrive at in order
	Options   json.RawMessage // of the handler
	Remainder json.RawMessage // what is left of them, if a part was delivered
	Previous  alert.Level     // of the event, as the handler sees it
	Held      bool            // it waits until it is not muted any more
	Known     alert.Level     // what the recipients know, if it is held
	Series    Series          // of Dest, Options and the alert

	entry *Entry
	index int
}

// A hash is that of an event ID.
type hash [16]byte

func hashOf(id string) hash {
	sum := sha256.Sum256([]byte(id))
	return hash(sum[:16])
}

// A Series stands for the deliveries of one alert to the same recipients.
type Series hash

// SeriesOf returns the series of deliveries with these options.
func SeriesOf(dest string, options []byte, alertID string) Series {
	b := make([]byte, 0, 256)
	b = append(append(b, dest...), 0)
	b = append(append(b, options...), 0)
	sum := sha256.Sum256(append(b, alertID...))
	return Series(sum[:16])
}

// A TopicLevel is the level of an alert in a topic.
type TopicLevel struct {
	Topic, ID string
	Level     alert.Level
}

type topicAlert struct{ topic, id string }

// A Posting is an event that comes into the spool, with all that changes by it.
type Posting struct {
	Event  *alert.Event
	Items  []*Item
	Levels []TopicLevel // of the alert in topics that it reached by way of a handler
	Over   []*Item      // these are over, for the event takes their place
	Merged []*Item      // these are over, for the event is made of theirs
	Batch  *Batch       // with which it was handed over, if anybody wants to know when it is safe
}

// A Batch is events that were handed over together.
type Batch struct {
	// Safe is called with those that are safe, each once, by a goroutine that holds no lock.
	Safe func(list []*alert.Event)
}

// An Ending is how a delivery ended.
type Ending byte

const (
	// Made says that the receiver has it. All deliveries of the same alert to the same destination that were
	// before it are over too.
	Made Ending = iota
	// Failed says that its turn came, and it is over for good, but the receiver did not get it.
	Failed
	// Dropped says that it was over before its turn came.
	Dropped
)

// maxLevels bounds the alerts whose levels are remembered for their receivers, and in topics.
const maxLevels = 1 << 17

// ErrKnown is the error for an event that is or was in the spool.
var ErrKnown = errors.New("known event")

// New returns an empty spool.
func New(c Config) *Spool {
	s := &Spool{
		c: c, entries: map[uint64]*Entry{}, byID: map[hash]*Entry{}, next: 1, recent: newRecent(),
		known: map[Series]alert.Level{}, levels: map[topicAlert]alert.Level{},
	}
	if c.Folder == nil {
		s.lock = &sync.Mutex{}
		return s
	}
	s.disk = journal.New(journal.Config{
		Format: format, Folder: c.Folder, Name: c.Name, Title: "Spool", Growth: c.Growth, Log: c.Log, Without: "alerts are kept in memory",
		Copy: s.copy, Synced: s.release, Late: func() error { return c.Restore(s.load) },
	})
	s.lock = s.disk
	return s
}

// Start locks and reads the folder. It fails only if another spool has it.
func (s *Spool) Start() error {
	if s.disk == nil {
		return nil
	}
	err := s.c.Restore(s.load)
	if errors.Is(err, journal.ErrLocked) {
		return err
	}
	s.disk.Start(err)
	return nil
}

// Put stores an event with its deliveries. It fails with ErrKnown if an event of that ID is or was here;
// who handed it over hears all the same when that one is safe.
func (s *Spool) Put(p *Posting) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	now := time.Now()
	before := s.written()
	if id := p.Event.EventID; id != "" {
		e := s.byID[hashOf(id)]
		if e != nil || !s.recent.add(hashOf(id), now.UnixNano()) {
			s.await(e, p, before)
			return ErrKnown
		}
	}
	e := s.add(&Entry{Event: p.Event, Since: now, Items: slices.Clone(p.Items), number: s.next})
	for _, l := range p.Levels {
		setLevel(s.levels, topicAlert{l.Topic, l.ID}, l.Level)
	}
	over := refsOf(p.Over, p.Merged)
	for _, it := range p.Merged {
		e.inherit(it)
		s.end(it)
	}
	for _, it := range p.Over {
		s.end(it)
	}
	s.record(e, p, over)
	s.await(e, p, before)
	return nil
}

// add stores e, unless there is nothing to deliver.
func (s *Spool) add(e *Entry) *Entry {
	s.next = max(s.next, e.number+1)
	e.bytes = e.Event.Size()
	for i, it := range e.Items {
		if it != nil {
			it.entry, it.index = e, i
			e.left++
		}
	}
	if e.left == 0 {
		return e
	}
	s.entries[e.number] = e
	if id := e.Event.EventID; id != "" {
		s.byID[hashOf(id)] = e
	}
	s.bytes += e.bytes
	return e
}

// end forgets a delivery and reports whether it was known.
func (s *Spool) end(it *Item) bool {
	e := it.entry
	if e == nil {
		return false
	}
	it.entry = nil
	e.Items[it.index] = nil
	if e.left--; e.left == 0 {
		s.bytes -= e.bytes
		delete(s.entries, e.number)
		if id := e.Event.EventID; id != "" {
			delete(s.byID, hashOf(id))
		}
		s.settle(e)
	}
	return true
}

// setLevel notes the level of an alert.
func setLevel[K comparable](m map[K]alert.Level, key K, level alert.Level) {
	if level == alert.OK {
		delete(m, key)
		return
	}
	if _, ok := m[key]; ok || len(m) < maxLevels {
		m[key] = level
	}
}

// Done notes that a delivery is over. One that is over already is ignored.
func (s *Spool) Done(it *Item, how Ending) {
	s.lock.Lock()
	defer s.lock.Unlock()
	e := it.entry
	if !s.end(it) {
		return
	}
	kind := byte(recFailed)
	switch how {
	case Made:
		// Of an alert that never recovers there is nothing to know.
		if e.Event.Recoverable {
			setLevel(s.known, it.Series, e.Event.Level)
		}
		kind = recMade
	case Dropped:
		kind = recDropped
	}
	s.lazily(func(w *codec.Encoder) { encodeMark(w, kind, e, it) })
}

// SetRemainder notes that a part of a delivery has been made.
func (s *Spool) SetRemainder(it *Item, options json.RawMessage) {
	s.lock.Lock()
	defer s.lock.Unlock()
	it.Remainder = options
	if e := it.entry; e != nil {
		s.lazily(func(w *codec.Encoder) { encodeMark(w, recRemainder, e, it); w.Bytes(options) })
	}
}

// Unhold notes that a delivery is not held any more. If a crash forgets that, it is held again.
func (s *Spool) Unhold(it *Item) {
	s.lock.Lock()
	defer s.lock.Unlock()
	it.Held = false
}

// Compare orders deliveries by the events' ways into the spool.
func (s *Spool) Compare(a, b *Item) int {
	s.lock.Lock()
	defer s.lock.Unlock()
	return cmp.Compare(a.number(), b.number())
}

func (it *Item) number() uint64 {
	if it.entry == nil {
		return 0
	}
	return it.entry.number
}

// Full reports whether there is more than the limits allow.
func (s *Spool) Full() bool {
	s.lock.Lock()
	defer s.lock.Unlock()
	return len(s.entries) > s.c.MaxEvents || s.bytes > s.c.MaxBytes
}

// Use returns how much of what the limits allow is taken: 1 is all.
func (s *Spool) Use() float64 {
	s.lock.Lock()
	defer s.lock.Unlock()
	return max(float64(len(s.entries))/float64(s.c.MaxEvents), float64(s.bytes)/float64(s.c.MaxBytes))
}

// Known returns at which level the recipients of a series know the alert to be, if that is known and not
// OK.
func (s *Spool) Known(series Series) (alert.Level, bool) {
	s.lock.Lock()
	defer s.lock.Unlock()
	l, ok := s.known[series]
	return l, ok
}

// Level returns the level that an alert has in a topic, as far as postings have said.
func (s *Spool) Level(topic, id string) alert.Level {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.levels[topicAlert{topic, id}]
}

// Topic returns the alerts of a topic that are not OK, as far as postings have said.
func (s *Spool) Topic(name string) map[string]alert.Level {
	s.lock.Lock()
	defer s.lock.Unlock()
	m := map[string]alert.Level{}
	for key, l := range s.levels {
		if key.topic == name {
			m[key.id] = l
		}
	}
	return m
}

// Close ends the use of the spool and reports whether it keeps what is left in it.
func (s *Spool) Close() (kept bool, err error) {
	if s.disk != nil {
		kept, err = s.disk.Close()
	}
	s.receipts.wait()
	return kept, err
}

// numbers returns those of the entries, oldest first.
func (s *Spool) numbers() []uint64 { return slices.Sorted(maps.Keys(s.entries)) }
