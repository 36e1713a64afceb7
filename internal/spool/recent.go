package spool

import (
	"slices"
	"time"
)

// recent are the IDs of events that were here of late, by which repeats are recognised.
type recent struct {
	seen  map[hash]struct{}
	order []sighting // what is in seen, oldest first, from head on
	head  int
}

type sighting struct {
	key hash
	at  int64 // nanoseconds since the Unix epoch
}

const (
	// maxRecent is how many IDs are kept.
	maxRecent = 1 << 16
	// recentFor is how long. A repeat comes when whoever hands over events has not heard, before a
	// crash, that one is safe.
	recentFor = 7 * 24 * time.Hour
)

func newRecent() recent { return recent{seen: map[hash]struct{}{}} }

// add notes an ID and reports whether it is new.
func (r *recent) add(key hash, at int64) bool {
	if _, ok := r.seen[key]; ok {
		return false
	}
	r.seen[key] = struct{}{}
	r.order = append(r.order, sighting{key, at})
	for r.head < len(r.order)-1 && (len(r.seen) > maxRecent || at-r.order[r.head].at > int64(recentFor)) {
		delete(r.seen, r.order[r.head].key)
		r.head++
	}
	if r.head > maxRecent {
		r.order = slices.Clone(r.order[r.head:])
		r.head = 0
	}
	return true
}

// list returns all, oldest first.
func (r *recent) list() []sighting { return r.order[r.head:] }
