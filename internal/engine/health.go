package engine

import (
	"fmt"
	"sync"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
)

// This file raises alerts about the tasks themselves.

// A health knows what is wrong with tasks and raises an alert for each of which that changes. A nil
// one does nothing. It is safe for concurrent use; events of a task leave it in their order.
type health struct {
	own    alert.Own
	now    func() int64
	topics *alert.Topics
	send   func(*alert.Event)

	mu     sync.Mutex
	states map[string]*condition // by alert ID without the host
}

func newHealth(topic, host string, now func() int64, topics *alert.Topics, send func(*alert.Event)) *health {
	return &health{own: alert.Own{Host: host, Node: "health", Topic: topic}, now: now, topics: topics, send: send, states: map[string]*condition{}}
}

// A condition is what is wrong with a task, or a script: texts, "" if nothing is.
type condition struct {
	broken  string // the script
	stopped string
	behind  string
	level   alert.Level
	since   int64 // when the level left OK
}

// taskID returns the ID of alerts about a task, without the host.
func taskID(name string) string { return "task:" + name }

// scriptID returns the ID of alerts about a script that makes no task of its own, without the host.
func scriptID(place string) string { return "script:" + place }

// isBroken says that a script is broken.
func (h *health) isBroken(id, text string) {
	h.update(id, text, func(c *condition) { c.broken = text })
}

// hasStopped says that a task has stopped.
func (h *health) hasStopped(name string, err error) {
	text := fmt.Sprintf("Task %s has stopped: %v", name, err)
	h.update(taskID(name), text, func(c *condition) { c.stopped = text })
}

// runs says that a task runs, with the script it should have.
func (h *health) runs(name string) {
	h.update(taskID(name), fmt.Sprintf("Task %s runs again", name), func(c *condition) { c.broken, c.stopped = "", "" })
}

// isRight says that nothing is wrong with a script. Its task may have stopped all the same.
func (h *health) isRight(name string) {
	h.update(taskID(name), fmt.Sprintf("Task %s has a good script again", name), func(c *condition) { c.broken = "" })
}

// isBehind says that a task loses metrics.
func (h *health) isBehind(name string, dropped int64) {
	text := fmt.Sprintf("Task %s does not keep up: %d metrics have been dropped so far", name, dropped)
	h.update(taskID(name), text, func(c *condition) { c.behind = text })
}

// keepsUp says that a task loses no more metrics.
func (h *health) keepsUp(name string) {
	h.update(taskID(name), fmt.Sprintf("Task %s keeps up again", name), func(c *condition) { c.behind = "" })
}

// isGone says that there is no such task or script any more.
func (h *health) isGone(id, text string) {
	h.update(id, text, func(c *condition) { c.broken, c.stopped, c.behind = "", "", "" })
	if h != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.states, id)
	}
}

// update changes what is wrong, and raises an alert if that changes the level. The text says what
// has happened.
func (h *health) update(id, text string, change func(*condition)) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.states[id]
	if c == nil {
		c = h.remember(id)
		h.states[id] = c
	}
	change(c)
	l := alert.OK
	switch {
	case c.broken != "" || c.stopped != "":
		l = alert.Critical
	case c.behind != "":
		l = alert.Warning
		text = c.behind
	}
	if l != c.level {
		h.raise(id, text, c, l)
	}
}

// remember returns the condition that an alert reported of before a restart.
func (h *health) remember(id string) *condition {
	s, _ := h.topics.Event(alert.NodeTopic(alert.OwnTask, h.own.Node), h.own.ID(id))
	return &condition{level: s.Level, since: s.Time - int64(s.Duration)}
}

// raise makes an event of a new level.
func (h *health) raise(id, text string, c *condition, l alert.Level) {
	now := h.now()
	if c.level == alert.OK {
		c.since = now
	}
	c.level = l
	e := h.own.Event(id, text, l, now, c.since)
	e.NodePrevious = h.topics.Collect(alert.NodeTopic(e.Task, e.Node), e)
	e.Previous = h.topics.Collect(e.Topic, e)
	h.send(e)
}
