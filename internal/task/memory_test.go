package task_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// A rule over very many hosts keeps little of each, and a long window little of each point.
func TestMemoryPerGroup(t *testing.T) {
	for _, c := range []struct {
		chain          string
		groups, points int
		each           int // bytes per group, its tags included
	}{
		{"window().period(1m).every(1m)|mean('usage')", 100_000, 3, 600},
		{"window().period(1m).every(10s)|mean('usage')", 100_000, 3, 900},
		{"window().period(600s).every(10s)|mean('usage')", 100, 1300, 1024 * 20},
		{"window().period(600s).every(10s)|percentile('usage', 99.0)", 100, 1300, 1024 * 70},
		{"window().period(600s).every(600s)|max('usage')", 100, 1300, 1300},
	} {
		t.Run(c.chain, func(t *testing.T) {
			tk, err := task.Load(task.Config{Name: "t", Script: "stream|from().measurement('cpu').groupBy('host')|" + c.chain})
			require.NoError(t, err)
			require.NoError(t, tk.Start(0))
			tags := make([][]point.Tag, c.groups)
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			before, peak := m.HeapAlloc, m.HeapAlloc
			p := point.Point{Name: "cpu", DB: "telegraf", RP: "autogen", Fields: []point.Field{{Key: "idle", Value: point.FloatValue(1)}, {Key: "usage"}}}
			for sec := range c.points {
				p.Time = int64(sec) * int64(time.Second)
				for g := range tags {
					if sec == 0 {
						tags[g] = []point.Tag{{Key: "host", Value: fmt.Sprintf("host%06d", g)}}
					}
					p.Tags = tags[g]
					p.Fields[1].Value = point.FloatValue(float64((g + sec*7919) % 1000))
					require.NoError(t, tk.Push(&p))
					if g%1000 == 0 {
						runtime.ReadMemStats(&m)
						peak = max(peak, m.HeapAlloc)
					}
				}
			}
			runtime.GC()
			runtime.ReadMemStats(&m)
			each := int(m.HeapAlloc-before) / c.groups
			t.Logf("%d bytes per group; %d kB at most, garbage included", each, (peak-before)>>10)
			require.Less(t, each, c.each)
			runtime.KeepAlive(tk)
		})
	}
}
