package engine

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
	"github.com/telegraf-tigk/telegraf-tigk/internal/udf"
)

// This file makes tasks of scripts.

// load compiles the script, tries it out and makes its task. Nothing else happens before that is started.
func (s *source) load(c task.Config, dbrp spec.DBRP) (*task.Task, error) {
	return s.loadBy(task.Load, c, dbrp)
}

// outline is load for a script whose functions cannot be asked. The task is not to be started.
func (s *source) outline(c task.Config, dbrp spec.DBRP) (*task.Task, error) {
	return s.loadBy(task.Outline, c, dbrp)
}

func (s *source) loadBy(load func(task.Config) (*task.Task, error), c task.Config, dbrp spec.DBRP) (t *task.Task, err error) {
	err = s.compile(&c, dbrp, func() error {
		t, err = load(c)
		return err
	})
	s.program = nil
	return t, err
}

// A loaded is what has become of a script.
type loaded struct {
	task *task.Task
	err  error
}

// loadAll loads scripts, as many at a time as there are processors.
func (e *Engine) loadAll(srcs []*source) []loaded {
	made := make([]loaded, len(srcs))
	atOnce(len(srcs), func(i int) { made[i].task, made[i].err = srcs[i].load(e.base, e.c.DBRP) })
	return made
}

// atOnce calls f for 0 to n-1, on all processors.
func atOnce(n int, f func(i int)) {
	var next atomic.Int64
	var working sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		working.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	working.Wait()
}

// check compiles the script and tries it out. What it finds serves the load that follows.
func (s *source) check(c task.Config, dbrp spec.DBRP) error {
	return s.compile(&c, dbrp, func() error { return nil })
}

// compile completes c, checks the script unless that has been done, and calls then.
func (s *source) compile(c *task.Config, dbrp spec.DBRP, then func() error) (err error) {
	if s.err != nil {
		return s.err
	}
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("%s: internal error: %v\n%s", s.file, x, debug.Stack())
		}
	}()
	if s.program == nil {
		if s.program, err = syntax.Parse(s.file, s.text); err != nil {
			return err
		}
	}
	vars, err := scriptVars(s.program, s.vars)
	if err != nil {
		return &syntax.Error{File: s.file, Msg: oneLine(err), Err: err}
	}
	c.Name, c.Program, c.Vars, c.DBRPs = s.name, s.program, vars, s.dbrps
	if len(c.DBRPs) == 0 {
		c.DBRPs = []spec.DBRP{dbrp}
	}
	if !s.checked {
		if err := s.try(*c); err != nil {
			return err
		}
	}
	return then()
}

// try starts a task of the script to find what is wrong with it, what is suspicious, and the sources
// that it names.
func (s *source) try(c task.Config) error {
	ask := c.Ask
	c.Topics = nil // those of the running tasks are not for trials
	c.Ask = func(b spec.Body) spec.Reply {
		if r, ok := b.(spec.Reference); ok && r.Kind == "source" && !slices.Contains(s.sources, r.Name) {
			s.sources = append(s.sources, r.Name)
		}
		return ask(b)
	}
	warnings, err := task.Check(c)
	if err != nil {
		return err
	}
	s.warnings, s.checked = nil, true
	for _, w := range warnings {
		s.warnings = append(s.warnings, w.Error())
		if errors.Is(w, udf.ErrUnreachable) { // there is more to find once it can be asked
			s.checked = false
		}
	}
	return nil
}

// inherit has scripts that have been checked before, and are the same, take over what is known of them.
func inherit(found, checked []*source) {
	byName := make(map[string]*source, len(checked))
	for _, s := range checked {
		if s.duplicate == "" {
			byName[s.name] = s
		}
	}
	for _, s := range found {
		if o := byName[s.name]; o != nil && s.err == nil && s.same(o) {
			s.warnings, s.sources, s.checked, s.program = o.warnings, o.sources, o.checked, o.program
		}
	}
}

// oneLine returns the text of joined errors in one line.
func oneLine(err error) string {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return err.Error()
	}
	var text strings.Builder
	for i, x := range joined.Unwrap() {
		if i > 0 {
			text.WriteString("; ")
		}
		text.WriteString(x.Error())
	}
	return text.String()
}
