package tick

import (
	"fmt"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"
)

// A sink is an accumulator that takes metrics and does nothing.
type sink struct{ telegraf.Accumulator }

func (sink) AddMetric(telegraf.Metric) {}

// hostMetric has the size of those that a host's inputs make: four tags and ten fields.
func hostMetric(name string) telegraf.Metric {
	fields := map[string]any{}
	for i := range 10 {
		fields[fmt.Sprintf("usage_%d", i)] = 90.5
	}
	return metric.New(name, map[string]string{"host": "a", "cpu": "cpu0", "rack": "r1", "dc": "d"}, fields, time.Unix(1700000000, 0))
}

const (
	rule   = `stream|from().measurement('cpu').groupBy('host')|where(lambda: "usage_3" > 1.0)|alert().crit(lambda: "usage_1" > 95.0)`
	window = `stream|from().measurement('cpu').groupBy('host')|window().period(10s).every(10s)|mean('usage_1')`
)

func BenchmarkAdd(b *testing.B) {
	for _, c := range []struct {
		name   string
		tasks  int
		script string
		metric string
	}{
		{"unwanted", 1, rule, "mem"},
		{"unwanted by 1000 tasks", 1000, rule, "mem"},
		{"from where alert", 1, rule, "cpu"},
		{"from where alert, 10 tasks", 10, rule, "cpu"},
		{"window mean", 1, window, "cpu"},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := benchPlugin(c.tasks, c.script)
			require.NoError(b, p.Init())
			require.NoError(b, p.Start(sink{}))
			ms := make([]telegraf.Metric, 64) // their fields are in random order
			for i := range ms {
				ms[i] = hostMetric(c.metric)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := p.Add(ms[i%len(ms)], sink{}); err != nil {
					b.Fatal(err)
				}
			}
			p.engine.Drain()
			b.StopTimer()
			p.Stop()
		})
	}
}

func benchPlugin(tasks int, script string) *Tick {
	p := newTick()
	p.Log = testutil.Logger{Quiet: true}
	p.QueueFull, p.QueueSize = "block", 500 // what waits at the end is not counted
	for i := range tasks {
		p.Tasks = append(p.Tasks, &Task{Name: fmt.Sprint("task", i), Script: script})
	}
	return p
}

// TestAddDoesNotAllocate covers the paths that each metric takes.
func TestAddDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for name, m := range map[string]telegraf.Metric{"unwanted": hostMetric("mem"), "wanted": hostMetric("cpu")} {
		t.Run(name, func(t *testing.T) {
			p := benchPlugin(2, rule)
			require.NoError(t, p.Init())
			require.NoError(t, p.Start(sink{}))
			defer p.Stop()
			for range 20_000 { // the buffers grow to their size
				require.NoError(t, p.Add(m, sink{}))
			}
			require.Less(t, testing.AllocsPerRun(20_000, func() { _ = p.Add(m, sink{}) }), 0.5)
		})
	}
}
