package engine

import "github.com/telegraf-tigk/telegraf-tigk/internal/spec"

// This file makes the calls of autoscale nodes.

// scaleCalls is how many calls a task makes at a time to one cluster. Each resource has one at the
// most; those of a cluster that hangs wait for each other and for nothing else.
const scaleCalls = 4

func init() {
	answers(func(q *question, x spec.Scale) { q.r.scale(q, x) })
}

// scale makes a call. A change that has begun is finished even if the script changes; what has not begun
// then is not made.
func (r *runner) scale(q *question, x spec.Scale) {
	cluster := clusterKey{x.System, x.Cluster}
	calls := r.calls[cluster]
	if calls == nil {
		if r.calls == nil {
			r.calls = map[clusterKey]chan struct{}{}
		}
		calls = make(chan struct{}, scaleCalls)
		r.calls[cluster] = calls
	}
	ctx := r.context
	r.e.requests.Go(func() {
		select {
		case calls <- struct{}{}:
		case <-ctx.Done():
			return
		}
		defer func() { <-calls }()
		if ctx.Err() != nil { // select takes either
			return
		}
		if x.Set {
			ctx = r.e.context
		}
		reply := r.e.c.Scaler.Answer(ctx, x)
		r.e.counters.scalings.Add(1)
		q.reply(reply, nil)
	})
}

type clusterKey struct{ system, name string }
