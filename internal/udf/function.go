package udf

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Function is a configured function. It is safe for concurrent use.
type Function struct {
	Config
	log  Logger
	dial func(context.Context) (link, error) // connects, or starts the process
	pace pace

	mu       sync.Mutex
	known    *Info // nil until the function has said it
	problem  error // why it has not
	sessions map[*Session]bool
	past     Stats // of the sessions that are over
}

// New returns the function that a checked configuration describes. Nothing outside is touched.
func New(c *Config, log Logger) *Function {
	f := &Function{Config: *c, log: log, pace: defaultPace, sessions: map[*Session]bool{}, problem: errors.New("it has not been asked yet")}
	if log == nil {
		f.log = nothing{}
	}
	f.dial = func(ctx context.Context) (link, error) {
		if f.Socket != "" {
			return dialSocket(ctx, f.Socket)
		}
		return startProcess(&f.Config, f.log)
	}
	return f
}

// Known returns the info that [Function.Await] got. Without one the error wraps [ErrUnreachable].
func (f *Function) Known() (Info, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known == nil {
		return Info{}, fmt.Errorf("%w: %w", ErrUnreachable, f.problem)
	}
	return *f.known, nil
}

// Await asks the function for its info until it answers, with growing pauses, or ctx ends.
func (f *Function) Await(ctx context.Context) error {
	pause := f.pace.pauses()
	last := ""
	for {
		x, err := f.Info(ctx)
		if err == nil {
			f.mu.Lock()
			f.known = &x
			f.mu.Unlock()
			f.log.Debugf("UDF %q wants %s data, provides %s data and has the options %s", f.Name, x.Wants, x.Provides, listed(sortedKeys(x.Options)))
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f.mu.Lock()
		f.problem = err
		f.mu.Unlock()
		if err.Error() != last {
			f.log.Warnf("UDF %q cannot be reached: %v; trying again", f.Name, err)
			last = err.Error()
		}
		if !sleep(ctx, pause()) {
			return ctx.Err()
		}
	}
}

// infoGrace is what a process may take to exit after it has said its info.
const infoGrace = time.Second

// Info asks the function now, over a connection of its own.
func (f *Function) Info(ctx context.Context) (Info, error) {
	l, err := f.dial(ctx)
	if err != nil {
		return Info{}, err
	}
	type outcome struct {
		info Info
		err  error
	}
	got := make(chan outcome, 1)
	go func() {
		x, err := readInfo(NewReader(l, int(f.MaxFrame)))
		got <- outcome{x, err}
	}()
	go func() { _, _ = l.Write(AppendInfo(nil)) }() // that it failed shows in the answer
	timer := time.NewTimer(time.Duration(f.Timeout))
	defer timer.Stop()
	select {
	case r := <-got:
		exit := l.End(infoGrace)
		if r.err != nil && isEnd(r.err) {
			r.err = departed(exit)
		}
		return r.info, r.err
	case <-timer.C:
		_ = l.End(0)
		return Info{}, fmt.Errorf("no answer within %s", time.Duration(f.Timeout))
	case <-ctx.Done():
		_ = l.End(0)
		return Info{}, ctx.Err()
	}
}

func readInfo(r *Reader) (Info, error) {
	var resp Response
	for {
		if err := r.Read(&resp); err != nil {
			return Info{}, err
		}
		switch resp.Kind {
		case InfoReply:
			x := resp.Info
			x.Options = maps.Clone(x.Options)
			return x, nil
		case ErrorReply:
			return Info{}, fmt.Errorf("the function says: %s", printable(resp.Error))
		}
	}
}

// departed says that a function has closed the connection, or how its process ended.
func departed(exit error) error {
	if exit == nil {
		return errors.New("it closed the connection")
	}
	return fmt.Errorf("it ended: %w", exit)
}

// Stats returns what the function's sessions have counted, those that are over included.
func (f *Function) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	sum := f.past
	for s := range f.sessions {
		sum.add(s.Stats())
	}
	return sum
}

// A pace says how long to wait before another attempt.
type pace struct{ first, most time.Duration }

var defaultPace = pace{first: 100 * time.Millisecond, most: 30 * time.Second}

// pauses returns a function that returns one pause after the other: they double up to the longest, and
// each is half to one and a half of that, so that many agents do not come at one time.
func (p pace) pauses() func() time.Duration {
	next := p.first
	return func() time.Duration {
		d := next/2 + rand.N(next+1)
		next = min(2*next, p.most)
		return d
	}
}

// sleep waits and reports whether ctx lasted so long.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
