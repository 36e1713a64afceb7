package alertmetric

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/influxdata/telegraf"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file reads an event from a metric, be it from New or of someone else's making.

// Event returns the alert event that a metric of kind [Alert] carries. What it cannot do without are the
// alert's ID and level.
func Event(m telegraf.Metric) (*alert.Event, error) {
	e := &alert.Event{Time: m.Time().UnixNano()}
	var level string
	for _, t := range m.TagList() {
		switch t.Key {
		case KindTag:
		case "task":
			e.Task = t.Value
		case "alert_id":
			e.ID = t.Value
		case "level":
			level = t.Value
		case "topic":
			e.Topic = t.Value
		default:
			e.GroupTags = append(e.GroupTags, point.Tag{Key: t.Key, Value: t.Value})
		}
	}
	text := func(key string) string {
		v, _ := m.GetField(key)
		s, _ := v.(string)
		return s
	}
	e.EventID, e.Message, e.Details = text("event_id"), text("message"), text("details")
	e.Name, e.Group, e.Node, e.Category = text("name"), text("group"), text("node"), text("category")
	if v, ok := m.GetField("duration"); ok {
		n, ok := v.(int64)
		if !ok {
			return nil, fmt.Errorf("field duration is a %T", v)
		}
		e.Duration = time.Duration(n)
	}
	e.Recoverable = true
	if v, ok := m.GetField("recoverable"); ok {
		e.Recoverable, _ = v.(bool)
	}
	if e.ID == "" {
		return nil, errors.New("tag alert_id is missing")
	}
	var err error
	if e.Level, err = parseLevel(level); err != nil {
		return nil, err
	}
	if previous := text("previous_level"); previous != "" {
		if e.Previous, err = parseLevel(previous); err != nil {
			return nil, err
		}
	}
	e.NodePrevious = e.Previous
	if previous := text("node_previous_level"); previous != "" {
		if e.NodePrevious, err = parseLevel(previous); err != nil {
			return nil, err
		}
	}
	if data := text("data"); data != "" {
		if !json.Valid([]byte(data)) {
			return nil, errors.New("field data is not JSON")
		}
		e.Data = []byte(data)
	}
	if e.Tags, err = parseTags(text("tags")); err != nil {
		return nil, fmt.Errorf("field tags: %w", err)
	}
	if e.Tags == nil {
		e.Tags = slices.Clone(e.GroupTags)
	}
	if e.Fields, err = parseFields(text("fields")); err != nil {
		return nil, fmt.Errorf("field fields: %w", err)
	}
	if h := text("handlers"); h != "" {
		if err := json.Unmarshal([]byte(h), &e.Handlers); err != nil {
			return nil, fmt.Errorf("field handlers: %w", err)
		}
	}
	if e.EventID == "" { // of someone else's making
		e.EventID = e.Task + "/" + e.Node + "/" + e.Topic + "/" + e.ID + "/" + level + "/" + strconv.FormatInt(e.Time, 10)
	}
	return e, nil
}

func parseLevel(name string) (alert.Level, error) {
	for l := alert.OK; l <= alert.Critical; l++ {
		if l.String() == name {
			return l, nil
		}
	}
	return 0, fmt.Errorf("unknown level %q", name)
}

func parseTags(text string) ([]point.Tag, error) {
	if text == "" {
		return nil, nil
	}
	var m map[string]string
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return nil, err
	}
	tags := make([]point.Tag, 0, len(m))
	for k, v := range m {
		tags = append(tags, point.Tag{Key: k, Value: v})
	}
	slices.SortFunc(tags, func(a, b point.Tag) int { return strings.Compare(a.Key, b.Key) })
	return tags, nil
}

// parseFields reads a JSON object in which integers have neither point nor exponent and floats do.
func parseFields(text string) ([]point.Field, error) {
	if text == "" {
		return nil, nil
	}
	var m map[string]any
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.UseNumber()
	if err := dec.Decode(&m); err != nil {
		return nil, err
	}
	fields := make([]point.Field, 0, len(m))
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
	return point.Value{}, fmt.Errorf("want a string, number or boolean, got %T", v)
}
