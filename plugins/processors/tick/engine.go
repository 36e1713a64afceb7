package tick

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/selfstat"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/scale"
	"github.com/telegraf-tigk/telegraf-tigk/internal/sideload"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
	"github.com/telegraf-tigk/telegraf-tigk/internal/udf"
	"github.com/telegraf-tigk/telegraf-tigk/plugins/alertmetric"
)

// This file keeps the set of tasks.

// An engine runs tasks.
type engine struct {
	log       telegraf.Logger
	clock     func() int64
	emit      func(telegraf.Metric) // safe for concurrent use
	observe   func(task string, x *spec.Effect)
	alertName string
	base      task.Config // what all tasks have in common
	dbrp      spec.DBRP
	endpoints Endpoints
	scaler    *scale.Scaler
	loader    *sideload.Loader
	stat      *selfstat.Collector // nil: no statistics
	statLock  sync.Mutex          // a Collector has none of its own

	topics   alert.Topics
	store    store
	outbox   *outbox // nil without state_directory
	counters counters
	health   *health // nil: no alerts about tasks
	index    atomic.Pointer[index]
	depot    *depot

	client  *http.Client
	context context.Context // of requests
	cancel  context.CancelFunc
	posters sync.WaitGroup

	changing sync.Mutex // held by who changes what follows
	places   map[string]*place
	waits    map[string]*source       // scripts that wait for user-defined functions
	leaving  map[string]chan struct{} // tasks that are being removed; closed when they have been
	problems map[problem]string       // those that have been logged
	news     []string                 // to be logged when it has come true
}

// counters are what the engine counts beside its tasks' own statistics.
type counters struct {
	taken, reloads, scriptErrors, failures atomic.Int64
	posts, postsDropped, answers           atomic.Int64
	loads, scalings                        atomic.Int64
	looped, loops, empty                   atomic.Int64
	waiting                                atomic.Int64 // scripts
}

// A problem is what is wrong with the script of a task, or with another script of that name.
type problem struct{ task, duplicate string }

func (s *source) problem() problem { return problem{s.name, s.duplicate} }

// A place is a task with the script that it runs.
type place struct {
	src *source
	r   *runner
	entry
}

// start makes the engine ready for tasks. Their mailboxes hold so many points; a full one has the
// agent wait, for as long as it takes or only for a while.
func (e *engine) start(limit int, block bool) {
	e.places, e.waits, e.leaving = map[string]*place{}, map[string]*source{}, map[string]chan struct{}{}
	e.depot = newDepot(limit, block)
	e.index.Store(newIndex(nil))
	if e.client == nil {
		e.client = &http.Client{Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			ForceAttemptHTTP2:   true,
			MaxIdleConnsPerHost: 4,
			IdleConnTimeout:     90 * time.Second,
		}}
	}
	e.loader = newLoader(e)
	e.context, e.cancel = context.WithCancel(context.Background())
}

// drain waits until the tasks have dealt with all points, those of loopbacks included.
func (e *engine) drain() {
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
func (e *engine) each(f func(*runner)) (done <-chan struct{}) {
	return call(e.index.Load().runners, f)
}

// call is [engine.each] for some of the tasks.
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

// stop ends the tasks once they have dealt with all points. If their state is kept, they go on after
// a restart; else what they hold back goes out.
func (e *engine) stop() {
	for _, gone := range e.leaving {
		<-gone
	}
	e.settle()
	e.drain()
	end := (*runner).stop
	if e.store.file != "" {
		end = (*runner).leave
		<-e.each((*runner).quiesce)
		e.drain()
	}
	e.checkpoint()
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
	e.posters.Wait()
	grace.Stop()
	e.cancel()
	if e.outbox != nil {
		e.outbox.close()
	}
	e.client.CloseIdleConnections()
}

// alert has an alert event emitted.
func (e *engine) alert(x *alert.Event) {
	if e.outbox != nil {
		e.outbox.put(x)
		return
	}
	e.emit(alertmetric.New(x, e.alertName))
}

// forget drops the states of a topic.
func (e *engine) forget(topic string) {
	e.topics.Delete(topic)
	if e.outbox != nil {
		e.outbox.forget(topic)
	}
}

// dispatch brings a point out of a loopback to the tasks that want it.
func (e *engine) dispatch(p *point.Point, hops int) {
	var c *parcel
	ts := e.index.Load().targets(p.Name)
	for i := range ts {
		if !ts[i].wants(p.DB, p.RP) {
			continue
		}
		if c == nil {
			c = e.depot.parcel()
			fields := append(c.point.Fields[:0], p.Fields...)
			c.point = *p
			c.point.Fields, c.arrived, c.hops = fields, e.clock(), hops
		}
		ts[i].r.box.put(c, nil)
	}
	if c != nil {
		e.depot.release(c)
	}
}

// apply makes the tasks those of srcs. A task whose script is broken keeps running with the one it
// has.
func (e *engine) apply(srcs []*source) {
	e.changing.Lock()
	defer e.changing.Unlock()
	maps.DeleteFunc(e.leaving, func(_ string, gone chan struct{}) bool { return isClosed(gone) })
	changes := 0
	wanted := make(map[string]bool, len(srcs))
	seen := make(map[problem]bool, len(srcs))
	var begin []*source
	for _, s := range srcs {
		seen[s.problem()] = true
		if s.duplicate == "" {
			wanted[s.name] = true
		}
		if p := e.places[s.name]; p != nil && s.err == nil && s.same(p.src) && !p.restart(s) {
			p.src.modified = s.modified
			delete(e.problems, s.problem())
			e.health.isRight(s.name)
			continue
		}
		t, err := s.load(e.base, e.dbrp)
		if errors.Is(err, udf.ErrUnreachable) {
			e.hold(s, err)
			changes++
			continue
		}
		if s.duplicate == "" {
			e.release(s.name)
		}
		if err != nil {
			e.problem(s, err)
			if p := e.places[s.name]; p != nil && p.r.waits.Load() && s.duplicate == "" {
				e.drop(s.name, p)
				changes++
			}
			continue
		}
		s.task = t
		begin = append(begin, s)
	}
	docs := e.prefetch(begin)
	for _, s := range begin {
		e.begin(s, docs)
		changes++
	}
	for name, p := range e.places {
		if wanted[name] {
			continue
		}
		e.release(name)
		e.drop(name, p)
		e.log.Infof("Stopped task %q: %s is gone", name, p.src.place())
		changes++
	}
	for x := range e.problems {
		if !seen[x] {
			delete(e.problems, x)
			e.health.isGone(x.id(), x.gone())
		}
	}
	if changes > 0 {
		e.reindex()
	}
	e.tellNews()
}

// tellNews logs what has come true: who reads that a task has started may send it points.
func (e *engine) tellNews() {
	for _, text := range e.news {
		e.log.Info(text)
	}
	e.news = e.news[:0]
}

// drop ends a task for good.
func (e *engine) drop(name string, p *place) {
	delete(e.places, name)
	gone := make(chan struct{})
	e.leaving[name] = gone
	p.r.box.do(func() { defer close(gone); p.r.remove() })
	p.r.box.close()
	e.hideLag(p.r)
}

// missing reports whether srcs lack a task that runs.
func (e *engine) missing(srcs []*source) bool {
	e.changing.Lock()
	defer e.changing.Unlock()
	for name := range e.places {
		if !slices.ContainsFunc(srcs, func(s *source) bool { return s.name == name }) {
			return true
		}
	}
	return false
}

// restart reports whether the task is to be started again although its script is the same: it has
// stopped, and the file has been written since.
func (p *place) restart(s *source) bool {
	return p.r.failed.Load() && !s.modified.Equal(p.src.modified)
}

// begin starts the task of a script.
func (e *engine) begin(s *source, docs *round) {
	t := s.task
	s.task = nil
	p := e.places[s.name]
	isNew := p == nil || e.waits[s.name] != nil && p.r.waits.Load()
	if p == nil {
		p = &place{r: newRunner(e, s.name)}
		e.places[s.name] = p
		if gone := e.leaving[s.name]; gone != nil { // a task of this name is about to end
			p.r.box.do(func() { <-gone })
		}
	}
	e.release(s.name)
	p.src = s
	p.entry = entry{r: p.r, dbrps: t.DBRPs()}
	p.names, p.all = t.Measurements()
	again := *s
	fresh := func() (*task.Task, error) { return again.load(e.base, e.dbrp) }
	p.r.box.do(func() { p.r.start(t, fresh, docs) })
	delete(e.problems, s.problem())
	for _, text := range s.warnings {
		e.log.Warn(text)
	}
	if isNew {
		e.news = append(e.news, fmt.Sprintf("Started task %q from %s", s.name, s.place()))
	} else {
		e.counters.reloads.Add(1)
		e.news = append(e.news, fmt.Sprintf("Reloaded task %q from %s", s.name, s.place()))
	}
}

// problem reports what is wrong with a script, once.
func (e *engine) problem(s *source, err error) {
	text, x := err.Error(), s.problem()
	goesOn := s.duplicate == "" && e.places[s.name] != nil
	switch {
	case s.duplicate != "":
		e.health.isBroken(x.id(), text)
	case goesOn:
		e.health.isBroken(x.id(), fmt.Sprintf("The script of task %s is broken, the task goes on with the one it had: %v", s.name, err))
	default:
		e.health.isBroken(x.id(), fmt.Sprintf("Task %s does not run, its script is broken: %v", s.name, err))
	}
	if e.problems[x] == text {
		return
	}
	e.problems[x] = text
	e.counters.scriptErrors.Add(1)
	if goesOn {
		e.log.Errorf("%v; task %q goes on with the script it had", err, s.name)
	} else {
		e.log.Error(err)
	}
}

// id returns the ID of the alert about the problem.
func (x problem) id() string {
	if x.duplicate != "" {
		return scriptID(x.duplicate)
	}
	return taskID(x.task)
}

// gone says that the problem has gone with its script.
func (x problem) gone() string {
	if x.duplicate != "" {
		return fmt.Sprintf("Task %s has one script again", x.task)
	}
	return fmt.Sprintf("Task %s is gone", x.task)
}

func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

func (e *engine) reindex() {
	entries := make([]entry, 0, len(e.places))
	for _, p := range e.places {
		entries = append(entries, p.entry)
	}
	slices.SortFunc(entries, func(a, b entry) int {
		if a.r.name < b.r.name {
			return -1
		}
		return 1
	})
	e.index.Store(newIndex(entries))
}

// load compiles the script, tries it out and makes its task. Nothing else happens before that is started.
func (s *source) load(c task.Config, dbrp spec.DBRP) (*task.Task, error) {
	return s.loadBy(task.Load, c, dbrp)
}

// outline is load for a script whose functions cannot be asked. The task is not to be started.
func (s *source) outline(c task.Config, dbrp spec.DBRP) (*task.Task, error) {
	return s.loadBy(task.Outline, c, dbrp)
}

func (s *source) loadBy(load func(task.Config) (*task.Task, error), c task.Config, dbrp spec.DBRP) (t *task.Task, err error) {
	err = s.compile(&c, dbrp, func() error {
		c.Refer = nil // asked by the check
		t, err = load(c)
		return err
	})
	s.program = nil
	return t, err
}

// check compiles the script and tries it out. What it finds serves the load that follows.
func (s *source) check(c task.Config, dbrp spec.DBRP) error {
	return s.compile(&c, dbrp, func() error { return nil })
}

// compile completes c, checks the script unless that has been done, and calls then.
func (s *source) compile(c *task.Config, dbrp spec.DBRP, then func() error) (err error) {
	if s.err != nil {
		return s.err
	}
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("%s: internal error: %v\n%s", s.file, x, debug.Stack())
		}
	}()
	if s.program == nil {
		if s.program, err = syntax.Parse(s.file, s.text); err != nil {
			return err
		}
	}
	vars, err := scriptVars(s.program, s.vars)
	if err != nil {
		return &syntax.Error{File: s.file, Msg: oneLine(err), Err: err}
	}
	c.Name, c.Program, c.Vars, c.DBRPs = s.name, s.program, vars, s.dbrps
	if len(c.DBRPs) == 0 {
		c.DBRPs = []spec.DBRP{dbrp}
	}
	if !s.checked {
		if err := s.try(*c); err != nil {
			return err
		}
	}
	return then()
}

// try starts a task of the script to find what is wrong with it, what is suspicious, and the sources
// that it names.
func (s *source) try(c task.Config) error {
	refer := c.Refer
	c.Topics = nil // those of the running tasks are not for trials
	c.Refer = func(r spec.Reference) error {
		if r.Kind == "source" && !slices.Contains(s.sources, r.Name) {
			s.sources = append(s.sources, r.Name)
		}
		if refer == nil {
			return nil
		}
		return refer(r)
	}
	warnings, err := task.Check(c)
	if err != nil {
		return err
	}
	s.warnings, s.checked = nil, true
	for _, w := range warnings {
		s.warnings = append(s.warnings, w.Error())
		if errors.Is(w, udf.ErrUnreachable) { // there is more to find once it can be asked
			s.checked = false
		}
	}
	return nil
}

// inherit has scripts that have been checked before, and are the same, take over what is known of them.
func inherit(found, checked []*source) {
	byName := make(map[string]*source, len(checked))
	for _, s := range checked {
		if s.duplicate == "" {
			byName[s.name] = s
		}
	}
	for _, s := range found {
		if o := byName[s.name]; o != nil && s.err == nil && s.same(o) {
			s.warnings, s.sources, s.checked, s.program = o.warnings, o.sources, o.checked, o.program
		}
	}
}

// oneLine returns the text of joined errors in one line.
func oneLine(err error) string {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return err.Error()
	}
	var text strings.Builder
	for i, x := range joined.Unwrap() {
		if i > 0 {
			text.WriteString("; ")
		}
		text.WriteString(x.Error())
	}
	return text.String()
}
