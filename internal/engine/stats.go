package engine

import (
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// This file shows how the engine fares. What the tasks count is read every few seconds, by themselves.

// A Meter shows statistics. It is safe for concurrent use.
type Meter interface {
	// Register returns the gauge of a number, which is shown until it is unregistered.
	Register(field string, of Subject) Gauge
	Unregister(field string, of Subject)
}

// A Gauge shows a number.
type Gauge interface{ Set(n int64) }

// A Subject is what a number is about: a node of a task, a task, or, empty, the engine.
type Subject struct{ Task, Node, Kind string }

// statsInterval is how old the statistics may be.
const statsInterval = 5 * time.Second

// show shows a number of the engine.
func (e *Engine) show(field string, n int64) { e.c.Meter.Register(field, Subject{}).Set(n) }

// survey has everything counted.
func (e *Engine) survey() {
	var running, failed, waiting int64
	for _, r := range e.index.Load().runners {
		if r.unread.clear() {
			r.box.do(r.survey)
		}
		if r.failed.Load() {
			failed++
		} else {
			running++
		}
		n := int64(r.box.length())
		waiting += n
		e.lag(r, n)
	}
	if e.c.Meter == nil {
		return
	}
	if e.outbox != nil {
		e.outbox.Show(e.show)
	}
	c := &e.counters
	for field, n := range map[string]int64{
		"tasks_waiting":       c.waiting.Load(),
		"metrics_taken":       c.taken.Load(),
		"queue_length":        waiting,
		"queue_waits":         e.pool.waits.Load(),
		"queue_dropped":       e.pool.dropped.Load(),
		"tasks_running":       running,
		"tasks_failed":        failed,
		"reloads":             c.reloads.Load(),
		"script_errors":       c.scriptErrors.Load(),
		"task_failures":       c.failures.Load(),
		"http_posts":          c.posts.Load(),
		"http_posts_dropped":  c.postsDropped.Load(),
		"sideload_reads":      c.loads.Load(),
		"autoscale_calls":     c.scalings.Load(),
		"loopback_dropped":    c.loops.Load(),
		"points_without_data": c.empty.Load(),
		"points_lost":         e.points.lost.Load(),
	} {
		e.show(field, n)
	}
}

// survey logs what errors have come up again, and shows what the task has counted.
func (r *runner) survey() {
	r.errors.sum(r.e.log, r.name, r.e.clock())
	if len(r.errors.seen) > 0 {
		r.unread.set() // to forget them in time
	}
	r.stats.read(r)
}

// taskStats are the statistics of a task. They belong to its goroutine.
type taskStats struct {
	levels [alert.Critical + 1]int64
	shown  map[number]Gauge
}

type number struct {
	of    Subject
	field string
}

func (s *taskStats) begin(r *runner) {
	if r.e.c.Meter != nil {
		s.shown = map[number]Gauge{}
		s.read(r)
	}
}

func (s *taskStats) event(l alert.Level) {
	if int(l) < len(s.levels) {
		s.levels[l]++
	}
}

var levelFields = [alert.Critical + 1]string{"alerts_ok", "alerts_info", "alerts_warning", "alerts_critical"}

// read takes the current numbers.
func (s *taskStats) read(r *runner) {
	if r.task == nil || s.shown == nil {
		return
	}
	s.set(r, "", "", "points", int64(r.pushes))
	s.set(r, "", "", "evaluation_time_ns", r.evalNS)
	s.set(r, "", "", "errors", r.allErrors)
	failed := int64(0)
	if r.failed.Load() {
		failed = 1
	}
	s.set(r, "", "", "failed", failed)
	if s.levels != [len(levelFields)]int64{} { // a registered statistic takes more memory than a node
		for l, n := range s.levels {
			s.set(r, "", "", levelFields[l], n)
		}
	}
	r.task.Stats(func(n task.NodeStats) {
		if s.shown[number{Subject{r.name, n.Node, n.Kind}, "points_in"}] == nil && untouched(&n) {
			return
		}
		s.set(r, n.Node, n.Kind, "points_in", n.In)
		s.set(r, n.Node, n.Kind, "points_out", n.Out)
		s.set(r, n.Node, n.Kind, "errors", n.Errors)
		s.set(r, n.Node, n.Kind, "groups", n.Groups)
		for _, c := range n.Own {
			s.set(r, n.Node, n.Kind, c.Name, *c.N)
		}
	})
	if r.functions != nil {
		r.functions.show(s)
	}
}

// untouched reports whether a node has counted nothing yet.
func untouched(n *task.NodeStats) bool {
	for _, c := range n.Own {
		if *c.N != 0 {
			return false
		}
	}
	return n.In == 0 && n.Out == 0 && n.Errors == 0 && n.Groups == 0
}

func (s *taskStats) set(r *runner, node, kind, field string, n int64) {
	x := number{Subject{r.name, node, kind}, field}
	g := s.shown[x]
	if g == nil {
		g = r.e.c.Meter.Register(field, x.of)
		s.shown[x] = g
	}
	g.Set(n)
}

// end takes the statistics of a task that ends out of sight.
func (s *taskStats) end(r *runner) {
	for x := range s.shown {
		r.e.c.Meter.Unregister(x.field, x.of)
	}
	s.shown = nil
}
