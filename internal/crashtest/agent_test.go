package crashtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/bus"
	"github.com/telegraf-tigk/telegraf-tigk/internal/delivery"
	"github.com/telegraf-tigk/telegraf-tigk/internal/engine"
	"github.com/telegraf-tigk/telegraf-tigk/internal/filewatch"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal/journaltest"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/scale"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// This file starts agents on disks in memory.

const (
	latency    = 30 * time.Millisecond // of a sync, at most
	checkpoint = time.Second
	mutePoll   = 300 * time.Millisecond
	growth     = 3000 // bytes of a segment, so that there are several
)

// tasks are what the agent runs: alerts whose events two receivers get, and a count of all points.
var tasks = []engine.Script{
	{Name: "alerts", Text: `stream
  |from().measurement('cpu').groupBy('host')
  |alert().id('{{ index .Tags "host" }}').details('').stateChangesOnly()
    .info(lambda: "v" >= 1).warn(lambda: "v" >= 2).crit(lambda: "v" >= 3)
    .courier('x').courier('y')`},
	{Name: "counts", Text: `stream|from().measurement('cpu')|stateCount(lambda: TRUE).as('n')|httpOut('n')`},
}

var (
	hosts     = []string{"a", "b", "c"}
	receivers = []string{"x", "y"}
)

func init() {
	handler.Register(handler.Kind{
		Name: "courier", Parallel: 2, Required: true,
		Options: func() spec.Declarer { return &courier{} },
		Config:  func() any { return &courierConfig{} },
		Open:    func(configs []any) (handler.Sender, error) { return configs[0].(*courierConfig).agent, nil },
	})
}

// courier is a handler that brings an event to the receiver of that name.
type courier struct {
	To string `json:"to"`
}

func (c *courier) Declare(s *spec.Spec) {
	s.Doc("Brings events to a receiver.")
	s.Arg(&c.To, "to", "who")
}

// Destination is the receiver.
func (c *courier) Destination() string { return c.To }

type courierConfig struct {
	handler.Section
	agent *agent
}

// A world is what is around an agent, and outlives it.
type world struct {
	t        *testing.T
	disk     *journaltest.Disk
	one      bool // folder for all
	topic    bool // the alerts have one
	muting   bool
	failing  bool // disks are
	steady   bool // nothing is started anew, and receivers answer
	mutes    int  // that there were
	mu       sync.Mutex
	r        *rand.Rand
	log      []string
	down     map[string]time.Time // until when receivers are
	tampered tampering
}

// A tampering is a fault that is planted.
type tampering struct {
	early bool // the answer comes before the receiver has the event
}

func newWorld(t *testing.T, disk *journaltest.Disk, seed uint64) *world {
	w := &world{
		t: t, disk: disk, r: rand.New(rand.NewPCG(seed, 1)), one: seed%2 == 0, topic: seed/2%2 == 0, muting: seed/4%2 == 0,
		down: map[string]time.Time{},
	}
	disk.Latency = func() time.Duration { return w.chance(latency) }
	return w
}

func (w *world) n(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.r.IntN(n)
}

func (w *world) chance(most time.Duration) time.Duration { return time.Duration(w.n(int(most))) }

func (w *world) folder(name string) *journaltest.Folder {
	if w.one {
		name = "state"
	}
	return w.disk.Folder(name)
}

// note records what happens.
func (w *world) note(x any) { w.disk.Note(moment{time.Now(), x}) }

func (w *world) say(level, format string, args []any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, level+time.Now().Format("05.000 ")+fmt.Sprintf(format, args...))
}

func (w *world) Errorf(format string, args ...any) { w.say("E! ", format, args) }
func (w *world) Warnf(format string, args ...any)  { w.say("W! ", format, args) }
func (w *world) Infof(format string, args ...any)  { w.say("I! ", format, args) }
func (w *world) Debugf(string, ...any)             {}

// errors returns what has been logged that is worse than news.
func (w *world) errors() (list []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.log {
		if strings.HasPrefix(l, "E! ") {
			list = append(list, l)
		}
	}
	return list
}

// An agent is the engine and the delivery of its events.
type agent struct {
	*world
	bus      bus.Bus
	detach   func()
	engine   *engine.Engine
	delivery *delivery.Dispatcher
	muteFile *delivery.MuteFile
}

// start starts an agent on the disk.
func (w *world) start() *agent {
	a := &agent{world: w}
	a.note(started{})
	a.Infof("Start")
	a.muteFile = delivery.MutesIn(w.disk.Folder("mutes"))
	parts := []func(){a.startDelivery, a.startEngine}
	if w.n(2) == 0 {
		parts[0], parts[1] = parts[1], parts[0]
	}
	for _, f := range parts {
		f()
	}
	return a
}

func (a *agent) startEngine() {
	scaler, err := scale.New(scale.Config{})
	require.NoError(a.t, err)
	scripts := append([]engine.Script(nil), tasks...)
	if a.topic {
		scripts[0].Text += ".topic('hosts')"
	}
	a.engine = engine.New(engine.Config{
		Log: a, Host: "here", DBRP: spec.DBRP{DB: "telegraf", RP: "autogen"}, Pace: filewatch.DefaultPace, QueueSize: 1000, Scaler: scaler,
		Scripts:        engine.Scripts{Tasks: scripts},
		StateDirectory: "tick", Folder: a.folder("tick"), Checkpoint: checkpoint,
		OutboxMaxEvents: 1000, OutboxMaxBytes: 1 << 20, OutboxGrowth: growth, Bus: &a.bus,
	})
	require.NoError(a.t, a.engine.Open())
	a.engine.Run()
}

func (a *agent) startDelivery() {
	var err error
	a.delivery, err = delivery.New(delivery.Config{
		Name: "outputs.alerter", Log: a, Sections: map[*handler.Kind][]any{handler.Lookup("courier"): {&courierConfig{agent: a}}},
		MuteFile: a.muteFile, Pace: filewatch.Pace{Poll: mutePoll},
		Timeout: 5 * time.Second, RetryMin: 200 * time.Millisecond, RetryMax: 2 * time.Second, MaxAge: 72 * time.Hour,
		Folder: a.folder("spool"), Directory: "spool", Growth: growth, MaxEvents: 1000, MaxBytes: 1 << 20,
	})
	require.NoError(a.t, err)
	require.NoError(a.t, a.delivery.Start())
	a.detach, err = a.bus.Attach(a)
	require.NoError(a.t, err)
}

func (a *agent) stop() {
	a.engine.Stop()
	a.detach()
	_, _, err := a.delivery.Close(time.Now().Add(5 * time.Second))
	if !a.failing {
		require.NoError(a.t, err)
	}
}

// Events implements [bus.Receiver], before the delivery.
func (a *agent) Events(list []*alert.Event, safe func([]*alert.Event)) {
	for _, e := range list {
		a.note(handed{e.EventID})
	}
	a.delivery.Events(list, safe)
}

// Points implements [bus.Receiver].
func (a *agent) Points([]bus.Point) {}

var errDown = errors.New("down")

// Send implements [handler.Sender]: the receiver takes its time to get the event, and to answer.
func (a *agent) Send(_ context.Context, e *alert.Event, options spec.Declarer) error {
	to := options.(*courier).To
	time.Sleep(a.chance(60 * time.Millisecond))
	a.mu.Lock()
	down := time.Now().Before(a.down[to])
	a.mu.Unlock()
	if down {
		return errDown
	}
	if a.tampered.early {
		time.AfterFunc(20*time.Millisecond, func() { a.note(got{to, e}) })
		a.note(answered{to, e.EventID})
		return nil
	}
	a.note(got{to, e})
	time.Sleep(a.chance(60 * time.Millisecond))
	a.note(answered{to, e.EventID})
	return nil
}

// Close implements [handler.Sender].
func (a *agent) Close() error { return nil }

// push gives the engine a point.
func (a *agent) push(host string, level alert.Level) {
	a.note(pushed{host, level})
	a.engine.Add(&point.Point{
		Name: "cpu", DB: "telegraf", RP: "autogen", Time: time.Now().UnixNano(),
		Tags: []point.Tag{{Key: "host", Value: host}}, Fields: []point.Field{{Key: "v", Value: point.FloatValue(float64(level))}},
	})
}

// count asks the task that counts points.
func (a *agent) count() {
	b, err := a.engine.HTTPOut("counts", "n")
	require.NoError(a.t, err)
	var result struct {
		Series []struct {
			Columns []string
			Values  [][]any
		}
	}
	require.NoError(a.t, json.Unmarshal(b, &result), "%s", b)
	for i, c := range result.Series[0].Columns {
		if c == "n" {
			a.note(counted{int(result.Series[0].Values[0][i].(float64))})
			return
		}
	}
	a.t.Fatalf("no count in %s", b)
}

// mute mutes a host for a while.
func (a *agent) mute(host string, end time.Time) {
	a.mutes++
	id := fmt.Sprintf("m%d", a.mutes)
	a.note(muting{id})
	_, err := a.muteFile.Add(alert.Mute{ID: id, Match: fmt.Sprintf(`"host" == '%s'`, host), End: end})
	if err == nil {
		a.note(muted{id, host, end})
	}
}

// unmute ends a mute, and reports an error of the disk.
func (a *agent) unmute(id string) {
	a.note(unmuting{id})
	if a.muteFile.Remove([]string{id}, "", time.Now()) == nil {
		a.note(unmuted{id})
	}
}

// listMutes notes which mutes there are that have not been removed.
func (a *agent) listMutes() {
	all, err := a.muteFile.List()
	require.NoError(a.t, err)
	var l listed
	for _, m := range all {
		if m.Removed.IsZero() {
			l.ids = append(l.ids, m.ID)
		}
	}
	a.note(l)
}
