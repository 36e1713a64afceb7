package alerter

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/influxdata/telegraf"

	"github.com/telegraf-tigk/telegraf-tigk/internal/delivery"
	"github.com/telegraf-tigk/telegraf-tigk/internal/ratelog"
)

// A pointWriter writes points to one InfluxDB, in batches. Each database and retention policy has a
// buffer and a goroutine of its own, so that one that cannot be written holds no other back.
type pointWriter struct {
	section  *influxSection
	log      telegraf.Logger
	limit    *ratelog.Limiter
	count    pointCounts
	retryMin time.Duration
	retryMax time.Duration

	write   sync.Mutex // Telegraf's outputs want one Write at a time
	mu      sync.Mutex
	buffers map[target]*buffer
	stop    chan struct{}
	wg      sync.WaitGroup
}

type pointCounts struct{ delivered, failed, retried, dropped, queued counter }

// A buffer is a FIFO of points; first is the number of points that have left it at the front, so
// that a write which took a batch knows what of it is still there.
type buffer struct {
	points []telegraf.Metric
	first  uint64
	full   chan struct{} // a batch is complete
}

// maxTargets bounds the goroutines; databases come from scripts, which may compute them.
const maxTargets = 256

func newPointWriter(a *Alerter, s *influxSection) *pointWriter {
	return &pointWriter{
		section: s, log: a.Log, limit: a.limit,
		count: pointCounts{
			delivered: a.counters.get("delivered", s.plugin), failed: a.counters.get("failed", s.plugin), retried: a.counters.get("retried", s.plugin),
			dropped: a.counters.get("dropped", s.plugin), queued: a.counters.get("queue_length", s.plugin),
		},
		retryMin: time.Duration(a.RetryMinInterval), retryMax: time.Duration(a.RetryMaxInterval),
		buffers: map[target]*buffer{}, stop: make(chan struct{}),
	}
}

// add takes over a metric.
func (w *pointWriter) add(m telegraf.Metric, to target) {
	w.section.address(m, to)
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.buffers[to]
	if b == nil {
		if len(w.buffers) >= maxTargets {
			w.count.dropped.Incr(1)
			w.limit.Log(w.log.Errorf, w.section.name, fmt.Errorf("%s: point dropped: more than %d databases and retention policies", w.section.name, maxTargets))
			return
		}
		b = &buffer{full: make(chan struct{}, 1)}
		w.buffers[to] = b
		w.wg.Add(1)
		go w.run(b)
	}
	b.points = append(b.points, m)
	w.count.queued.Incr(1)
	if len(b.points) > w.section.BufferLimit {
		w.remove(b, 1)
		w.count.dropped.Incr(1)
		w.limit.Log(w.log.Warnf, w.section.name+" full", fmt.Errorf("%s: buffer of %d points is full, the oldest are dropped", w.section.name, w.section.BufferLimit))
	}
	if len(b.points) >= w.section.BatchSize {
		select {
		case b.full <- struct{}{}:
		default:
		}
	}
}

// remove takes n points off the front of b.
func (w *pointWriter) remove(b *buffer, n int) {
	clear(b.points[:n])
	b.points = b.points[n:]
	b.first += uint64(n)
	w.count.queued.Incr(-int64(n))
}

func (w *pointWriter) run(b *buffer) {
	defer w.wg.Done()
	t := time.NewTimer(w.section.FlushInterval)
	defer t.Stop()
	fails := 0
	full := b.full
	for {
		select {
		case <-w.stop:
			return
		case <-t.C:
		case <-full:
		}
		err := w.flush(b)
		wait := w.section.FlushInterval
		full = b.full
		if err != nil {
			fails++
			w.count.retried.Incr(1)
			wait = max(wait, delivery.Backoff(fails, w.retryMin, w.retryMax))
			full = nil // a full buffer is no reason to try earlier
		} else {
			fails = 0
		}
		t.Reset(wait)
	}
}

// flush writes all points of b, a batch at a time.
func (w *pointWriter) flush(b *buffer) error {
	for {
		w.mu.Lock()
		batch := append([]telegraf.Metric(nil), b.points[:min(len(b.points), w.section.BatchSize)]...)
		start := b.first
		w.mu.Unlock()
		if len(batch) == 0 {
			return nil
		}
		w.write.Lock()
		err := w.section.out.Write(batch)
		w.write.Unlock()
		done := len(batch)
		if err != nil {
			var rejected int
			if done, rejected = settled(err, len(batch)); done == 0 {
				return err
			}
			w.count.failed.Incr(int64(rejected))
			w.count.delivered.Incr(int64(done - rejected))
		} else {
			w.count.delivered.Incr(int64(done))
		}
		w.mu.Lock()
		if end := start + uint64(done); end > b.first {
			w.remove(b, int(end-b.first))
		}
		w.mu.Unlock()
		if err != nil && done < len(batch) {
			return err
		}
	}
}

// settled returns how many points at the front of a batch a partial failure has settled, and how
// many of them were refused. Points behind the first unsettled one are written again, which InfluxDB
// does not mind. The host's type for it cannot be imported.
func settled(err error, n int) (done, rejected int) {
	for ; err != nil; err = errors.Unwrap(err) {
		v := reflect.Indirect(reflect.ValueOf(err))
		if v.Kind() != reflect.Struct {
			continue
		}
		accept, ok := field[[]int](v, "MetricsAccept")
		reject, ok2 := field[[]int](v, "MetricsReject")
		if !ok || !ok2 {
			continue
		}
		state := make([]byte, n)
		for _, i := range accept {
			if i >= 0 && i < n {
				state[i] = 1
			}
		}
		for _, i := range reject {
			if i >= 0 && i < n {
				state[i] = 2
			}
		}
		for done < n && state[done] != 0 {
			rejected += int(state[done] / 2)
			done++
		}
		return done, rejected
	}
	return 0, 0
}

func field[T any](v reflect.Value, name string) (T, bool) {
	f := v.FieldByName(name)
	if !f.IsValid() || !f.CanInterface() {
		var zero T
		return zero, false
	}
	t, ok := f.Interface().(T)
	return t, ok
}

// close writes what is left until the deadline and returns how many points remain.
func (w *pointWriter) close(deadline time.Time) int {
	close(w.stop)
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.wg.Wait()
		for _, b := range w.buffers {
			if time.Now().After(deadline) || w.flush(b) != nil {
				continue
			}
		}
	}()
	t := time.NewTimer(time.Until(deadline))
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	left := 0
	for _, b := range w.buffers {
		left += len(b.points)
	}
	return left
}
