package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/bus"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// batches notes how many points come in one call.
type batches struct {
	*rig
	sizes []int
}

func (b *batches) Points(list []bus.Point) {
	b.sizes = append(b.sizes, len(list))
	b.rig.Points(list)
}

const doubles = `var m = stream|from().measurement('m')
	m|influxDBOut().database('d').retentionPolicy('r').measurement('one').writeConsistency('all')
	m|influxDBOut().measurement('two')`

// TestPointsOnTheBus has the points that one call of a task makes go together, as they are, with what the
// script says of their writing beside them.
func TestPointsOnTheBus(t *testing.T) {
	p := newRig("x", doubles)
	b := &batches{rig: p}
	p.init()
	detach, err := p.conf.Bus.Attach(b)
	require.NoError(t, err)
	require.NoError(t, p.Open())
	p.Run()
	for i := range 3 {
		p.Add(pt("m", map[string]string{"database": "mine"}, map[string]any{"i": int64(i)}, time.Unix(int64(i), 0)))
	}
	p.Drain()
	require.Equal(t, []int{2, 2, 2}, b.sizes)
	first := p.made()[0].point
	require.Equal(t, "one,database=mine i=0i 0", string(point.AppendLine(nil, first)))
	require.Equal(t, []string{"d", "r"}, []string{first.DB, first.RP})
	require.Equal(t, int64(2), p.made()[5].field("i"), "nobody writes over it")

	detach()
	p.Add(numbered(5))
	p.Add(pt("m", nil, map[string]any{"s": ""}, time.Unix(0, 0)))
	p.Drain()
	require.EqualValues(t, 4, p.points.lost.Load())
	require.Equal(t, 1, p.log.count("Points of influxDBOut are lost: there is no [[outputs.alerter]] at work"))
	p.Stop()
}

// TestSeenOnly runs an engine without a bus: who made it sees what it decides, and nothing is kept.
func TestSeenOnly(t *testing.T) {
	p := newRig("x", doubles, "cpu", alertScript)
	p.conf.Bus, p.conf.StateDirectory = nil, t.TempDir()
	var points, events []string
	p.conf.Point = func(x *point.Point) { points = append(points, x.Name) }
	p.conf.Event = func(e *alert.Event) { events = append(events, e.ID) }
	p.init()
	require.NoError(t, p.Open())
	p.Run()
	p.Add(numbered(1))
	p.Add(cpu(5))
	p.Engine.Stop()
	require.Equal(t, []string{"one", "two"}, points)
	require.Equal(t, []string{"cpu:host=a"}, events)
}

// TestEventIsSeen has whoever wants copies of events get them, too.
func TestEventIsSeen(t *testing.T) {
	p := newRig("cpu", alertScript)
	var seen []*alert.Event
	p.conf.Event = func(e *alert.Event) { seen = append(seen, e) }
	got := p.run(t, cpu(5), cpu(50))
	require.Len(t, got, 2)
	require.Same(t, got[0].event, seen[0])
	require.Same(t, got[1].event, seen[1])
	require.Equal(t, (&source{text: alertScript}).version(), seen[0].Rule)
}
