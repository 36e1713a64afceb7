package node

import (
	"slices"
	"sort"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file puts the messages of a group into sets.
//
// Each set has a time and room for one message of each parent; a message goes into the first set of
// its time that has room for it. Only the oldest sets are sent: those that are complete, and when
// every parent has moved on to a later time those that are not.

// A joinGroup is what a join keeps of one group.
type joinGroup struct {
	// What every point asks for comes first.
	group *point.Group
	sets  []*joinSet // by time and then age, from first on
	first int
	heads []int64     // for each parent the time of its last message
	one   [1]*joinSet // sets, if they are few
	two   [2]int64    // heads of two parents

	outs []*point.Group // groups by measurement of what is sent under another name
	seq  uint64
	joinLinks
}

// A joinSet is what is to be joined.
type joinSet struct {
	time int64
	have int
	msgs []message // of each parent
}

// freeSets bounds the sets kept for later use.
const freeSets = 4096

// group returns what is kept of g.
func (j *join) group(g *point.Group) *joinGroup {
	if g.Index < len(j.groups) {
		if x := j.groups[g.Index]; x != nil && x.group == g {
			return x
		}
	}
	return j.open(g)
}

func (j *join) open(g *point.Group) *joinGroup {
	for g.Index >= len(j.groups) {
		j.groups = append(j.groups, nil)
	}
	x := &joinGroup{group: g, seq: j.seq}
	if x.heads = x.two[:]; j.parents != len(x.two) {
		x.heads = make([]int64, j.parents)
	}
	x.sets = x.one[:0]
	for i := range x.heads {
		x.heads[i] = noTime
	}
	j.seq++
	j.groups[g.Index] = x
	j.env.Groups().Hold(g)
	return x
}

// pending returns the number of sets.
func (g *joinGroup) pending() int { return len(g.sets) - g.first }

// pop removes the oldest set.
func (g *joinGroup) pop() *joinSet {
	s := g.sets[g.first]
	g.sets[g.first] = nil
	g.first++
	if g.first == len(g.sets) {
		g.sets, g.first = g.sets[:0], 0
		if cap(g.sets) > minQueue {
			g.sets = g.one[:0]
		}
	}
	return s
}

// add takes a point or batch with the rounded time t, and sends what is complete with it.
func (j *join) add(src int, g *joinGroup, p *point.Point, b *point.Batch, t int64) {
	g.heads[src] = t
	s := j.place(src, g, t)
	m := &s.msgs[src]
	// What completes the oldest set is sent at once: there is no need for a copy.
	lend := s.have == j.parents-1 && s == g.sets[g.first]
	switch {
	case p != nil && lend:
		m.lendPoint(p, t)
	case p != nil:
		m.keepPoint(p, t)
	case lend:
		m.lendBatch(b, t)
	default:
		m.keepBatch(b, t)
	}
	s.have++
	j.waiting += m.weight()
	j.emit(g)
}

// place returns the set of time t for a message of src.
func (j *join) place(src int, g *joinGroup, t int64) *joinSet {
	if g.pending() == 0 {
		s := j.newSet(t)
		g.sets = append(g.sets[:g.first], s)
		return s
	}
	sets := g.sets[g.first:]
	from := len(sets)
	if from > 0 && sets[from-1].time >= t {
		from = 0
		if sets[0].time < t {
			from = sort.Search(len(sets), func(i int) bool { return sets[i].time >= t })
		}
	}
	to := from
	if from < len(sets) && sets[from].time == t {
		if sets[from].msgs[src].kind == noMessage {
			return sets[from]
		}
		// Messages fill the sets of a time from the first on, so those that have one of src come first.
		to += sort.Search(len(sets)-from, func(i int) bool { return sets[from+i].time > t })
		if i := from + sort.Search(to-from, func(i int) bool { return sets[from+i].msgs[src].kind == noMessage }); i < to {
			return sets[i]
		}
	}
	if len(g.sets) == cap(g.sets) && g.first >= len(g.sets)/2 {
		g.sets = append(g.sets[:0], sets...)
		g.first = 0
	}
	s := j.newSet(t)
	g.sets = slices.Insert(g.sets, g.first+to, s)
	return s
}

func (j *join) newSet(t int64) *joinSet {
	var s *joinSet
	if n := len(j.free); n > 0 {
		s, j.free = j.free[n-1], j.free[:n-1]
	} else {
		s = &joinSet{msgs: make([]message, j.parents)}
	}
	s.time = t
	return s
}

// recycle takes back a set that is not needed any more.
func (j *join) recycle(s *joinSet) {
	for i := range s.msgs {
		if m := &s.msgs[i]; m.kind != noMessage {
			j.waiting -= m.weight()
			m.vacate()
		}
	}
	s.have = 0
	if len(j.free) < freeSets {
		j.free = append(j.free, s)
	}
}

// emit sends the oldest sets of the group that are complete, or that all parents have passed by.
func (j *join) emit(g *joinGroup) {
	for g.pending() > 0 {
		oldest := g.sets[g.first].time
		passed := true
		for _, h := range g.heads {
			passed = passed && h > oldest
		}
		for g.pending() > 0 && g.sets[g.first].time == oldest && (passed || g.sets[g.first].have == j.parents) {
			j.resolve(g)
		}
		if !passed {
			return
		}
	}
}

// resolve sends the oldest set as it is.
func (j *join) resolve(g *joinGroup) {
	s := g.pop()
	j.send(g, s)
	j.recycle(s)
}
