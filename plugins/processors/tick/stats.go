package tick

import (
	"time"

	"github.com/influxdata/telegraf/selfstat"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// This file shows in inputs.internal, measurement internal_tick, how the engine fares. What the
// tasks count is read every few seconds, by themselves.

// statsInterval is how old the statistics may be.
const statsInterval = 5 * time.Second

// statsName is the measurement, to which the agent adds internal_.
const statsName = "tick"

// set sets a statistic of the plugin with the given tags.
func (e *engine) set(field string, tags map[string]string, n int64) {
	e.statLock.Lock()
	defer e.statLock.Unlock()
	e.stat.Register(statsName, field, tags).Set(n)
}

// survey has everything counted.
func (e *engine) survey() {
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
	if e.stat == nil {
		return
	}
	if e.outbox != nil {
		e.outbox.show(func(field string, n int64) { e.set(field, nil, n) })
	}
	c := &e.counters
	for field, n := range map[string]int64{
		"tasks_waiting":       c.waiting.Load(),
		"metrics_taken":       c.taken.Load(),
		"queue_length":        waiting,
		"queue_waits":         e.depot.waits.Load(),
		"queue_dropped":       e.depot.dropped.Load(),
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
	} {
		e.set(field, nil, n)
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
	shown  map[statKey]selfstat.Stat
}

type statKey struct{ node, field string }

func (s *taskStats) begin(r *runner) {
	if r.e.stat != nil {
		s.shown = map[statKey]selfstat.Stat{}
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
		if s.shown[statKey{n.Node, "points_in"}] == nil && untouched(&n) {
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
	k := statKey{node, field}
	stat := s.shown[k]
	if stat == nil {
		r.e.statLock.Lock()
		stat = r.e.stat.Register(statsName, field, statTags(r.name, node, kind))
		r.e.statLock.Unlock()
		s.shown[k] = stat
	}
	stat.Set(n)
}

// end takes the statistics of a task that ends out of sight.
func (s *taskStats) end(r *runner) {
	if s.shown == nil {
		return
	}
	r.e.statLock.Lock()
	defer r.e.statLock.Unlock()
	for k, stat := range s.shown {
		tags := stat.Tags()
		r.e.stat.Unregister(statsName, k.field, statTags(r.name, tags["node"], tags["kind"]))
	}
	s.shown = nil
}

func statTags(name, node, kind string) map[string]string {
	if node == "" {
		return map[string]string{"task": name}
	}
	return map[string]string{"task": name, "node": node, "kind": kind}
}
