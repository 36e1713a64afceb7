package node

import (
	"math/bits"
	"slices"
	"unsafe"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// A grouping finds the group of a point by its dimensions.
type grouping struct {
	dims    []string // sorted
	star    bool     // all tags
	exclude []string // but these
	byName  bool

	watch []string // names that tags may have, see isClear
	names []string // scratch
	memo  []memoGroup
	shift uint // what makes a hash an index of memo
	tight bool // memo has lost something for want of room
}

// A memoGroup is what was found for a tag set. Tag sets are immutable and points of a series share
// theirs, so its address and length identify it as long as it is kept here.
type memoGroup struct {
	tags  *point.Tag
	group *point.Group
	n     int32
	clear bool // see isClear
}

// The memo is indexed by a hash of the address, from where on a tag set has some places. There is
// room for twice the groups, or more if these have several series each, within these bounds: what it
// holds stays in memory when the group has gone.
const minMemo, maxMemo, memoPlaces = 1 << 4, 1 << 10, 4

// hash returns the first place of a tag set in the memo.
func (g *grouping) hash(first *point.Tag) uint64 {
	const golden = 0x9e3779b97f4a7c15 // spreads addresses at regular distances evenly
	return uint64(uintptr(unsafe.Pointer(first))) * golden >> g.shift
}

// growMemo makes room for twice as much.
func (g *grouping) growMemo() {
	old := g.memo
	g.tight = false
	n := max(2*len(old), minMemo)
	g.memo, g.shift = make([]memoGroup, n), uint(64-bits.TrailingZeros(uint(n)))
	for _, m := range old {
		if m.tags != nil {
			g.remember(m)
		}
	}
}

// remember puts m into a place of its own that is free, or else into the first.
func (g *grouping) remember(m memoGroup) {
	at := g.hash(m.tags)
	for i := range uint64(memoPlaces) {
		if x := &g.memo[(at+i)&uint64(len(g.memo)-1)]; x.tags == nil || x.group.Gone() {
			*x = m
			return
		}
	}
	g.memo[at] = m
	g.tight = true
}

func newGrouping(d spec.Dims, exclude []string, byName bool) grouping {
	g := grouping{dims: slices.Clone(d.Names), star: d.Star, exclude: exclude, byName: byName}
	slices.Sort(g.dims)
	g.dims = slices.Compact(g.dims)
	return g
}

// of returns the group of a point called name with the given tags, and isClear of these.
func (g *grouping) of(groups *point.Groups, name string, tags []point.Tag, byName bool) (group *point.Group, isClear bool) {
	if byName || len(tags) == 0 {
		return g.find(groups, name, tags, byName), g.isClear(tags)
	}
	if len(g.memo) < maxMemo && (len(g.memo) < 2*groups.Len() || g.tight) || g.memo == nil {
		g.growMemo()
	}
	first := &tags[0]
	at, mask := g.hash(first), uint64(len(g.memo)-1)
	for end := at + memoPlaces; at < end; at++ {
		if m := &g.memo[at&mask]; m.tags == first && int(m.n) == len(tags) && groups.Again(m.group) {
			return m.group, m.clear
		}
	}
	group, isClear = g.find(groups, name, tags, byName), g.isClear(tags)
	if !group.Refused {
		g.remember(memoGroup{first, group, int32(len(tags)), isClear})
	}
	return group, isClear
}

// first returns the memo of a tag set if it has the first place that it may have, else nil.
func (g *grouping) first(tags []point.Tag) *memoGroup {
	if len(g.memo) == 0 || len(tags) == 0 {
		return nil
	}
	m := &g.memo[g.hash(&tags[0])&uint64(len(g.memo)-1)]
	if m.tags != &tags[0] || int(m.n) != len(tags) {
		return nil
	}
	return m
}

// isClear reports whether none of the tags has a name of watch. Neither may a dimension have one: what a
// join makes has all of them as tags.
func (g *grouping) isClear(tags []point.Tag) bool {
	return !slices.ContainsFunc(g.watch, func(name string) bool {
		_, ok := point.Lookup(tags, name)
		return ok || slices.Contains(g.dims, name)
	})
}

// find is of without the memo.
func (g *grouping) find(groups *point.Groups, name string, tags []point.Tag, byName bool) *point.Group {
	dims := g.dims
	if g.star {
		dims = g.names[:0]
		for i := range tags {
			if !slices.Contains(g.exclude, tags[i].Key) {
				dims = append(dims, tags[i].Key)
			}
		}
		g.names = dims
	}
	return groups.Get(name, tags, dims, byName)
}

func declareDims(s *spec.Spec, d *spec.Dims) {
	s.Func("groupBy", "tags to group by, or * for all of them", func(dims ...spec.Arg) error {
		return d.Set(dims)
	}, "tag")
}
