package engine

import (
	"sync"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/sideload"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// This file reads the documents of sideload nodes.

// loadWait is how long new tasks wait for their documents: with the defaults alone they could raise
// false alarms. What takes longer comes when it does.
const loadWait = 3 * time.Second

func newLoader(e *Engine) *sideload.Loader {
	l := &sideload.Loader{Client: e.client, Endpoints: map[string]sideload.Endpoint{}}
	for name, h := range e.c.Endpoints {
		l.Endpoints[name] = sideload.Endpoint{URL: h.URL, Prepare: h.Prepare}
	}
	return l
}

// A reading is one attempt to read a source.
type reading struct {
	done  chan struct{} // closed at the end; the rest is valid then
	reply spec.Loaded
}

// A round reads a source once for all the nodes that want it. It is safe for concurrent use.
type round struct {
	e        *Engine
	mu       sync.Mutex
	readings map[string]*reading
}

func newRound(e *Engine) *round { return &round{e: e, readings: map[string]*reading{}} }

// read begins to read a source, unless that has been done. Nobody else waits for the goroutine: a
// folder on a server that is gone can hold it forever.
func (d *round) read(source string) *reading {
	d.mu.Lock()
	defer d.mu.Unlock()
	x := d.readings[source]
	if x == nil {
		x = &reading{done: make(chan struct{})}
		d.readings[source] = x
		go func() {
			defer close(x.done)
			x.reply = d.e.loader.Answer(d.e.context, spec.Load{Source: source})
			d.e.counters.loads.Add(1)
		}()
	}
	return x
}

// prefetch reads the sources of scripts that are about to start, and waits for them, but not long.
func (e *Engine) prefetch(srcs []*source) *round {
	d := newRound(e)
	for _, s := range srcs {
		for _, name := range s.sources {
			d.read(name)
		}
	}
	timer := time.NewTimer(loadWait)
	defer timer.Stop()
	for _, x := range d.readings {
		select {
		case <-x.done:
		case <-timer.C:
			e.log.Warnf("Not all sources of sideload nodes have been read after %s; until they are, the defaults are used", loadWait)
			return d
		}
	}
	return d
}

// ReloadSideload has the documents of all sideload nodes read anew.
func (e *Engine) ReloadSideload() {
	d := newRound(e)
	e.each(func(r *runner) { r.reload(d) })
}

func (r *runner) reload(d *round) {
	if r.task != nil && !r.failed.Load() {
		r.unsaved.set()
		r.afterLoads(r.task.Reload(), d)
	}
}

// afterLoads is [runner.after] for a call that has nodes ask for documents: d reads them. Those that
// are there already reach the nodes before anything else.
func (r *runner) afterLoads(err error, d *round) {
	r.round = d
	r.after(err)
	r.round = nil
	answers := r.loaded
	r.loaded = nil
	for _, answer := range answers {
		answer()
	}
}

func init() {
	answers(func(q *question, b spec.Load) {
		r := q.r
		d := r.round
		if d == nil {
			d = newRound(r.e)
		}
		x := d.read(b.Source)
		if isClosed(x.done) {
			r.loaded = append(r.loaded, func() { q.answer(x.reply) }) // the effects of this call are not done yet
			return
		}
		ctx := r.context
		r.e.requests.Go(func() {
			select {
			case <-x.done:
				q.reply(x.reply, nil)
			case <-ctx.Done():
			}
		})
	})
}
