package tick

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/selfstat"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/plugins/wire"
)

// This file has what tasks decide leave as metrics: copies of alert events, and points of influxDBOut if
// these do not take the bus.

// AlertMetrics says whether alert events leave as metrics, too, and with how much in them.
type AlertMetrics string

// The settings of alert_metrics.
const (
	AlertMetricsOff  AlertMetrics = "false"
	AlertMetricsOn   AlertMetrics = "true"
	AlertMetricsFull AlertMetrics = `"full"`
)

// UnmarshalTOML takes true, false and "full".
func (a *AlertMetrics) UnmarshalTOML(b []byte) error {
	*a = AlertMetrics(b)
	switch *a {
	case AlertMetricsOff, AlertMetricsOn, AlertMetricsFull:
		return nil
	case "'full'":
		*a = AlertMetricsFull
		return nil
	}
	return fmt.Errorf(`alert_metrics: want true, false or "full", got %s`, b)
}

// emitPoint emits a point of influxDBOut.
func (t *Tick) emitPoint(p *point.Point) {
	if m := wire.Point(p, t.DatabaseTag, t.RetentionPolicyTag); m != nil {
		t.emit(m)
	}
}

// maxCopies is how many copies of events may wait for the processors and outputs behind this plugin.
const maxCopies = 10_000

// copies emits copies of events, away from the tasks: an alert never waits for whoever takes its metric.
type copies struct {
	name    string // of the metrics
	full    bool
	log     telegraf.Logger
	emit    func(telegraf.Metric)
	dropped selfstat.Stat // nil without statistics
	lost    atomic.Bool   // reported
	broken  time.Time     // when it was reported last that a copy lacks something
	queue   chan *alert.Event
	ended   chan struct{}
}

// startCopies begins to emit what is put in.
func (t *Tick) startCopies() *copies {
	c := &copies{
		name: t.AlertMeasurement, full: t.AlertMetrics == AlertMetricsFull, log: t.Log, emit: t.emit,
		queue: make(chan *alert.Event, maxCopies), ended: make(chan struct{}),
	}
	if t.Statistics != nil {
		c.dropped = t.Statistics.Register(statsName, "alert_metrics_dropped", nil)
	}
	go c.run()
	return c
}

func (c *copies) put(e *alert.Event) {
	select {
	case c.queue <- e:
		return
	default:
	}
	if c.dropped != nil {
		c.dropped.Incr(1)
	}
	if !c.lost.Swap(true) {
		c.log.Warn("Metrics of alerts are dropped: they come faster than they are taken; the alerts themselves do not go this way")
	}
}

func (c *copies) run() {
	defer close(c.ended)
	for e := range c.queue {
		c.emit(c.metric(e))
	}
}

// stop returns when all has been emitted. Nothing may be put in any more.
func (c *copies) stop() {
	close(c.queue)
	<-c.ended
}

// metric returns an event as a metric.
func (c *copies) metric(e *alert.Event) telegraf.Metric {
	if !c.full {
		return wire.Metric(e, c.name)
	}
	m, err := wire.Full(e, c.name)
	if err != nil && time.Since(c.broken) > time.Minute {
		c.broken = time.Now()
		c.log.Warnf("Alert %q of task %q goes without what another agent needs to deliver it: %v", e.ID, e.Task, err)
	}
	return m
}
