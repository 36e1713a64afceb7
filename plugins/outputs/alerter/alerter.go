// Package alerter is the output plugin that delivers what processors.tick decided: alert events to
// their handlers and points to InfluxDB. It reads the settings and has Telegraf's own outputs write the
// points; all else is the affair of package delivery.
package alerter

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/plugins/outputs"
	"github.com/influxdata/telegraf/selfstat"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/bus"
	"github.com/telegraf-tigk/telegraf-tigk/internal/delivery"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
	"github.com/telegraf-tigk/telegraf-tigk/internal/ratelog"
	"github.com/telegraf-tigk/telegraf-tigk/plugins/wire"
)

//go:embed sample.conf
var sampleConfig string

// Alerter is the plugin.
type Alerter struct {
	Timeout          config.Duration `toml:"timeout"`
	CloseTimeout     config.Duration `toml:"close_timeout"`
	RetryMinInterval config.Duration `toml:"retry_min_interval"`
	RetryMaxInterval config.Duration `toml:"retry_max_interval"`
	RetryMaxAge      config.Duration `toml:"retry_max_age"`
	StateDirectory   string          `toml:"state_directory"`
	SpoolMaxEvents   int             `toml:"spool_max_events"`
	SpoolMaxSize     config.Size     `toml:"spool_max_size"`
	HandlerFiles     []string        `toml:"handler_files"`
	HealthTopic      string          `toml:"health_topic"`
	HealthAfter      config.Duration `toml:"health_after"`
	AcceptMetrics    bool            `toml:"accept_metrics"`

	Log        telegraf.Logger     `toml:"-"`
	Statistics *selfstat.Collector `toml:"-"`

	// Source is the file of the section. It is for messages, and may be empty.
	Source string              `toml:"-"`
	leader *Alerter            // the section that does the work, if it is another one
	set    map[string]*Alerter // which section has an option or section

	configs   map[*handler.Kind][]any // sections of handlers
	off       map[*handler.Kind]bool  // which have a section that is switched off
	topics    []*delivery.TopicHandler
	mutes     []muteSetting
	heartbeat *handler.HeartbeatConfig
	influx    []*influxSection

	dispatcher *delivery.Dispatcher
	reader     wire.Reader
	points     []*pointWriter
	detach     func() // from the bus, if it is attached
	limit      *ratelog.Limiter
	counters   counters
}

// SampleConfig returns the documented default configuration.
func (*Alerter) SampleConfig() string { return sampleConfig }

// Init checks the configuration. It opens nothing but the files that the configuration names.
func (a *Alerter) Init() error {
	if a.leader != nil {
		return nil
	}
	switch {
	case a.RetryMinInterval <= 0 || a.RetryMaxInterval < a.RetryMinInterval:
		return errors.New("want 0 < retry_min_interval <= retry_max_interval")
	case a.Timeout <= 0:
		return errors.New("timeout must be positive")
	case a.SpoolMaxEvents <= 0 || a.SpoolMaxSize <= 0:
		return errors.New("spool_max_events and spool_max_size must be positive")
	}
	a.limit = ratelog.New(10 * time.Minute)
	a.counters = counters{collector: a.Statistics}
	a.reader = wire.Reader{Has: func(k *handler.Kind) bool { return len(a.configs[k]) > 0 }, Refused: a.unbelieved}
	var err error
	if a.dispatcher, err = delivery.New(a.config()); err != nil {
		return err
	}
	for _, s := range a.influx {
		if err := s.init(a.Log); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

func (a *Alerter) config() delivery.Config {
	c := delivery.Config{
		Name: "outputs.alerter", Log: a.Log,
		Counter:  func(field, kind string) delivery.Counter { return a.counters.get(field, kind) },
		Sections: a.configs, Off: a.off, Topics: a.topics, Files: a.HandlerFiles, Beat: a.heartbeat,
		Timeout: time.Duration(a.Timeout), RetryMin: time.Duration(a.RetryMinInterval), RetryMax: time.Duration(a.RetryMaxInterval),
		MaxAge: time.Duration(a.RetryMaxAge), Directory: a.StateDirectory, MaxEvents: a.SpoolMaxEvents, MaxBytes: int64(a.SpoolMaxSize),
		HealthTopic: a.HealthTopic, HealthAfter: time.Duration(a.HealthAfter), Mutes: a.Mutes(),
	}
	if a.StateDirectory != "" {
		c.Folder, c.MuteFile = journal.Dir(a.StateDirectory), delivery.OpenMutes(a.StateDirectory)
	}
	return c
}

// Connect starts the delivery. It does not fail because a receiver is down.
func (a *Alerter) Connect() error {
	if a.leader != nil {
		return nil
	}
	for _, s := range a.influx {
		if err := s.out.Connect(); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	if err := a.dispatcher.Start(); err != nil {
		return err
	}
	for _, s := range a.influx {
		a.points = append(a.points, newPointWriter(a, s))
	}
	var err error
	if a.detach, err = bus.Process.Attach(a); err != nil {
		return errors.Join(err, a.Close())
	}
	return nil
}

// Events implements [bus.Receiver].
func (a *Alerter) Events(list []*alert.Event, safe func([]*alert.Event)) {
	a.dispatcher.Events(list, safe)
}

// Points implements [bus.Receiver].
func (a *Alerter) Points(list []bus.Point) {
	for _, p := range list {
		if m := wire.Point(p.Point, "", ""); m != nil {
			a.point(m, target{p.DB, p.RP})
		}
	}
}

// Write takes events that another agent sends, if accept_metrics is set, and ignores all else: what
// processors.tick of this agent decides takes the bus, and a metric is data. It takes all of them: what
// cannot be delivered is for the retries, and what never can be would only come back. With a durable
// spool it returns when they are on the disk.
func (a *Alerter) Write(metrics []telegraf.Metric) error {
	if !a.AcceptMetrics {
		return nil
	}
	if a.leader != nil {
		a = a.leader
	}
	var list []*alert.Event
	for _, m := range metrics {
		if !wire.IsFull(m) {
			continue
		}
		e, err := a.reader.Event(m)
		if err != nil {
			a.refuse("event", fmt.Errorf("metric %q is not an alert event: %w", m.Name(), err))
			continue
		}
		list = append(list, e)
	}
	if len(list) > 0 {
		a.dispatcher.Events(list, nil)
		a.dispatcher.Sync()
	}
	return nil
}

// unbelieved reports what of an event of another agent is not accepted.
func (a *Alerter) unbelieved(e *alert.Event, err error) {
	a.limit.Log(a.Log.Warnf, "accept "+err.Error(), fmt.Errorf("alert %q of task %q, a metric, is taken without a handler or option: %w", e.ID, e.Task, err))
}

func (a *Alerter) refuse(what string, err error) {
	a.counters.get("failed", "").Incr(1)
	a.limit.Log(a.Log.Errorf, what, err)
}

// point takes over a point.
func (a *Alerter) point(m telegraf.Metric, to target) {
	if len(a.points) == 0 {
		a.refuse("point", errors.New("points to write to InfluxDB are dropped: add [outputs.alerter.influxdb] or [outputs.alerter.influxdb_v2]"))
		return
	}
	for _, w := range a.points {
		w.add(m.Copy(), to)
	}
}

// Once delivers e now, see [delivery.Dispatcher.Once]. The plugin need not be connected.
func (a *Alerter) Once(ctx context.Context, e *alert.Event) []delivery.Failure {
	return a.dispatcher.Once(ctx, e)
}

// Broken returns what is wrong with files of handlers, which has been logged. The plugin must not be
// running.
func (a *Alerter) Broken() []string {
	if a.leader != nil {
		return nil
	}
	return a.dispatcher.Broken()
}

// StateChangesOnly reports whether the sections of handlers want all alert nodes to behave as if their
// scripts said stateChangesOnly.
func (a *Alerter) StateChangesOnly() bool { return delivery.StateChangesOnly(a.configs) }

// Close makes what deliveries it can within close_timeout.
func (a *Alerter) Close() error {
	if a.leader != nil || a.dispatcher == nil {
		return nil
	}
	deadline := time.Now().Add(time.Duration(a.CloseTimeout))
	done := make(chan int, len(a.points))
	for _, w := range a.points {
		go func() { done <- w.close(deadline) }()
	}
	left, kept, err := a.dispatcher.Close(deadline)
	switch {
	case left > 0 && kept:
		a.Log.Infof("Closing with %d alert deliveries still to be made; they are kept in %s", left, a.StateDirectory)
	case left > 0:
		a.Log.Warnf("Closing with %d alert deliveries that could not be made", left)
	}
	lost := 0
	for range a.points {
		lost += <-done
	}
	if lost > 0 {
		a.Log.Warnf("Closing with %d points that could not be written", lost)
	}
	errs := []error{err}
	for _, s := range a.influx {
		errs = append(errs, s.out.Close())
	}
	a.points = nil
	if a.detach != nil {
		a.detach()
		a.detach = nil
	}
	a.counters.close()
	return errors.Join(errs...)
}

// counters are the statistics of the plugin.
type counters struct {
	collector *selfstat.Collector // may be nil
	mu        sync.Mutex
	all       map[[2]string]counter
}

// A counter is a selfstat.Stat; without a collector it counts nothing.
type counter struct{ selfstat.Stat }

func (c counter) Incr(n int64) {
	if c.Stat != nil {
		c.Stat.Incr(n)
	}
}

func (c counter) Set(n int64) {
	if c.Stat != nil {
		c.Stat.Set(n)
	}
}

// get returns the counter of a field for a kind of handler, "" for what belongs to none.
func (c *counters) get(field, kind string) counter {
	c.mu.Lock()
	defer c.mu.Unlock()
	x, ok := c.all[[2]string{field, kind}]
	if ok || c.collector == nil {
		return x
	}
	tags := map[string]string{}
	if kind != "" {
		tags["handler"] = kind
	}
	x = counter{c.collector.Register("alerter", field, tags)}
	if c.all == nil {
		c.all = map[[2]string]counter{}
	}
	c.all[[2]string{field, kind}] = x
	return x
}

func (c *counters) close() {
	if c.collector != nil {
		c.collector.UnregisterAll()
	}
}

func init() {
	outputs.Add("alerter", func() telegraf.Output {
		return &Alerter{
			Timeout:          config.Duration(30 * time.Second),
			CloseTimeout:     config.Duration(5 * time.Second),
			RetryMinInterval: config.Duration(time.Second),
			RetryMaxInterval: config.Duration(time.Minute),
			RetryMaxAge:      config.Duration(72 * time.Hour),
			HealthAfter:      config.Duration(5 * time.Minute),
			SpoolMaxEvents:   10000,
			SpoolMaxSize:     64 << 20,
		}
	})
}
