package alertmetric

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

func TestNew(t *testing.T) {
	e := &alert.Event{
		EventID: "id1", ID: "a", Message: "m", Details: "d", Time: 5, Duration: time.Second, Level: alert.Warning, Previous: alert.Info,
		NodePrevious: alert.Critical, Recoverable: true, Name: "cpu", Task: "t", Node: "alert2", Group: "host=x,topic=y",
		GroupTags: []point.Tag{{Key: "empty"}, {Key: "host", Value: "x"}, {Key: "level", Value: "mine"}, {Key: "topic", Value: "y"}},
		Tags:      []point.Tag{{Key: "a", Value: `"`}, {Key: "host", Value: "x"}},
		Fields: []point.Field{
			{Key: "b", Value: point.BoolValue(true)},
			{Key: "d", Value: point.DurationValue(time.Minute)},
			{Key: "f", Value: point.FloatValue(3)},
			{Key: "g", Value: point.FloatValue(1e30)},
			{Key: "h", Value: point.FloatValue(0.5)},
			{Key: "i", Value: point.IntValue(-3)},
			{Key: "n", Value: point.FloatValue(math.NaN())},
			{Key: "s", Value: point.StringValue("é\n")},
		},
		Data: []byte(`{"series":null}`),
	}
	testutil.RequireMetricEqual(t, metric.New("alert",
		map[string]string{"tick": "alert", "task": "t", "alert_id": "a", "level": "WARNING", "host": "x"},
		map[string]any{
			"event_id": "id1", "message": "m", "details": "d", "duration": int64(1e9), "previous_level": "INFO", "node_previous_level": "CRITICAL",
			"recoverable": true, "data": `{"series":null}`, "handlers": "[]", "name": "cpu", "group": "host=x,topic=y", "node": "alert2",
			"fields": `{"b":true,"d":"1m0s","f":3.0,"g":1e+30,"h":0.5,"i":-3,"n":null,"s":"é\n"}`,
			"tags":   `{"a":"\"","host":"x"}`,
		}, time.Unix(0, 5)), New(e, "alert"))
}

// TestEvent brings an event through a metric.
func TestEvent(t *testing.T) {
	e := &alert.Event{
		EventID: "a-1", ID: "a", Message: "a is CRITICAL", Details: "<p>a-1</p>", Time: 1767225600000000005, Duration: 5e9,
		Level: alert.Critical, Previous: alert.Warning, NodePrevious: alert.Info, Recoverable: true, Topic: "tp", Category: "c",
		Name: "cpu", Task: "cpu", Node: "alert2", Group: "host=h1",
		GroupTags: []point.Tag{{Key: "host", Value: "h1"}},
		Tags:      []point.Tag{{Key: "host", Value: "h1"}, {Key: "zone", Value: "z"}},
		Fields: []point.Field{
			{Key: "b", Value: point.BoolValue(true)},
			{Key: "e", Value: point.FloatValue(1e30)},
			{Key: "f", Value: point.FloatValue(1)},
			{Key: "i", Value: point.IntValue(9007199254740993)},
			{Key: "s", Value: point.StringValue("x")},
		},
		Data:     []byte(`{"series":[{"name":"cpu","columns":["time","v"],"values":[["2026-01-01T00:00:00Z",1]]}]}`),
		Handlers: []alert.Handler{{Kind: "log", Options: json.RawMessage(`{"path":"/x"}`)}, {Kind: "email"}},
	}
	got, err := Event(New(e, "alert"))
	require.NoError(t, err)
	require.Equal(t, e, got)

	e.NodePrevious, e.Recoverable, e.Topic, e.Category, e.Handlers = e.Previous, false, "", "", []alert.Handler{}
	got, err = Event(New(e, "alert"))
	require.NoError(t, err)
	require.Equal(t, e, got)
}

// TestEventOdd reads events of someone else's making.
func TestEventOdd(t *testing.T) {
	least := func() telegraf.Metric {
		return metric.New("alert", map[string]string{"tick": "alert", "alert_id": "a", "level": "INFO", "host": "h"}, map[string]any{"message": "m"}, time.Unix(0, 7))
	}
	e, err := Event(least())
	require.NoError(t, err)
	require.Equal(t, "///a/INFO/7", e.EventID)
	require.Equal(t, e.GroupTags, e.Tags)
	for want, change := range map[string]func(telegraf.Metric){
		"alert_id is missing":  func(m telegraf.Metric) { m.RemoveTag("alert_id") },
		`unknown level "info"`: func(m telegraf.Metric) { m.AddTag("level", "info") },
		"unknown level \"\"":   func(m telegraf.Metric) { m.RemoveTag("level") },
		`unknown level "X"`:    func(m telegraf.Metric) { m.AddField("previous_level", "X") },
		"duration is a":        func(m telegraf.Metric) { m.AddField("duration", "1s") },
		"field data":           func(m telegraf.Metric) { m.AddField("data", "{") },
		"field tags":           func(m telegraf.Metric) { m.AddField("tags", "[]") },
		"field fields: x":      func(m telegraf.Metric) { m.AddField("fields", `{"x":[]}`) },
		"out of range":         func(m telegraf.Metric) { m.AddField("fields", `{"x":1e999}`) },
		"field handlers":       func(m telegraf.Metric) { m.AddField("handlers", `{}`) },
	} {
		m := least()
		change(m)
		_, err := Event(m)
		require.ErrorContains(t, err, want)
	}
}
