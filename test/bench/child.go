//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// This file runs what is measured in processes of its own.

// A usage is what a process took.
type usage struct {
	wall, cpu time.Duration
	peak      int64 // bytes
	own       int64 // of peak, without the pages of the program itself, which the kernel can drop
}

// best returns the lower of each number.
func (u usage) best(o usage) usage {
	return usage{min(u.wall, o.wall), min(u.cpu, o.cpu), min(u.peak, o.peak), min(u.own, o.own)}
}

// replayed runs tick replay of the script over the file several times, each time behind a run with a
// script that wants no point. That takes what reading the file takes.
func (b *bench) replayed(script, file string) (u, reading usage, err error) {
	for i := range b.runs {
		r, err := b.replay(nothing, file)
		if err != nil {
			return u, reading, err
		}
		v, err := b.replay(script, file)
		if err != nil {
			return u, reading, err
		}
		if i == 0 {
			u, reading = v, r
		}
		u, reading = u.best(v), reading.best(r)
	}
	return u, reading, nil
}

// replay runs tick replay of the script over the file.
func (b *bench) replay(script, file string) (usage, error) {
	path := filepath.Join(b.dir, "rule.tick")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		return usage{}, err
	}
	c := exec.Command(b.bin, "tick", "replay", path, "-data", file)
	var stderr strings.Builder
	c.Stdout, c.Stderr = io.Discard, &stderr
	start := time.Now()
	if err := c.Start(); err != nil {
		return usage{}, err
	}
	done, own := make(chan struct{}), make(chan int64)
	go func() { own <- watch(c.Process.Pid, done) }()
	err := c.Wait()
	close(done)
	anon := <-own
	if err != nil {
		return usage{}, fmt.Errorf("tick replay: %w: %s", err, stderr.String())
	}
	r := c.ProcessState.SysUsage().(*syscall.Rusage)
	return usage{time.Since(start), c.ProcessState.UserTime() + c.ProcessState.SystemTime(), r.Maxrss << 10, anon}, nil
}

// watch returns the highest amount of anonymous memory that a process was seen with.
func watch(pid int, done <-chan struct{}) (most int64) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return most
		case <-tick.C:
		}
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		for line := range strings.Lines(string(text)) {
			if kb, ok := strings.CutPrefix(line, "RssAnon:"); ok {
				n, _ := strconv.ParseInt(strings.Fields(kb)[0], 10, 64)
				most = max(most, n<<10)
			}
		}
	}
}

// An inMemory is what a rule takes in one process over points that have been parsed before.
type inMemory struct {
	Engine, Loop time.Duration // CPU time for all points
	Group        int64         // bytes that the task keeps for each group at the end
	Allocs       float64       // allocations a point in the second half
}

// measured runs this program again as a child that calls measure.
func (b *bench) measured(table, name, file string) (m inMemory, err error) {
	self, err := os.Executable()
	if err != nil {
		return m, err
	}
	c := exec.Command(self, "-table", table, "-measure", name, "-data", file, "-runs", strconv.Itoa(b.runs))
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(out, &m)
}

// measure is the child: it runs the rule's task and its loop over the points of a file.
func measure(r *rule, file string, runs int) (m inMemory, err error) {
	ps, err := read(file)
	if err != nil {
		return m, err
	}
	for i := range runs {
		n, err := engine(r, ps)
		if err != nil {
			return m, err
		}
		if i == 0 || n.Engine < m.Engine {
			m.Engine = n.Engine
		}
		m.Group, m.Allocs = n.Group, n.Allocs
	}
	for i := range runs {
		if r.loop == nil {
			break
		}
		runtime.GC()
		start := cpuTime()
		sink += r.loop(ps)
		d := cpuTime() - start
		if i == 0 || d < m.Loop {
			m.Loop = d
		}
	}
	return m, nil
}

// sink takes results that nobody needs.
var sink float64 //nolint:unused // written so that the loops are not optimised away

// engine runs a new task over ps.
func engine(r *rule, ps points) (m inMemory, err error) {
	before := heap()
	t, err := task.Load(task.Config{Name: "bench", Script: r.script})
	if err != nil {
		return m, err
	}
	if err := t.Start(ps[0].Time); err != nil {
		return m, err
	}
	half := len(ps) / 2
	start := cpuTime()
	var mid, end runtime.MemStats
	for i := range ps {
		if i == half {
			m.Engine += cpuTime() - start
			runtime.ReadMemStats(&mid)
			start = cpuTime()
		}
		p := &ps[i]
		if err := t.Tick(p.Time); err != nil {
			return m, err
		}
		if err := t.Push(p); err != nil {
			return m, err
		}
		t.Take()
	}
	m.Engine += cpuTime() - start
	runtime.ReadMemStats(&end)
	m.Allocs = float64(end.Mallocs-mid.Mallocs) / float64(len(ps)-half)
	m.Group = (heap() - before) / int64(max(t.Groups(), 1))
	runtime.KeepAlive(t)
	return m, nil
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// cpuTime returns the CPU time of this process, the garbage collector's included.
func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
