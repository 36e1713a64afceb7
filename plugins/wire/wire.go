// Package wire defines what leaves the engine as metrics, and what comes in again: copies of alert events
// and points of influxDBOut. All other plugins see plain data in them.
//
// An event goes from the engine to its handlers over the bus; its metric is a copy for whoever keeps a
// history. A copy that is made by [Full] holds what another agent needs to deliver the event, which a
// [Reader] there reads. What it says is believed no further than any other metric: it names no program,
// file or URL, and no handler that the configuration there has not.
package wire

import (
	"math"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// The tags that a copy of an event has beside those of its group.
const (
	tagID    = "alert_id"
	tagLevel = "alert_level"
	tagTask  = "alert_task"
	tagTopic = "alert_topic"
)

// renamed begins the name of a group's tag whose own name is one of ours, as when copies are alerted on:
// what identifies an event must not be something else's identity.
const renamed = "group_"

// Metric returns a copy of an event as a metric of that name: the tags of its group and ours, and what
// there is to know about it as fields. Tags without a value are left out. The value is a float or
// left out, since databases want one type for a field.
func Metric(e *alert.Event, name string) telegraf.Metric {
	tags := make(map[string]string, len(e.GroupTags)+4)
	for key, value := range map[string]string{tagID: e.ID, tagLevel: e.Level.String(), tagTask: e.Task, tagTopic: e.Topic} {
		if value != "" {
			tags[key] = value
		}
	}
	for _, t := range e.GroupTags {
		if t.Value != "" {
			tags[groupKey(t.Key, e.GroupTags)] = t.Value
		}
	}
	fields := map[string]any{
		"event_id":       e.EventID,
		"message":        e.Message,
		"details":        e.Details,
		"duration_ns":    int64(e.Duration),
		"previous_level": e.Previous.String(),
	}
	if e.Rule != "" {
		fields["rule"] = e.Rule
	}
	if v, ok := value(e); ok {
		fields["value"] = v
	}
	return metric.New(name, tags, fields, time.Unix(0, e.Time))
}

// groupKey returns the name that a tag of the group has in a copy.
func groupKey(key string, group []point.Tag) string {
	switch key {
	case tagID, tagLevel, tagTask, tagTopic:
	default:
		return key
	}
	for {
		key = renamed + key
		if _, taken := point.Lookup(group, key); !taken {
			return key
		}
	}
}

// value returns the number that the level was found by.
func value(e *alert.Event) (float64, bool) {
	for _, f := range e.Fields {
		if f.Key == e.ValueKey {
			switch f.Value.Kind {
			case point.Float:
				v := f.Value.Float()
				return v, !math.IsNaN(v) && !math.IsInf(v, 0)
			case point.Int:
				return float64(f.Value.Int()), true
			}
		}
	}
	return 0, false
}

// Point returns a point that a script wants written as a metric, or nil if it has no field. Its database
// and retention policy become the tags of the given names, unless these are empty. They take the place
// of tags of the point that have the same names: where a point goes is not for its data to say.
func Point(p *point.Point, databaseTag, retentionPolicyTag string) telegraf.Metric {
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
	tags := make(map[string]string, len(p.Tags)+2)
	for _, t := range p.Tags {
		if t.Value != "" {
			tags[t.Key] = t.Value
		}
	}
	route(tags, databaseTag, p.DB)
	route(tags, retentionPolicyTag, p.RP)
	return metric.New(p.Name, tags, fields, time.Unix(0, p.Time))
}

func route(tags map[string]string, key, value string) {
	switch {
	case key == "":
	case value == "":
		delete(tags, key)
	default:
		tags[key] = value
	}
}
