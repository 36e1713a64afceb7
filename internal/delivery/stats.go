package delivery

import "sync"

// A Counter is a number that grows, or is set.
type Counter interface {
	Incr(n int64)
	Set(n int64)
}

// nothing counts nothing.
type nothing struct{}

func (nothing) Incr(int64) {}
func (nothing) Set(int64)  {}

// stats counts what happens to deliveries, per kind of handler; "" stands for what reached none.
type stats struct {
	make   func(field, kind string) Counter // may be nil
	mu     sync.Mutex
	byKind map[string]*counts

	mutes, beats, beatsFailed, beatsWithheld Counter
}

// counts are those of one kind of handler.
type counts struct {
	delivered, failed, retried, dropped, repeated, queued, muted, held Counter
}

func newStats(f func(field, kind string) Counter) *stats {
	s := &stats{make: f, byKind: map[string]*counts{}}
	s.mutes, s.beats = s.new("mutes", ""), s.new("heartbeats", "")
	s.beatsFailed, s.beatsWithheld = s.new("heartbeats_failed", ""), s.new("heartbeats_withheld", "")
	return s
}

// maxKinds bounds the names that are counted apart: one that no handler has comes from a script, and there
// may be any number of them.
const maxKinds = 64

func (s *stats) get(kind string) *counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.byKind[kind]
	if c != nil {
		return c
	}
	if len(s.byKind) >= maxKinds {
		if kind = "other"; s.byKind[kind] != nil {
			return s.byKind[kind]
		}
	}
	c = &counts{
		delivered: s.new("delivered", kind), failed: s.new("failed", kind), retried: s.new("retried", kind),
		dropped: s.new("dropped", kind), repeated: s.new("repeated", kind), queued: s.new("queue_length", kind),
		muted: s.new("muted", kind), held: s.new("held", kind),
	}
	s.byKind[kind] = c
	return c
}

func (s *stats) new(field, kind string) Counter {
	if s.make == nil {
		return nothing{}
	}
	return s.make(field, kind)
}
