// Package engine runs tasks: it finds their scripts and takes up changes of these, brings each task the
// points that it wants, the time and the answers to what it asks, and carries out what it decides. It
// keeps what tasks remember over a restart.
//
//	e := engine.New(engine.Config{…})
//	errs, n := e.Check()          // what is wrong with the scripts; touches nothing
//	err := e.Open()               // reads the state
//	e.Run()                       // starts the tasks
//	for each point: e.Add(p)      // or [Engine.Route], for who makes points only of what is wanted
//	e.Stop()
//
// Everything that happens to a task goes through its mailbox, so the task itself needs no lock.
package engine

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/bus"
	"github.com/telegraf-tigk/telegraf-tigk/internal/filewatch"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
	"github.com/telegraf-tigk/telegraf-tigk/internal/outbox"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/scale"
	"github.com/telegraf-tigk/telegraf-tigk/internal/sideload"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// A Logger takes messages for the operator.
type Logger = journal.Logger

// A Config says what an engine works with. It has been checked.
type Config struct {
	Log   Logger
	Clock func() int64 // nanoseconds since the Unix epoch; nil is the system's
	Host  string       // name of the host, for templates

	Scripts Scripts
	DBRP    spec.DBRP // of scripts that have none
	Pace    filewatch.Pace

	MaxGroups   int
	GroupExpiry time.Duration
	Deadman     spec.Deadman
	ChangesOnly bool // all alerts behave as if they said stateChangesOnly

	Endpoints      Endpoints
	Scaler         *scale.Scaler
	ReloadSideload time.Duration // 0 is never

	QueueSize int  // points that wait for a task
	Block     bool // whoever adds points waits as long as it takes while a queue is full

	HealthTopic string // "" is no alerts about tasks

	StateDirectory  string         // "" keeps nothing
	Folder          journal.Folder // what is there; nil is the operating system's
	Second          bool           // another engine uses the folder, too
	Checkpoint      time.Duration
	OutboxMaxEvents int
	OutboxMaxBytes  int64
	OutboxGrowth    int64 // of its journal, see [journal.Config]

	// Bus leads to the receiver of events and points. Nil is for who only wants to see them: there is no
	// receiver, and nothing is kept.
	Bus *bus.Bus
	// Event sees each event that goes to the receiver, which nobody changes any more, when a crash does not
	// lose it any more. It must not wait, may be nil, and is safe for concurrent use.
	Event func(e *alert.Event)
	// Point has points of influxDBOut written, which are valid during the call, instead of the receiver. It
	// may be nil, and is safe for concurrent use.
	Point func(p *point.Point)

	Meter Meter // nil shows no statistics
}

// An Engine runs tasks.
type Engine struct {
	c         Config
	log       Logger
	clock     func() int64
	observe   func(task string, x *spec.Effect) // sees all effects; set by tests
	transport http.RoundTripper                 // of requests; set by tests
	base      task.Config                       // what all tasks have in common
	loader    *sideload.Loader
	showing   sync.Mutex // held while the lag of a task is shown, or hidden

	topics   alert.Topics
	store    store
	outbox   *outbox.Outbox // nil without a bus
	points   pointSender
	counters counters
	health   *health // nil: no alerts about tasks
	index    atomic.Pointer[index]
	pool     *pool

	client   *http.Client
	context  context.Context // of requests
	cancel   context.CancelFunc
	requests sync.WaitGroup

	ended   chan struct{} // closed by Stop; nil before Run
	working sync.WaitGroup

	changing sync.Mutex // held by who changes what follows
	places   map[string]*place
	waits    map[string]*source       // scripts that wait for user-defined functions
	leaving  map[string]chan struct{} // tasks that are being removed; closed when they have been
	problems map[problem]string       // those that have been logged
	checked  []*source                // what Check has found; nil after Run
	news     []string                 // to be logged when it has come true
}

// counters are what the engine counts beside its tasks' own statistics.
type counters struct {
	taken, reloads, scriptErrors, failures atomic.Int64
	posts, postsDropped                    atomic.Int64
	loads, scalings                        atomic.Int64
	looped, loops, empty                   atomic.Int64
	waiting                                atomic.Int64 // scripts
}

// New returns an engine that has nothing opened and no task.
func New(c Config) *Engine {
	if c.Clock == nil {
		c.Clock = func() int64 { return time.Now().UnixNano() }
	}
	e := &Engine{
		c: c, log: c.Log, clock: c.Clock, pool: newPool(c.QueueSize, c.Block),
		places: map[string]*place{}, waits: map[string]*source{}, leaving: map[string]chan struct{}{}, problems: map[problem]string{},
	}
	e.index.Store(newIndex(nil))
	e.base = task.Config{
		Host: c.Host, Topics: &e.topics, MaxGroups: c.MaxGroups, GroupExpiry: c.GroupExpiry, Deadman: c.Deadman, ChangesOnly: c.ChangesOnly,
		Ask: answerer(c.Endpoints, c.Scaler),
	}
	return e
}

// Open reads what an earlier process has left, and makes the engine ready for tasks: Stop must be called
// from now on. Only a folder that someone else uses is an error; without one that works the tasks begin
// anew, and alerts go out.
func (e *Engine) Open() (err error) {
	if err := e.openState(); err != nil {
		return err
	}
	if e.c.HealthTopic != "" {
		e.health = newHealth(e.c.HealthTopic, e.c.Host, e.clock, &e.topics, e.alert)
	}
	e.counters.scriptErrors.Store(int64(len(e.problems)))
	transport := e.transport
	if transport == nil {
		transport = &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			ForceAttemptHTTP2:   true,
			MaxIdleConnsPerHost: 4,
			IdleConnTimeout:     90 * time.Second,
		}
	}
	e.client = &http.Client{Transport: transport}
	e.loader = newLoader(e)
	e.context, e.cancel = context.WithCancel(context.Background())
	return nil
}

// openState opens first the state file, then the outbox, which knows what is beyond it.
func (e *Engine) openState() (err error) {
	if e.c.Bus == nil {
		return nil
	}
	c := outbox.Config{
		Name: e.c.StateDirectory, Format: outbox.Format, Log: e.log, MaxEvents: e.c.OutboxMaxEvents, MaxBytes: e.c.OutboxMaxBytes, Growth: e.c.OutboxGrowth,
	}
	if e.c.Second {
		c.Format = outbox.AfterFormat
	}
	if e.c.StateDirectory != "" {
		if c.Folder = e.c.Folder; c.Folder == nil {
			c.Folder = journal.Dir(e.c.StateDirectory)
		}
		if err := e.store.open(c.Folder, stateFile(e.c.StateDirectory, e.c.Second), &e.topics); err != nil {
			e.log.Errorf("%v", err)
		}
	}
	if e.c.Event != nil {
		c.Written = func(list []*alert.Event) {
			for _, x := range list {
				e.c.Event(x)
			}
		}
	}
	if e.outbox, err = outbox.Open(c, &e.topics); err != nil {
		return err
	}
	e.outbox.Start(e.c.Bus)
	e.points.start(e.c.Bus, e.log)
	return nil
}

// Run starts the tasks, and takes up changes of their scripts until Stop.
func (e *Engine) Run() {
	// The watches begin before the scripts are read, so that no change falls in between.
	reached, unwatch := watchFunctions()
	w := &filewatch.Watcher{
		Pace: e.c.Pace, What: "the scripts", Folders: e.c.Scripts.watched, Warnf: e.log.Warnf,
		Look: e.c.Pace.Missing(e.rescan),
	}
	e.ended = make(chan struct{})
	watching := e.c.Scripts.inFiles()
	if watching {
		w.Start()
	}
	srcs, _ := e.c.Scripts.scan(true)
	inherit(srcs, e.checked)
	e.checked = nil
	e.apply(srcs)
	if watching {
		e.working.Go(func() { w.Run(e.ended, 0) })
	}
	e.working.Go(func() {
		defer unwatch()
		for {
			select {
			case <-e.ended:
				return
			case <-reached:
				e.reached()
			}
		}
	})
	e.regularly(statsInterval, e.survey)
	if e.c.ReloadSideload > 0 {
		e.regularly(e.c.ReloadSideload, e.ReloadSideload)
	}
	if e.c.StateDirectory != "" {
		e.regularly(e.c.Checkpoint, e.checkpoint)
	}
}

// regularly calls f until Stop.
func (e *Engine) regularly(interval time.Duration, f func()) {
	e.working.Go(func() {
		every := time.NewTicker(interval)
		defer every.Stop()
		for {
			select {
			case <-e.ended:
				return
			case <-every.C:
				f()
			}
		}
	})
}

// rescan takes up changed scripts. Without sure, those that miss a task change nothing: the scan is
// to be repeated.
func (e *Engine) rescan(sure bool) (missing bool) {
	srcs, missing := e.c.Scripts.scan(sure)
	if !missing {
		e.apply(srcs)
	}
	return missing
}

// Stop ends the tasks once they have dealt with all points. If their state is kept, they go on after
// a restart; else what they hold back goes out.
func (e *Engine) Stop() {
	if e.ended != nil {
		close(e.ended)
		e.working.Wait()
	}
	for _, gone := range e.leaving {
		<-gone
	}
	e.settle()
	e.Drain()
	end := (*runner).stop
	if e.store.file != "" {
		end = (*runner).leave
		<-e.each((*runner).quiesce)
		e.Drain()
	}
	if e.checkpoint(); e.store.failed {
		e.checkpoint() // there is no later one
	}
	ended := e.each(func(r *runner) {
		end(r)
		if r.poster != nil {
			r.poster.close()
		}
	})
	for _, p := range e.places {
		p.r.box.close()
	}
	<-ended
	grace := time.AfterFunc(postGrace, e.cancel)
	e.requests.Wait()
	grace.Stop()
	e.cancel()
	if e.outbox != nil {
		e.outbox.Close()
		e.points.stop()
	}
	e.client.CloseIdleConnections()
}

// Route returns where the points of a measurement go, or nil if no task wants it. It belongs to the one
// goroutine that adds points, until its next call.
func (e *Engine) Route(name string) *Route { return e.index.Load().route(name) }

// Add brings a copy of a point to the tasks that want it. It is called by one goroutine at a time.
func (e *Engine) Add(p *point.Point) {
	if r := e.Route(p.Name); r != nil && r.Wants(p.DB, p.RP) {
		e.Fill(r, func(to *point.Point) bool {
			fields := append(to.Fields[:0], p.Fields...)
			*to = *p
			to.Fields = fields
			return true
		})
	}
}

// Fill has fill make a point for the tasks that want it, of which there is at least one: over an old one,
// whose Fields are a buffer to be used again. There is none if fill returns false. What the point refers
// to otherwise must not change any more. Fill is called by one goroutine at a time.
func (e *Engine) Fill(r *Route, fill func(*point.Point) bool) {
	m := e.pool.message()
	if fill(&m.point) {
		m.arrived = e.clock()
		e.counters.taken.Add(1)
		e.send(r.targets, m, &e.pool.budget)
	}
	e.pool.release(m)
}

// send puts m into the mailboxes of the tasks that want it.
func (e *Engine) send(to []target, m *message, b *budget) {
	for i := range to {
		if t := &to[i]; t.wants(m.point.DB, m.point.RP) {
			t.r.box.put(m, b)
		}
	}
}

// dispatch brings a point out of a loopback to the tasks that want it.
func (e *Engine) dispatch(p *point.Point, hops int) {
	m := e.pool.message()
	fields := append(m.point.Fields[:0], p.Fields...)
	m.point = *p
	m.point.Fields, m.arrived, m.hops = fields, e.clock(), hops
	e.send(e.index.Load().targets(p.Name), m, nil)
	e.pool.release(m)
}

// Drain waits until the tasks have dealt with all points, those of loopbacks included.
func (e *Engine) Drain() {
	for range maxHops + 1 {
		before := e.counters.looped.Load()
		<-e.each(func(*runner) {})
		if e.counters.looped.Load() == before {
			return
		}
	}
}

// each has every task call f once it has dealt with what is in its mailbox. The channel is closed
// when all have.
func (e *Engine) each(f func(*runner)) (done <-chan struct{}) {
	return call(e.index.Load().runners, f)
}

// call is [Engine.each] for some of the tasks.
func call(rs []*runner, f func(*runner)) <-chan struct{} {
	done := make(chan struct{})
	var left atomic.Int64
	left.Store(1)
	did := func() {
		if left.Add(-1) == 0 {
			close(done)
		}
	}
	for _, r := range rs {
		left.Add(1)
		if !r.box.do(func() { defer did(); f(r) }) {
			did()
		}
	}
	did()
	return done
}

// alert sends an alert event on its way.
func (e *Engine) alert(x *alert.Event) {
	switch {
	case e.outbox != nil:
		e.outbox.Put(x)
	case e.c.Event != nil:
		e.c.Event(x)
	}
}

// forget drops the states of a topic.
func (e *Engine) forget(topic string) {
	e.topics.Delete(topic)
	if e.outbox != nil {
		e.outbox.Forget(topic)
	}
}

// Check loads all scripts, and throws the tasks away. It returns what is wrong with scripts, and how many
// there are. A script whose function cannot be asked is not wrong.
func (e *Engine) Check() (errs []error, scripts int) {
	srcs, _ := e.c.Scripts.scan(true)
	e.checked = srcs
	found := make([]error, len(srcs))
	atOnce(len(srcs), func(i int) { found[i] = srcs[i].check(e.base, e.c.DBRP) })
	for i, err := range found {
		if err != nil {
			e.problems[srcs[i].problem()] = err.Error()
			errs = append(errs, err)
		}
	}
	return errs, len(srcs)
}

// Problems returns what is wrong with scripts, sorted. The engine must not be running.
func (e *Engine) Problems() []string { return slices.Sorted(maps.Values(e.problems)) }
