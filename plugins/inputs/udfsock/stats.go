package udfsock

import (
	"github.com/influxdata/telegraf/selfstat"

	"github.com/telegraf-tigk/telegraf-tigk/internal/udf"
)

// statsName is the measurement of inputs.internal, to which the agent adds internal_.
const statsName = "udf"

// stats shows how a function fares.
type stats struct {
	function *udf.Function
	shown    map[string]selfstat.Stat
}

func newStats(c *selfstat.Collector, f *udf.Function) *stats {
	s := &stats{function: f, shown: map[string]selfstat.Stat{}}
	if c != nil {
		for name := range s.values() {
			s.shown[name] = c.Register(statsName, name, map[string]string{"udf": f.Name})
		}
		s.read()
	}
	return s
}

func (s *stats) values() map[string]int64 {
	x := s.function.Stats()
	reachable := int64(1)
	if _, err := s.function.Known(); err != nil {
		reachable = 0
	}
	return map[string]int64{
		"reachable":       reachable,
		"sessions":        x.Sessions,
		"connected":       x.Connected,
		"points_in":       x.In,
		"points_out":      x.Out,
		"points_dropped":  x.Dropped,
		"points_replayed": x.Replayed,
		"points_lost":     x.Lost,
		"points_repeated": x.Repeated,
		"restarts":        x.Restarts,
		"unexpected":      x.Unexpected,
		"snapshots":       x.Snapshots,
		"snapshot_bytes":  x.SnapshotSize,
		"queue_length":    x.Queue,
		"round_trip_ns":   int64(x.RoundTrip),
	}
}

func (s *stats) read() {
	for name, n := range s.values() {
		if stat := s.shown[name]; stat != nil {
			stat.Set(n)
		}
	}
}
