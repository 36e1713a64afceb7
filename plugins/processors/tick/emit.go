package tick

import (
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/plugins/alertmetric"
)

// This file has what tasks decide leave as metrics. How an event looks then is the affair of alertmetric.

// emitEvent emits an alert event. settled, unless it is nil, is told when all outputs have let go of it.
func (t *Tick) emitEvent(e *alert.Event, settled func(delivered bool)) {
	m := alertmetric.New(e, t.AlertMeasurement)
	if settled != nil {
		m, _ = metric.WithTracking(m, func(d telegraf.DeliveryInfo) { settled(d.Delivered()) })
	}
	t.emit(m)
}

// emitPoint emits a point of influxDBOut. It reports whether there was something to write.
func (t *Tick) emitPoint(p *point.Point, _ *spec.Write) bool {
	m := pointMetric(p)
	if m != nil {
		t.emit(m)
	}
	return m != nil
}

// pointMetric returns a point of influxDBOut as a metric, or nil if it has no field.
func pointMetric(p *point.Point) telegraf.Metric {
	fields := make(map[string]any, len(p.Fields))
	for _, f := range p.Fields {
		switch f.Value.Kind {
		case point.Float, point.Int, point.String, point.Bool:
			fields[f.Key] = f.Value.Any()
		case point.Duration:
			fields[f.Key] = f.Value.Duration().String()
		case point.Time:
			fields[f.Key] = time.Unix(0, f.Value.Time()).UTC().Format(time.RFC3339Nano)
		}
	}
	if len(fields) == 0 {
		return nil
	}
	tags := make(map[string]string, len(p.Tags)+3)
	for _, t := range p.Tags {
		if t.Value != "" {
			tags[t.Key] = t.Value
		}
	}
	tags[alertmetric.KindTag] = alertmetric.Point
	setTag(tags, "database", p.DB)
	setTag(tags, "retention_policy", p.RP)
	return metric.New(p.Name, tags, fields, time.Unix(0, p.Time))
}

// setTag sets a tag, or removes it if it is to be empty.
func setTag(tags map[string]string, key, value string) {
	if value == "" {
		delete(tags, key)
		return
	}
	tags[key] = value
}
