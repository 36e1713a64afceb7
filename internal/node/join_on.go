package node

import (
	"slices"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file does what join.on adds: data that is grouped by the tags of on only, called generic
// here, is joined with data that is grouped by more, called specific. Specific data waits for its
// generic partner, or goes into the sets of its group alone once none can come. Generic data goes
// into the sets of its partners' groups.

// A joinMatch is what waits under the same values of the tags of on.
type joinMatch struct {
	key               string
	marks             []int64 // for each parent the time of its last message
	generic, specific queue
	refs              int // groups that are linked to it
}

// joinLinks are the matches that a group's data belongs to. It is one if the group's dimensions
// contain the tags of on.
type joinLinks struct {
	match *joinMatch
	more  map[*joinMatch]struct{} // if they do not
}

// A matcher is the state of a join with on.
type matcher struct {
	reported []bool // parents that have sent anything
	missing  int    // number of those that have not
	matches  map[string]*joinMatch
	key      []byte
	point    point.Point
	batch    point.Batch
}

func (x *matcher) start(parents int) {
	x.reported, x.missing = make([]bool, parents), parents
	x.matches = make(map[string]*joinMatch)
}

func (x *matcher) report(src int) {
	if !x.reported[src] {
		x.reported[src] = true
		x.missing--
	}
}

// open returns the match of that key.
func (x *matcher) open(key []byte) *joinMatch {
	m := x.matches[string(key)]
	if m == nil {
		m = &joinMatch{key: string(key), marks: make([]int64, len(x.reported))}
		m.unmark()
		x.matches[m.key] = m
	}
	return m
}

func (m *joinMatch) unmark() {
	for i := range m.marks {
		m.marks[i] = noTime
	}
}

// low returns the time that all parents have reached. As in Kapacitor a parent without a mark does
// not count unless it is the last.
func (m *joinMatch) low() int64 {
	low := int64(noTime)
	for _, t := range m.marks {
		if low == noTime || t < low {
			low = t
		}
	}
	return low
}

// matchOf returns the match of data of group g with the given tags.
func (j *join) matchOf(g *joinGroup, tags []point.Tag) *joinMatch {
	if g.match != nil {
		return g.match
	}
	x := &j.matcher
	k := x.key[:0]
	if g.group.ByName {
		k = append(k, g.group.Name...)
		k = append(k, '\n')
	}
	fixed := true
	for _, d := range j.on {
		v, _ := point.Lookup(tags, d)
		k = append(k, v...)
		k = append(k, 0)
		fixed = fixed && slices.Contains(g.group.Dims, d)
	}
	x.key = k
	m := x.open(k)
	if fixed {
		g.match = m
		m.refs++
	} else if _, ok := g.more[m]; !ok {
		if g.more == nil {
			g.more = make(map[*joinMatch]struct{})
		}
		g.more[m] = struct{}{}
		m.refs++
	}
	return m
}

// match takes a point or batch with the rounded time t.
func (j *join) match(src int, g *joinGroup, p *point.Point, b *point.Batch, tags []point.Tag, t int64) *joinMatch {
	m := j.matchOf(g, tags)
	j.matcher.report(src)
	m.marks[src] = t
	low := int64(noTime)
	all := j.matcher.missing == 0
	if all {
		low = m.low()
		for m.specific.size > 0 && m.specific.head().time < low {
			j.sendAlone(m)
		}
	}
	if len(g.group.Dims) > len(j.on) {
		matched := j.findGeneric(src, g, m, p, b, t, low)
		switch {
		case matched:
		case all && t < low:
			j.add(src, g, p, b, t)
		default:
			j.push(&m.specific, src, p, b, t)
		}
		return m
	}
	generic := j.push(&m.generic, src, p, b, t)
	for m.specific.size > 0 && m.specific.head().time == t {
		s := m.specific.head()
		j.sendBoth(int(s.src), j.group(s.group), pointOf(s), s.batch, generic)
		j.waiting -= s.weight()
		m.specific.pop()
	}
	return m
}

// findGeneric sends specific data with its generic partners, if there are any, and forgets generic
// data that is too old for partners.
func (j *join) findGeneric(src int, g *joinGroup, m *joinMatch, p *point.Point, b *point.Batch, t, low int64) (matched bool) {
	old := 0
	for i := range m.generic.size {
		e := m.generic.at(i)
		if e.time == t {
			j.sendBoth(src, g, p, b, e)
			matched = true
		}
		if e.time >= low {
			break
		}
		old++
	}
	if j.matcher.missing == 0 {
		for range old {
			j.waiting -= m.generic.head().weight()
			m.generic.pop()
		}
	}
	return matched
}

func (j *join) push(q *queue, src int, p *point.Point, b *point.Batch, t int64) *message {
	e := q.push()
	if p != nil {
		e.keepPoint(p, t)
	} else {
		e.keepBatch(b, t)
	}
	e.src = int32(src) //nolint:gosec // as many as a script has nodes
	j.waiting += e.weight()
	return e
}

// sendBoth puts specific data and a generic partner into the sets of the specific one's group.
func (j *join) sendBoth(src int, g *joinGroup, p *point.Point, b *point.Batch, generic *message) {
	x := &j.matcher
	j.add(src, g, p, b, generic.time)
	if generic.kind == batchMessage {
		x.batch = *generic.batch
		x.batch.Group = g.group
		j.add(int(generic.src), g, nil, &x.batch, generic.time)
		return
	}
	x.point = generic.point
	x.point.Group, x.point.Tags = g.group, g.group.Tags
	j.add(int(generic.src), g, &x.point, nil, generic.time)
}

// sendAlone puts the first specific message that waits into the sets of its group.
func (j *join) sendAlone(m *joinMatch) {
	s := m.specific.head()
	j.add(int(s.src), j.group(s.group), pointOf(s), s.batch, s.time)
	j.waiting -= s.weight()
	m.specific.pop()
}

// pointOf returns the message's point, nil if it is a batch.
func pointOf(m *message) *point.Point {
	if m.kind == pointMessage {
		return &m.point
	}
	return nil
}

// unmatch forgets what waits of a group that src has deleted.
func (j *join) unmatch(src int, g *joinGroup) {
	if g.match != nil {
		j.unlink(src, g, g.match)
	}
	for m := range g.more {
		j.unlink(src, g, m)
	}
	if j.deleteAll {
		for _, m := range j.matcher.matches {
			m.unmark()
		}
	}
}

// unlink removes a group from a match: its data, and if it is generic all that waits for it.
func (j *join) unlink(src int, g *joinGroup, m *joinMatch) {
	m.refs--
	all := m.refs == 0 || len(g.group.Dims) <= len(j.on)
	keep := func(e *message) bool {
		if !all && e.group != g.group {
			return true
		}
		j.waiting -= e.weight()
		return false
	}
	m.specific.keep(keep)
	if all {
		m.marks[src] = noTime
		m.generic.keep(keep)
	}
	if m.refs == 0 {
		delete(j.matcher.matches, m.key)
	}
}
