package wire

import (
	"math"
	"testing"
	"time"

	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

func TestMetric(t *testing.T) {
	e := &alert.Event{
		EventID: "id1", ID: "a", Message: "m", Details: "d", Time: 5, Duration: time.Second, Level: alert.Warning, Previous: alert.Info,
		NodePrevious: alert.Critical, Topic: "tp", Category: "c", Name: "cpu", Task: "t", Rule: "f00", Node: "alert2", Group: "host=x",
		GroupTags: []point.Tag{{Key: "empty"}, {Key: "host", Value: "x"}, {Key: "level", Value: "mine"}, {Key: "task", Value: "mine"}, {Key: "tick", Value: "mine"}, {Key: "topic", Value: "mine"}},
		Tags:      []point.Tag{{Key: "host", Value: "x"}, {Key: "zone", Value: "z"}},
		Fields:    []point.Field{{Key: "other", Value: point.IntValue(1)}, {Key: "usage", Value: point.IntValue(7)}}, ValueKey: "usage",
		Data: []byte(`{"series":null}`), Handlers: []alert.Handler{{Kind: "pagerDuty2", Options: []byte(`{"routing-key":"secret"}`)}},
	}
	testutil.RequireMetricEqual(t, metric.New("alerts",
		map[string]string{
			"alert_id": "a", "alert_level": "WARNING", "alert_task": "t", "alert_topic": "tp",
			"host": "x", "level": "mine", "task": "mine", "tick": "mine", "topic": "mine",
		},
		map[string]any{
			"event_id": "id1", "message": "m", "details": "d", "duration_ns": int64(1e9), "previous_level": "INFO", "value": 7.0, "rule": "f00",
		}, time.Unix(0, 5)), Metric(e, "alerts"))

	e.Topic, e.Rule, e.Level, e.GroupTags = "", "", alert.OK, nil
	for v, want := range map[point.Value]any{
		point.FloatValue(0.5):         0.5,
		point.FloatValue(math.NaN()):  nil,
		point.FloatValue(math.Inf(1)): nil,
		point.StringValue("7"):        nil,
		point.BoolValue(true):         nil,
		point.NullValue():             nil,
	} {
		e.Fields[1].Value = v
		fields := map[string]any{"event_id": "id1", "message": "m", "details": "d", "duration_ns": int64(1e9), "previous_level": "INFO"}
		if want != nil {
			fields["value"] = want
		}
		testutil.RequireMetricEqual(t, metric.New("alerts",
			map[string]string{"alert_id": "a", "alert_level": "OK", "alert_task": "t"}, fields, time.Unix(0, 5)), Metric(e, "alerts"))
	}
}

// The group's tags have names of ours if copies are alerted on. Then ours say which event this is.
func TestMetricOfMetric(t *testing.T) {
	e := &alert.Event{ID: "a", Task: "t", Level: alert.Critical, GroupTags: []point.Tag{
		{Key: "alert_id", Value: "b"},
		{Key: "alert_level", Value: "INFO"},
		{Key: "alert_task", Value: "u"},
		{Key: "alert_topic", Value: "tp"},
		{Key: "group_alert_id", Value: "c"},
		{Key: "group_group_alert_id"},
	}}
	require.Equal(t, map[string]string{
		"alert_id": "a", "alert_level": "CRITICAL", "alert_task": "t",
		"group_alert_id": "c", "group_group_group_alert_id": "b", "group_alert_level": "INFO", "group_alert_task": "u", "group_alert_topic": "tp",
	}, Metric(e, "alert").Tags())
}

func TestPoint(t *testing.T) {
	p := &point.Point{
		Name: "m", DB: "db", RP: "rp", Time: 7,
		Tags: []point.Tag{{Key: "database", Value: "own"}, {Key: "empty"}, {Key: "retention_policy", Value: "own"}, {Key: "tick", Value: "own"}},
		Fields: []point.Field{
			{Key: "b", Value: point.BoolValue(true)},
			{Key: "d", Value: point.DurationValue(time.Minute)},
			{Key: "f", Value: point.FloatValue(1)},
			{Key: "i", Value: point.IntValue(2)},
			{Key: "n", Value: point.NullValue()},
			{Key: "s", Value: point.StringValue("x")},
			{Key: "t", Value: point.TimeValue(1)},
		},
	}
	fields := map[string]any{"b": true, "d": "1m0s", "f": 1.0, "i": int64(2), "s": "x", "t": "1970-01-01T00:00:00.000000001Z"}
	for _, c := range []struct {
		db, rp string
		rpOf   string
		want   map[string]string
	}{
		{"", "", "rp", map[string]string{"database": "own", "retention_policy": "own", "tick": "own"}},
		{"to", "keep", "rp", map[string]string{"database": "own", "retention_policy": "own", "tick": "own", "to": "db", "keep": "rp"}},
		{"database", "retention_policy", "rp", map[string]string{"database": "db", "retention_policy": "rp", "tick": "own"}},
		{"", "retention_policy", "", map[string]string{"database": "own", "tick": "own"}},
	} {
		p.RP = c.rpOf
		testutil.RequireMetricEqual(t, metric.New("m", c.want, fields, time.Unix(0, 7)), Point(p, c.db, c.rp))
	}
	p.Fields = p.Fields[4:5]
	require.Nil(t, Point(p, "", ""), "no metric is without fields")
}
