package engine

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

// slowAndFast returns a rig with two tasks on m: the points of one go through a gate.
func slowAndFast() *rig {
	return newRig("slow", `stream|from().measurement('m')|gate()|influxDBOut().measurement('slow')`,
		"fast", `stream|from().measurement('m')|influxDBOut().measurement('fast')`)
}

func numbered(i int) *point.Point {
	return pt("m", nil, map[string]any{"i": int64(i)}, time.Unix(0, int64(i)))
}

// requireInOrder wants the points called name to count up, n of them; without gaps none is missing.
func requireInOrder(t *testing.T, ms []*made, name string, n int, gaps bool) {
	t.Helper()
	found, last := 0, int64(-1)
	for _, m := range ms {
		if m.name() != name {
			continue
		}
		i := m.field("i").(int64)
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
				p := slowAndFast()
				p.conf.Block = policy == "block"
				p.start(t)
				const n = 1000
				begin := time.Now()
				for i := range n {
					p.Add(numbered(i))
				}
				synctest.Wait()
				require.Zero(t, time.Since(begin))
				requireInOrder(t, p.made(), "fast", n, false)
				require.Len(t, p.made(), n)
				close(open)
				synctest.Wait()
				requireInOrder(t, p.made(), "slow", n, false)
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
		p := slowAndFast()
		p.conf.QueueSize = 10
		p.measured()
		p.start(t)
		const n = 1000
		begin := time.Now()
		for i := range n {
			p.Add(numbered(i))
		}
		synctest.Wait()
		require.Equal(t, longestWait, time.Since(begin))
		requireInOrder(t, p.made(), "fast", n, false)
		time.Sleep(statsInterval)
		synctest.Wait()
		shown := p.meter.nonZero()
		require.Equal(t, int64(10), shown["slow queue_length"])
		dropped := p.pool.dropped.Load()
		require.InDelta(t, n-15, dropped, 5) // what the task is at work on has left the mailbox
		require.Equal(t, dropped, shown["slow queue_dropped"])
		require.NotContains(t, shown, "fast queue_dropped")

		close(open)
		synctest.Wait()
		requireInOrder(t, p.made(), "slow", n-int(dropped), false)
		time.Sleep(2 * calm)
		p.Stop()
		require.Equal(t, []string{
			fmt.Sprintf(`Task "slow" does not keep up: 10 metrics wait for it, and %d have been dropped so far; see queue_size and queue_full`, dropped),
			fmt.Sprintf(`Task "slow" keeps up again; %d metrics have been dropped`, dropped),
		}, slices.DeleteFunc(p.log.texts(), func(s string) bool { return !strings.HasPrefix(s, `Task "slow"`) }))
	})
}

// TestTaskThatIsTooSlow wants a task that needs ten times the time there is to take no more than a
// tenth of it from the others, beyond what is saved up.
func TestTaskThatIsTooSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates = func() { time.Sleep(10 * time.Millisecond) }
		defer func() { gates = nil }()
		p := slowAndFast()
		p.conf.QueueSize = 10
		p.start(t)
		const n = 20_000
		begin := time.Now()
		for i := range n {
			time.Sleep(time.Millisecond)
			p.Add(numbered(i))
		}
		took := time.Since(begin)
		t.Logf("%d metrics, one every ms: %s", n, took)
		require.Less(t, took, 20*time.Second*111/100+budgetMax)
		synctest.Wait()
		requireInOrder(t, p.made(), "fast", n, false)
		dropped := int(p.pool.dropped.Load())
		p.Stop()
		require.Greater(t, dropped, n*3/4)
		requireInOrder(t, p.made(), "slow", n-dropped, true)
	})
}

// TestBurst wants a task that is only slower than a burst, and not for long, to see all of it.
func TestBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates = func() { time.Sleep(time.Millisecond) }
		defer func() { gates = nil }()
		p := slowAndFast()
		p.conf.QueueSize = 100
		p.start(t)
		const n = 1000
		for i := range n {
			p.Add(numbered(i))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		requireInOrder(t, p.made(), "slow", n, false)
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
		p := withState(dir, "slow", `stream|from().measurement('cpu')|gate()`, "sum", sums)
		p.conf.Checkpoint = time.Second
		p.start(t)
		p.Add(cpu(7))
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

func newReader(d *pool) *reader {
	r := &reader{}
	r.pool = d
	r.turn = func() bool {
		if r.turns.Add(1) != 1 {
			panic("two turns at once")
		}
		_, b := r.take(false)
		for ; b.at < b.n; b.at++ {
			if it := &b.items[b.at]; it.call != nil {
				it.call()
			} else {
				p := it.message.point
				p.Fields = append([]point.Field{}, p.Fields...)
				r.got = append(r.got, p)
				r.release(it.message)
			}
		}
		r.turns.Add(-1)
		return r.done(b, false)
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
	d := newPool(16, true)
	a, b := newReader(d), newReader(d)
	var sending sync.WaitGroup
	for s := range senders {
		sending.Go(func() {
			for i := range n {
				p := a.message()
				p.point = point.Point{Name: strconv.Itoa(s), Time: int64(i), Fields: append(p.point.Fields[:0], point.Field{Key: "i", Value: point.IntValue(int64(i))})}
				a.put(p, &a.budget)
				b.put(p, &a.budget)
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
		d.workers.mu.Lock()
		defer d.workers.mu.Unlock()
		return d.workers.first == nil && d.workers.looking == 0
	}, 10*time.Second, time.Millisecond, "the goroutines end")
}

// TestManyTasksStandStill wants as many tasks as there are to stand still without holding up others.
func TestManyTasksStandStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := make(chan struct{})
		gates = func() { <-open }
		defer func() { gates = nil }()
		p := slowAndFast()
		for i := range 50 {
			p.conf.Scripts.Tasks = append(p.conf.Scripts.Tasks, Script{Name: fmt.Sprint("slow", i), Text: `stream|from().measurement('m')|gate()`})
		}
		p.start(t)
		const n = 100
		for i := range n {
			p.Add(numbered(i))
		}
		synctest.Wait()
		requireInOrder(t, p.made(), "fast", n, false)
		close(open)
		p.Stop()
	})
}

// TestLoopbackToFullMailbox wants tasks that feed each other not to wait for each other: what they
// have no room for is dropped, and counted.
func TestLoopbackToFullMailbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newRig("there", `stream|from().measurement('m')|kapacitorLoopback().database('other').retentionPolicy('autogen')
			stream|from().measurement('back')|influxDBOut().measurement('out')`,
			"back", `dbrp "other"."autogen"
			stream|from().measurement('m')|kapacitorLoopback().database('telegraf').retentionPolicy('autogen').measurement('back')`)
		p.conf.QueueSize, p.conf.Block = 10, true
		p.start(t)
		const n = 1000
		for i := range n {
			p.Add(numbered(i))
		}
		synctest.Wait()
		dropped := int(p.pool.dropped.Load())
		p.Stop()
		t.Logf("%d of %d dropped", dropped, n)
		requireInOrder(t, p.made(), "out", n-dropped, true)
	})
}

// TestKnock has a task that stalls: points stay, calls overtake them, nobody waits for space, and a knock
// has it go on.
func TestKnock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(3, true)
		var stalled atomic.Bool
		stalled.Store(true)
		var m mailbox
		var got []int64
		m.pool, m.turn = p, func() bool {
			m.woken.Store(false)
			calls, b := m.take(stalled.Load())
			for _, f := range calls {
				f()
			}
			for ; b != nil && b.at < b.n; b.at++ {
				got = append(got, b.items[b.at].message.point.Time)
			}
			return m.done(b, false)
		}
		for i := range 5 {
			x := p.message()
			x.point.Time = int64(i)
			m.put(x, &p.budget)
			synctest.Wait()
		}
		called := false
		require.True(t, m.do(func() { called = true }))
		synctest.Wait()
		require.True(t, called)
		require.Empty(t, got)
		require.Equal(t, 3, m.length())
		stalled.Store(false)
		synctest.Wait()
		require.Empty(t, got)
		m.knock()
		synctest.Wait()
		require.Equal(t, []int64{0, 1, 2}, got)
		require.EqualValues(t, 2, m.dropped.Load())
	})
}
