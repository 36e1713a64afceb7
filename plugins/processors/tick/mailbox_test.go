package tick

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/selfstat"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// gate is a node that lets no point pass until the test does.
type gate struct{}

// gates is what gate nodes call for each point. The test that uses them sets it.
var gates func()

func (*gate) Declare(s *spec.Spec)           { s.Doc("Waits at every point.") }
func (*gate) Open(out point.Sink) point.Sink { return &gateSink{spec.Forward{Out: out}} }

type gateSink struct{ spec.Forward }

func (g *gateSink) Point(p *point.Point) {
	if gates != nil { // scripts made at random have this node, too
		gates()
	}
	g.Out.Point(p)
}

func init() { spec.Register("gate", func() spec.Declarer { return &gate{} }) }

// slowAndFast returns a plugin with two tasks on m: the points of one go through a gate.
func slowAndFast() (*Tick, *testutil.CaptureLogger) {
	return plugin("slow", `stream|from().measurement('m')|gate()|influxDBOut().measurement('slow')`,
		"fast", `stream|from().measurement('m')|influxDBOut().measurement('fast')`)
}

// texts returns what has been logged.
func texts(log *testutil.CaptureLogger) []string {
	var out []string
	for _, m := range log.Messages() {
		out = append(out, m.Text)
	}
	return out
}

func numbered(i int) telegraf.Metric {
	return metric.New("m", nil, map[string]any{"i": int64(i)}, time.Unix(0, int64(i)))
}

// requireInOrder wants the metrics called name to count up, n of them; 0 and n-1 among them if there
// are to be no gaps.
func requireInOrder(t *testing.T, ms []telegraf.Metric, name string, n int, gaps bool) {
	t.Helper()
	found, last := 0, int64(-1)
	for _, m := range ms {
		if m.Name() != name {
			continue
		}
		v, _ := m.GetField("i")
		i := v.(int64)
		require.Greater(t, i, last)
		if !gaps {
			require.Equal(t, last+1, i)
		}
		last = i
		found++
	}
	require.Equal(t, n, found)
}

// TestSlowTask wants a task that stands still to delay no other as long as its metrics find room,
// and both to see them in order.
func TestSlowTask(t *testing.T) {
	for _, policy := range []string{"block", "drop"} {
		t.Run(policy, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				open := make(chan struct{})
				gates = func() { <-open }
				defer func() { gates = nil }()
				p, _ := slowAndFast()
				p.QueueFull = policy
				acc := start(t, p)
				const n = 1000
				begin := time.Now()
				for i := range n {
					require.NoError(t, p.Add(numbered(i), acc))
				}
				synctest.Wait()
				require.Zero(t, time.Since(begin))
				requireInOrder(t, emitted(acc), "fast", n, false)
				require.Len(t, emitted(acc), n)
				close(open)
				synctest.Wait()
				requireInOrder(t, emitted(acc), "slow", n, false)
				p.Stop()
			})
		})
	}
}

// TestStuckTask wants a task that never goes on to hold the others up only once, and not for long,
// when its mailbox is full.
func TestStuckTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := make(chan struct{})
		gates = func() { <-open }
		defer func() { gates = nil }()
		p, log := slowAndFast()
		p.QueueSize = 10
		p.Statistics = selfstat.NewCollector(map[string]string{"processor": "tick", "alias": t.Name()})
		acc := start(t, p)
		const n = 1000
		begin := time.Now()
		for i := range n {
			require.NoError(t, p.Add(numbered(i), acc))
		}
		synctest.Wait()
		require.Equal(t, patienceOnce, time.Since(begin))
		requireInOrder(t, emitted(acc), "fast", n, false)
		time.Sleep(statsInterval)
		synctest.Wait()
		shown := nonZero(t.Name())
		require.Equal(t, int64(10), shown["slow queue_length"])
		dropped := p.engine.depot.dropped.Load()
		require.InDelta(t, n-15, dropped, 5) // what the task is at work on has left the mailbox
		require.Equal(t, dropped, shown["slow queue_dropped"])
		require.NotContains(t, shown, "fast queue_dropped")

		close(open)
		synctest.Wait()
		requireInOrder(t, emitted(acc), "slow", n-int(dropped), false)
		time.Sleep(2 * calm)
		p.Stop()
		require.Equal(t, []string{
			fmt.Sprintf(`Task "slow" does not keep up: 10 metrics wait for it, and %d have been dropped so far; see queue_size and queue_full`, dropped),
			fmt.Sprintf(`Task "slow" keeps up again; %d metrics have been dropped`, dropped),
		}, slices.DeleteFunc(texts(log), func(s string) bool { return !strings.HasPrefix(s, `Task "slow"`) }))
	})
}

// TestTaskThatIsTooSlow wants a task that needs ten times the time there is to take no more than a
// tenth of it from the others, beyond what is saved up.
func TestTaskThatIsTooSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates = func() { time.Sleep(10 * time.Millisecond) }
		defer func() { gates = nil }()
		p, _ := slowAndFast()
		p.QueueSize = 10
		acc := start(t, p)
		const n = 20_000
		begin := time.Now()
		for i := range n {
			time.Sleep(time.Millisecond)
			require.NoError(t, p.Add(numbered(i), acc))
		}
		took := time.Since(begin)
		t.Logf("%d metrics, one every ms: %s", n, took)
		require.Less(t, took, 20*time.Second*111/100+patienceMost)
		synctest.Wait()
		requireInOrder(t, emitted(acc), "fast", n, false)
		dropped := int(p.engine.depot.dropped.Load())
		p.Stop()
		require.Greater(t, dropped, n*3/4)
		requireInOrder(t, emitted(acc), "slow", n-dropped, true)
	})
}

// TestBurst wants a task that is only slower than a burst, and not for long, to see all of it.
func TestBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates = func() { time.Sleep(time.Millisecond) }
		defer func() { gates = nil }()
		p, _ := slowAndFast()
		p.QueueSize = 100
		acc := start(t, p)
		const n = 1000
		for i := range n {
			require.NoError(t, p.Add(numbered(i), acc))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		requireInOrder(t, emitted(acc), "slow", n, false)
		p.Stop()
	})
}

// TestCheckpointOfStuckTask wants the state of the other tasks to be saved.
func TestCheckpointOfStuckTask(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		open := make(chan struct{})
		gates = func() { <-open }
		defer func() { gates = nil }()
		p, _ := withState(dir, "slow", `stream|from().measurement('cpu')|gate()`, "sum", sums)
		p.CheckpointInterval = config.Duration(time.Second)
		acc := start(t, p)
		require.NoError(t, p.Add(cpu(7), acc))
		time.Sleep(2*time.Second + checkpointWait)
		synctest.Wait()
		saved, err := os.ReadFile(stateFile(dir, false))
		require.NoError(t, err)
		x, err := decodeState(saved)
		require.NoError(t, err)
		require.NotEmpty(t, x.Tasks["sum"])
		close(open)
		p.Stop()
	})
}

// A reader is a mailbox's task that notes what it gets.
type reader struct {
	mailbox
	got   []point.Point
	turns atomic.Int64 // under way
}

func newReader(d *depot) *reader {
	r := &reader{}
	r.depot = d
	r.turn = func() bool {
		if r.turns.Add(1) != 1 {
			panic("two turns at once")
		}
		b := r.take()
		for i := range b.items[:b.n] {
			if it := &b.items[i]; it.call != nil {
				it.call()
			} else {
				p := it.parcel.point
				p.Fields = append([]point.Field{}, p.Fields...)
				r.got = append(r.got, p)
				r.release(it.parcel)
			}
		}
		r.turns.Add(-1)
		return r.rest(b, false)
	}
	return r
}

func (r *reader) holdsNothing() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.busy && r.first == nil && r.last == nil && r.points == 0 && r.fields == 0
}

// TestMailboxManyProducers has points shared by two mailboxes and sent by many: each task sees those
// of each sender in order, and a call behind them sees them all.
func TestMailboxManyProducers(t *testing.T) {
	const senders, n = 8, 2000
	d := newDepot(16, true)
	a, b := newReader(d), newReader(d)
	var sending sync.WaitGroup
	for s := range senders {
		sending.Go(func() {
			for i := range n {
				p := a.parcel()
				p.point = point.Point{Name: strconv.Itoa(s), Time: int64(i), Fields: append(p.point.Fields[:0], point.Field{Key: "i", Value: point.IntValue(int64(i))})}
				a.put(p, &a.patience)
				b.put(p, &a.patience)
				a.release(p)
			}
		})
	}
	sending.Wait()
	for _, r := range []*reader{a, b} {
		seen, done := 0, make(chan struct{})
		require.True(t, r.do(func() { seen = len(r.got); close(done) }))
		<-done
		require.Equal(t, senders*n, seen)
		require.Zero(t, r.dropped.Load())
		next := map[string]int64{}
		for _, p := range r.got {
			require.Equal(t, next[p.Name], p.Time)
			require.Equal(t, p.Time, p.Field("i").Int())
			next[p.Name]++
		}
		require.Eventually(t, r.holdsNothing, 10*time.Second, time.Millisecond)
		r.close()
		require.False(t, r.do(func() {}))
	}
	require.Eventually(t, func() bool {
		d.crew.mu.Lock()
		defer d.crew.mu.Unlock()
		return d.crew.first == nil && d.crew.looking == 0
	}, 10*time.Second, time.Millisecond, "the goroutines end")
}

// TestManyTasksStandStill wants as many tasks as there are to stand still without holding up others.
func TestManyTasksStandStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := make(chan struct{})
		gates = func() { <-open }
		defer func() { gates = nil }()
		p, _ := slowAndFast()
		for i := range 50 {
			p.Tasks = append(p.Tasks, &Task{Name: fmt.Sprint("slow", i), Script: `stream|from().measurement('m')|gate()`})
		}
		acc := start(t, p)
		const n = 100
		for i := range n {
			require.NoError(t, p.Add(numbered(i), acc))
		}
		synctest.Wait()
		requireInOrder(t, emitted(acc), "fast", n, false)
		close(open)
		p.Stop()
	})
}

// TestLoopbackToFullMailbox wants tasks that feed each other not to wait for each other: what they
// have no room for is dropped, and counted.
func TestLoopbackToFullMailbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := plugin("there", `stream|from().measurement('m')|kapacitorLoopback().database('other').retentionPolicy('autogen')
			stream|from().measurement('back')|influxDBOut().measurement('out')`,
			"back", `dbrp "other"."autogen"
			stream|from().measurement('m')|kapacitorLoopback().database('telegraf').retentionPolicy('autogen').measurement('back')`)
		p.QueueSize, p.QueueFull = 10, "block"
		acc := start(t, p)
		const n = 1000
		for i := range n {
			require.NoError(t, p.Add(numbered(i), acc))
		}
		synctest.Wait()
		dropped := int(p.engine.depot.dropped.Load())
		p.Stop()
		t.Logf("%d of %d dropped", dropped, n)
		requireInOrder(t, emitted(acc), "out", n-dropped, true)
	})
}
