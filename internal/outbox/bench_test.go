package outbox

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/bus"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
)

// countingDir counts what the outbox does to a real folder.
type countingDir struct {
	journal.Dir
	syncs, bytes atomic.Int64
}

type countingFile struct {
	journal.File
	dir *countingDir
}

func (c *countingDir) Create(name string) (journal.File, error) {
	f, err := c.Dir.Create(name)
	return countingFile{f, c}, err
}

func (f countingFile) Sync() error { f.dir.syncs.Add(1); return f.File.Sync() }

func (f countingFile) Write(b []byte) (int, error) {
	f.dir.bytes.Add(int64(len(b)))
	return f.File.Write(b)
}

// A sink is a receiver with which events are safe at once.
type sink struct{ taken func([]*alert.Event) }

func (s sink) Events(list []*alert.Event, safe func([]*alert.Event)) {
	safe(list)
	s.taken(list)
}

func (sink) Points([]bus.Point) {}

// benchBox is an outbox in a real folder. Without a function there is no receiver.
func benchBox(b *testing.B, taken func([]*alert.Event)) (*Outbox, *countingDir) {
	dir := &countingDir{Dir: journal.Dir(b.TempDir())}
	o, err := Open(Config{
		Name: "folder", Folder: dir, Format: Format, Log: &recorder{}, MaxEvents: 20000, MaxBytes: 64 << 20,
	}, new(alert.Topics))
	require.NoError(b, err)
	var line bus.Bus
	if taken != nil {
		_, err := line.Attach(sink{taken})
		require.NoError(b, err)
	}
	o.Start(&line)
	dir.syncs.Store(0)
	dir.bytes.Store(0)
	return o, dir
}

func benchEvent(i int) *alert.Event {
	e := event(fmt.Sprintf("cpu:host=h%d", i%1000), i, alert.Critical)
	e.Details = "{}"
	e.Data = []byte(`{"series":[{"name":"cpu","tags":{"host":"h1"},"columns":["time","usage_idle"],"values":[["2026-01-01T00:00:00Z",5]]}]}`)
	e.Handlers = []alert.Handler{{Kind: "email", Options: []byte(`{"to":["a@example.com"]}`)}}
	e.SetEventID()
	return e
}

// BenchmarkOutboxStorm measures 10 000 events from the first to the last, which is safe then. put is what a task waits for, on average.
func BenchmarkOutboxStorm(b *testing.B) {
	const events = 10000
	var syncs, bytes, put int64
	for range b.N {
		b.StopTimer()
		var n atomic.Int64
		done := make(chan struct{})
		o, dir := benchBox(b, func(list []*alert.Event) {
			if n.Add(int64(len(list))) == events {
				close(done)
			}
		})
		all := make([]*alert.Event, events)
		for i := range all {
			all[i] = benchEvent(i)
		}
		b.StartTimer()
		begin := time.Now()
		for _, e := range all {
			o.Put(e)
		}
		put += int64(time.Since(begin))
		<-done
		b.StopTimer()
		syncs += dir.syncs.Load()
		bytes += dir.bytes.Load()
		o.Close()
		b.StartTimer()
	}
	storms := float64(b.N)
	b.ReportMetric(storms*events/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(syncs)/storms, "syncs/storm")
	b.ReportMetric(float64(bytes)/storms/events, "bytes/event")
	b.ReportMetric(float64(put)/storms/events, "ns/put")
}

// BenchmarkOutboxEvent measures how long one event takes from the task to the receiver, while ten tasks
// bring one every now and then.
func BenchmarkOutboxEvent(b *testing.B) {
	var mu sync.Mutex
	var took []time.Duration
	begun := make([]time.Time, b.N)
	o, dir := benchBox(b, func(list []*alert.Event) {
		now := time.Now()
		mu.Lock()
		defer mu.Unlock()
		for _, e := range list {
			took = append(took, now.Sub(begun[e.Time]))
		}
	})
	var tasks sync.WaitGroup
	for k := range 10 {
		tasks.Go(func() {
			for i := k; i < b.N; i += 10 {
				e := benchEvent(i)
				begun[i] = time.Now()
				o.Put(e)
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	tasks.Wait()
	o.Close()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs/median")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs/p99")
	b.ReportMetric(float64(dir.syncs.Load())/float64(b.N), "syncs/event")
}

// BenchmarkOutboxRestart measures reading 10 000 events back that were not delivered.
func BenchmarkOutboxRestart(b *testing.B) {
	o, dir := benchBox(b, nil)
	for i := range 10000 {
		o.Put(benchEvent(i))
	}
	o.Close()
	for b.Loop() {
		x := newUndelivered()
		l := journal.New(journal.Config{Format: Format, Folder: unlocked{dir}, Log: o.c.Log})
		require.NoError(b, l.Read(x.take))
		require.Len(b, x.events, 10000)
	}
}

// unlocked is a folder that may be opened many times.
type unlocked struct{ journal.Folder }

func (unlocked) Lock(string) (func(), error) { return func() {}, nil }
