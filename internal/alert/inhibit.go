package alert

import (
	"sync"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// Inhibitors are what is known of alerts that silence others. It may be used by several tasks at
// once; the zero value is ready to use.
type Inhibitors struct {
	mu     sync.RWMutex
	active map[string]map[*Inhibitor]struct{} // by category
}

// An Inhibitor silences the alerts of a category whose tags are the given ones, while it is active.
type Inhibitor struct {
	set      *Inhibitors
	category string
	tags     []point.Tag
	on       bool // guarded by set.mu
}

// New returns an inhibitor that is not active yet.
func (s *Inhibitors) New(category string, tags []point.Tag) *Inhibitor {
	return &Inhibitor{set: s, category: category, tags: tags}
}

// Set makes the inhibitor active or not. One that is not active leaves no trace.
func (i *Inhibitor) Set(active bool) {
	i.set.mu.Lock()
	defer i.set.mu.Unlock()
	if i.on == active {
		return
	}
	i.on = active
	m := i.set.active[i.category]
	if !active {
		delete(m, i)
		if len(m) == 0 {
			delete(i.set.active, i.category)
		}
		return
	}
	if m == nil {
		m = make(map[*Inhibitor]struct{})
		if i.set.active == nil {
			i.set.active = make(map[string]map[*Inhibitor]struct{})
		}
		i.set.active[i.category] = m
	}
	m[i] = struct{}{}
}

// Inhibits reports whether an event of the category with the given tags is to be silenced. A tag
// that is absent counts as empty.
func (s *Inhibitors) Inhibits(category string, tags []point.Tag) bool {
	if category == "" {
		return false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for i := range s.active[category] {
		if i.matches(tags) {
			return true
		}
	}
	return false
}

func (i *Inhibitor) matches(tags []point.Tag) bool {
	for _, t := range i.tags {
		if v, _ := point.Lookup(tags, t.Key); v != t.Value {
			return false
		}
	}
	return true
}
