package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/influxdata/telegraf"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file brings a whole event through a metric. All of it is in one field, so that nothing on the way
// can change a part of it: no processor that renames tags, and no agent that adds its own.

// fieldEvent is the field that holds a whole event.
const fieldEvent = "alert_event"

// What a whole event may have at most; it is data of others when it comes in.
const (
	maxEvent    = 1 << 20 // bytes, about what message brokers take
	maxHandlers = 100
	maxKeys     = 1000 // of tags or fields
)

// version is that of the document.
const version = 1

// A document is what the field holds, as JSON.
type document struct {
	Version      int               `json:"version"`
	EventID      string            `json:"event_id"`
	Nth          int               `json:"nth,omitempty"`
	ID           string            `json:"id"`
	Message      string            `json:"message"`
	Details      string            `json:"details,omitempty"`
	Time         int64             `json:"time"`               // nanoseconds since the Unix epoch
	Duration     int64             `json:"duration,omitempty"` // nanoseconds
	Level        string            `json:"level"`
	Previous     string            `json:"previous_level"`
	NodePrevious string            `json:"node_previous_level,omitempty"` // if it is another one
	Recoverable  bool              `json:"recoverable"`
	Topic        string            `json:"topic,omitempty"`
	Category     string            `json:"category,omitempty"`
	Name         string            `json:"name,omitempty"`
	Task         string            `json:"task,omitempty"`
	Rule         string            `json:"rule,omitempty"`
	Node         string            `json:"node,omitempty"`
	Group        string            `json:"group,omitempty"`
	GroupTags    map[string]string `json:"group_tags,omitempty"`
	Tags         map[string]string `json:"tags,omitempty"`
	Fields       json.RawMessage   `json:"fields,omitempty"` // see appendFields
	ValueKey     string            `json:"value_key,omitempty"`
	Data         json.RawMessage   `json:"data,omitempty"`
	Handlers     []alert.Handler   `json:"handlers,omitempty"`
}

// Full is [Metric] with all that another agent needs to deliver the event. Of the handlers that the script
// names, those stay out that are of use here only, and of the others the options that another agent must
// not see (see [handler.Kind.Portable]). If that is too large for the way, the data stays out as well; if
// it still is, or if a handler's options are broken, there is an error and the metric is as Metric makes it.
func Full(e *alert.Event, name string) (telegraf.Metric, error) {
	m := Metric(e, name)
	d := document{
		Version: version, EventID: e.EventID, Nth: e.Nth, ID: e.ID, Message: e.Message, Details: e.Details, Time: e.Time,
		Duration: int64(e.Duration), Level: e.Level.String(), Previous: e.Previous.String(), Recoverable: e.Recoverable,
		Topic: e.Topic, Category: e.Category, Name: e.Name, Task: e.Task, Rule: e.Rule, Node: e.Node, Group: e.Group,
		GroupTags: tagMap(e.GroupTags), Tags: tagMap(e.Tags), ValueKey: e.ValueKey, Fields: appendFields(nil, e.Fields), Data: e.Data,
	}
	if e.NodePrevious != e.Previous {
		d.NodePrevious = e.NodePrevious.String()
	}
	for _, h := range e.Handlers {
		k := handler.Lookup(h.Kind)
		if k == nil {
			return m, handler.ErrUnknown(h.Kind)
		}
		options, err := k.Portable(e, h.Options)
		if errors.Is(err, handler.ErrLocal) {
			continue
		}
		if err != nil {
			return m, err
		}
		d.Handlers = append(d.Handlers, alert.Handler{Kind: k.Name, Options: options})
	}
	b, err := json.Marshal(&d)
	if err == nil && len(b) > maxEvent {
		d.Data = nil
		b, err = json.Marshal(&d)
	}
	switch {
	case err != nil:
		return m, err
	case len(b) > maxEvent:
		return m, fmt.Errorf("longer than %d bytes, even without its data", maxEvent)
	}
	m.AddField(fieldEvent, string(b))
	return m, nil
}

// IsFull reports whether a metric holds a whole event, or says so.
func IsFull(m telegraf.Metric) bool { return m.HasField(fieldEvent) }

// A Reader makes events of metrics that come from another agent, or from whoever says so.
type Reader struct {
	// Has reports whether there is a section for handlers of that kind. Others are not accepted.
	Has func(k *handler.Kind) bool
	// Refused hears of handlers and options that were not accepted. The event comes without them.
	Refused func(e *alert.Event, err error)
}

// Event returns the event that a metric of [Full] holds.
func (r *Reader) Event(m telegraf.Metric) (*alert.Event, error) {
	v, _ := m.GetField(fieldEvent)
	text, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("field %s: want text, got %T", fieldEvent, v)
	}
	e, err := r.event(text)
	if err != nil {
		return nil, fmt.Errorf("field %s: %w", fieldEvent, err)
	}
	return e, nil
}

func (r *Reader) event(text string) (*alert.Event, error) {
	if len(text) > maxEvent {
		return nil, fmt.Errorf("longer than %d bytes", maxEvent)
	}
	var d document
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return nil, err
	}
	switch {
	case d.Version != version:
		return nil, fmt.Errorf("version %d; this program knows version %d", d.Version, version)
	case d.EventID == "":
		return nil, errors.New("event_id is missing")
	case len(d.Handlers) > maxHandlers:
		return nil, fmt.Errorf("more than %d handlers", maxHandlers)
	case len(d.Tags) > maxKeys || len(d.GroupTags) > maxKeys:
		return nil, fmt.Errorf("more than %d tags", maxKeys)
	}
	e := &alert.Event{
		EventID: d.EventID, Nth: d.Nth, ID: d.ID, Message: d.Message, Details: d.Details, Time: d.Time, Duration: time.Duration(d.Duration),
		Recoverable: d.Recoverable, Topic: d.Topic, Category: d.Category, Name: d.Name, Task: d.Task, Rule: d.Rule, Node: d.Node,
		Group: d.Group, GroupTags: tagList(d.GroupTags), Tags: tagList(d.Tags), ValueKey: d.ValueKey, Data: d.Data,
	}
	if d.NodePrevious == "" {
		d.NodePrevious = d.Previous
	}
	var err error
	for _, l := range []struct {
		level *alert.Level
		name  string
	}{{&e.Level, d.Level}, {&e.Previous, d.Previous}, {&e.NodePrevious, d.NodePrevious}} {
		if *l.level, err = parseLevel(l.name); err != nil {
			return nil, err
		}
	}
	if e.Fields, err = parseFields(d.Fields); err != nil {
		return nil, fmt.Errorf("fields: %w", err)
	}
	for _, h := range d.Handlers {
		r.accept(e, h)
	}
	return e, nil
}

// accept adds a handler to an event, as far as it can be believed.
func (r *Reader) accept(e *alert.Event, h alert.Handler) {
	k := handler.Lookup(h.Kind)
	if k == nil {
		r.Refused(e, handler.ErrUnknown(h.Kind))
		return
	}
	options, refused, err := k.Believe(h.Options)
	switch {
	case err != nil:
		r.Refused(e, err)
	case !r.Has(k):
		r.Refused(e, fmt.Errorf("%s: not configured here", k.Name))
	default:
		if len(refused) > 0 {
			r.Refused(e, fmt.Errorf("%s: options that are not for others to set: %s", k.Name, strings.Join(refused, ", ")))
		}
		e.Handlers = append(e.Handlers, alert.Handler{Kind: k.Name, Options: options})
	}
}

func parseLevel(name string) (alert.Level, error) {
	for l := alert.OK; l <= alert.Critical; l++ {
		if l.String() == name {
			return l, nil
		}
	}
	return 0, fmt.Errorf("unknown level %q", name)
}

func tagMap(tags []point.Tag) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[t.Key] = t.Value
	}
	return m
}

func tagList(m map[string]string) []point.Tag {
	if len(m) == 0 {
		return nil
	}
	tags := make([]point.Tag, 0, len(m))
	for k, v := range m {
		tags = append(tags, point.Tag{Key: k, Value: v})
	}
	slices.SortFunc(tags, func(a, b point.Tag) int { return strings.Compare(a.Key, b.Key) })
	return tags
}

// appendFields appends fields as a JSON object, if there are any, in which floats differ from integers: they have a point or
// an exponent. A duration is text, as in line protocol, and a number that JSON does not know null.
func appendFields(b []byte, fields []point.Field) []byte {
	if len(fields) == 0 {
		return b
	}
	b = append(b, '{')
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
	return append(b, '}')
}

// parseFields reads what appendFields wrote.
func parseFields(text []byte) ([]point.Field, error) {
	if len(text) == 0 {
		return nil, nil
	}
	var m map[string]any
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&m); err != nil {
		return nil, err
	}
	if len(m) > maxKeys {
		return nil, fmt.Errorf("more than %d", maxKeys)
	}
	var fields []point.Field
	for k, v := range m {
		value, err := parseValue(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
		fields = append(fields, point.Field{Key: k, Value: value})
	}
	return point.SortFields(fields), nil
}

func parseValue(v any) (point.Value, error) {
	switch v := v.(type) {
	case string:
		return point.StringValue(v), nil
	case bool:
		return point.BoolValue(v), nil
	case nil:
		return point.NullValue(), nil
	case json.Number:
		if !strings.ContainsAny(v.String(), ".eE") {
			if i, err := v.Int64(); err == nil {
				return point.IntValue(i), nil
			}
		}
		f, err := v.Float64()
		if err != nil || math.IsInf(f, 0) {
			return point.Value{}, fmt.Errorf("number %s is out of range", v)
		}
		return point.FloatValue(f), nil
	}
	return point.Value{}, fmt.Errorf("want text, a number, true or false, got %T", v)
}
