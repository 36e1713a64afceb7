package delivery

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

type sink struct{ n atomic.Int64 }

func (s *sink) Send(context.Context, *alert.Event, spec.Declarer) error { s.n.Add(1); return nil }
func (s *sink) Close() error                                            { return nil }

// toSink starts a dispatcher with a handler that does nothing.
func toSink(b *testing.B, dir journal.Folder) (*Dispatcher, *sink) {
	c := config(&logbook{}, &tallies{})
	c.Folder, c.MaxEvents, c.MaxBytes = dir, 1<<30, 1<<40
	d, err := New(c)
	require.NoError(b, err)
	s, k := &sink{}, handler.Lookup("tcp")
	d.handlers[k] = &integration{kind: k, sender: s}
	require.NoError(b, d.Start())
	return d, s
}

// BenchmarkEvent measures an event from the call of Events to its handler.
func BenchmarkEvent(b *testing.B) {
	d, s := toSink(b, nil)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		d.Events([]*alert.Event{toTCP("a-"+strconv.Itoa(i), "CRITICAL")}, nil)
	}
	for s.n.Load() < int64(b.N) {
		time.Sleep(time.Millisecond)
	}
	_, _, err := d.Close(time.Now())
	require.NoError(b, err)
}

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

// BenchmarkStorm measures 10 000 events from the first call until all are safe, and delivered to a
// handler that does nothing.
func BenchmarkStorm(b *testing.B) {
	const events = 10000
	for _, c := range []struct {
		name  string
		disk  bool
		batch int
	}{
		{"spool=memory/batch=1", false, 1},
		{"spool=disk/batch=1", true, 1},
		{"spool=disk/batch=100", true, 100},
	} {
		b.Run(c.name, func(b *testing.B) {
			var syncs, bytes int64
			for range b.N {
				b.StopTimer()
				dir := &countingFolder{Dir: journal.Dir(b.TempDir())}
				var folder journal.Folder
				if c.disk {
					folder = dir
				}
				d, s := toSink(b, folder)
				var batches [][]*alert.Event
				for i := 0; i < events; i += c.batch {
					var batch []*alert.Event
					for j := range c.batch {
						batch = append(batch, toTCP(fmt.Sprintf("a%d-%d", (i+j)%1000, i+j), "CRITICAL"))
					}
					batches = append(batches, batch)
				}
				dir.syncs.Store(0)
				dir.bytes.Store(0)
				var safe atomic.Int64
				b.StartTimer()
				for _, batch := range batches {
					d.Events(batch, func(list []*alert.Event) { safe.Add(int64(len(list))) })
				}
				for safe.Load() < events || s.n.Load() < events {
					time.Sleep(100 * time.Microsecond)
				}
				b.StopTimer()
				syncs += dir.syncs.Load()
				bytes += dir.bytes.Load()
				_, _, err := d.Close(time.Now())
				require.NoError(b, err)
				b.StartTimer()
			}
			b.ReportMetric(float64(b.N)*events/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(syncs)/float64(b.N), "syncs/storm")
			b.ReportMetric(float64(bytes)/float64(b.N)/events, "bytes/event")
		})
	}
}
