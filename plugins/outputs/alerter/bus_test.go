package alerter

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/bus"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal/journaltest"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/plugins/alertmetric"
)

// TestSafeInMemory wants a spool in memory to leave events to their source until nothing is left to
// deliver of them, each by itself.
func TestSafeInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sender
		x := startDurable(t, nil, never, func(a *Alerter) { a.StateDirectory, a.SpoolMaxEvents = "", 3 })
		s.hand(t, x, "a-1", "b-1")
		e, err := alertmetric.Event(event("c-1", "CRITICAL", "OK", "[]"))
		require.NoError(t, err)
		e.Topic = ""
		x.Events([]*alert.Event{e}, func(list []*alert.Event) { s.safe = append(s.safe, list[0].EventID) })
		pass(time.Hour)
		require.Equal(t, []string{"c-1"}, s.safes(), "nobody wants it")
		s.hand(t, x, "a-1")
		x.answer = nil
		pass(2 * time.Minute)
		require.Equal(t, []string{"a-1", "a-1", "b-1", "c-1"}, s.safes(), "who hands over again hears, too")
		s.hand(t, x, "a-1")
		synctest.Wait()
		require.Len(t, s.safes(), 5, "it is known and over")
		require.ElementsMatch(t, []string{"a-1", "b-1"}, x.order())
		x.stop(t)
		s.hand(t, x, "z-1")
		synctest.Wait()
		require.Len(t, s.safes(), 5, "who is gone takes nothing over")
	})
}

// TestSafeOnDisk wants events that are on the disk to be left to the spool, although nothing of them
// has been delivered.
func TestSafeOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sender
		dir := journaltest.New()
		x := startDurable(t, dir, never)
		s.hand(t, x, "a-1", "b-1")
		synctest.Wait()
		require.Equal(t, []string{"a-1", "b-1"}, s.safes())
		s.hand(t, x, "a-1")
		synctest.Wait()
		require.Len(t, s.safes(), 3)
		x.stop(t)
	})
}

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
		Tags: []point.Tag{{Key: "database", Value: "mine"}, {Key: "e"}, {Key: "retention_policy", Value: "long"}, {Key: "tick", Value: "tock"}},
		Fields: []point.Field{
			{Key: "d", Value: point.DurationValue(time.Minute)}, {Key: "i", Value: point.IntValue(1)},
			{Key: "n", Value: point.NullValue()}, {Key: "t", Value: point.TimeValue(0)},
		},
	}
	q := p
	q.DB, q.RP = "", ""
	a.Points([]bus.Point{{Point: &p}, {Point: &q}, {Point: &point.Point{Name: "none"}}})
	line := `m,database=mine,retention_policy=long,tick=tock d="1m0s",i=1i,t="1970-01-01T00:00:00Z" 7`
	eventually(t, func() bool { return len(d.lines("db/rp")) == 1 && len(d.lines("other/")) == 1 })
	require.Equal(t, []string{line}, d.lines("db/rp"))
	require.Equal(t, []string{line}, d.lines("other/"))
	require.NoError(t, a.Close())
	require.False(t, bus.Process.Attached())
}
