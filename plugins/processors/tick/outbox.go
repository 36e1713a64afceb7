package tick

import (
	"container/list"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
)

// An outbox emits the alert events that tasks decide on, and keeps each until all outputs have taken
// it, so that what a crash leaves undelivered is emitted again.
//
// A task puts an event in and goes on. One goroutine writes to the journal what all tasks have put in
// meanwhile, and syncs it, once for all; another one emits what is safe, in the order in which it was
// put in. An event is over when its metric has been delivered; then the journal forgets it.
//
// With each event the journal has the states that it leaves in its topics. These it forgets when they
// are in the state file: so level and duration of an alert survive whatever happens between two
// checkpoints.
//
// The disk's troubles do not hold alerts back: while it fails they are emitted without it.
type outbox struct {
	c    outboxConfig
	disk *journal.Log // its lock guards all below
	room *sync.Cond   // something has left the queue, or has been written, or time has passed

	next     uint64 // number of the next event
	letters  map[uint64]*letter
	states   map[alertKey]numberedState // those that are in no state file yet
	newest   map[alertKey]*letter       // of each alert, the event that came last, unless it is over
	pending  []*letter                  // to be written
	over     []*letter                  // whose end is to be written
	forgets  []forgotten                // to be written
	queue    []*letter                  // to be emitted
	bytes    int64                      // in the queue
	handed   uint64                     // events up to it have been through the writer
	sent     list.List                  // emitted, and newest of their alerts
	sentOld  list.List                  // emitted, and superseded
	sentSize int64                      // bytes of both
	again    []*letter                  // rejected, to be emitted again; they are among the sent
	flights  flights
	touched  map[alertKey]struct{} // alerts that had events before the journal could be read; nil if it was
	epochs   int                   // times that the numbers have changed
	full     bool                  // said so
	slow     bool                  // said so
	closing  bool
	ending   time.Time // when closing was set
	closed   bool

	wakeWriter, wakeSender chan struct{}
	working                sync.WaitGroup
	counts                 outboxCounts
}

type outboxConfig struct {
	name      string // of the folder
	folder    journal.Folder
	format    journal.Format
	log       telegraf.Logger
	emit      func(telegraf.Metric)
	metric    func(*alert.Event) telegraf.Metric
	maxEvents int   // that are emitted and not delivered, and again as many if those in the queue count, too
	maxBytes  int64 // likewise
}

// outboxCounts are guarded by the lock.
type outboxCounts struct {
	repeated    int64 // emitted again after a start
	rejected    int64 // by an output, to be emitted again
	unjournaled int64 // emitted without being in the journal
	superseded  int64 // given up before they were delivered; the alert has a newer event
	forgotten   int64 // given up although they were the newest
}

// A letter is an event in the outbox.
type letter struct {
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
	// syncPatience is how long an event waits for a disk that hangs.
	syncPatience = 2 * time.Second
	// flushPatience is how long a checkpoint waits for a disk that hangs, and the end for outputs that
	// are slow.
	flushPatience = 10 * time.Second
	// maxAttempts is how often an event is emitted that outputs reject.
	maxAttempts = 8
)

// rejectBackoff is the pause before an event is emitted again that was rejected n times.
func rejectBackoff(n int) time.Duration {
	return min(10*time.Second<<(n-1), 10*time.Minute)
}

// openOutbox locks the folder and reads what an earlier process has left: topics get the states, and
// the events will be emitted when the outbox is started. It fails only if someone else has the folder.
func openOutbox(c outboxConfig, topics *alert.Topics) (*outbox, error) {
	o := &outbox{
		c: c, next: 1, letters: map[uint64]*letter{}, states: map[alertKey]numberedState{}, newest: map[alertKey]*letter{},
		wakeWriter: make(chan struct{}, 1), wakeSender: make(chan struct{}, 1),
	}
	o.disk = journal.New(journal.Config{
		Format: c.format, Folder: c.folder, Name: c.name, Title: "Outbox", Log: c.log,
		Without: "alerts go out all the same, but are not kept for a restart,",
		Copy:    o.copy, Late: func() error { return o.load(topics) },
	})
	o.room = sync.NewCond(o.disk)
	err := o.load(topics)
	if errors.Is(err, journal.ErrLocked) {
		return nil, err
	}
	if err != nil {
		o.touched = map[alertKey]struct{}{}
	}
	if n := len(o.queue); n > 0 {
		c.log.Infof("Emitting %d alert events again that were not delivered before the start", n)
	}
	o.working.Go(o.write)
	o.disk.Start(err)
	return o, nil
}

// start begins to emit.
func (o *outbox) start() { o.working.Go(o.send) }

// load reads the journal. If tasks have been at work meanwhile, what they have done prevails.
func (o *outbox) load(topics *alert.Topics) error {
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
	var queue []*letter
	for _, seq := range slices.Sorted(maps.Keys(x.events)) {
		e := x.events[seq]
		if _, late := o.touched[keyOf(e)]; late {
			o.counts.superseded++
			continue
		}
		y := &letter{seq: seq, event: e, key: keyOf(e), bytes: e.Size(), since: time.Now(), safe: true}
		o.letters[seq] = y
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
func (o *outbox) shift(last uint64) {
	letters, states := o.letters, o.states
	o.letters, o.states = map[uint64]*letter{}, map[alertKey]numberedState{}
	for _, e := range letters {
		e.seq += last
		o.letters[e.seq] = e
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
func (o *outbox) copy(record func(func(*journal.Encoder))) {
	for _, k := range inOrder(o.states) {
		s := o.states[k]
		record(func(e *journal.Encoder) { encodeState(e, k.topic, &s) })
	}
	for _, seq := range slices.Sorted(maps.Keys(o.letters)) {
		record(func(e *journal.Encoder) { encodeEvent(e, recAgain, seq, o.letters[seq].event) })
	}
}

// put takes an event over. It waits only if there are too many that cannot be emitted, because the
// processors and outputs behind this one take nothing.
func (o *outbox) put(e *alert.Event) {
	o.disk.Lock()
	defer o.disk.Unlock()
	for len(o.queue)+o.sent.Len()+o.sentOld.Len() >= 2*o.c.maxEvents || o.bytes+o.sentSize >= 2*o.c.maxBytes {
		o.room.Wait()
	}
	x := &letter{seq: o.next, event: e, key: keyOf(e), bytes: e.Size(), since: time.Now()}
	o.next++
	o.letters[x.seq] = x
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
func (o *outbox) supersede(x *letter) {
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
func (o *outbox) write() {
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
		}
		o.disk.AppendAll(len(forgets), func(i int, e *journal.Encoder) { encodeForget(e, forgets[i]) })
		o.disk.Unlock()
		o.disk.Lazy()
	}
}

func (o *outbox) writeBatch(batch []*letter) {
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
		o.c.log.Infof("Outbox: %s answers again", o.c.name)
	}
	o.room.Broadcast()
	wake(o.wakeSender)
}

// send emits what may go out, until the outbox is closed.
func (o *outbox) send() {
	t := time.NewTimer(time.Hour)
	defer t.Stop()
	for {
		o.disk.Lock()
		x, wait := o.pick(time.Now())
		end := x == nil && o.closing && len(o.queue) == 0
		o.disk.Unlock()
		switch {
		case end:
			return
		case x != nil:
			m, _ := metric.WithTracking(o.c.metric(x.event), func(d telegraf.DeliveryInfo) { o.settle(x, d.Delivered()) })
			o.c.emit(m)
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
func (o *outbox) giveUp(x *letter) {
	if x.old {
		o.counts.superseded++
	} else {
		o.counts.forgotten++
	}
	o.end(x)
}

// end forgets an event.
func (o *outbox) end(x *letter) {
	if x.gone {
		return
	}
	x.gone = true
	o.flights.end(x)
	delete(o.letters, x.seq)
	if o.newest[x.key] == x {
		delete(o.newest, x.key)
	}
	if x.old {
		o.sentOld.Remove(x.place)
	} else {
		o.sent.Remove(x.place)
	}
	o.sentSize -= x.bytes
	o.room.Broadcast()
	if n := o.sent.Len() + o.sentOld.Len(); o.full && n < o.c.maxEvents/2 && o.sentSize < o.c.maxBytes/2 {
		o.full = false
		o.c.log.Infof("Outbox: the outputs take alert events again")
	}
	if o.closed {
		o.disk.Append(func(e *journal.Encoder) { encodeOver(e, []*letter{x}) })
		return
	}
	o.over = append(o.over, x)
	wake(o.wakeWriter)
}

// settle is called when the last output has let go of the metric of x. It is not delivered if one of
// them has thrown it away to make room; it is emitted again then if it still matters.
func (o *outbox) settle(x *letter, delivered bool) {
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
				o.c.log.Errorf("Outbox: alert %q of task %q was thrown away by an output %d times; it is given up", x.event.ID, x.event.Task, x.attempts)
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
	if o.closed && len(o.letters) == 0 {
		_ = o.disk.End()
	}
}

// An outboxMark is a point in time between events.
type outboxMark struct {
	seq    uint64
	epochs int
}

// mark returns the present. A state file that is made from now on has the states of all events before
// it.
func (o *outbox) mark() outboxMark {
	o.disk.Lock()
	defer o.disk.Unlock()
	return outboxMark{o.next - 1, o.epochs}
}

var errHung = fmt.Errorf("the journal takes more than %s to write", flushPatience)

// flush waits until all events that were put in are in the journal, or are emitted without it.
func (o *outbox) flush() error {
	timer := time.AfterFunc(flushPatience, func() {
		o.disk.Lock()
		defer o.disk.Unlock()
		o.room.Broadcast()
	})
	defer timer.Stop()
	deadline := time.Now().Add(flushPatience)
	o.disk.Lock()
	defer o.disk.Unlock()
	for left := o.next - 1; o.handed < left; o.room.Wait() {
		if !time.Now().Before(deadline) {
			return errHung
		}
	}
	return nil
}

// saved notes that what was before the mark is in the state file.
func (o *outbox) saved(m outboxMark) {
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

// forget drops the states of a topic.
func (o *outbox) forget(topic string) {
	o.disk.Lock()
	defer o.disk.Unlock()
	maps.DeleteFunc(o.states, func(k alertKey, _ numberedState) bool { return k.topic == topic })
	o.forgets = append(o.forgets, forgotten{o.next - 1, topic})
	wake(o.wakeWriter)
}

// close emits what is left and gives the folder free. Outputs deliver some of it only after that: the
// journal is told as long as the process lives.
func (o *outbox) close() {
	o.disk.Lock()
	o.closing, o.ending = true, time.Now()
	o.disk.Unlock()
	wake(o.wakeWriter)
	wake(o.wakeSender)
	o.working.Wait()
	if _, err := o.disk.Release(); err != nil {
		o.c.log.Debugf("Outbox: %v", err) // it has been said that the disk fails
	}
	o.disk.Lock()
	defer o.disk.Unlock()
	o.closed = true
	if over := o.over; len(over) > 0 {
		o.disk.Append(func(e *journal.Encoder) { encodeOver(e, over) })
	}
	if len(o.letters) == 0 {
		_ = o.disk.End()
	}
}

// show shows the statistics.
func (o *outbox) show(set func(field string, n int64)) {
	o.disk.Lock()
	held, c := len(o.letters), o.counts
	o.disk.Unlock()
	set("outbox_events", int64(held))
	set("outbox_repeated", c.repeated)
	set("outbox_rejected", c.rejected)
	set("outbox_unjournaled", c.unjournaled)
	set("outbox_superseded", c.superseded)
	set("outbox_forgotten", c.forgotten)
}
