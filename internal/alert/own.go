package alert

import (
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file makes the events of alerts that are about the engine itself.

// OwnTask is what alerts about the engine itself have for a task. No script may be called that.
const OwnTask = "telegraf-tigk"

// An Own raises alerts about a part of the engine on one host.
type Own struct {
	Host  string
	Node  string // the part
	Topic string
}

// ID returns the ID of an alert with the host in it: receivers that tell alerts by their IDs get those
// of many hosts.
func (o *Own) ID(id string) string {
	if o.Host == "" {
		return id
	}
	return o.Host + ":" + id
}

// Event returns the event of an alert, given its ID without the host, that left OK at since. The levels
// before are for the caller to fill in.
func (o *Own) Event(id, text string, level Level, now, since int64) *Event {
	tags := []point.Tag{{Key: "host", Value: o.Host}}
	p := point.Point{Name: OwnTask, Time: now, Tags: tags, Fields: []point.Field{
		{Key: "level", Value: point.IntValue(int64(level))},
		{Key: "message", Value: point.StringValue(text)},
	}}
	row, _ := point.AppendPointRow(nil, &p)
	e := &Event{
		ID: o.ID(id), Message: text, Details: text, Time: now, Duration: time.Duration(now - since), Level: level, Recoverable: true,
		Topic: o.Topic, Name: p.Name, Task: OwnTask, Node: o.Node, Group: "host=" + o.Host, GroupTags: tags, Tags: tags,
		Fields: p.Fields, Data: point.AppendSeries(nil, row),
	}
	e.SetEventID()
	return e
}
