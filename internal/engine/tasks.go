package engine

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
	"github.com/telegraf-tigk/telegraf-tigk/internal/udf"
)

// This file keeps the set of tasks.

// A problem is what is wrong with the script of a task, or with another script of that name.
type problem struct{ task, duplicate string }

func (s *source) problem() problem { return problem{s.name, s.duplicate} }

// A place is a task with the script that it runs.
type place struct {
	src *source
	r   *runner
	entry
}

// apply makes the tasks those of srcs. A task whose script is broken keeps running with the one it
// has.
func (e *Engine) apply(srcs []*source) {
	e.changing.Lock()
	defer e.changing.Unlock()
	maps.DeleteFunc(e.leaving, func(_ string, gone chan struct{}) bool { return isClosed(gone) })
	changes := 0
	wanted := make(map[string]bool, len(srcs))
	seen := make(map[problem]bool, len(srcs))
	var changed, begin []*source
	for _, s := range srcs {
		seen[s.problem()] = true
		if s.duplicate == "" {
			wanted[s.name] = true
		}
		if p := e.places[s.name]; p != nil && s.err == nil && s.same(p.src) && !p.restart(s) {
			p.src.modified = s.modified
			delete(e.problems, s.problem())
			e.health.isRight(s.name)
			continue
		}
		changed = append(changed, s)
	}
	for i, made := range e.loadAll(changed) {
		s := changed[i]
		if errors.Is(made.err, udf.ErrUnreachable) {
			e.hold(s, made.err)
			changes++
			continue
		}
		if s.duplicate == "" {
			e.release(s.name)
		}
		if made.err != nil {
			e.problem(s, made.err)
			if p := e.places[s.name]; p != nil && p.r.waits.Load() && s.duplicate == "" {
				e.drop(s.name, p)
				changes++
			}
			continue
		}
		s.task = made.task
		begin = append(begin, s)
	}
	docs := e.prefetch(begin)
	for _, s := range begin {
		e.begin(s, docs)
		changes++
	}
	for name, p := range e.places {
		if wanted[name] {
			continue
		}
		e.release(name)
		e.drop(name, p)
		e.log.Infof("Stopped task %q: %s is gone", name, p.src.origin())
		changes++
	}
	for x := range e.problems {
		if !seen[x] {
			delete(e.problems, x)
			e.health.isGone(x.id(), x.gone())
		}
	}
	if changes > 0 {
		e.reindex()
	}
	e.tellNews()
}

// tellNews logs what has come true: who reads that a task has started may send it points.
func (e *Engine) tellNews() {
	for _, text := range e.news {
		e.log.Infof("%s", text)
	}
	e.news = e.news[:0]
}

// drop ends a task for good.
func (e *Engine) drop(name string, p *place) {
	delete(e.places, name)
	gone := make(chan struct{})
	e.leaving[name] = gone
	p.r.box.do(func() { defer close(gone); p.r.remove() })
	p.r.box.close()
	e.hideLag(p.r)
}

// restart reports whether the task is to be started again although its script is the same: it has
// stopped, and the file has been written since.
func (p *place) restart(s *source) bool {
	return p.r.failed.Load() && !s.modified.Equal(p.src.modified)
}

// begin starts the task of a script.
func (e *Engine) begin(s *source, docs *round) {
	t := s.task
	s.task = nil
	p := e.places[s.name]
	isNew := p == nil || e.waits[s.name] != nil && p.r.waits.Load()
	if p == nil {
		p = &place{r: newRunner(e, s.name)}
		e.places[s.name] = p
		if gone := e.leaving[s.name]; gone != nil { // a task of this name is about to end
			p.r.box.do(func() { <-gone })
		}
	}
	e.release(s.name)
	p.src = s
	p.entry = entry{r: p.r, dbrps: t.DBRPs()}
	p.names, p.all = t.Measurements()
	again := *s
	fresh := func() (*task.Task, error) { return again.load(e.base, e.c.DBRP) }
	rule := s.version()
	p.r.box.do(func() { p.r.start(t, rule, fresh, docs) })
	delete(e.problems, s.problem())
	for _, text := range s.warnings {
		e.log.Warnf("%s", text)
	}
	if isNew {
		e.news = append(e.news, fmt.Sprintf("Started task %q from %s", s.name, s.origin()))
	} else {
		e.counters.reloads.Add(1)
		e.news = append(e.news, fmt.Sprintf("Reloaded task %q from %s", s.name, s.origin()))
	}
}

// problem reports what is wrong with a script, once.
func (e *Engine) problem(s *source, err error) {
	text, x := err.Error(), s.problem()
	goesOn := s.duplicate == "" && e.places[s.name] != nil
	switch {
	case s.duplicate != "":
		e.health.isBroken(x.id(), text)
	case goesOn:
		e.health.isBroken(x.id(), fmt.Sprintf("The script of task %s is broken, the task goes on with the one it had: %v", s.name, err))
	default:
		e.health.isBroken(x.id(), fmt.Sprintf("Task %s does not run, its script is broken: %v", s.name, err))
	}
	if e.problems[x] == text {
		return
	}
	e.problems[x] = text
	e.counters.scriptErrors.Add(1)
	if goesOn {
		e.log.Errorf("%v; task %q goes on with the script it had", err, s.name)
	} else {
		e.log.Errorf("%v", err)
	}
}

// id returns the ID of the alert about the problem.
func (x problem) id() string {
	if x.duplicate != "" {
		return scriptID(x.duplicate)
	}
	return taskID(x.task)
}

// gone says that the problem has gone with its script.
func (x problem) gone() string {
	if x.duplicate != "" {
		return fmt.Sprintf("Task %s has one script again", x.task)
	}
	return fmt.Sprintf("Task %s is gone", x.task)
}

func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

func (e *Engine) reindex() {
	entries := make([]entry, 0, len(e.places))
	for _, p := range e.places {
		entries = append(entries, p.entry)
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.r.name, b.r.name) })
	e.index.Store(newIndex(entries))
}
