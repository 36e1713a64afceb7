package node

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

func init() { spec.Register("join", func() spec.Declarer { return &join{delimiter: "."} }) }

// join puts data of several parents together that has the same group and time.
//
// What comes in is put into sets, at most one message of each parent in a set (join_sets.go). With
// on, data of a parent with few dimensions is handed out to groups with more of them first
// (join_on.go). Sets that are complete, or will never be, become points or batches (join_emit.go).
type join struct {
	as         []string
	on         []string
	delimiter  string
	tolerance  time.Duration
	fill       point.Value
	streamName string
	deleteAll  bool

	parents int
	env     spec.Env
	out     point.Sink
	grid    point.Grid
	outer   bool
	filler  point.Value
	names   []nameCache // of each parent

	groups   []*joinGroup // by the groups' Index
	seq      uint64
	waiting  int // points in sets and queues
	overflow *int64
	free     []*joinSet
	matcher  matcher
	emitter  emitter
	saved    joinState
}

// noTime stands for the time of what has never come: it is before all others.
const noTime = math.MinInt64

func (j *join) Declare(s *spec.Spec) {
	s.Doc("Joins data of several nodes: points of one group and time become one point with the fields of all, each behind its node's prefix. " +
		"A point for which a node has no partner is dropped, or filled, when all nodes have sent something later in that group. Batches are joined by their end times, and then their points.")
	s.Merges("the nodes to join with the one in front")
	s.Prop(&j.as, "as", "prefix of the field names of each node, the one in front first; required")
	s.Prop(&j.on, "on", "join data grouped by these tags only with data that is grouped by more")
	s.Prop(&j.delimiter, "delimiter", "what stands between prefix and field name")
	s.Prop(&j.tolerance, "tolerance", "times are rounded to multiples of this")
	s.Prop(&j.fill, "fill", "what the fields of a missing partner become: a number, or 'null' for nothing; 'none' drops incomplete data, as without fill")
	s.Prop(&j.streamName, "streamName", "measurement of the result; that of the first node that has data if unset")
	s.Prop(&j.deleteAll, "deleteAll", "with on: when a group is deleted wait for all nodes anew, in all groups")
	s.Check(j.check)
	s.Example("var a = stream|from().measurement('a')\nvar b = stream|from().measurement('b')\na|join(b).as('x', 'y').fill(0.0)", "a v=1 0s\nb v=2 0s\na v=3 1s\na v=4 2s\nb v=5 2s", "a x.v=1,y.v=2 0s\na x.v=3,y.v=0 1s\na x.v=4,y.v=5 2s")
	s.Example("var building = stream|from().measurement('building').groupBy('b')\nvar floor = stream|from().measurement('floor').groupBy('b', 'f')\nbuilding|join(floor).as('all', 'one').on('b')", "building,b=x v=100 0s\nfloor,b=x,f=1 v=10 0s\nfloor,b=x,f=2 v=20 0s", "building,b=x,f=1 all.v=100,one.v=10 0s\nbuilding,b=x,f=2 all.v=100,one.v=20 0s")
}

// Parents takes note of how many there are.
func (j *join) Parents(n int) { j.parents = n }

func (j *join) check() error {
	if len(j.as) == 0 {
		return fmt.Errorf("as is required: it names a prefix for each of the %d nodes joined, .as('a', 'b') for example", j.parents)
	}
	if len(j.as) != j.parents {
		return fmt.Errorf("as names %d prefixes, want one for each of the %d nodes joined", len(j.as), j.parents)
	}
	if err := checkPrefixes(j.as, j.delimiter); err != nil {
		return err
	}
	if j.tolerance < 0 {
		return errors.New("tolerance must not be negative")
	}
	switch f := j.fill; f.Kind {
	case point.Float, point.Int:
		j.outer, j.filler = true, f
	case point.String:
		switch f.Text {
		case "null":
			j.outer, j.filler = true, point.NullValue()
		case "none":
		default:
			return fmt.Errorf("unexpected fill option %s, want a number, 'null' or 'none'", f.Text)
		}
	}
	return nil
}

// checkPrefixes checks the names that as gives to the inputs of a join, or the expressions of a combine.
func checkPrefixes(as []string, delimiter string) error {
	for i, a := range as {
		switch {
		case a == "":
			return errors.New("as: a prefix must not be empty")
		case delimiter != "" && strings.Contains(a, delimiter):
			return fmt.Errorf("cannot use name %s as field prefix, it contains the delimiter %q", a, delimiter)
		case slices.Contains(as[:i], a):
			return fmt.Errorf("as: the prefix %s stands there twice", a)
		}
	}
	return nil
}

func (j *join) Start(env spec.Env) error {
	j.env = env
	j.grid = point.NewGrid(j.tolerance)
	j.overflow = env.Counter("overflows")
	for _, a := range j.as {
		j.names = append(j.names, nameCache{prefix: a + j.delimiter})
	}
	j.emitter.order(j.names)
	if len(j.on) > 0 {
		j.matcher.start(j.parents)
	}
	if !j.outer && j.fill.Kind != point.Missing && j.fill.Kind != point.String {
		env.Warn(&syntax.Error{Msg: "fill has no effect: want a number, 'null' or 'none', got " + j.fill.Kind.String()})
	}
	return nil
}

func (j *join) Input(i int, out point.Sink) point.Sink {
	j.out = out
	return &joinInput{n: j, src: i}
}

// A joinInput takes what one parent sends.
type joinInput struct {
	n   *join
	src int
}

func (j *joinInput) Point(p *point.Point) { j.n.arrived(j.src, p, nil, p.Group, p.Tags, p.Time) }

func (j *joinInput) Batch(b *point.Batch) { j.n.arrived(j.src, nil, b, b.Group, b.Group.Tags, b.TMax) }

// arrived takes a point, or a batch.
func (j *join) arrived(src int, p *point.Point, b *point.Batch, pg *point.Group, tags []point.Tag, t int64) {
	g := j.group(pg)
	t = j.grid.Round(t)
	var m *joinMatch
	if len(j.on) > 0 {
		m = j.match(src, g, p, b, tags, t)
	} else {
		j.add(src, g, p, b, t)
	}
	for j.waiting > maxWaiting && j.relieve(g, m) {
		if *j.overflow == 0 {
			j.env.Error(fmt.Errorf("more than %d points wait for partners; the oldest go on without them", maxWaiting))
		}
		*j.overflow++
	}
}

// minWaiting is what each group may keep waiting, however much the others do.
const minWaiting = 64

// relieve gives up waiting for the partner of the oldest message of a group, if there are many.
func (j *join) relieve(g *joinGroup, m *joinMatch) bool {
	switch {
	case g.pending() > minWaiting:
		j.resolve(g)
	case m != nil && m.generic.size > minWaiting:
		j.waiting -= m.generic.head().weight()
		m.generic.pop()
	case m != nil && m.specific.size > minWaiting:
		j.sendAlone(m)
	default:
		return false
	}
	return true
}

// Barrier counts as data that is never part of a set.
func (j *joinInput) Barrier(pg *point.Group, t int64) {
	g := j.n.group(pg)
	g.heads[j.src] = j.n.grid.Round(t)
	j.n.emit(g)
	j.n.out.Barrier(pg, t)
	for _, o := range g.outs {
		j.n.out.Barrier(o, t)
	}
}

// Delete forgets the group.
func (j *joinInput) Delete(pg *point.Group) {
	if pg.Index >= len(j.n.groups) || j.n.groups[pg.Index] == nil || j.n.groups[pg.Index].group != pg {
		return
	}
	g := j.n.groups[pg.Index]
	if len(j.n.on) > 0 {
		j.n.unmatch(j.src, g)
	}
	for g.pending() > 0 {
		j.n.recycle(g.pop())
	}
	j.n.groups[pg.Index] = nil
	j.n.out.Delete(pg)
	for _, o := range g.outs {
		j.n.out.Delete(o)
		j.n.env.Groups().Release(o)
	}
	j.n.env.Groups().Release(pg)
}

// Close gives up waiting for partners, group by group in the order in which they appeared.
func (j *join) Close() {
	for _, g := range j.inOrder() {
		for g.pending() > 0 {
			j.resolve(g)
		}
	}
}

// inOrder returns the groups in the order in which they appeared.
func (j *join) inOrder() []*joinGroup {
	var all []*joinGroup
	for _, g := range j.groups {
		if g != nil {
			all = append(all, g)
		}
	}
	slices.SortFunc(all, func(a, b *joinGroup) int {
		if a.seq < b.seq {
			return -1
		}
		return 1
	})
	return all
}
