package node

import (
	"slices"

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
}

func newGrouping(d spec.Dims, exclude []string, byName bool) grouping {
	g := grouping{dims: slices.Clone(d.Names), star: d.Star, exclude: exclude, byName: byName}
	slices.Sort(g.dims)
	g.dims = slices.Compact(g.dims)
	return g
}

// of returns the group of a point called name with the given tags.
func (g *grouping) of(groups *point.Groups, name string, tags []point.Tag, byName bool) *point.Group {
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
