package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func TestMain(m *testing.M) {
	strict = true
	if dir := os.Getenv("DELIVERY_CHILD"); dir != "" {
		child(dir, os.Getenv("DELIVERY_URL"))
		return
	}
	os.Exit(m.Run())
}

// A logbook is a log that remembers.
type logbook struct {
	mu    sync.Mutex
	lines []string
}

func (l *logbook) add(level, format string, args []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, level+"! "+fmt.Sprintf(format, args...))
}

func (l *logbook) Errorf(format string, args ...any) { l.add("E", format, args) }
func (l *logbook) Warnf(format string, args ...any)  { l.add("W", format, args) }
func (l *logbook) Infof(format string, args ...any)  { l.add("I", format, args) }
func (l *logbook) Debugf(string, ...any)             {}

func (l *logbook) of(level string) (list []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range l.lines {
		if strings.HasPrefix(x, level) {
			list = append(list, x)
		}
	}
	return list
}

func (l *logbook) all() []string      { return l.of("") }
func (l *logbook) errors() []string   { return l.of("E") }
func (l *logbook) warnings() []string { return l.of("W") }
func (l *logbook) lastError() string {
	list := append([]string{""}, l.errors()...)
	return list[len(list)-1]
}

// tallies are the counters of a test.
type tallies struct {
	mu  sync.Mutex
	all map[string]*tally
}

type tally struct{ atomic.Int64 }

func (x *tally) Incr(n int64) { x.Add(n) }
func (x *tally) Set(n int64)  { x.Store(n) }

func (c *tallies) counter(field, kind string) Counter { return c.at(field, kind) }

func (c *tallies) at(field, kind string) *tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[string]*tally{}
	}
	key := field + " " + kind
	if c.all[key] == nil {
		c.all[key] = &tally{}
	}
	return c.all[key]
}

func (c *tallies) get(field, kind string) int64 { return c.at(field, kind).Load() }

// A receiver is a sender that answers as told and remembers what it got, with the time since its start.
type receiver struct {
	mu     sync.Mutex
	start  time.Time
	tries  []string
	got    []string
	answer func(ctx context.Context, e *alert.Event, try int) error
	closed bool
}

func (r *receiver) Send(ctx context.Context, e *alert.Event, _ spec.Declarer) error {
	r.mu.Lock()
	r.tries = append(r.tries, e.EventID)
	try := 0
	for _, id := range r.tries {
		if id == e.EventID {
			try++
		}
	}
	r.mu.Unlock()
	if r.answer != nil {
		if err := r.answer(ctx, e, try); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, fmt.Sprintf("%s@%s", e.EventID, time.Since(r.start).Round(time.Second)))
	return nil
}

func (r *receiver) Close() error { r.closed = true; return nil }

func (r *receiver) order() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ids []string
	for _, g := range r.got {
		id, _, _ := strings.Cut(g, "@")
		ids = append(ids, id)
	}
	return ids
}

// attempts returns how often Send was called.
func (r *receiver) attempts() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.tries)
}

// config returns the usual one.
func config(log *logbook, counts *tallies) Config {
	return Config{
		Name: "outputs.alerter", Log: log, Counter: counts.counter,
		Timeout: 30 * time.Second, RetryMin: time.Second, RetryMax: time.Minute, MaxAge: 72 * time.Hour,
		MaxEvents: 20000, MaxBytes: 64 << 20,
	}
}

// A rig is a dispatcher with a receiver in place of the handler tcp.
type rig struct {
	*Dispatcher
	receiver *receiver
	log      *logbook
	counts   *tallies
}

var errDown = errors.New("down")

// start starts a rig, with a spool in memory if there is no folder; up says whether its receiver answers.
// Changes are made before it starts.
func start(t *testing.T, dir journal.Folder, up func() bool, changes ...func(*Dispatcher)) *rig {
	t.Helper()
	x, err := tryStart(t, dir, up, changes...)
	require.NoError(t, err)
	return x
}

func tryStart(t *testing.T, dir journal.Folder, up func() bool, changes ...func(*Dispatcher)) (*rig, error) {
	t.Helper()
	x := &rig{log: &logbook{}, counts: &tallies{}}
	c := config(x.log, x.counts)
	if dir != nil {
		c.Folder, c.Directory = dir, "folder"
	}
	var err error
	x.Dispatcher, err = New(c)
	require.NoError(t, err)
	x.receiver = &receiver{start: time.Now(), answer: func(context.Context, *alert.Event, int) error {
		if !up() {
			return errDown
		}
		return nil
	}}
	k := handler.Lookup("tcp")
	x.handlers = map[*handler.Kind]*integration{k: {kind: k, sender: x.receiver}, aggregateKind: {kind: aggregateKind, sender: noSender{}}}
	for _, f := range changes {
		f(x.Dispatcher)
	}
	return x, x.Start()
}

func (x *rig) order() []string { return x.receiver.order() }

func always() bool { return true }
func never() bool  { return false }

// hand hands over events and waits until they are on the disk.
func (x *rig) hand(list ...*alert.Event) {
	x.Events(list, nil)
	x.Sync()
}

// write hands over an event for tcp.
func (x *rig) write(eventID, level string) { x.hand(toTCP(eventID, level)) }

// close ends a rig as the plugin does.
func (x *rig) close(t *testing.T) (left int, kept bool) {
	t.Helper()
	left, kept, err := x.Close(time.Now().Add(5 * time.Second))
	if x.spool.Broken() == nil {
		require.NoError(t, err)
	}
	x.consistent(t)
	return left, kept
}

// consistent checks that a dispatcher that has ended has no delivery in two places.
func (d *Dispatcher) consistent(t *testing.T) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	n := len(d.held)
	for _, q := range d.queues {
		n += q.n
		require.Zero(t, q.flying)
	}
	for _, b := range d.bundles {
		n += len(b.items)
	}
	require.Equal(t, n, d.backlog.len())
	require.Empty(t, d.flying)
}

func (b *backlog) len() (n int) {
	for _, l := range b.lists() {
		n += l.Len()
	}
	return n
}

func level(name string) alert.Level {
	l, err := alert.ParseLevel(name)
	if err != nil {
		panic(err)
	}
	return l
}

// event returns an event for handlers given as JSON.
func event(eventID, is, was, handlers string) *alert.Event {
	id, _, _ := strings.Cut(eventID, "-")
	e := &alert.Event{
		EventID: eventID, ID: id, Message: id + " is " + is, Details: "<p>" + eventID + "</p>", Time: 1767225600000000005, Duration: 5 * time.Second,
		Level: level(is), Previous: level(was), NodePrevious: level(was), Recoverable: true, Topic: "tp", Category: "c",
		Name: "cpu", Task: "cpu", Node: "alert2", Group: "host=h1", GroupTags: []point.Tag{{Key: "host", Value: "h1"}},
		Tags:   []point.Tag{{Key: "host", Value: "h1"}, {Key: "zone", Value: "z"}},
		Fields: []point.Field{{Key: "f", Value: point.FloatValue(1)}},
		Data:   []byte(`{"series":[{"name":"cpu","columns":["time","v"],"values":[["2026-01-01T00:00:00Z",1]]}]}`),
	}
	if handlers != "" {
		if err := json.Unmarshal([]byte(handlers), &e.Handlers); err != nil {
			panic(err)
		}
	}
	return e
}

func toTCP(eventID, level string) *alert.Event {
	return event(eventID, level, "OK", `[{"kind":"tcp","options":{"address":"r:1"}}]`)
}

// inTopic returns an event of an alert in topic tp, without handlers of its own.
func inTopic(eventID, level, previous string) *alert.Event {
	return event(eventID, level, previous, "")
}

// A sender hands over events, and knows which are safe.
type sender struct {
	mu   sync.Mutex
	list []string
}

func (s *sender) hand(x *rig, ids ...string) {
	var list []*alert.Event
	for _, id := range ids {
		list = append(list, toTCP(id, "CRITICAL"))
	}
	x.Events(list, s.safe)
}

func (s *sender) safe(list []*alert.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range list {
		s.list = append(s.list, e.EventID)
	}
}

// withTopics gives a dispatcher the topic handlers of a file.
func withTopics(t *testing.T, text string) func(*Dispatcher) {
	t.Helper()
	return func(d *Dispatcher) {
		list, err := readHandlers("topics.yaml", []byte(text))
		require.NoError(t, err)
		for _, h := range list {
			require.NoError(t, d.topics.add(h))
		}
	}
}

// An inbox has what the receiver of a dispatcher got.
type inbox struct {
	mu     sync.Mutex
	events []*alert.Event
}

// keep is a change of a dispatcher that makes its receiver fill the inbox.
func (j *inbox) keep(d *Dispatcher) {
	for _, to := range d.handlers {
		if r, ok := to.sender.(*receiver); ok {
			answer := r.answer
			r.answer = func(ctx context.Context, e *alert.Event, try int) error {
				err := answer(ctx, e, try)
				if err == nil {
					j.mu.Lock()
					j.events = append(j.events, e)
					j.mu.Unlock()
				}
				return err
			}
		}
	}
}

// take returns what has come since the last call.
func (j *inbox) take() []*alert.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	list := j.events
	j.events = nil
	return list
}

func (j *inbox) show(what func(e *alert.Event) string) (list []string) {
	for _, e := range j.take() {
		list = append(list, what(e))
	}
	return list
}

func message(e *alert.Event) string { return e.Message }

func levels(e *alert.Event) string {
	return fmt.Sprintf("%s:%s<%s", e.EventID, e.Level, e.Previous)
}

// pass lets time pass and waits until all that it caused is done.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func eventually(t *testing.T, what func() bool) {
	t.Helper()
	require.Eventually(t, what, 10*time.Second, time.Millisecond)
}

type noOptions struct {
	To string `json:"to"`
}

func (*noOptions) Declare(*spec.Spec)    {}
func (o *noOptions) Destination() string { return o.To }

// recipients are options that make no difference to where the destination is.
type recipients struct {
	To string `json:"to"`
}

func (*recipients) Declare(*spec.Spec) {}

// A bench is a dispatcher with any number of receivers, whose events need no routing.
type bench struct {
	*rig
	n int
}

func newBench(t *testing.T, changes ...func(*Dispatcher)) *bench {
	t.Helper()
	return &bench{rig: start(t, nil, always, append([]func(*Dispatcher){func(d *Dispatcher) { d.c.MaxAge = time.Hour }}, changes...)...)}
}

func (b *bench) handler(name string, parallel int, answer func(ctx context.Context, e *alert.Event, try int) error) (*integration, *receiver) {
	r := &receiver{start: time.Now(), answer: answer}
	return &integration{kind: &handler.Kind{Name: name, Parallel: parallel}, sender: r}, r
}

// emit hands over an event of the alert id, numbered within all.
func (b *bench) emit(id string, to ...*integration) {
	b.n++
	b.put(&alert.Event{ID: id, EventID: id + strconv.Itoa(b.n), Task: "t"}, &noOptions{}, to...)
}

// put hands over an event for some handlers.
func (b *bench) put(e *alert.Event, options spec.Declarer, to ...*integration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := &plan{event: e}
	for _, x := range to {
		p.list = append(p.list, b.newDelivery(x, e, options))
	}
	b.accept(p)
}

// queued returns how many deliveries wait.
func (d *Dispatcher) queued() (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, q := range d.queues {
		n += q.n
	}
	return n
}
