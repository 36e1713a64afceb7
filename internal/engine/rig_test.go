package engine

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/bus"
	"github.com/telegraf-tigk/telegraf-tigk/internal/filewatch"
	_ "github.com/telegraf-tigk/telegraf-tigk/internal/handler" // scripts name handlers
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/scale"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// This file has what tests of the engine share.

// A rig is an engine and what comes out of it.
type rig struct {
	*Engine // nil before start
	conf    Config
	log     *recorder
	meter   *meter

	observe   func(task string, x *spec.Effect)
	transport http.RoundTripper

	detach func() // from the bus
	manual bool   // events are safe when deliver is called; else at once

	mu      sync.Mutex
	out     []*made
	stopped bool
	gate    func(*made) // called before something comes out, unless nil
}

// A made is an event or a point that a task has made.
type made struct {
	event *alert.Event
	point *point.Point
	safe  func()
}

var testDBRP = spec.DBRP{DB: "telegraf", RP: "autogen"}

// newRig returns one with tasks named in pairs of name and script.
func newRig(pairs ...string) *rig {
	r := &rig{log: &recorder{}}
	scaler, err := scale.New(scale.Config{})
	if err != nil {
		panic(err)
	}
	r.conf = Config{
		Log: r.log, Host: "here", DBRP: testDBRP, Pace: filewatch.DefaultPace, QueueSize: 10000, Scaler: scaler,
		Deadman:    spec.Deadman{ID: spec.DeadmanID, Message: spec.DeadmanMessage, Interval: 10 * time.Second},
		Checkpoint: 10 * time.Second, OutboxMaxEvents: 10000, OutboxMaxBytes: 64 << 20,
		Bus: new(bus.Bus),
	}
	for i := 0; i < len(pairs); i += 2 {
		r.conf.Scripts.Tasks = append(r.conf.Scripts.Tasks, Script{Name: pairs[i], Text: pairs[i+1]})
	}
	return r
}

// ofFiles returns one with the scripts of patterns.
func ofFiles(patterns ...string) *rig {
	r := newRig()
	r.conf.Scripts.Patterns = patterns
	return r
}

// endpoints gives the engine endpoints.
func (r *rig) endpoints(t *testing.T, list ...*Endpoint) {
	t.Helper()
	var err error
	r.conf.Endpoints, err = NewEndpoints(list)
	require.NoError(t, err)
}

// clusters gives the engine clusters of Kubernetes.
func (r *rig) clusters(t *testing.T, list ...*scale.Kubernetes) {
	t.Helper()
	var err error
	r.conf.Scaler, err = scale.New(scale.Config{Kubernetes: list})
	require.NoError(t, err)
}

// measured has the engine show statistics.
func (r *rig) measured() *rig {
	r.meter = &meter{shown: map[number]*gauge{}}
	r.conf.Meter = r.meter
	return r
}

// init makes the engine and checks the scripts.
func (r *rig) init() []error {
	r.Engine = New(r.conf)
	r.Engine.observe, r.Engine.transport = r.observe, r.transport
	errs, _ := r.Check()
	for _, err := range errs {
		r.log.Errorf("%v", err)
	}
	return errs
}

func (r *rig) start(t testing.TB) *rig {
	t.Helper()
	r.init()
	r.open(t)
	r.Run()
	return r
}

// open opens the engine, with the rig as receiver of what it makes.
func (r *rig) open(t testing.TB) {
	t.Helper()
	var err error
	r.detach, err = r.conf.Bus.Attach(r)
	require.NoError(t, err)
	require.NoError(t, r.Open())
}

// Events implements [bus.Receiver].
func (r *rig) Events(list []*alert.Event, safe func([]*alert.Event)) {
	for _, e := range list {
		m := &made{event: e, safe: func() { safe([]*alert.Event{e}) }}
		r.take(m)
		if !r.manual {
			m.safe()
		}
	}
}

// Points implements [bus.Receiver].
func (r *rig) Points(list []bus.Point) {
	for _, p := range list {
		r.take(&made{point: p.Point})
	}
}

// Stop stops the engine, once. It does not wait for events that are not safe: what receives them goes.
func (r *rig) Stop() {
	if !r.stopped {
		if r.manual {
			r.settle()
			r.detach()
		}
		r.stopped = true
		r.Engine.Stop()
	}
}

func (r *rig) take(m *made) {
	if r.gate != nil {
		r.gate(m)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out = append(r.out, m)
}

// settle waits until what has come in has come out.
func (r *rig) settle() {
	if r.Engine != nil && !r.stopped {
		r.Drain()
		r.outbox.Settle()
	}
}

// made returns what has come out.
func (r *rig) made() []*made {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.out)
}

// deliver calls safe what has come out.
func (r *rig) deliver() {
	for _, m := range r.made() {
		if m.event != nil {
			m.safe()
		}
	}
}

// run starts the engine, gives it points and stops it. It returns what the tasks made.
func (r *rig) run(t *testing.T, ps ...*point.Point) []*made {
	t.Helper()
	r.start(t)
	for _, p := range ps {
		r.Add(p)
	}
	r.Stop()
	return r.made()
}

func (m *made) name() string {
	if m.point != nil {
		return m.point.Name
	}
	return "alert"
}

func (m *made) field(key string) any {
	if v := m.point.Field(key); v.Kind != point.Missing {
		return v.Any()
	}
	return nil
}

func (m *made) tag(key string) string {
	v, _ := m.point.Tag(key)
	return v
}

// pt makes a point.
func pt(name string, tags map[string]string, fields map[string]any, at time.Time) *point.Point {
	p := &point.Point{Name: name, DB: testDBRP.DB, RP: testDBRP.RP, Time: at.UnixNano()}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		p.Tags = append(p.Tags, point.Tag{Key: k, Value: tags[k]})
	}
	for _, k := range slices.Sorted(maps.Keys(fields)) {
		p.Fields = append(p.Fields, point.Field{Key: k, Value: valueOf(fields[k])})
	}
	return p
}

func valueOf(v any) point.Value {
	switch v := v.(type) {
	case float64:
		return point.FloatValue(v)
	case int64:
		return point.IntValue(v)
	case string:
		return point.StringValue(v)
	case bool:
		return point.BoolValue(v)
	}
	panic(fmt.Sprintf("a field of type %T", v))
}

const alertScript = `stream|from().measurement('cpu').groupBy('host')|alert().crit(lambda: "usage_idle" < 10.0).details('')`

func cpu(idle float64) *point.Point {
	return pt("cpu", map[string]string{"host": "a"}, map[string]any{"usage_idle": idle}, time.Unix(1700000000, 0))
}

// explode is a node with a bug.
type explode struct{}

func (*explode) Declare(s *spec.Spec)           { s.Doc("Panics on every point.") }
func (*explode) Open(out point.Sink) point.Sink { return &explodeSink{spec.Forward{Out: out}} }

type explodeSink struct{ spec.Forward }

func (*explodeSink) Point(*point.Point) { panic("boom") }

func init() { spec.Register("explode", func() spec.Declarer { return &explode{} }) }

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// A recorder is a log.
type recorder struct {
	mu   sync.Mutex
	list []line
}

// A line has the first letter of its level.
type line struct {
	level byte
	text  string
}

func (r *recorder) add(level byte, format string, args []any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, line{level, fmt.Sprintf(format, args...)})
}

func (r *recorder) Errorf(format string, args ...any) { r.add('E', format, args) }
func (r *recorder) Warnf(format string, args ...any)  { r.add('W', format, args) }
func (r *recorder) Infof(format string, args ...any)  { r.add('I', format, args) }
func (r *recorder) Debugf(format string, args ...any) { r.add('D', format, args) }

func (r *recorder) lines() []line {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}

// errors returns the texts of the errors.
func (r *recorder) errors() (out []string) {
	for _, l := range r.lines() {
		if l.level == 'E' {
			out = append(out, l.text)
		}
	}
	return out
}

// texts returns all texts.
func (r *recorder) texts() (out []string) {
	for _, l := range r.lines() {
		out = append(out, l.text)
	}
	return out
}

// count returns how often a text was logged.
func (r *recorder) count(text string) (n int) {
	for _, t := range r.texts() {
		n += strings.Count(t, text)
	}
	return n
}

// A meter keeps what the engine shows.
type meter struct {
	mu    sync.Mutex
	shown map[number]*gauge
}

type gauge struct {
	m *meter
	n int64
}

func (g *gauge) Set(n int64) { g.m.mu.Lock(); defer g.m.mu.Unlock(); g.n = n }

// Register implements [Meter].
func (m *meter) Register(field string, of Subject) Gauge {
	m.mu.Lock()
	defer m.mu.Unlock()
	x := number{of, field}
	if m.shown[x] == nil {
		m.shown[x] = &gauge{m: m}
	}
	return m.shown[x]
}

// Unregister implements [Meter].
func (m *meter) Unregister(field string, of Subject) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.shown, number{of, field})
}

// nonZero returns the numbers that are not 0, by task, node and field. Those of no interest are left out.
func (m *meter) nonZero() map[string]int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]int64{}
	for x, g := range m.shown {
		name := x.of.Task
		if x.of.Node != "" {
			name += "/" + x.of.Node
		}
		switch x.field {
		case "evaluation_time_ns", "alerts_triggered", "oks_triggered":
			continue
		}
		if g.n != 0 {
			out[name+" "+x.field] = g.n
		}
	}
	return out
}
