package node

import (
	"slices"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file saves a join and loads it again.

// joinState is what is saved.
type joinState struct {
	Groups   savedGroups
	Joins    []savedJoin // in the order in which the groups appeared
	Reported []bool
	Matches  []savedMatch
}

// A savedJoin is a joinGroup as it is saved.
type savedJoin struct {
	Group   int // place in the saved groups
	Heads   []int64
	Sets    []savedSet
	Fixed   bool  // it has one match
	Matches []int // places in the saved matches
}

// A savedSet is a set; the messages know their parents.
type savedSet struct {
	Time int64
	Msgs []savedMessage
}

// A savedMatch is a joinMatch as it is saved.
type savedMatch struct {
	Key               string
	Marks             []int64
	Generic, Specific []savedMessage
}

// State saves what waits and how far the parents are.
func (j *join) State() any {
	s := joinState{Reported: slices.Clone(j.matcher.reported)}
	place := map[*joinMatch]int{}
	for _, g := range j.inOrder() {
		x := savedJoin{Group: s.Groups.add(g.group), Heads: g.heads, Fixed: g.match != nil}
		for _, set := range g.sets[g.first:] {
			y := savedSet{Time: set.time}
			for src := range set.msgs {
				if m := &set.msgs[src]; m.kind != noMessage {
					m.src = int32(src) //nolint:gosec // as many as a script has nodes
					y.Msgs = append(y.Msgs, m.save(&s.Groups))
				}
			}
			x.Sets = append(x.Sets, y)
		}
		link := func(m *joinMatch) {
			i, ok := place[m]
			if !ok {
				i = len(s.Matches)
				place[m] = i
				s.Matches = append(s.Matches, savedMatch{Key: m.key, Marks: m.marks, Generic: m.generic.save(&s.Groups), Specific: m.specific.save(&s.Groups)})
			}
			x.Matches = append(x.Matches, i)
		}
		if g.match != nil {
			link(g.match)
		}
		for m := range g.more {
			link(m)
		}
		s.Joins = append(s.Joins, x)
	}
	j.saved = s
	return &j.saved
}

// Restored takes over what was saved.
func (j *join) Restored() {
	s := j.saved
	j.saved = joinState{}
	groups := s.Groups.load(j.env)
	if len(s.Reported) == len(j.matcher.reported) {
		for src, ok := range s.Reported {
			if ok {
				j.matcher.report(src)
			}
		}
	}
	var matches []*joinMatch
	if len(j.on) > 0 {
		for i := range s.Matches {
			matches = append(matches, j.loadMatch(&s.Matches[i], groups))
		}
	}
	for i := range s.Joins {
		x := &s.Joins[i]
		if groups[x.Group].Refused {
			continue
		}
		g := j.group(groups[x.Group])
		copy(g.heads, x.Heads)
		for k := range x.Sets {
			g.sets = append(g.sets, j.loadSet(&x.Sets[k], groups))
		}
		if matches != nil {
			g.link(x, matches)
		}
	}
}

func (g *joinGroup) link(x *savedJoin, matches []*joinMatch) {
	for _, i := range x.Matches {
		m := matches[i]
		m.refs++
		if x.Fixed {
			g.match = m
			continue
		}
		if g.more == nil {
			g.more = make(map[*joinMatch]struct{})
		}
		g.more[m] = struct{}{}
	}
}

func (j *join) loadSet(x *savedSet, groups []*point.Group) *joinSet {
	s := j.newSet(x.Time)
	for i := range x.Msgs {
		m := &s.msgs[x.Msgs[i].Src]
		m.load(&x.Msgs[i], groups)
		s.have++
		j.waiting += m.weight()
	}
	return s
}

func (j *join) loadMatch(x *savedMatch, groups []*point.Group) *joinMatch {
	m := j.matcher.open([]byte(x.Key))
	copy(m.marks, x.Marks)
	j.waiting += m.generic.load(x.Generic, groups) + m.specific.load(x.Specific, groups)
	return m
}
