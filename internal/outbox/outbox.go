// Package outbox keeps alert events from the decision until whoever delivers them has them.
//
// A task puts an event in and goes on. One goroutine writes to the journal what all tasks have put in
// meanwhile, and syncs it, once for all; another one hands over what is written, in the order in which it
// was put in, to the receiver that the bus names. An event is over when the receiver says that it is
// safe; then the journal forgets it. What is not safe when the receiver goes, or the process dies, is
// handed over again, to the next receiver or by the next process. Without a folder there is no journal,
// and what is not safe at the end of the process is lost.
//
// With each event the journal has the states that it leaves in its topics. These it forgets when they
// are in the state file: so level and duration of an alert survive whatever happens between two
// checkpoints.
//
// The disk's troubles do not hold alerts back: while it fails they go without it.
package outbox

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/bus"
	"github.com/telegraf-tigk/telegraf-tigk/internal/codec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
)

// An Outbox is safe for concurrent use.
type Outbox struct {
	c    Config
	disk *journal.Log // its lock guards all below
	news *sync.Cond   // an event has been written, handed over or called safe, or time has passed

	next    uint64 // number of the next event
	written uint64 // events up to it have been through the writer
	entries map[*alert.Event]*entry
	alerts  map[alertKey]*history
	states  map[alertKey]numberedState // those that are in no state file yet
	pending []*entry                   // to be written
	over    []*entry                   // whose end is to be written
	forgets []forgotten                // to be written
	touched map[alertKey]struct{}      // alerts that had events before the journal could be read; nil if it was
	epochs  int                        // times that the numbers have changed

	receiver bus.Receiver // nil if there is none
	queue    line         // to be handed over
	given    line         // handed over to the receiver, and not safe
	handing  bool         // the receiver is being called
	called   time.Time    // when it was called last
	bytes    int64        // of all entries
	safe     time.Time    // when something was called safe last

	slow     bool      // reported
	full     bool      // reported
	warned   time.Time // when it was last reported that there is no receiver
	closing  bool
	closed   bool
	leave    func() // the bus
	wakeDisk chan struct{}
	wakeHand chan struct{}
	writing  sync.WaitGroup
	counts   counts
}

// A Config says where the journal of an outbox is, and how much it holds.
type Config struct {
	Name   string         // of the folder, for messages
	Folder journal.Folder // nil: there is no journal
	Format journal.Format
	Log    journal.Logger
	// Written sees events, in their order, when a crash does not lose them any more, or when that cannot be
	// had. It must not wait, and may be nil.
	Written func(list []*alert.Event)

	MaxEvents int
	MaxBytes  int64
	Growth    int64 // of the journal, see [journal.Config]
}

// counts are guarded by the lock.
type counts struct {
	repeated    int64 // handed over again
	unjournaled int64 // handed over without being in the journal
	superseded  int64 // given up; the alert has a newer event, or is over
	forgotten   int64 // given up although they were the newest
}

// An entry is an event in the outbox.
type entry struct {
	seq     uint64
	event   *alert.Event
	key     alertKey
	bytes   int64
	since   time.Time // when it came in, or was handed over
	written bool      // in the journal, or not to be waited for
	handed  bool      // to a receiver, be it one that has gone
	gone    bool      // over
	place
}

// A forgotten topic has no states of events up to the number.
type forgotten struct {
	seq   uint64
	topic string
}

const (
	// stuckAfter is how long an event waits for a disk that hangs, and a new one for those before it.
	stuckAfter = 2 * time.Second
	// flushTimeout is how long a checkpoint waits for a disk that hangs, and the end for a receiver.
	flushTimeout = 10 * time.Second
	// handLimit bounds the events of one call of the receiver.
	handLimit = 1000
	// aloneInterval is the time between two reports that there is no receiver.
	aloneInterval = time.Hour
)

// Open locks the folder and reads what an earlier process has left: topics get the states, and the
// events will be handed over when the outbox is started. It fails only if someone else has the folder.
func Open(c Config, topics *alert.Topics) (*Outbox, error) {
	o := &Outbox{
		c: c, next: 1, entries: map[*alert.Event]*entry{}, alerts: map[alertKey]*history{}, states: map[alertKey]numberedState{},
		wakeDisk: make(chan struct{}, 1), wakeHand: make(chan struct{}, 1),
	}
	o.disk = journal.New(journal.Config{
		Format: c.Format, Folder: c.Folder, Name: c.Name, Title: "Outbox", Growth: c.Growth, Log: c.Log,
		Without: "alerts go out all the same, but are not kept for a restart,",
		Copy:    o.copy, Late: func() error { return o.load(topics) },
	})
	o.news = sync.NewCond(o.disk)
	if c.Folder == nil {
		return o, nil
	}
	err := o.load(topics)
	if errors.Is(err, journal.ErrLocked) {
		return nil, err
	}
	if err != nil {
		o.touched = map[alertKey]struct{}{}
	}
	if n := o.queue.len(); n > 0 {
		c.Log.Infof("Handing over %d alert events again that were not delivered before the start", n)
	}
	o.writing.Go(o.write)
	o.disk.Start(err)
	return o, nil
}

// Start begins to hand over to the receiver of b.
func (o *Outbox) Start(b *bus.Bus) {
	go o.hand()
	o.leave = b.Join(o)
}

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
	later := slices.Collect(o.queue.all())
	for _, y := range later {
		o.queue.remove(y)
	}
	for k := range x.lost {
		if _, late := o.touched[k]; !late {
			o.alerts[k] = &history{lost: true}
		}
	}
	for _, seq := range slices.Sorted(maps.Keys(x.events)) {
		e := x.events[seq]
		if _, late := o.touched[keyOf(e)]; late {
			o.counts.superseded++
			continue
		}
		o.counts.repeated++
		o.enqueue(&entry{seq: seq, event: e, since: time.Now(), written: true})
	}
	for _, y := range later {
		o.queue.push(y)
	}
	o.touched = nil
	wake(o.wakeHand)
	return nil
}

// shift makes room for numbers up to last before those that have been given.
func (o *Outbox) shift(last uint64) {
	for _, x := range o.entries {
		x.seq += last
	}
	for _, x := range slices.Concat(o.over, o.pending) {
		if x.gone {
			x.seq += last
		}
	}
	for k, s := range o.states {
		s.seq += last
		o.states[k] = s
	}
	o.next += last
	o.written += last
	o.epochs++
}

// copy writes everything to a new segment.
func (o *Outbox) copy(record func(func(*codec.Encoder))) {
	for _, k := range inOrder(o.states) {
		s := o.states[k]
		record(func(e *codec.Encoder) { encodeState(e, k.topic, &s) })
	}
	for k, a := range o.alerts {
		if a.lost {
			record(func(e *codec.Encoder) { encodeLost(e, k) })
		}
	}
	for _, x := range slices.SortedFunc(maps.Values(o.entries), bySeq) {
		record(func(e *codec.Encoder) { encodeEvent(e, recAgain, x.seq, x.event) })
	}
}

// Put takes an event over. It waits only if the outbox is full, and then for what is on its way: never
// for a receiver that is not there, or a disk that hangs.
func (o *Outbox) Put(e *alert.Event) {
	o.put(e)
	if o.c.Folder == nil && o.c.Written != nil {
		o.c.Written([]*alert.Event{e})
	}
}

func (o *Outbox) put(e *alert.Event) {
	o.disk.Lock()
	defer o.disk.Unlock()
	if !o.recoversLost(e) {
		o.makeSpace(e.Size())
	}
	x := &entry{seq: o.next, event: e, since: time.Now(), written: o.c.Folder == nil}
	o.next++
	if o.c.Folder != nil {
		for _, topic := range topicsOf(e) {
			o.states[alertKey{topic, e.ID}] = numberedState{x.seq, e.State()}
		}
		o.pending = append(o.pending, x)
		wake(o.wakeDisk)
	}
	if o.touched != nil {
		o.touched[keyOf(e)] = struct{}{}
	}
	o.enqueue(x)
	o.warnAlone()
	wake(o.wakeHand) // if only to watch the writer
}

// warnAlone says from time to time that there is no receiver.
func (o *Outbox) warnAlone() {
	if o.receiver == nil && !o.closing && time.Since(o.warned) >= aloneInterval {
		o.warned = time.Now()
		o.c.Log.Warnf("Alerts go nowhere, %d events wait: there is no [[outputs.alerter]] at work, which delivers them", o.queue.len())
	}
}

// Receive implements [bus.Sender].
func (o *Outbox) Receive(r bus.Receiver) {
	o.disk.Lock()
	defer o.disk.Unlock()
	if o.receiver = r; r == nil {
		o.takeBack()
		return
	}
	if !o.warned.IsZero() {
		o.warned = time.Time{}
		o.c.Log.Infof("Outbox: alerts have somebody to deliver them again; %d events have waited", o.queue.len())
	}
	wake(o.wakeHand)
}

// takeBack puts what the receiver has left before all that has not been handed over yet.
func (o *Outbox) takeBack() {
	all := slices.SortedFunc(maps.Values(o.entries), bySeq)
	for _, x := range all {
		if x.line == &o.given {
			o.counts.repeated++
		}
		x.line.remove(x)
	}
	for _, x := range all {
		o.queue.push(x)
	}
	o.news.Broadcast()
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
		batch, closing, idle := o.pending, o.closing, len(o.pending)+len(o.over)+len(o.forgets) == 0
		o.pending = nil
		o.disk.Unlock()
		switch {
		case !idle:
			o.writeBatch(batch)
			o.writeNotes()
		case closing:
			return
		default:
			<-o.wakeDisk
		}
	}
}

// writeBatch writes and syncs what has been put in.
func (o *Outbox) writeBatch(batch []*entry) {
	if len(batch) == 0 {
		return
	}
	for rest := batch; len(rest) > 0; {
		n := min(len(rest), batchLimit)
		o.disk.Lock()
		o.disk.AppendAll(n, func(i int, e *codec.Encoder) { encodeEvent(e, recEvent, rest[i].seq, rest[i].event) })
		o.disk.Unlock()
		rest = rest[n:]
	}
	o.disk.Sync()
	o.noteWritten(batch)
	if o.c.Written == nil {
		return
	}
	list := make([]*alert.Event, len(batch))
	for i, x := range batch {
		list[i] = x.event
	}
	o.c.Written(list)
}

func (o *Outbox) noteWritten(batch []*entry) {
	o.disk.Lock()
	defer o.disk.Unlock()
	if o.disk.Broken() != nil {
		o.counts.unjournaled += int64(len(batch))
	}
	for _, x := range batch {
		x.written = true
	}
	o.written = max(o.written, batch[len(batch)-1].seq)
	if o.slow {
		o.slow = false
		o.c.Log.Infof("Outbox: %s answers again", o.c.Name)
	}
	o.news.Broadcast()
	wake(o.wakeHand)
}

// writeNotes brings to the journal what need not be there at once.
func (o *Outbox) writeNotes() {
	o.disk.Lock()
	defer o.disk.Unlock()
	o.writeOver()
	o.disk.AppendAll(len(o.forgets), func(i int, e *codec.Encoder) { encodeForget(e, o.forgets[i]) })
	o.forgets = nil
	o.disk.Lazy()
	o.news.Broadcast()
}

// writeOver notes the ends of events.
func (o *Outbox) writeOver() {
	if len(o.over) == 0 {
		return
	}
	for _, x := range o.over {
		if a := o.alerts[x.key]; a != nil && a.lost {
			o.disk.Append(func(e *codec.Encoder) { encodeLost(e, x.key) })
		}
	}
	o.disk.Append(func(e *codec.Encoder) { encodeOver(e, o.over) })
	o.over = nil
}

// hand hands over what may go, until the outbox is closed.
func (o *Outbox) hand() {
	t := time.NewTimer(time.Hour)
	defer t.Stop()
	for {
		o.disk.Lock()
		now := time.Now()
		r, list, wait := o.pick(now)
		end := list == nil && o.closing && (r == nil || o.queue.len() == 0)
		if o.handing = list != nil; o.handing {
			o.called = now
		}
		o.news.Broadcast()
		o.disk.Unlock()
		switch {
		case end:
			return
		case list != nil:
			r.Events(list, o.settle)
			continue
		}
		t.Reset(wait)
		select {
		case <-o.wakeHand:
		case <-t.C:
		}
	}
}

// pick returns the next events to hand over and to whom, or how long there will be none unless something
// happens.
func (o *Outbox) pick(now time.Time) (r bus.Receiver, list []*alert.Event, wait time.Duration) {
	wait = time.Hour
	for x := o.queue.first(); x != nil && o.receiver != nil && len(list) < handLimit; x = o.queue.first() {
		if wait = o.awaitsDisk(x, now); wait > 0 {
			break
		}
		o.queue.remove(x)
		x.since, x.handed = now, true
		o.given.push(x)
		list = append(list, x.event)
	}
	return o.receiver, list, wait
}

// awaitsDisk returns how long x must wait for the journal.
func (o *Outbox) awaitsDisk(x *entry, now time.Time) time.Duration {
	if x.written {
		return 0
	}
	w := x.since.Add(stuckAfter).Sub(now)
	if w <= 0 && !o.slow {
		o.slow = true
		o.c.Log.Errorf("Outbox: %s does not answer; alerts go out all the same", o.c.Name)
	}
	return w
}

// settle is called when events are safe with a receiver, be it one that has gone.
func (o *Outbox) settle(list []*alert.Event) {
	o.disk.Lock()
	defer o.disk.Unlock()
	for _, e := range list {
		if x := o.entries[e]; x != nil {
			o.end(x)
			o.safe = time.Now()
		}
	}
	if o.full && !o.crowded(o.c.MaxEvents/2, o.c.MaxBytes/2) {
		o.full = false
		o.c.Log.Infof("Outbox: alert events are taken again")
	}
	if o.closed && len(o.entries) == 0 {
		_ = o.disk.End()
	}
	o.news.Broadcast()
}

// end forgets an event.
func (o *Outbox) end(x *entry) {
	x.gone = true
	x.line.remove(x)
	delete(o.entries, x.event)
	o.bytes -= x.bytes
	o.unlink(x)
	if o.c.Folder == nil {
		return
	}
	if o.over = append(o.over, x); o.closed {
		o.writeOver()
	}
	wake(o.wakeDisk)
}

// A Mark is a point in time between events.
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

// Flush waits until all events that were put in are in the journal, or may go without it.
func (o *Outbox) Flush() error {
	o.disk.Lock()
	defer o.disk.Unlock()
	last := o.next - 1
	if !o.waitUntil(time.Now().Add(flushTimeout), func() bool { return o.c.Folder == nil || o.written >= last }) {
		return errStalled
	}
	return nil
}

// waitUntil waits until ok is true, with the lock held when it is called and when it returns, and reports
// whether that was before the deadline.
func (o *Outbox) waitUntil(deadline time.Time, ok func() bool) bool {
	if ok() {
		return true
	}
	timer := time.AfterFunc(time.Until(deadline), func() {
		o.disk.Lock()
		defer o.disk.Unlock()
		o.news.Broadcast()
	})
	defer timer.Stop()
	for !ok() {
		if !time.Now().Before(deadline) {
			return false
		}
		o.news.Wait()
	}
	return true
}

// Settle waits until what was put in has been handed over, and the journal knows what is over. There must
// be a receiver.
func (o *Outbox) Settle() {
	o.disk.Lock()
	defer o.disk.Unlock()
	for o.queue.len()+len(o.over)+len(o.pending) > 0 || o.handing {
		o.news.Wait()
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
		o.disk.Append(func(e *codec.Encoder) { e.Byte(recSaved); e.Uint(m.seq) })
		o.disk.Lazy()
	}
}

// Forget drops the states of a topic.
func (o *Outbox) Forget(topic string) {
	o.disk.Lock()
	defer o.disk.Unlock()
	maps.DeleteFunc(o.states, func(k alertKey, _ numberedState) bool { return k.topic == topic })
	maps.DeleteFunc(o.alerts, func(k alertKey, a *history) bool { return k.topic == topic && a.newest == nil })
	if o.c.Folder != nil {
		o.forgets = append(o.forgets, forgotten{o.next - 1, topic})
		wake(o.wakeDisk)
	}
}

// Close hands over what is left, waits a moment for it to be safe, and gives the folder free. A receiver
// may call events safe after that, as when it delivers its last ones: the journal is known as long as the
// process lives.
func (o *Outbox) Close() {
	o.disk.Lock()
	o.closing, o.safe = true, time.Now()
	wake(o.wakeDisk)
	wake(o.wakeHand)
	deadline := time.Now().Add(flushTimeout)
	o.waitUntil(deadline, func() bool { return o.receiver == nil || o.queue.len() == 0 && !o.handing })
	for o.receiver != nil && len(o.entries) > 0 {
		until := o.safe.Add(stuckAfter)
		if !until.Before(deadline) || !o.waitUntil(until, func() bool { return len(o.entries) == 0 || o.safe.Add(stuckAfter).After(until) }) {
			break
		}
	}
	o.receiver = nil
	waiting := o.queue.len()
	o.disk.Unlock()
	if o.leave != nil {
		o.leave()
	}
	wake(o.wakeHand)
	if o.c.Folder == nil {
		if waiting > 0 {
			o.c.Log.Warnf("Outbox: %d alert events are lost: there was nobody to deliver them, and without a state_directory nothing is kept", waiting)
		}
		return
	}
	o.writing.Wait()
	if _, err := o.disk.Release(); err != nil {
		o.c.Log.Debugf("Outbox: %v", err) // it has been said that the disk fails
	}
	o.disk.Lock()
	defer o.disk.Unlock()
	o.closed = true
	o.writeOver()
	if len(o.entries) == 0 {
		_ = o.disk.End()
	}
}

// Show shows the statistics.
func (o *Outbox) Show(set func(field string, n int64)) {
	o.disk.Lock()
	held, waiting, c := len(o.entries), o.queue.len(), o.counts
	o.disk.Unlock()
	set("outbox_events", int64(held))
	set("outbox_waiting", int64(waiting))
	set("outbox_repeated", c.repeated)
	set("outbox_unjournaled", c.unjournaled)
	set("outbox_superseded", c.superseded)
	set("outbox_forgotten", c.forgotten)
}
