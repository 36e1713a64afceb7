package task

import "github.com/telegraf-tigk/telegraf-tigk/internal/spec"

// This file brings a running task what its effects asked for; see also [Task.Answer].

// Reload has the nodes that load something ask for it anew: the effects come out of Take.
func (t *Task) Reload() error {
	for _, n := range t.graph.nodes {
		if r, ok := n.decl.(spec.Reloader); ok && n.run.env != nil {
			_ = t.guard(n, r.Reload)
		}
	}
	return t.failed
}

// AnswerLoad brings the documents that an effect asked for. Nil ones leave the node those it has;
// errs are reported.
func (t *Task) AnswerLoad(l *spec.Load, docs spec.Documents, errs []error) error {
	return t.guard(nil, func() { l.Answer(docs, errs) })
}

// AnswerScale brings the number of replicas that an effect asked for or set, or why that did not work.
func (t *Task) AnswerScale(s *spec.Scale, replicas int64, err error) error {
	return t.guard(nil, func() { s.Answer(replicas, err) })
}
