package node

import (
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

	names []string // scratch
	memo  []memoGroup
}

// A memoGroup is what was found for a tag set. Tag sets are immutable and points of a series share
// theirs, so its address and length identify it as long as it is kept here.
type memoGroup struct {
	tags  *point.Tag
	n     int
	group *point.Group
}

// The memo is indexed by address. It has room for twice the groups, within these bounds: what it
// holds stays in memory when the group has gone.
const minMemo, maxMemo = 1 << 4, 1 << 9

// known returns the place of a tag set in the memo, which may hold another one.
func (g *grouping) known(tags []point.Tag) *memoGroup {
	const size = unsafe.Sizeof(point.Tag{})
	at := uintptr(unsafe.Pointer(unsafe.SliceData(tags))) / size
	return &g.memo[(at^at>>8)&uintptr(len(g.memo)-1)]
}

func newGrouping(d spec.Dims, exclude []string, byName bool) grouping {
	g := grouping{dims: slices.Clone(d.Names), star: d.Star, exclude: exclude, byName: byName}
	slices.Sort(g.dims)
	g.dims = slices.Compact(g.dims)
	return g
}

// of returns the group of a point called name with the given tags.
func (g *grouping) of(groups *point.Groups, name string, tags []point.Tag, byName bool) *point.Group {
	if byName || len(tags) == 0 {
		return g.find(groups, name, tags, byName)
	}
	if len(g.memo) < maxMemo && len(g.memo) < 2*groups.Len() || g.memo == nil {
		g.memo = make([]memoGroup, max(2*len(g.memo), minMemo))
	}
	m := g.known(tags)
	if m.tags == &tags[0] && m.n == len(tags) && groups.Again(m.group) {
		return m.group
	}
	found := g.find(groups, name, tags, byName)
	if !found.Refused {
		*m = memoGroup{&tags[0], len(tags), found}
	}
	return found
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
