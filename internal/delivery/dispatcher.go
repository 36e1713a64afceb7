package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/filewatch"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
	"github.com/telegraf-tigk/telegraf-tigk/internal/ratelog"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spool"
)

// A Logger takes messages for the operator.
type Logger = journal.Logger

// A Config says what a dispatcher works with.
type Config struct {
	Name    string // of the configuration's section, for messages
	Log     Logger
	Counter func(field, kind string) Counter // makes a counter, of a kind of handler or ""; may be nil

	Sections map[*handler.Kind][]any  // of handlers
	Off      map[*handler.Kind]bool   // kinds that have a section which is switched off
	Topics   []*TopicHandler          // of the configuration
	Files    []string                 // of further ones: files, globs and folders
	Mutes    []alert.Mute             // of the configuration
	MuteFile *MuteFile                // of further ones; may be nil
	Beat     *handler.HeartbeatConfig // may be nil
	Pace     filewatch.Pace           // at which changes of files are taken up; zero is [filewatch.DefaultPace]

	Timeout  time.Duration // of one attempt
	RetryMin time.Duration
	RetryMax time.Duration
	MaxAge   time.Duration // at which a delivery is given up

	Folder    journal.Folder // of the spool; nil: memory
	Directory string         // its name, for messages
	Growth    int64          // of its journal, see [journal.Config]
	MaxEvents int            // in the spool
	MaxBytes  int64

	HealthTopic string        // of alerts about the delivery; "": none
	HealthAfter time.Duration // how long a handler must have failed
}

// A Dispatcher delivers events.
type Dispatcher struct {
	c        Config
	log      Logger
	stats    *stats
	causes   *ratelog.Limiter // for what is given up
	retries  *ratelog.Limiter // for what is tried again
	handlers map[*handler.Kind]*integration
	ctx      context.Context // ends when attempts are to be broken off
	cancel   context.CancelFunc

	files      *handlerFiles // nil if there are none
	heartbeat  *handler.Heartbeat
	stop       chan struct{} // closed when what runs in the background is to end; nil unless it does
	background sync.WaitGroup

	mu       sync.Mutex   // guards all below
	spool    *spool.Spool // nil unless started
	topics   *topics
	fixed    []*mute // of the configuration
	mutes    []*mute // all
	pending  bool    // mutes may have ended before the start
	own      ownAlerts
	queues   map[string]*queue
	held     map[spool.Series]*delivery
	bundles  map[string]*bundle
	flying   map[*delivery]struct{}
	backlog  backlog
	landing  *sync.Cond          // some delivery was tried
	landings int                 // how often that was so
	touched  map[string]struct{} // IDs of alerts that came before an earlier process's were read
	stage    stage
	idle     chan struct{} // closed when closing and no worker is left
	workers  int
}

// A stage is how far a dispatcher is on its way to the end.
type stage uint8

const (
	running stage = iota
	closing       // each delivery gets one last attempt
	ending        // no attempt begins any more
)

// New checks a configuration and opens the files that it names.
func New(c Config) (*Dispatcher, error) {
	d := &Dispatcher{
		c: c, log: c.Log, stats: newStats(c.Counter), causes: ratelog.New(10 * time.Minute), retries: ratelog.New(time.Minute),
		handlers: map[*handler.Kind]*integration{},
		queues:   map[string]*queue{}, held: map[spool.Series]*delivery{}, bundles: map[string]*bundle{}, flying: map[*delivery]struct{}{},
		idle: make(chan struct{}),
	}
	if c.Pace == (filewatch.Pace{}) {
		d.c.Pace = filewatch.DefaultPace
	}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	d.landing = sync.NewCond(&d.mu)
	if c.HealthTopic != "" && !topicName.MatchString(c.HealthTopic) {
		return nil, fmt.Errorf("health_topic: %w", errTopicName(c.HealthTopic))
	}
	if c.Beat != nil {
		var err error
		if d.heartbeat, err = handler.NewHeartbeat(c.Beat); err != nil {
			return nil, err
		}
	}
	for _, k := range handler.Kinds() {
		configs := c.Sections[k]
		if len(configs) == 0 && k.Required {
			continue
		}
		sender, err := k.Open(configs)
		if err != nil {
			return nil, err
		}
		d.handlers[k] = &integration{kind: k, configs: configs, sender: sender}
	}
	d.handlers[aggregateKind] = &integration{kind: aggregateKind, sender: noSender{}}
	for _, m := range c.Mutes {
		x, err := newMute(m)
		if err != nil {
			return nil, fmt.Errorf("mute %s: %w", m.ID, err)
		}
		d.fixed = append(d.fixed, x)
	}
	var err error
	if d.topics, err = newTopics(c.Topics); err != nil {
		return nil, fmt.Errorf("handler: %w", err)
	}
	return d, d.openFiles()
}

// Start reads the spool and begins to deliver. It fails only if another dispatcher has the spool, and may
// be called again then.
func (d *Dispatcher) Start() error {
	s := spool.New(spool.Config{
		MaxEvents: d.c.MaxEvents, MaxBytes: d.c.MaxBytes, Log: d.log, Folder: d.c.Folder, Name: d.c.Directory, Growth: d.c.Growth, Restore: d.restore,
	})
	d.mu.Lock()
	d.spool, d.pending = s, true
	d.mu.Unlock()
	if err := s.Start(); err != nil {
		d.mu.Lock()
		d.spool = nil
		d.mu.Unlock()
		return err
	}
	d.stop = make(chan struct{})
	d.watchFiles()
	d.startMutes()
	d.startHealth()
	return nil
}

// Events takes over events, which nobody changes any more, in their order. safe, which may be nil, is
// called with each of them once, by another goroutine, when it is safe: on the disk, or nothing is left to
// deliver of it. Before Start and after Close nothing is taken.
func (d *Dispatcher) Events(list []*alert.Event, safe func([]*alert.Event)) {
	var batch *spool.Batch
	if safe != nil {
		batch = &spool.Batch{Safe: safe}
	}
	for _, e := range list {
		d.mu.Lock()
		d.waitForRoom()
		if d.takes() {
			p := d.route(e, d.fail)
			p.batch = batch
			d.accept(p)
		}
		d.mu.Unlock()
	}
	if s := d.started(); s != nil {
		s.Commit()
	}
}

// Sync returns when all that Events has taken over is on the disk, if there is one that works.
func (d *Dispatcher) Sync() {
	if s := d.started(); s != nil {
		s.Sync()
	}
}

// takes reports whether events are taken over. The lock is held.
func (d *Dispatcher) takes() bool { return d.spool != nil && d.stage == running }

// started returns the spool, nil unless events are taken over.
func (d *Dispatcher) started() *spool.Spool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.takes() {
		return nil
	}
	return d.spool
}

// accept puts an event into the spool and lets its deliveries begin. The lock is held.
func (d *Dispatcher) accept(p *plan) {
	now := time.Now()
	posting := &spool.Posting{Event: p.event, Levels: p.levels, Batch: p.batch}
	var begin, replaced []*delivery
	muted := map[string]int64{}
	for _, it := range p.list {
		d.toItem(it, now)
		before := d.held[it.item.Series]
		made := d.admit(it, before, d.muted(it.event, now), begin)
		if before != nil && !slices.Contains(replaced, before) {
			replaced = append(replaced, before)
			posting.Over = append(posting.Over, before.item)
		}
		if made {
			begin = append(begin, it)
			posting.Items = append(posting.Items, it.item)
		}
		if it.item.Held || !made {
			muted[it.to.kind.Name]++
		}
	}
	var merged []*delivery
	if p.from != nil {
		merged = p.from.items
	}
	for _, it := range merged {
		posting.Merged = append(posting.Merged, it.item)
	}
	if d.spool.Put(posting) != nil {
		d.stats.get("").repeated.Incr(1)
		for _, it := range slices.Clone(merged) {
			d.becomeOver(it, spool.Dropped)
		}
		return
	}
	if d.touched != nil && len(d.touched) < maxTouched {
		d.touched[p.event.ID] = struct{}{}
	}
	for name, n := range muted {
		d.stats.get(name).muted.Incr(n)
	}
	for _, it := range slices.Concat(replaced, merged) {
		d.leave(it)
	}
	d.stats.get(aggregateKind.Name).delivered.Incr(int64(len(merged)))
	for _, it := range begin {
		d.place(it)
	}
	if len(begin) > 0 {
		d.makeRoom(begin)
	}
}

// toItem makes the item of a new delivery.
func (d *Dispatcher) toItem(it *delivery, now time.Time) {
	options, err := json.Marshal(it.options)
	if err != nil {
		d.causes.Log(d.log.Errorf, "options", fmt.Errorf("options of %s: %w", it.to.kind.Name, err))
	}
	dest := it.destination()
	it.since = now
	it.item = &spool.Item{
		Kind: it.to.kind.Name, Dest: dest, Options: options, Previous: it.event.Previous, Series: spool.SeriesOf(dest, options, it.event.ID),
	}
	_, known := d.spool.Known(it.item.Series)
	it.unheard = !known && it.event.Previous == alert.OK
}

// keepRemainder has the spool know what is left of a delivery.
func (d *Dispatcher) keepRemainder(it *delivery) {
	options, err := json.Marshal(it.options)
	if err != nil {
		d.causes.Log(d.log.Errorf, "options", fmt.Errorf("options of %s: %w", it.to.kind.Name, err))
		return
	}
	d.spool.SetRemainder(it.item, options)
}

// endBackground ends what runs in the background.
func (d *Dispatcher) endBackground() {
	if d.stop != nil {
		close(d.stop)
		d.stop = nil
	}
	d.background.Wait()
}

// Close makes what deliveries it can until the deadline. In the last quarter of the time no attempt begins
// if the spool keeps the event, for a receiver may have taken what is cut off. It returns how many
// deliveries remain, and whether the spool keeps them.
func (d *Dispatcher) Close(deadline time.Time) (left int, kept bool, err error) {
	d.endBackground()
	if d.heartbeat != nil {
		defer d.heartbeat.Close()
	}
	clean := true
	if s := d.started(); s != nil {
		if d.c.Folder == nil {
			for _, dest := range d.waitingBundles() {
				d.aggregate(dest)
			}
		}
		left, clean = d.finish(deadline)
		if kept, err = s.Close(); err != nil {
			err = fmt.Errorf("closing the spool: %w", err)
		}
	}
	for _, x := range d.handlers {
		if clean {
			err = errors.Join(err, x.sender.Close())
		}
	}
	return left, kept, err
}

// finish gives every delivery that waits for its turn or its next try one last attempt. It returns how many
// remain, and whether all handlers have come back.
func (d *Dispatcher) finish(deadline time.Time) (left int, clean bool) {
	d.mu.Lock()
	d.stage = closing
	for _, q := range d.queues {
		d.wake(q)
	}
	if d.workers == 0 {
		close(d.idle)
	}
	d.mu.Unlock()
	timeout := time.Until(deadline)
	if d.c.Folder != nil {
		last := time.AfterFunc(timeout*3/4, func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.stage = ending
		})
		defer last.Stop()
	}
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case <-d.idle:
	case <-t.C:
	}
	d.cancel()
	select {
	case <-d.idle:
		clean = true
	case <-time.After(time.Second): // one does not heed its context
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, q := range d.queues {
		left += q.n
	}
	for _, b := range d.bundles {
		left += len(b.items)
		b.stop()
	}
	return left + len(d.held), clean
}
