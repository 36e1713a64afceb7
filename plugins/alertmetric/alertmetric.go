// Package alertmetric defines how alert events travel from processors.tick to outputs.alerter, and to any
// other output that wants to write them: as metrics.
package alertmetric

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// KindTag marks the metrics that tasks have made, by one of the values below.
const (
	KindTag = "tick"
	Alert   = "alert" // an alert event
	Point   = "point" // a point to be written to the database that its tags name
)

// New returns an alert event as a metric of that name.
func New(e *alert.Event, name string) telegraf.Metric {
	tags := make(map[string]string, len(e.GroupTags)+5)
	for _, t := range e.GroupTags {
		if t.Value != "" {
			tags[t.Key] = t.Value
		}
	}
	tags[KindTag] = Alert
	tags["task"] = e.Task
	tags["alert_id"] = e.ID
	tags["level"] = e.Level.String()
	if e.Topic != "" {
		tags["topic"] = e.Topic
	} else {
		delete(tags, "topic")
	}
	fields := map[string]any{
		"event_id":       e.EventID,
		"message":        e.Message,
		"details":        e.Details,
		"duration":       int64(e.Duration),
		"previous_level": e.Previous.String(),
		"recoverable":    e.Recoverable,
		"data":           string(e.Data),
		"handlers":       handlersJSON(e.Handlers),
		"name":           e.Name,
		"group":          e.Group,
		"node":           e.Node,
		"fields":         fieldsJSON(e.Fields),
		"tags":           string(point.AppendJSONTags(nil, e.Tags)),
	}
	if e.Category != "" {
		fields["category"] = e.Category
	}
	if e.NodePrevious != e.Previous {
		fields["node_previous_level"] = e.NodePrevious.String()
	}
	return metric.New(name, tags, fields, time.Unix(0, e.Time))
}

// handlersJSON returns the handlers as a JSON array.
func handlersJSON(hs []alert.Handler) string {
	if len(hs) == 0 {
		return "[]"
	}
	b, err := json.Marshal(hs)
	if err != nil { // options are the JSON of the script's own handlers
		return "[]"
	}
	return string(b)
}

// fieldsJSON returns fields as a JSON object in which floats differ from integers: they have a point
// or an exponent. A duration is text, as in line protocol.
func fieldsJSON(fields []point.Field) string {
	b := []byte{'{'}
	for i, f := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = point.AppendJSONString(b, f.Key)
		b = append(b, ':')
		if f.Value.Kind == point.Duration {
			b = point.AppendJSONString(b, f.Value.Duration().String())
			continue
		}
		from := len(b)
		var ok bool
		b, ok = point.AppendJSONValue(b, f.Value)
		if ok && f.Value.Kind == point.Float && !bytes.ContainsAny(b[from:], ".e") {
			b = append(b, ".0"...)
		}
	}
	return string(append(b, '}'))
}
