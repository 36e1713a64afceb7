package point

import (
	"slices"
	"strings"
)

// A Group is what a groupBy makes of a point: the points of a group share its dimensions and have
// state of their own in every node. Groups are made by a [Groups] table, one object per distinct
// group of a task, so two groups are the same if their pointers are.
type Group struct {
	// What every point asks for comes first, on one cache line.
	Index   int  // position of this group's state in a node's table; small and reused
	Refused bool // not a group: the task has as many as it may, and points of it are to be dropped
	ByName  bool // grouped by measurement too
	gone    bool // no longer in the table
	expired bool // about to be deleted for want of data
	refs    int32
	seen    int64 // Groups.Now of the last Get

	ID   string   // "tag1=a,tag2=b", prefixed with "measurement\n" if ByName; "" without dimensions
	Name string   // measurement if ByName, else ""
	Dims []string // names of the dimension tags, in the order of the ID
	Tags []Tag    // the dimension tags, sorted by key; a tag that a point lacks is ""
	key  string
}

// Groups interns the groups of one task. The zero value is ready to use.
type Groups struct {
	Max int   // no more groups with dimensions than that; 0 is no limit
	Now int64 // noted with a group that is asked for

	byKey   map[string]*Group
	free    []int
	next    int
	key     []byte
	dims    []string // of the group made last, mostly those of the next one
	grouped int      // groups with dimensions
	over    *Group   // stands for those that are refused
}

// Get returns the group of a point named name with the given tags, grouped by the dimensions dims
// (in that order), and by name too if byName. It allocates only for a group not seen before.
func (gs *Groups) Get(name string, tags []Tag, dims []string, byName bool) *Group {
	// The key keeps apart what the ID does not: "a=1,b=2" may be one tag or two.
	k := gs.key[:0]
	if byName {
		k = append(k, 'n')
		k = append(k, name...)
		k = append(k, '\n')
	}
	for _, d := range dims {
		v, _ := Lookup(tags, d)
		k = append(k, d...)
		k = append(k, 0)
		k = append(k, v...)
		k = append(k, 0)
	}
	gs.key = k
	g, ok := gs.byKey[string(k)]
	if !ok {
		if gs.Max > 0 && gs.grouped >= gs.Max && (len(dims) > 0 || byName) {
			return gs.refused()
		}
		g = gs.add(name, tags, dims, byName)
	}
	g.seen = gs.Now
	return g
}

// Again is Get for a group that Get returned before. It reports false if the group has been released
// since; then Get makes another one.
func (gs *Groups) Again(g *Group) bool {
	g.seen = gs.Now
	return !g.gone
}

// Gone reports whether g has been released and is in the table no longer.
func (g *Group) Gone() bool { return g.gone }

// refused returns the group that stands for those that are one too many.
func (gs *Groups) refused() *Group {
	if gs.over == nil {
		gs.over = &Group{Refused: true, Index: gs.next}
		gs.next++
	}
	return gs.over
}

// grouped reports whether g is more than the group of all points.
func (g *Group) grouped() bool { return len(g.Dims) > 0 || g.ByName }

// Len returns the number of groups with dimensions.
func (gs *Groups) Len() int { return gs.grouped }

// Idle returns the groups with dimensions that nobody has asked for since the time t.
func (gs *Groups) Idle(t int64) []*Group {
	var idle []*Group
	for _, g := range gs.byKey {
		if g.seen < t && g.grouped() {
			idle = append(idle, g)
		}
	}
	slices.SortFunc(idle, func(a, b *Group) int { return strings.Compare(a.key, b.key) })
	return idle
}

// Expire has [Group.Expired] tell those who are to delete g why.
func (gs *Groups) Expire(g *Group) { g.expired = true }

// Expired reports whether the group is deleted for want of data, and when it had some last.
func (g *Group) Expired() (since int64, ok bool) { return g.seen, g.expired }

// Forget drops a group that no node has state for.
func (gs *Groups) Forget(g *Group) {
	if g.refs == 0 {
		gs.Hold(g)
		gs.Release(g)
	}
}

func (gs *Groups) add(name string, tags []Tag, dims []string, byName bool) *Group {
	if !slices.Equal(gs.dims, dims) {
		gs.dims = slices.Clone(dims)
	}
	g := &Group{Dims: gs.dims, Tags: slices.Grow([]Tag(nil), len(dims)), ByName: byName, ID: ID(name, tags, dims, byName)}
	if byName {
		g.Name = name
	}
	for _, d := range dims {
		v, _ := Lookup(tags, d)
		g.Tags = append(g.Tags, Tag{d, v})
	}
	slices.SortFunc(g.Tags, func(a, b Tag) int { return strings.Compare(a.Key, b.Key) })
	if n := len(gs.free); n > 0 {
		g.Index, gs.free = gs.free[n-1], gs.free[:n-1]
	} else {
		g.Index = gs.next
		gs.next++
	}
	if gs.byKey == nil {
		gs.byKey = make(map[string]*Group)
	}
	g.key = string(gs.key)
	gs.byKey[g.key] = g
	if g.grouped() {
		gs.grouped++
	}
	return g
}

// Hold notes that a node keeps state for g; Release notes that it no longer does. When the last
// node has released a group its index is free for another. A point of a released group that is
// still underway finds no state and gets fresh one.
func (gs *Groups) Hold(g *Group) { g.refs++ }

// Release is the counterpart of Hold.
func (gs *Groups) Release(g *Group) {
	g.refs--
	if g.refs > 0 {
		return
	}
	if gs.byKey[g.key] == g {
		delete(gs.byKey, g.key)
		g.gone = true
		if g.grouped() {
			gs.grouped--
		}
		gs.free = append(gs.free, g.Index)
	}
}

// ID returns the group ID of a point, as Kapacitor writes it.
func ID(name string, tags []Tag, dims []string, byName bool) string {
	if len(dims) == 0 {
		if byName {
			return name
		}
		return ""
	}
	var b strings.Builder
	if byName {
		b.WriteString(name)
		b.WriteByte('\n')
	}
	for i, d := range dims {
		if i > 0 {
			b.WriteByte(',')
		}
		v, _ := Lookup(tags, d)
		b.WriteString(d)
		b.WriteByte('=')
		b.WriteString(v)
	}
	return b.String()
}
