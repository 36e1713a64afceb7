package task

import "github.com/telegraf-tigk/telegraf-tigk/internal/spec"

// This file brings a running task what it has asked for.

// Reload has the nodes that load something ask for it anew: the effects come out of Take.
func (t *Task) Reload() error {
	for _, n := range t.graph.nodes {
		if r, ok := n.decl.(spec.Reloader); ok && n.run.env != nil {
			_ = t.guard(n, r.Reload)
		}
	}
	return t.failed
}

// askNow returns the reply to a question that is asked before the task runs; nobody is who answers what is
// likely.
func askNow[R spec.Reply](who func(b spec.Body) spec.Reply, b spec.Body) R {
	var r spec.Reply
	if who != nil {
		r = who(b)
	} else {
		r = b.Likely()
	}
	if err := spec.CheckReply(b, r); err != nil {
		panic(err)
	}
	return r.(R) //nolint:forcetypeassert // CheckReply has seen to it
}

// asked is a question that waits for its reply.
type asked struct {
	n    *node
	body spec.Body
}

// ask notes a question of n and hands it to the outside.
func (t *Task) ask(n *node, b spec.Body) (id uint64) {
	t.lastAsk++
	if t.asks == nil {
		t.asks = map[uint64]asked{}
	}
	t.asks[t.lastAsk] = asked{n, b}
	t.emit(spec.Effect{Kind: spec.AskEffect, Node: n.run.env.name, Ask: spec.Ask{ID: t.lastAsk, Body: b}})
	return t.lastAsk
}

// Answer brings the reply to the question with that ID. The first one counts; one to a question that the
// task has not asked is ignored. A reply that does not go with the question stops the task.
func (t *Task) Answer(id uint64, r spec.Reply) error {
	q, ok := t.asks[id]
	if !ok || t.failed != nil {
		return t.failed
	}
	delete(t.asks, id)
	return t.guard(q.n, func() {
		if err := spec.CheckReply(q.body, r); err != nil {
			panic(err)
		}
		if a, ok := q.n.decl.(spec.Asker); ok {
			a.Answer(id, r)
		}
	})
}
