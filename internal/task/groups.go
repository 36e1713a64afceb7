package task

import (
	"fmt"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// This file bounds the number of groups: by a limit, and by forgetting those without data.

// Groups returns how many groups the task has.
func (t *Task) Groups() int { return t.groups.Len() }

// Refused returns how many points were dropped because the task had as many groups as it may.
func (t *Task) Refused() int64 { return t.refused }

// refuse drops n points of a group that is one too many. The first one is reported, and again when
// a minute has passed.
func (b *border) refuse(n int) {
	t := b.t
	b.refused += int64(n)
	t.refused += int64(n)
	if t.refusal != 0 && t.now-t.refusal < int64(time.Minute) {
		return
	}
	t.refusal = max(t.now, 1)
	t.emit(spec.Effect{Kind: spec.ErrorEffect, Node: b.n.name(), Text: fmt.Sprintf(
		"the task has %d groups, as many as max_groups allows: points of new groups are dropped (%d so far)", t.groups.Len(), t.refused)})
}

// expiryChecks is how often within an expiry time idle groups are looked for.
const expiryChecks = 4

// watchIdle deletes groups that have had no data for the expiry time, now and then.
func (t *Task) watchIdle() {
	expiry := int64(t.cfg.GroupExpiry)
	if expiry <= 0 {
		return
	}
	e := t.graph.nodes[0].run.env
	var check func()
	check = func() {
		e.At(t.now+max(expiry/expiryChecks, 1), 0, check)
		for _, g := range t.groups.Idle(t.now - expiry) {
			t.groups.Expire(g)
			// Each node sends the deletion on; those that have it from their parent find nothing left.
			for _, n := range t.graph.nodes {
				for _, in := range n.run.inputs {
					in.Delete(g)
				}
			}
			t.groups.Forget(g)
		}
	}
	e.At(t.now+max(expiry/expiryChecks, 1), 0, check)
}
