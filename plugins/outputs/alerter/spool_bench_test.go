package alerter

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
	"github.com/telegraf-tigk/telegraf-tigk/plugins/alertmetric"
)

// countingFolder counts what the spool does to a real folder.
type countingFolder struct {
	journal.Dir
	syncs, bytes atomic.Int64
}

type countingFile struct {
	journal.File
	folder *countingFolder
}

func (c *countingFolder) Create(name string) (journal.File, error) {
	f, err := c.Dir.Create(name)
	return countingFile{f, c}, err
}

func (f countingFile) Sync() error { f.folder.syncs.Add(1); return f.File.Sync() }

func (f countingFile) Write(b []byte) (int, error) {
	f.folder.bytes.Add(int64(len(b)))
	return f.File.Write(b)
}

// BenchmarkStorm measures 10 000 events from the first Write until all are safe, and delivered to a
// handler that does nothing. With batch=1 they come as the agent brings them with
// metric_batch_size = 1.
func BenchmarkStorm(b *testing.B) {
	const events = 10000
	for _, c := range []struct {
		name    string
		disk    bool
		tracked bool
		batch   int
	}{
		{"spool=memory/batch=1", false, false, 1},
		{"spool=disk/batch=1/untracked", true, false, 1},
		{"spool=disk/batch=1/tracked", true, true, 1},
		{"spool=disk/batch=1000/untracked", true, false, 1000},
	} {
		b.Run(c.name, func(b *testing.B) {
			var syncs, bytes int64
			for range b.N {
				b.StopTimer()
				k := handler.Lookup("tcp")
				s := &sink{}
				a := &Alerter{
					Timeout: 30e9, CloseTimeout: 5e9, RetryMinInterval: 1e9, RetryMaxInterval: 60e9, RetryMaxAge: 72 * 3600e9,
					SpoolMaxEvents: 20000, SpoolMaxSize: 64 << 20, Log: silent{}, stats: newStats(nil),
					limit: newLimiter(10*time.Minute, time.Now), outlets: map[*handler.Kind]*outlet{k: {kind: k, sender: s}},
				}
				dir := &countingFolder{Dir: journal.Dir(b.TempDir())}
				require.NoError(b, a.initTopics())
				var err error
				if c.disk {
					a.dispatch, err = a.openDispatcher(dir)
				} else {
					a.dispatch, err = a.openDispatcher(nil)
				}
				require.NoError(b, err)
				var acks atomic.Int64
				var batches [][]telegraf.Metric
				for i := 0; i < events; i += c.batch {
					var batch []telegraf.Metric
					for j := range c.batch {
						m := toTCP(fmt.Sprintf("a%d-%d", (i+j)%1000, i+j), "CRITICAL")
						if c.tracked {
							m, _ = metric.WithTracking(m, func(telegraf.DeliveryInfo) { acks.Add(1) })
						} else {
							acks.Add(1)
						}
						batch = append(batch, m)
					}
					batches = append(batches, batch)
				}
				dir.syncs.Store(0)
				dir.bytes.Store(0)
				b.StartTimer()
				for _, batch := range batches {
					if err := a.Write(batch); err != nil {
						b.Fatal(err)
					}
					for _, m := range batch {
						m.Accept()
					}
				}
				for acks.Load() < events || s.n.Load() < events {
					time.Sleep(100 * time.Microsecond)
				}
				b.StopTimer()
				syncs += dir.syncs.Load()
				bytes += dir.bytes.Load()
				require.NoError(b, a.Close())
				b.StartTimer()
			}
			b.ReportMetric(float64(b.N)*events/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(syncs)/float64(b.N), "syncs/storm")
			b.ReportMetric(float64(bytes)/float64(b.N)/events, "bytes/event")
		})
	}
}

// BenchmarkRestart measures reading 10 000 undelivered events back.
func BenchmarkRestart(b *testing.B) {
	dir := journal.Dir(b.TempDir())
	s, _, err := openSpool("d", dir, newMemorySpool(20000, 64<<20), silent{})
	require.NoError(b, err)
	s.disk.Repair()
	for i := range 10000 {
		e, err := alertmetric.Event(toTCP(fmt.Sprintf("a%d-%d", i%1000, i), "CRITICAL"))
		require.NoError(b, err)
		it := &delivery{outlet: testOutlet(), event: e, dest: "D", origin: []byte(`{"address":"r:1"}`)}
		require.NoError(b, s.Put(&posting{event: e, list: []*delivery{it}}))
	}
	for b.Loop() {
		x := newLoaded()
		require.NoError(b, s.disk.Read(x.take))
		x.settle()
		require.Len(b, x.events, 10000)
	}
}
