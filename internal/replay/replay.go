// Package replay runs a task over recorded data, with the data's time as its clock, and writes
// what the task does as a transcript of JSON lines.
package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/sideload"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// An Item is what a recording holds: a point, of which there is only the time if nobody wants it, or a
// step of the clock.
type Item struct {
	Point   *point.Point  // valid until the next item is read
	Time    int64         // of a point
	Advance time.Duration // step of the clock; 0 is none
}

// A Source is a recording.
type Source interface {
	// Next returns io.EOF at the end.
	Next() (Item, error)
	// Want has points left out that nobody wants.
	Want(Wanted)
}

// Wanted reports whether points of a database, retention policy, and measurement are wanted.
type Wanted func(d spec.DBRP, measurement string) bool

// Options say how a recording is played.
type Options struct {
	Tail time.Duration // how long the clock runs on after the last point
	// Deliver is called for every effect besides it being written down; nil carries nothing out.
	Deliver func(e *spec.Effect)
	// Answer answers what the task asks; nil is [Likely].
	Answer func(a spec.Ask) spec.Reply
	// Plot, if set, takes note of what happens.
	Plot *Plot
	// Function begins a conversation with a function of the script.
	Function func(u task.UDF) (Function, error)
	// Between, if set, is called between the n-th item and the next; the task that it returns goes on.
	Between func(n int, t *task.Task) (*task.Task, error)
}

// Run starts t, feeds it src and closes it. The clock is set to the first point's time, moves on to
// each point's time before the point comes, and never goes back. What stops the task is returned
// after it has been written to the transcript.
func Run(t *task.Task, src Source, w *Transcript, o Options) error {
	p := player{t: t, w: w, o: o}
	defer p.closeFunctions()
	err := p.run(src)
	if err != nil {
		w.Error(err.Error())
	}
	return errors.Join(err, w.Flush())
}

type player struct {
	t       *task.Task
	w       *Transcript
	o       Options
	started bool
	clock   int64
	last    int64 // latest time of a point

	functions map[string]Function // by their nodes
	failed    error               // of the task, while a function has its say
}

func (p *player) run(src Source) error {
	src.Want(p.t.Wants)
	for n := 0; ; n++ {
		if p.o.Between != nil && p.started {
			var err error
			if p.t, err = p.o.Between(n, p.t); err != nil {
				return err
			}
			if err = p.after(nil); err != nil {
				return err
			}
		}
		it, err := src.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch {
		case it.Advance != 0 && !p.started:
			continue // there is no clock before the first point
		case it.Advance != 0:
			p.clock += int64(it.Advance)
		default:
			if !p.started {
				p.clock, p.last = it.Time, it.Time
			}
			p.clock, p.last = max(p.clock, it.Time), max(p.last, it.Time)
		}
		p.o.Plot.clock(p.clock)
		if err := p.tick(p.clock); err != nil {
			return err
		}
		if it.Point != nil {
			if err := p.after(p.t.Push(it.Point)); err != nil {
				return err
			}
		}
	}
	end := max(p.clock, p.last) + int64(p.o.Tail)
	if p.started {
		p.o.Plot.clock(end)
	}
	if err := p.tick(end); err != nil {
		return err
	}
	if err := p.finish(); err != nil {
		return err
	}
	if err := p.after(p.t.Close()); err != nil {
		return err
	}
	for _, endpoint := range p.t.HTTPOuts() {
		if result, ok := p.t.HTTPOut(endpoint); ok {
			p.w.HTTPOut(endpoint, result)
		}
	}
	return nil
}

// tick moves the clock on, timer by timer, so that effects come out in order. The first one starts
// the task.
func (p *player) tick(now int64) error {
	if !p.started {
		p.started = true
		if err := p.after(p.t.Start(now)); err != nil {
			return err
		}
		if err := p.open(); err != nil {
			return err
		}
	}
	for {
		at, ok := p.t.Next()
		if !ok || at > now {
			return p.after(p.t.Tick(now))
		}
		if err := p.after(p.t.Tick(at)); err != nil {
			return err
		}
	}
}

// after takes the effects of a call that returned err.
func (p *player) after(err error) error {
	for {
		effects := p.t.Take()
		if len(effects) == 0 {
			return err
		}
		var todo []func() error // what the task gets, which ends the life of the effects
		for i := range effects {
			e := &effects[i]
			p.w.Effect(e)
			p.o.Plot.effect(e)
			if p.o.Deliver != nil {
				p.o.Deliver(e)
			}
			switch e.Kind {
			case spec.AskEffect:
				id, reply := e.Ask.ID, p.answer(e.Ask)
				todo = append(todo, func() error { return p.t.Answer(id, reply) })
			case spec.UDFEffect:
				node, frames := e.Node, slices.Clone(e.UDF.Frames)
				todo = append(todo, func() error { return p.exchange(node, frames) })
			}
		}
		for _, do := range todo {
			if e := do(); e != nil && err == nil {
				err = e
			}
		}
	}
}

func (p *player) answer(a spec.Ask) spec.Reply {
	if p.o.Answer != nil {
		return p.o.Answer(a)
	}
	return Likely(a)
}

// Likely answers as far as that goes without asking anybody: requests and changes of scale have worked,
// and of documents there are those in folders.
func Likely(a spec.Ask) spec.Reply {
	if l, ok := a.Body.(spec.Load); ok {
		return new(sideload.Loader).Answer(context.Background(), l)
	}
	return a.Body.Likely()
}

// ErrData is wrapped by errors that concern the recording, not the task.
var ErrData = errors.New("bad data")

func dataError(file string, line int64, col int, err error) error {
	return fmt.Errorf("%s:%d:%d: %w%w", file, line, col, err, noText{ErrData})
}

// noText wraps an error without showing its text.
type noText struct{ error }

func (noText) Error() string   { return "" }
func (n noText) Unwrap() error { return n.error }
