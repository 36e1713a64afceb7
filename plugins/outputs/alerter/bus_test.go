package alerter

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/bus"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// TestAttached wants the plugin to be on the bus while it is connected, and points to be written with
// the tags they have, whatever these are called.
func TestAttached(t *testing.T) {
	d := newDatabase(t, "db", "other")
	a, _ := run(t, `
  [outputs.alerter.influxdb]
    urls = ["`+d.URL+`"]
    database = "other"
    flush_interval = "1ms"
`)
	require.True(t, bus.Process.Attached())
	p := point.Point{
		Name: "m", DB: "db", RP: "rp", Time: 7,
		Tags:   []point.Tag{{Key: "database", Value: "mine"}, {Key: "e"}, {Key: "retention_policy", Value: "long"}, {Key: "tick", Value: "tock"}},
		Fields: []point.Field{{Key: "d", Value: point.DurationValue(time.Minute)}, {Key: "n", Value: point.NullValue()}},
	}
	q := p
	q.DB, q.RP = "", ""
	a.Points([]bus.Point{{Point: &p}, {Point: &q}, {Point: &point.Point{Name: "none"}}})
	line := `m,database=mine,retention_policy=long,tick=tock d="1m0s" 7`
	eventually(t, func() bool { return len(d.lines("db/rp")) == 1 && len(d.lines("other/")) == 1 })
	require.Equal(t, []string{line}, d.lines("db/rp"))
	require.Equal(t, []string{line}, d.lines("other/"))
	require.NoError(t, a.Close())
	require.False(t, bus.Process.Attached())
}
