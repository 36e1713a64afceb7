// Package alerter is the output plugin that delivers what processors.tick decided: alert events to
// their handlers and points to InfluxDB.
//
// Write never waits for a receiver. It puts each event into the spool and one delivery for every
// handler of the event into the queue of the handler's destination; each queue has workers of its
// own, so a dead receiver holds back nothing but itself.
package alerter

import (
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
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
	"github.com/telegraf-tigk/telegraf-tigk/plugins/alertmetric"
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

	Log        telegraf.Logger     `toml:"-"`
	Statistics *selfstat.Collector `toml:"-"`

	// Source is the file of the section. It is for messages, and may be empty.
	Source string              `toml:"-"`
	leader *Alerter            // the section that does the work, if it is another one
	set    map[string]*Alerter // which section has an option or section

	configs map[*handler.Kind][]any // sections of handlers
	off     map[*handler.Kind]bool  // which have a section that is switched off
	topics  []*topicHandler         // of the configuration
	influx  []*influxSection
	stats   *stats
	limit   *limiter
	outlets map[*handler.Kind]*outlet
	points  []*pointWriter

	// routing is held while the deliveries of an event are found and put; it is taken before the
	// dispatcher's own lock.
	routing  sync.Mutex
	handlers *handlerSet
	dispatch *dispatcher // nil unless connected

	fixed     []*mute // of the configuration
	mutes     []*mute // all
	muteFile  *Mutes  // of the others; nil without a state directory
	unsettled bool    // mutes may have ended before the plugin was started

	pulse     *handler.HeartbeatConfig
	heartbeat *handler.Heartbeat
	own       ownAlerts

	folder     *handlerFolder
	detach     func()        // from the bus, if it is attached
	stop       chan struct{} // closed when the plugin is
	background sync.WaitGroup
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
	if a.HealthTopic != "" && !topicName.MatchString(a.HealthTopic) {
		return fmt.Errorf("health_topic: %w", errTopicName(a.HealthTopic))
	}
	if a.pulse != nil {
		var err error
		if a.heartbeat, err = handler.NewHeartbeat(a.pulse); err != nil {
			return err
		}
	}
	a.stats = newStats(a.Statistics)
	a.limit = newLimiter(10*time.Minute, time.Now)
	a.outlets = map[*handler.Kind]*outlet{}
	for _, k := range handler.Kinds() {
		configs := a.configs[k]
		if len(configs) == 0 && k.Required {
			continue
		}
		sender, err := k.Open(configs)
		if err != nil {
			return err
		}
		a.outlets[k] = &outlet{kind: k, configs: configs, sender: sender}
	}
	a.outlets[aggregateKind] = &outlet{kind: aggregateKind, sender: noSender{}}
	if err := a.initTopics(); err != nil {
		return err
	}
	if err := a.openHandlers(); err != nil {
		return err
	}
	for _, s := range a.influx {
		if err := s.init(a.Log); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
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
	var dir journal.Folder
	if a.StateDirectory != "" {
		dir = journal.Dir(a.StateDirectory)
	}
	a.stop = make(chan struct{})
	a.watchHandlers()
	var err error
	a.routing.Lock()
	a.dispatch, err = a.openDispatcher(dir)
	a.unsettled = true
	a.routing.Unlock()
	if err != nil {
		a.endBackground()
		return err
	}
	a.startMutes(a.StateDirectory)
	a.startHealth()
	for _, s := range a.influx {
		a.points = append(a.points, newPointWriter(a, s))
	}
	if a.detach, err = bus.Process.Attach(a); err != nil {
		return errors.Join(err, a.Close())
	}
	return nil
}

// Events implements [bus.Receiver].
func (a *Alerter) Events(list []*alert.Event, safe func([]*alert.Event)) {
	for _, e := range list {
		a.event(e, func() { safe([]*alert.Event{e}) })
	}
	a.commit(false)
}

// Points implements [bus.Receiver].
func (a *Alerter) Points(list []bus.Point) {
	for _, p := range list {
		if m := pointMetric(p.Point); m != nil {
			a.point(m, target{p.DB, p.RP})
		}
	}
}

// Write takes over events and points. It takes all of them: what cannot be delivered is for the
// retries, and what never can be would only come back.
//
// With a durable spool it returns when the events are on the disk, after one sync for all of them.
// For those whose metric tracks its delivery it does not wait: their source hears when they are on
// the disk, and one sync covers what several calls have brought.
func (a *Alerter) Write(metrics []telegraf.Metric) error {
	if a.leader != nil {
		return a.leader.Write(metrics)
	}
	tracked, wait := false, false
	defer func() {
		if wait || tracked {
			a.commit(wait)
		}
	}()
	for _, m := range metrics {
		kind, _ := m.GetTag(alertmetric.KindTag)
		switch kind {
		case alertmetric.Alert:
			e, err := alertmetric.Event(m)
			if err != nil {
				a.refuse("event", fmt.Errorf("not an alert event: %w", err))
				continue
			}
			if _, ok := m.(telegraf.TrackingMetric); ok {
				tracked = true
				a.event(e, m.Copy().Accept)
			} else {
				wait = true
				a.event(e, nil)
			}
		case alertmetric.Point:
			a.point(pointOf(m))
		}
	}
	return nil
}

func (a *Alerter) refuse(what string, err error) {
	a.stats.get("").failed.Incr(1)
	a.limit.log(a.Log.Errorf, what, err)
}

// event takes over an event. safe, which may be nil, is called when it is safe.
func (a *Alerter) event(e *alert.Event, safe func()) {
	a.routing.Lock()
	defer a.routing.Unlock()
	if a.dispatch != nil {
		a.post(e, a.route(e, a.fail), nil, safe)
	}
}

// commit makes safe what has come.
func (a *Alerter) commit(wait bool) {
	a.routing.Lock()
	d := a.dispatch
	a.routing.Unlock()
	if d != nil {
		d.spool.Commit(wait)
	}
}

// point takes over a point; the metric is ours.
func (a *Alerter) point(m telegraf.Metric, to target) {
	if len(a.points) == 0 {
		a.refuse("point", errors.New("points to write to InfluxDB are dropped: add [outputs.alerter.influxdb] or [outputs.alerter.influxdb_v2]"))
		return
	}
	for _, w := range a.points {
		w.add(m.Copy(), to)
	}
}

// post hands over the deliveries of an event, which may have been made of what is in a bundle.
func (a *Alerter) post(e *alert.Event, r *routing, from *bundle, safe func()) {
	if len(a.mutes) > 0 {
		now := time.Now()
		for i := range r.list {
			r.list[i].muted = a.muted(r.list[i].event, now)
		}
	}
	a.dispatch.put(e, r.list, r.levels, from, safe)
}

// ErrUnavailable is what the error for a handler without its section is.
var ErrUnavailable = errors.New("unavailable")

type unavailableError string

func (e unavailableError) Error() string      { return string(e) }
func (unavailableError) Is(target error) bool { return target == ErrUnavailable }

func (a *Alerter) unavailable(k *handler.Kind) error {
	if a.off[k] {
		return unavailableError("not enabled: [outputs.alerter." + k.Section + "] has enabled = false")
	}
	return unavailableError("not configured: add [outputs.alerter." + k.Section + "]")
}

type failFunc func(kind string, e *alert.Event, err error)

// fail counts a delivery that can never be made, and reports its cause now and then.
func (a *Alerter) fail(kind string, e *alert.Event, err error) {
	a.stats.get(kind).failed.Incr(1)
	a.limit.log(a.Log.Errorf, kind+" "+err.Error(), fmt.Errorf("%s: alert %q of task %q dropped: %w", kind, e.ID, e.Task, err))
}

func (a *Alerter) endBackground() {
	if a.stop != nil {
		close(a.stop)
		a.stop = nil
	}
	a.background.Wait()
}

// Close makes what deliveries it can within close_timeout.
func (a *Alerter) Close() error {
	if a.leader != nil {
		return nil
	}
	deadline := time.Now().Add(time.Duration(a.CloseTimeout))
	a.endBackground()
	done := make(chan int, len(a.points))
	for _, w := range a.points {
		go func() { done <- w.close(deadline) }()
	}
	left, kept, clean := 0, false, true
	if d := a.dispatch; d != nil {
		if a.StateDirectory == "" {
			for _, key := range d.waiting() {
				a.aggregate(key)
			}
		}
		a.routing.Lock()
		a.dispatch = nil
		a.routing.Unlock()
		left, kept, clean = d.close(deadline)
	}
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
	if a.heartbeat != nil {
		a.heartbeat.Close()
	}
	var errs []error
	for _, o := range a.outlets {
		if clean {
			errs = append(errs, o.sender.Close())
		}
	}
	for _, s := range a.influx {
		errs = append(errs, s.out.Close())
	}
	a.points = nil
	if a.detach != nil {
		a.detach()
		a.detach = nil
	}
	a.stats.close()
	return errors.Join(errs...)
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
