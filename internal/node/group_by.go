package node

import (
	"errors"
	"slices"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() { spec.Register("groupBy", func() spec.Declarer { return &groupBy{} }) }

// groupBy groups data anew.
type groupBy struct {
	dims    spec.Dims
	exclude []string
	byName  bool

	env      spec.Env
	groups   *point.Groups
	grouping grouping
	out      point.Sink
	point    point.Point
	pending  pendingGroups
	places   []int // of the groups in pending, by Index
}

// pendingGroups are the groups of the batches with one TMax, which are held back until a batch
// with another one comes. Until then the groups are held: a barrier behind may delete them. They are
// saved with the task.
type pendingGroups struct {
	Any     bool
	TMax    int64
	Batches []point.Batch
}

func (n *groupBy) Declare(s *spec.Spec) {
	s.Kind = "groupby"
	s.Doc("Groups the data anew by tags. Batches are regrouped and held back until the first one with another end time arrives.")
	s.Arg(&n.dims, "tag", "tags to group by, or * for all of them")
	s.Prop(&n.exclude, "exclude", "tags not to group by; needs groupBy(*)")
	s.Flag(&n.byName, "byMeasurement", "group by measurement too")
	s.Check(func() error {
		if len(n.exclude) > 0 && !n.dims.Star {
			return errors.New("exclude requires *: write groupBy(*).exclude(…)")
		}
		return nil
	})
	s.Example("stream|from().measurement('m')|groupBy('h')|stateCount(lambda: TRUE)", "m,h=a v=1 0s\nm,h=b v=1 0s\nm,h=a v=1 1s", "m,h=a state_count=1i,v=1 0s\nm,h=b state_count=1i,v=1 0s\nm,h=a state_count=2i,v=1 1s")
}

func (n *groupBy) Start(env spec.Env) error {
	n.env, n.groups = env, env.Groups()
	n.grouping = newGrouping(n.dims, n.exclude, n.byName)
	return nil
}

func (n *groupBy) Open(out point.Sink) point.Sink {
	n.out = out
	return &groupBySink{n: n, Forward: spec.Forward{Out: out}}
}

// State saves the batches held back.
func (n *groupBy) State() any { return &n.pending }

// Restored puts the saved batches' groups, which are copies, back to those of the task.
func (n *groupBy) Restored() {
	for i := range n.pending.Batches {
		b := &n.pending.Batches[i]
		b.Group = n.groups.Get(b.Name, b.Group.Tags, b.Group.Dims, b.Group.ByName)
		n.groups.Hold(b.Group)
		n.place(i)
	}
}

type groupBySink struct {
	n *groupBy
	spec.Forward
}

func (n *groupBySink) Point(p *point.Point) {
	n.n.point = *p
	// Once grouped by measurement always so: only from resets it.
	n.n.point.Group, _ = n.n.grouping.of(n.n.groups, p.Name, p.Tags, n.n.byName || p.Group.ByName)
	n.Out.Point(&n.n.point)
}

func (n *groupBySink) Batch(b *point.Batch) {
	n.advance(b.TMax)
	for i := range b.Points {
		p := &b.Points[i]
		g, _ := n.n.grouping.of(n.n.groups, b.Name, p.Tags, n.n.byName || b.Group.ByName)
		to := n.batchOf(b, g)
		to.Points = append(to.Points, *p.Clone())
	}
}

// batchOf returns the pending batch of g, made like b if there is none.
func (n *groupBySink) batchOf(b *point.Batch, g *point.Group) *point.Batch {
	if g.Index < len(n.n.places) {
		if i := n.n.places[g.Index]; i < len(n.n.pending.Batches) && n.n.pending.Batches[i].Group == g {
			return &n.n.pending.Batches[i]
		}
	}
	n.n.groups.Hold(g)
	n.n.pending.Batches = append(n.n.pending.Batches, point.Batch{Name: b.Name, TMax: b.TMax, Group: g})
	return n.n.place(len(n.n.pending.Batches) - 1)
}

// place notes where the i-th pending batch is found by its group, and returns it. Places of batches
// that are gone stay: they count only while the group is there.
func (n *groupBy) place(i int) *point.Batch {
	b := &n.pending.Batches[i]
	for b.Group.Index >= len(n.places) {
		n.places = append(n.places, 0)
	}
	n.places[b.Group.Index] = i
	return b
}

// advance sends what is pending if t is another end time.
func (n *groupBySink) advance(t int64) {
	if n.n.pending.Any && t != n.n.pending.TMax {
		batches := n.n.pending.Batches
		n.n.pending.Batches = nil
		for i := range batches {
			b := &batches[i]
			slices.SortStableFunc(b.Points, func(x, y point.Point) int {
				switch {
				case x.Time < y.Time:
					return -1
				case x.Time > y.Time:
					return 1
				}
				return 0
			})
			n.Out.Batch(b)
			n.n.groups.Release(b.Group)
		}
	}
	n.n.pending.Any, n.n.pending.TMax = true, t
}

func (n *groupBySink) Barrier(g *point.Group, t int64) {
	if n.n.env.Input() == spec.Batch {
		n.advance(t)
	}
	n.Out.Barrier(g, t)
}

func (n *groupBySink) Delete(g *point.Group) {
	n.n.pending.Batches = slices.DeleteFunc(n.n.pending.Batches, func(b point.Batch) bool {
		if b.Group == g {
			n.n.groups.Release(g)
		}
		return b.Group == g
	})
	for i := range n.n.pending.Batches {
		n.n.place(i)
	}
	n.Out.Delete(g)
}
