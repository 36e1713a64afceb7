package engine

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

func TestPanicStopsOneTask(t *testing.T) {
	p := newRig("bug", `stream|from().measurement('cpu')|explode()`, "cpu", alertScript)
	require.Len(t, p.run(t, cpu(5), cpu(5), cpu(5)), 3)
	require.Len(t, p.log.errors(), 1)
	require.Contains(t, p.log.errors()[0], `Task "bug" has stopped: bug: explode2: internal error: boom`)
	require.True(t, slices.ContainsFunc(p.log.lines(), func(l line) bool {
		return strings.Contains(l.text, "explodeSink") && l.level == 'D'
	}), "the stack is in the debug log")
}

// TestParsedOnce shows that a start makes tasks of what Check has parsed and checked, unless a script has
// changed since.
func TestParsedOnce(t *testing.T) {
	const old, changed = "stream|from().measurement('cpu')|log().prefix('old')", "stream|from().measurement('cpu')|log().prefix('new')"
	for script, want := range map[string]string{old: "parsed", changed: "new"} {
		p := newRig("log", old)
		require.Empty(t, p.init())
		require.True(t, p.checked[0].checked)
		prog, err := syntax.Parse("", strings.Replace(old, "old", "parsed", 1))
		require.NoError(t, err)
		p.checked[0].program = prog
		p.Engine.c.Scripts.Tasks[0].Text = script
		p.open(t)
		p.Run()
		p.Add(cpu(5))
		require.Nil(t, p.places["log"].src.program, "nobody needs it any more")
		p.Stop()
		require.Equal(t, 1, p.log.count(" prefix="+want+" "))
	}
}

func TestErrorsAreSummed(t *testing.T) {
	var log recorder
	var l errorLog
	minute := int64(time.Minute)
	for i := range 5 {
		l.add(&log, "cpu", "eval2", "bad", int64(i))
	}
	require.Equal(t, []string{`Task "cpu": eval2: bad`}, log.errors())
	l.sum(&log, "cpu", minute-1)
	require.Len(t, log.errors(), 1)
	l.sum(&log, "cpu", minute)
	require.Equal(t, `Task "cpu": eval2: bad (4 times more)`, log.errors()[1])
	l.sum(&log, "cpu", 3*minute)
	require.Empty(t, l.seen)
	for i := range 3 * maxErrorKinds {
		l.add(&log, "cpu", "eval2", "bad "+fmt.Sprint(i), 0)
	}
	require.LessOrEqual(t, len(l.seen), maxErrorKinds+1)
}

// TestErrorsWithoutMeter wants errors to be summed while nobody reads statistics.
func TestErrorsWithoutMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newRig("bad", `stream|from().measurement('cpu')|eval(lambda: "missing" + 1.0).as('x')`)
		p.start(t)
		for range 3 {
			p.Add(cpu(5))
		}
		time.Sleep(time.Minute + 2*statsInterval)
		synctest.Wait()
		errs := p.log.errors()
		require.Len(t, errs, 2)
		require.Contains(t, errs[1], "(2 times more)")
		p.Stop()
	})
}

// A tag with ever new values does not take all memory.
func TestMaxGroups(t *testing.T) {
	p := newRig("many", `stream|from().measurement('m').groupBy('id')|stateCount(lambda: TRUE)|influxDBOut()`)
	p.conf.MaxGroups = 5
	p.start(t)
	for i := range 100 {
		p.Add(pt("m", map[string]string{"id": fmt.Sprint(i)}, map[string]any{"v": 1.0}, time.Unix(0, 0)))
	}
	p.Stop()
	require.NotEmpty(t, p.made())
	require.LessOrEqual(t, len(p.made()), 5)
	require.Contains(t, p.log.errors()[0], "max_groups")
}

// The wall clock drives what happens without points.
func TestDeadman(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newRig("dead", `stream|from().measurement('cpu').groupBy('host')|deadman(0.0, 10s).id('dead').stateChangesOnly()`)
		p.start(t)
		p.Add(cpu(1))
		time.Sleep(35 * time.Second)
		synctest.Wait()
		p.Stop()
		require.Len(t, p.made(), 1)
		require.Equal(t, alert.Critical, p.made()[0].event.Level)
	})
}

// TestDeadmanConfig wants the settings to reach the alerts of tasks: the texts those of a script, and
// global each task, that of a changed script, too.
func TestDeadmanConfig(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newRig("cpu", `stream|from().measurement('cpu').groupBy('host')|deadman(0.0, 10s).stateChangesOnly()`,
			"silent", `stream|from().measurement('nothing')|alert()`)
		d := &p.conf.Deadman
		d.ID, d.Message, d.Global, d.Threshold, d.Interval = "{{ .TaskName }}/NODE_NAME", "{{ .ID }} is {{ .Level }} for INTERVAL", true, 1, 20*time.Second
		p.start(t)
		time.Sleep(time.Second)
		p.Add(cpu(1))
		time.Sleep(45 * time.Second)
		synctest.Wait()
		p.Engine.c.Scripts.Tasks[1].Text = `stream|from().measurement('nothing')|log()`
		require.False(t, p.rescan(true))
		time.Sleep(45 * time.Second)
		synctest.Wait()
		p.Stop()

		said := map[string]int{}
		for _, m := range p.made() {
			said[m.event.Message]++
			require.Empty(t, m.event.Handlers)
		}
		require.Equal(t, 1, said["cpu/from1 is CRITICAL for 10s"])
		require.Positive(t, said["cpu/stream0 is CRITICAL for 20s"])
		require.Greater(t, said["silent/stream0 is CRITICAL for 20s"], 1)
		require.Len(t, said, 3, "%v", said)
	})
}

func TestQueueFull(t *testing.T) {
	for _, block := range []bool{true, false} {
		t.Run(fmt.Sprint(block), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newRig("all", `stream|from()|influxDBOut()`)
				p.conf.QueueSize, p.conf.Block = 10, block
				release := make(chan struct{})
				p.gate = func(*made) { <-release }
				p.start(t)
				var added atomic.Int64
				go func() {
					for range 100 {
						p.Add(cpu(1))
						added.Add(1)
					}
				}()
				time.Sleep(time.Second)
				synctest.Wait()
				q := &p.index.Load().runners[0].box
				require.LessOrEqual(t, q.length(), 10)
				if block {
					require.Less(t, added.Load(), int64(30))
					require.Positive(t, p.pool.waits.Load())
				} else {
					require.Equal(t, int64(100), added.Load())
					require.GreaterOrEqual(t, q.dropped.Load(), int64(80))
				}
				close(release)
				synctest.Wait()
				require.Equal(t, int64(100), added.Load())
				p.Stop()
				require.Len(t, p.made(), 100-int(q.dropped.Load()))
			})
		})
	}
}

func TestStatistics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newRig("cpu", alertScript, "bug", `stream|from().measurement('cpu')|explode()`, "bad", "stream|")
		p.measured().start(t)
		for _, idle := range []float64{5, 50, 5} {
			p.Add(cpu(idle))
		}
		time.Sleep(2 * statsInterval)
		synctest.Wait()
		require.Equal(t, map[string]int64{
			" metrics_taken": 3, " tasks_running": 1, " tasks_failed": 1, " task_failures": 1, " script_errors": 1,
			"cpu points": 3, "cpu/stream0 points_out": 3, "bug/stream0 points_out": 1, "cpu alerts_critical": 2, "cpu alerts_ok": 1, "cpu/from1 points_in": 3, "cpu/from1 points_out": 3,
			"cpu/alert2 points_in": 3, "cpu/alert2 points_out": 3, "cpu/alert2 groups": 1, "cpu/alert2 crits_triggered": 2,
			"bug points": 1, "bug failed": 1, "bug/from1 points_in": 1, "bug/from1 points_out": 1, "bug/explode2 points_in": 1,
		}, p.meter.nonZero())
		p.Stop()
		for x := range p.meter.shown {
			require.Empty(t, x.of.Task, "%v", x)
		}
	})
}
