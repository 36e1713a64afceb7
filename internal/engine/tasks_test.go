package engine

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file measures what many tasks cost. docs/performance.md states the results.

// many is how many tasks an agent is to carry with ease.
const many = 1000

// idleRule is the script of a task as operators write them: variables, a window, texts and handlers.
const idleRule = `// Mean idle time of a host.
var period = 1m
var warn = 20.0
var crit = 10.0

stream
    |from()
        .measurement('cpu%[1]d')
        .where(lambda: "cpu" == 'cpu-total')
        .groupBy('host')
    |window()
        .period(period)
        .every(10s)
    |mean('usage_idle')
        .as('idle')
    |alert()
        .id('{{ .TaskName }}/{{ index .Tags "host" }}')
        .message('{{ .ID }} is {{ .Level }}: {{ index .Fields "idle" }} %% idle')
        .warn(lambda: "idle" < warn)
        .crit(lambda: "idle" < crit)
        .stateChangesOnly()
        .topic('cpu')
        .email('ops@example.com')
`

// withTasks returns a rig with n tasks that want a measurement of their own each.
func withTasks(n int) *rig {
	p := newRig()
	p.conf.Block, p.conf.QueueSize = true, 500
	for i := range n {
		p.conf.Scripts.Tasks = append(p.conf.Scripts.Tasks, Script{Name: fmt.Sprint("task", i), Text: fmt.Sprintf(idleRule, i)})
	}
	return p
}

func startAll(tb testing.TB, p *rig) {
	p.start(tb)
	p.Drain()
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// alone is set for a process that runs one test.
const alone = "TICK_TEST_ALONE"

// TestIdleTaskMemory bounds what a task without data keeps, its script and its statistics included. It
// has a process of its own, since what other tests leave behind would count.
func TestIdleTaskMemory(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector takes memory")
	}
	if os.Getenv(alone) == "" {
		self, err := os.Executable()
		require.NoError(t, err)
		cmd := exec.CommandContext(t.Context(), self, "-test.run", "^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), alone+"=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		t.Logf("%s", out)
		return
	}
	warm := withTasks(1) // what is made once
	startAll(t, warm)
	warm.Stop()
	for _, statistics := range []bool{false, true} {
		before := heapInUse()
		p := withTasks(many)
		if statistics {
			p.measured()
		}
		startAll(t, p)
		each := (heapInUse() - before) / many
		t.Logf("statistics %v: %d bytes a task", statistics, each)
		p.Stop()
		require.Less(t, each, int64(20<<10))
	}
}

// BenchmarkTasks adds metrics that one task wants. One op is one metric, with its evaluation; -cpu 1
// shows what the two cost together.
func BenchmarkTasks(b *testing.B) {
	for _, n := range []int{1, many} {
		b.Run(fmt.Sprintf("tasks=%d", n), func(b *testing.B) {
			p := withTasks(n)
			x := &p.conf.Scripts.Tasks[n/2]
			x.Text = strings.NewReplacer(fmt.Sprintf("'cpu%d'", n/2), "'cpu'", "cpu-total", "cpu0", "usage_idle", "usage_1").Replace(x.Text)
			startAll(b, p)
			m := hostPoint("cpu")
			b.ReportAllocs()
			for b.Loop() {
				p.Add(m)
			}
			p.Drain()
			b.StopTimer()
			p.Stop()
		})
	}
}

// BenchmarkStart1000 reads, checks and starts 1000 scripts; one op is all of them.
func BenchmarkStart1000(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		p := withTasks(many)
		startAll(b, p)
		b.StopTimer()
		p.Stop()
		b.StartTimer()
	}
}

// busy is a script whose points take microseconds.
var busy = `stream|from().measurement('cpu').groupBy('host')` + strings.Repeat(`|eval(lambda: sqrt(pow("usage_1", 2.0)) * 1.0).as('usage_1').keep()`, 40)

// BenchmarkParallel has two busy tasks on one processor, and on two. One op is one metric, which both
// take; with two processors it should take half the time.
func BenchmarkParallel(b *testing.B) {
	for _, n := range []int{1, 2} {
		b.Run(fmt.Sprintf("cpus=%d", n), func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
			p := benchRig(2, busy)
			startAll(b, p)
			m := hostPoint("cpu")
			b.ReportAllocs()
			for b.Loop() {
				p.Add(m)
			}
			p.Drain()
			b.StopTimer()
			p.Stop()
		})
	}
}

// BenchmarkAwake has fifty tasks that have nothing to do between metrics, as it is on a host whose
// inputs are read every ten seconds. One op is one metric, which all take.
func BenchmarkAwake(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // on one processor all work when this goroutine gives way
	p := benchRig(50, rule)
	startAll(b, p)
	m := hostPoint("cpu")
	b.ReportAllocs()
	for b.Loop() {
		p.Add(m)
		runtime.Gosched()
	}
	b.StopTimer()
	p.Stop()
}

// hostPoint has the size of those that a host's inputs make: four tags and ten fields.
func hostPoint(name string) *point.Point {
	fields := map[string]any{}
	for i := range 10 {
		fields[fmt.Sprintf("usage_%d", i)] = 90.5
	}
	return pt(name, map[string]string{"host": "a", "cpu": "cpu0", "rack": "r1", "dc": "d"}, fields, time.Unix(1700000000, 0))
}

const rule = `stream|from().measurement('cpu').groupBy('host')|where(lambda: "usage_3" > 1.0)|alert().crit(lambda: "usage_1" > 95.0)`

func benchRig(tasks int, script string) *rig {
	p := newRig()
	p.conf.Block, p.conf.QueueSize = true, 500 // what waits at the end is not counted
	for i := range tasks {
		p.conf.Scripts.Tasks = append(p.conf.Scripts.Tasks, Script{Name: fmt.Sprint("task", i), Text: script})
	}
	return p
}
