// Package outbox keeps alert events from the decision until whoever delivers them has them.
//
// A task puts an event in and goes on. One goroutine writes to the journal what all tasks have put in
// meanwhile, and syncs it, once for all; another one emits what is safe, in the order in which it was
// put in. An event is over when it has been delivered; then the journal forgets it.
//
// With each event the journal has the states that it leaves in its topics. These it forgets when they
// are in the state file: so level and duration of an alert survive whatever happens between two
// checkpoints.
//
// The disk's troubles do not hold alerts back: while it fails they are emitted without it.
package outbox

import (
	"container/list"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
)

// An Outbox is safe for concurrent use.
type Outbox struct {
	c     Config
	disk  *journal.Log // its lock guards all below
	space *sync.Cond   // something has left the queue, or has been written, or time has passed

	next     uint64 // number of the next event
	entries  map[uint64]*entry
	states   map[alertKey]numberedState // those that are in no state file yet
	newest   map[alertKey]*entry        // of each alert, the event that came last, unless it is over
	pending  []*entry                   // to be written
	over     []*entry                   // whose end is to be written
	forgets  []forgotten                // to be written
	queue    []*entry                   // to be emitted
	bytes    int64                      // in the queue
	handed   uint64                     // events up to it have been through the writer
	sent     list.List                  // emitted, and newest of their alerts
	sentOld  list.List                  // emitted, and superseded
	sentSize int64                      // bytes of both
	again    []*entry                   // rejected, to be emitted again; they are among the sent
	flights  flights
	touched  map[alertKey]struct{} // alerts that had events before the journal could be read; nil if it was
	epochs   int                   // times that the numbers have changed
	full     bool                  // said so
	slow     bool                  // said so
	closing  bool
	ending   time.Time // when closing was set
	closed   bool
	emitting bool

	wakeWriter, wakeSender chan struct{}
	working                sync.WaitGroup
	counts                 counts
}

// A Config says where the journal of an outbox is, and where its events go.
type Config struct {
	Name   string // of the folder, for messages
	Folder journal.Folder
	Format journal.Format
	Log    journal.Logger

	// Emit sends an event on its way. It calls settled once, from any goroutine, when all who had it have
	// let go of it: delivered is false if one of them has thrown it away.
	Emit func(e *alert.Event, settled func(delivered bool))

	MaxEvents int   // that are emitted and not delivered, and again as many if those in the queue count, too
	MaxBytes  int64 // likewise
}

// counts are guarded by the lock.
type counts struct {
	repeated    int64 // emitted again after a start
	rejected    int64 // by an output, to be emitted again
	unjournaled int64 // emitted without being in the journal
	superseded  int64 // given up before they were delivered; the alert has a newer event
	forgotten   int64 // given up although they were the newest
}

// A entry is an event in the outbox.
type entry struct {
	seq      uint64
	event    *alert.Event
	key      alertKey
	bytes    int64
	since    time.Time
	safe     bool // in the journal, or not to be waited for
	old      bool // the alert has a newer event
	attempts int
	due      time.Time     // to be emitted again
	place    *list.Element // among the sent
	flight   *list.Element // its entry in the flights
	emitted  time.Time
	gone     bool // over
}

// A forgotten topic has no states of events up to the number.
type forgotten struct {
	seq   uint64
	topic string
}

const (
	// syncTimeout is how long an event waits for a disk that hangs.
	syncTimeout = 2 * time.Second
	// flushTimeout is how long a checkpoint waits for a disk that hangs, and the end for outputs that
	// are slow.
	flushTimeout = 10 * time.Second
	// maxAttempts is how often an event is emitted that outputs reject.
	maxAttempts = 8
)

// rejectBackoff is the pause before an event is emitted again that was rejected n times.
func rejectBackoff(n int) time.Duration {
	return min(10*time.Second<<(n-1), 10*time.Minute)
}

// Open locks the folder and reads what an earlier process has left: topics get the states, and
// the events will be emitted when the outbox is started. It fails only if someone else has the folder.
func Open(c Config, topics *alert.Topics) (*Outbox, error) {
	o := &Outbox{
		c: c, next: 1, entries: map[uint64]*entry{}, states: map[alertKey]numberedState{}, newest: map[alertKey]*entry{},
		wakeWriter: make(chan struct{}, 1), wakeSender: make(chan struct{}, 1),
	}
	o.disk = journal.New(journal.Config{
		Format: c.Format, Folder: c.Folder, Name: c.Name, Title: "Outbox", Log: c.Log,
		Without: "alerts go out all the same, but are not kept for a restart,",
		Copy:    o.copy, Late: func() error { return o.load(topics) },
	})
	o.space = sync.NewCond(o.disk)
	err := o.load(topics)
	if errors.Is(err, journal.ErrLocked) {
		return nil, err
	}
	if err != nil {
		o.touched = map[alertKey]struct{}{}
	}
	if n := len(o.queue); n > 0 {
		c.Log.Infof("Emitting %d alert events again that were not delivered before the start", n)
	}
	o.working.Go(o.write)
	o.disk.Start(err)
	return o, nil
}

// Start begins to emit.
func (o *Outbox) Start() { o.working.Go(o.send) }

// load reads the journal. If tasks have been at work meanwhile, what they have done prevails.
func (o *Outbox) load(topics *alert.Topics) error {
	x := newUndelivered()
	if err := o.disk.Read(x.take); err != nil {
		return err
	}
	o.disk.Lock()
	defer o.disk.Unlock()
	o.shift(x.last)
	for _, k := range inOrder(x.states) {
		s := x.states[k]
		if _, newer := o.states[k]; newer {
			continue
		}
		if _, known := topics.Event(k.topic, k.id); known && o.touched != nil {
			continue
		}
		topics.Update(k.topic, s.state)
		o.states[k] = s
	}
	var queue []*entry
	for _, seq := range slices.Sorted(maps.Keys(x.events)) {
		e := x.events[seq]
		if _, late := o.touched[keyOf(e)]; late {
			o.counts.superseded++
			continue
		}
		y := &entry{seq: seq, event: e, key: keyOf(e), bytes: e.Size(), since: time.Now(), safe: true}
		o.entries[seq] = y
		o.supersede(y)
		o.bytes += y.bytes
		queue = append(queue, y)
	}
	o.counts.repeated += int64(len(queue))
	o.queue = append(queue, o.queue...)
	o.touched = nil
	wake(o.wakeSender)
	return nil
}

// shift makes room for numbers up to last before those that have been given.
func (o *Outbox) shift(last uint64) {
	entries, states := o.entries, o.states
	o.entries, o.states = map[uint64]*entry{}, map[alertKey]numberedState{}
	for _, e := range entries {
		e.seq += last
		o.entries[e.seq] = e
	}
	for k, s := range states {
		s.seq += last
		o.states[k] = s
	}
	o.next += last
	o.handed += last
	o.epochs++
}

// copy writes everything to a new segment.
func (o *Outbox) copy(record func(func(*journal.Encoder))) {
	for _, k := range inOrder(o.states) {
		s := o.states[k]
		record(func(e *journal.Encoder) { encodeState(e, k.topic, &s) })
	}
	for _, seq := range slices.Sorted(maps.Keys(o.entries)) {
		record(func(e *journal.Encoder) { encodeEvent(e, recAgain, seq, o.entries[seq].event) })
	}
}

// Put takes an event over. It waits only if there are too many that cannot be emitted, because the
// processors and outputs behind this one take nothing.
func (o *Outbox) Put(e *alert.Event) {
	o.disk.Lock()
	defer o.disk.Unlock()
	for len(o.queue)+o.sent.Len()+o.sentOld.Len() >= 2*o.c.MaxEvents || o.bytes+o.sentSize >= 2*o.c.MaxBytes {
		o.space.Wait()
	}
	x := &entry{seq: o.next, event: e, key: keyOf(e), bytes: e.Size(), since: time.Now()}
	o.next++
	o.entries[x.seq] = x
	for _, topic := range topicsOf(e) {
		o.states[alertKey{topic, e.ID}] = numberedState{x.seq, e.State()}
	}
	if o.touched != nil {
		o.touched[x.key] = struct{}{}
	}
	o.supersede(x)
	o.bytes += x.bytes
	o.pending, o.queue = append(o.pending, x), append(o.queue, x)
	wake(o.wakeWriter)
	if len(o.queue) == 1 {
		wake(o.wakeSender) // it is to watch the writer
	}
}

// supersede makes x the newest event of its alert.
func (o *Outbox) supersede(x *entry) {
	if before := o.newest[x.key]; before != nil {
		before.old = true
		if before.place != nil {
			o.sent.Remove(before.place)
			before.place = o.sentOld.PushBack(before)
		}
	}
	o.newest[x.key] = x
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// write brings to the journal what has been put in, and what is over, until the outbox is closed.
func (o *Outbox) write() {
	for {
		o.disk.Lock()
		batch, over, forgets, closing := o.pending, o.over, o.forgets, o.closing
		o.pending, o.over, o.forgets = nil, nil, nil
		o.disk.Unlock()
		if len(batch)+len(over)+len(forgets) == 0 {
			if closing {
				return
			}
			<-o.wakeWriter
			continue
		}
		o.writeBatch(batch)
		o.disk.Lock()
		if len(over) > 0 {
			o.disk.Append(func(e *journal.Encoder) { encodeOver(e, over) })
			o.space.Broadcast()
		}
		o.disk.AppendAll(len(forgets), func(i int, e *journal.Encoder) { encodeForget(e, forgets[i]) })
		o.disk.Unlock()
		o.disk.Lazy()
	}
}

func (o *Outbox) writeBatch(batch []*entry) {
	if len(batch) == 0 {
		return
	}
	for rest := batch; len(rest) > 0; {
		n := min(len(rest), batchLimit)
		o.disk.Lock()
		o.disk.AppendAll(n, func(i int, e *journal.Encoder) { encodeEvent(e, recEvent, rest[i].seq, rest[i].event) })
		o.disk.Unlock()
		rest = rest[n:]
	}
	o.disk.Sync()
	o.disk.Lock()
	defer o.disk.Unlock()
	if o.disk.Broken() != nil {
		o.counts.unjournaled += int64(len(batch))
	}
	for _, x := range batch {
		x.safe = true
	}
	o.handed = max(o.handed, batch[len(batch)-1].seq)
	if o.slow {
		o.slow = false
		o.c.Log.Infof("Outbox: %s answers again", o.c.Name)
	}
	o.space.Broadcast()
	wake(o.wakeSender)
}

// send emits what may go out, until the outbox is closed.
func (o *Outbox) send() {
	t := time.NewTimer(time.Hour)
	defer t.Stop()
	for {
		o.disk.Lock()
		x, wait := o.pick(time.Now())
		if o.emitting != (x != nil) {
			o.emitting = x != nil
			o.space.Broadcast()
		}
		end := x == nil && o.closing && len(o.queue) == 0
		o.disk.Unlock()
		switch {
		case end:
			return
		case x != nil:
			o.c.Emit(x.event, func(delivered bool) { o.settle(x, delivered) })
			continue
		}
		t.Reset(wait)
		select {
		case <-o.wakeSender:
		case <-t.C:
		}
	}
}

// giveUp ends an event that was not delivered.
func (o *Outbox) giveUp(x *entry) {
	if x.old {
		o.counts.superseded++
	} else {
		o.counts.forgotten++
	}
	o.end(x)
}

// end forgets an event.
func (o *Outbox) end(x *entry) {
	if x.gone {
		return
	}
	x.gone = true
	o.flights.end(x)
	delete(o.entries, x.seq)
	if o.newest[x.key] == x {
		delete(o.newest, x.key)
	}
	if x.old {
		o.sentOld.Remove(x.place)
	} else {
		o.sent.Remove(x.place)
	}
	o.sentSize -= x.bytes
	o.space.Broadcast()
	if n := o.sent.Len() + o.sentOld.Len(); o.full && n < o.c.MaxEvents/2 && o.sentSize < o.c.MaxBytes/2 {
		o.full = false
		o.c.Log.Infof("Outbox: the outputs take alert events again")
	}
	if o.closed {
		o.disk.Append(func(e *journal.Encoder) { encodeOver(e, []*entry{x}) })
		return
	}
	o.over = append(o.over, x)
	wake(o.wakeWriter)
}

// settle is called when the last output has let go of the metric of x. It is not delivered if one of
// them has thrown it away to make room; it is emitted again then if it still matters.
func (o *Outbox) settle(x *entry, delivered bool) {
	o.disk.Lock()
	defer o.disk.Unlock()
	o.flights.end(x)
	switch {
	case x.gone:
	case delivered:
		o.flights.landed(time.Now())
		o.end(x)
	default:
		o.counts.rejected++
		x.attempts++
		if x.old || x.attempts >= maxAttempts {
			if !x.old {
				o.c.Log.Errorf("Outbox: alert %q of task %q was thrown away by an output %d times; it is given up", x.event.ID, x.event.Task, x.attempts)
			}
			o.giveUp(x)
			break
		}
		x.due = time.Now().Add(rejectBackoff(x.attempts))
		o.again = append(o.again, x)
	}
	if len(o.queue)+len(o.again) > 0 {
		wake(o.wakeSender)
	}
	if o.closed && len(o.entries) == 0 {
		_ = o.disk.End()
	}
}

// An Mark is a point in time between events.
type Mark struct {
	seq    uint64
	epochs int
}

// Mark returns the present. A state file that is made from now on has the states of all events before
// it.
func (o *Outbox) Mark() Mark {
	o.disk.Lock()
	defer o.disk.Unlock()
	return Mark{o.next - 1, o.epochs}
}

var errStalled = fmt.Errorf("the journal takes more than %s to write", flushTimeout)

// Flush waits until all events that were put in are in the journal, or are emitted without it.
func (o *Outbox) Flush() error {
	timer := time.AfterFunc(flushTimeout, func() {
		o.disk.Lock()
		defer o.disk.Unlock()
		o.space.Broadcast()
	})
	defer timer.Stop()
	deadline := time.Now().Add(flushTimeout)
	o.disk.Lock()
	defer o.disk.Unlock()
	for left := o.next - 1; o.handed < left; o.space.Wait() {
		if !time.Now().Before(deadline) {
			return errStalled
		}
	}
	return nil
}

// Settle waits until what was put in has been emitted, and the journal knows what is over.
func (o *Outbox) Settle() {
	o.disk.Lock()
	defer o.disk.Unlock()
	for len(o.queue)+len(o.over)+len(o.pending) > 0 || o.emitting {
		o.space.Wait()
	}
}

// Saved notes that what was before the mark is in the state file.
func (o *Outbox) Saved(m Mark) {
	o.disk.Lock()
	defer o.disk.Unlock()
	if m.epochs != o.epochs {
		return
	}
	n := len(o.states)
	maps.DeleteFunc(o.states, func(_ alertKey, s numberedState) bool { return s.seq <= m.seq })
	if len(o.states) < n {
		o.disk.Append(func(e *journal.Encoder) { e.Byte(recSaved); e.Uint(m.seq) })
		o.disk.Lazy()
	}
}

// Forget drops the states of a topic.
func (o *Outbox) Forget(topic string) {
	o.disk.Lock()
	defer o.disk.Unlock()
	maps.DeleteFunc(o.states, func(k alertKey, _ numberedState) bool { return k.topic == topic })
	o.forgets = append(o.forgets, forgotten{o.next - 1, topic})
	wake(o.wakeWriter)
}

// Close emits what is left and gives the folder free. Outputs deliver some of it only after that: the
// journal is told as long as the process lives.
func (o *Outbox) Close() {
	o.disk.Lock()
	o.closing, o.ending = true, time.Now()
	o.disk.Unlock()
	wake(o.wakeWriter)
	wake(o.wakeSender)
	o.working.Wait()
	if _, err := o.disk.Release(); err != nil {
		o.c.Log.Debugf("Outbox: %v", err) // it has been said that the disk fails
	}
	o.disk.Lock()
	defer o.disk.Unlock()
	o.closed = true
	if over := o.over; len(over) > 0 {
		o.disk.Append(func(e *journal.Encoder) { encodeOver(e, over) })
	}
	if len(o.entries) == 0 {
		_ = o.disk.End()
	}
}

// Show shows the statistics.
func (o *Outbox) Show(set func(field string, n int64)) {
	o.disk.Lock()
	held, c := len(o.entries), o.counts
	o.disk.Unlock()
	set("outbox_events", int64(held))
	set("outbox_repeated", c.repeated)
	set("outbox_rejected", c.rejected)
	set("outbox_unjournaled", c.unjournaled)
	set("outbox_superseded", c.superseded)
	set("outbox_forgotten", c.forgotten)
}
