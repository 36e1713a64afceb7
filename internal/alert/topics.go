package alert

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Limits of one topic, against IDs that are never the same twice.
const (
	maxOK     = 10_000    // more OK states than that are not remembered
	maxEvents = 1_000_000 // more IDs than that are not
)

// EventState is what a topic remembers of an event ID.
type EventState struct {
	ID       string
	Message  string
	Details  string
	Time     int64
	Duration time.Duration
	Level    Level
	Nth      int // as in Event
}

// State returns what a topic remembers of e.
func (e *Event) State() EventState {
	return EventState{ID: e.ID, Message: e.Message, Details: e.Details, Time: e.Time, Duration: e.Duration, Level: e.Level, Nth: e.Nth}
}

// Topics holds the event states of topics. It may be shared by tasks that run in parallel. The
// zero value is ready to use.
type Topics struct {
	mu         sync.RWMutex
	topics     map[string]*topic
	inhibitors Inhibitors
}

type topic struct {
	events    map[string]EventState
	levels    [Critical + 1]int // number of events at each level
	collected int64
	closed    bool
}

// A TopicInfo describes a topic.
type TopicInfo struct {
	Name      string
	Level     Level // the highest of its events
	Collected int64 // events since the process started or the topic was opened
}

// Inhibitors returns the inhibitors of the engine that the topics belong to.
func (t *Topics) Inhibitors() *Inhibitors { return &t.inhibitors }

// Collect stores the state of e in a topic, which it opens if need be, and returns the level that
// the event's ID had there before: OK if it is new.
func (t *Topics) Collect(name string, e *Event) (previous Level) {
	t.mu.Lock()
	defer t.mu.Unlock()
	tp := t.open(name)
	tp.collected++
	previous = tp.events[e.ID].Level
	tp.set(e.State())
	return previous
}

// Update stores a state without counting it as an event, as one that comes from a journal.
func (t *Topics) Update(name string, s EventState) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.Level.valid() {
		t.get(name).set(s)
	}
}

// Event returns the state of an event ID in a topic.
func (t *Topics) Event(name, id string) (EventState, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	tp := t.topics[name]
	if tp == nil {
		return EventState{}, false
	}
	s, ok := tp.events[id]
	return s, ok
}

// Resume returns the state at which a group with the event ID goes on: that of its node's own
// topic if there is one, else that of the named topic, which may be "". The two agree afterwards.
func (t *Topics) Resume(own, named, id string) (EventState, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var a, b EventState
	var inOwn, inNamed bool
	if tp := t.topics[own]; tp != nil {
		a, inOwn = tp.events[id]
	}
	if tp := t.topics[named]; tp != nil && named != "" {
		b, inNamed = tp.events[id]
	}
	switch {
	case inOwn && inNamed && a.Level != b.Level:
		t.get(named).set(a)
	case !inOwn && inNamed && b.Level != OK:
		t.get(own).set(b)
		return b, true
	}
	if inOwn {
		return a, true
	}
	return b, inNamed
}

// Open makes a topic visible, and starts it if there is none of the name.
func (t *Topics) Open(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open(name)
}

// Close hides a topic until it is opened again or collects an event. What is not OK is remembered.
func (t *Topics) Close(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	tp := t.topics[name]
	if tp == nil {
		return
	}
	maps.DeleteFunc(tp.events, func(_ string, s EventState) bool { return s.Level == OK })
	tp.levels[OK], tp.collected, tp.closed = 0, 0, true
	if len(tp.events) == 0 {
		delete(t.topics, name)
	}
}

// Delete forgets a topic.
func (t *Topics) Delete(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.topics, name)
}

// List describes the topics that are open, sorted by name.
func (t *Topics) List() []TopicInfo {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var out []TopicInfo
	for name, tp := range t.topics {
		if !tp.closed {
			out = append(out, tp.info(name))
		}
	}
	slices.SortFunc(out, func(a, b TopicInfo) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Info describes one topic and reports whether it is open.
func (t *Topics) Info(name string) (TopicInfo, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	tp := t.topics[name]
	if tp == nil || tp.closed {
		return TopicInfo{}, false
	}
	return tp.info(name), true
}

// Events returns the events of a topic that have at least the level least, the worst first and by
// ID within a level.
func (t *Topics) Events(name string, least Level) []EventState {
	t.mu.RLock()
	defer t.mu.RUnlock()
	tp := t.topics[name]
	if tp == nil || tp.closed {
		return nil
	}
	return tp.sorted(least)
}

// Saved is the lasting part of Topics: what is not OK.
type Saved struct{ Topics []SavedTopic }

// A SavedTopic is one topic of Saved.
type SavedTopic struct {
	Name   string
	Closed bool
	Events []EventState
}

// Snapshot returns what is to be saved, in a fixed order.
func (t *Topics) Snapshot() Saved {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var s Saved
	for name, tp := range t.topics {
		s.Topics = append(s.Topics, SavedTopic{Name: name, Closed: tp.closed, Events: tp.sorted(Info)})
	}
	slices.SortFunc(s.Topics, func(a, b SavedTopic) int { return strings.Compare(a.Name, b.Name) })
	return s
}

// Load adds what was saved. States of unknown level are left out.
func (t *Topics) Load(s Saved) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, st := range s.Topics {
		tp := t.get(st.Name)
		tp.closed = st.Closed
		for _, e := range st.Events {
			if e.Level.valid() {
				tp.set(e)
			}
		}
	}
}

// get returns the topic, which is made closed if it is new.
func (t *Topics) get(name string) *topic {
	tp := t.topics[name]
	if tp == nil {
		tp = &topic{events: make(map[string]EventState), closed: true}
		if t.topics == nil {
			t.topics = make(map[string]*topic)
		}
		t.topics[name] = tp
	}
	return tp
}

func (t *Topics) open(name string) *topic {
	tp := t.get(name)
	tp.closed = false
	return tp
}

func (tp *topic) set(s EventState) {
	old, known := tp.events[s.ID]
	if known {
		tp.levels[old.Level]--
		delete(tp.events, s.ID)
	}
	if s.Level == OK && tp.levels[OK] >= maxOK || len(tp.events) >= maxEvents {
		return
	}
	tp.levels[s.Level]++
	tp.events[s.ID] = s
}

func (tp *topic) info(name string) TopicInfo {
	i := TopicInfo{Name: name, Collected: tp.collected}
	for l, n := range tp.levels {
		if n > 0 {
			i.Level = Level(l)
		}
	}
	return i
}

func (tp *topic) sorted(least Level) []EventState {
	var out []EventState
	for _, s := range tp.events {
		if s.Level >= least {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b EventState) int {
		return cmp.Or(-cmp.Compare(a.Level, b.Level), strings.Compare(a.ID, b.ID))
	})
	return out
}
