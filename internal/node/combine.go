package node

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

func init() {
	spec.Register("combine", func() spec.Declarer { return &combine{delimiter: ".", limit: 1_000_000} })
}

// combine joins points of one stream that have the same time with each other.
type combine struct {
	lambdas   []*syntax.Lambda
	as        []string
	delimiter string
	tolerance time.Duration
	limit     int64

	env    spec.Env
	grid   point.Grid
	exprs  []*lambda.Expr
	fault  prefixed
	fields []nameCache
	tags   []nameCache

	point   point.Point
	buf     []point.Field
	matches []bool // whether point i matches expression k, at i*len(exprs)+k
	chosen  []int
	left    []int
	taken   []int
}

// combinedTags is a tree of what the tag sets of combined points make: one level per expression.
type combinedTags struct {
	tags []point.Tag
	done bool
	next map[tagKey]*combinedTags
}

// maxCombinedTags bounds the tree of a group; a full one is emptied.
const maxCombinedTags = 1 << 10

func (c *combine) Declare(s *spec.Spec) {
	s.Doc("Joins points of a group that have the same time with each other. Of all combinations of as many points as there are expressions, " +
		"those are sent as one point whose points match the expressions, each a different one; the order does not matter. Field names, and tags that are no group tags, get the expression's prefix.")
	s.Edges(spec.Same, spec.Stream)
	s.Arg(&c.lambdas, "expression", "predicate that one of the combined points must match")
	s.Prop(&c.as, "as", "prefix for each expression; required")
	s.Prop(&c.delimiter, "delimiter", "what stands between prefix and name")
	s.Prop(&c.tolerance, "tolerance", "times are rounded to multiples of this")
	s.Prop(&c.limit, "max", "the task stops if more combinations than this had to be looked at")
	s.Check(c.check)
	s.Example("stream|from().measurement('m')|combine(lambda: \"s\" == 'l', lambda: TRUE).as('l', 'o')", "m,s=l v=1 0s\nm,s=x v=2 0s\nm,s=y v=3 0s\nm,s=l v=4 1s", "m,l.s=l,o.s=x l.v=1,o.v=2 0s\nm,l.s=l,o.s=y l.v=1,o.v=3 0s")
}

func (c *combine) check() error {
	switch {
	case len(c.as) == 0:
		return errors.New("as is required: it names a prefix for each expression, .as('a', 'b') for example")
	case len(c.as) != len(c.lambdas):
		return fmt.Errorf("as names %d prefixes, want one for each of the %d expressions", len(c.as), len(c.lambdas))
	case c.tolerance < 0:
		return errors.New("tolerance must not be negative")
	}
	return checkPrefixes(c.as, c.delimiter)
}

func (c *combine) Start(env spec.Env) error {
	c.env = env
	c.fault.prefix = "error evaluating lambda expression"
	c.grid = point.NewGrid(c.tolerance)
	for i, l := range c.lambdas {
		x, err := predicate(l, env)
		if err != nil {
			return err
		}
		c.exprs = append(c.exprs, x)
		c.fields = append(c.fields, nameCache{prefix: c.as[i] + c.delimiter})
		c.tags = append(c.tags, nameCache{prefix: c.as[i] + c.delimiter})
	}
	k := len(c.exprs)
	c.chosen, c.left, c.taken = make([]int, k), make([]int, k), make([]int, k)
	return nil
}

func (c *combine) Group(g *point.Group, out point.Sink) point.Sink {
	x := &combineGroup{n: c, Forward: spec.Forward{Out: out}, group: g}
	for _, e := range c.exprs {
		if e.Stateful() {
			x.state.Lambdas = make([]lambda.State, len(c.exprs))
		}
	}
	return x
}

// A pointCopy is what a combineGroup keeps of a point.
type pointCopy struct {
	Time   int64
	Tags   []point.Tag
	Fields []point.Field
}

// A combineGroup collects the points of one group and time.
type combineGroup struct {
	n *combine
	spec.Forward
	group *point.Group
	memo  *combinedTags
	sets  int // nodes in memo
	state struct {
		Begun   bool
		Name    string // of the group's first message
		Timed   bool
		Time    int64
		Points  []pointCopy
		Count   int // of the points, those that are too many included
		Lambdas []lambda.State
	}
}

func (c *combineGroup) State() any { return &c.state }

func (c *combineGroup) begin(name string) {
	if !c.state.Begun {
		c.state.Begun, c.state.Name = true, name
	}
}

func (c *combineGroup) Point(p *point.Point) {
	s := &c.state
	c.begin(p.Name)
	t := c.n.grid.Round(p.Time)
	if s.Timed && t != s.Time {
		c.flush(s.Name)
	}
	s.Timed, s.Time = true, t
	c.add(p)
}

func (c *combineGroup) Batch(b *point.Batch) {
	c.begin(b.Name)
	for i := range b.Points {
		p := &b.Points[i]
		t := c.n.grid.Round(p.Time)
		if i > 0 && t != c.state.Time {
			c.flush(b.Name)
		}
		c.state.Time = t
		c.add(p)
	}
	c.flush(b.Name)
}

func (c *combineGroup) Barrier(g *point.Group, t int64) {
	c.begin("barrier")
	c.Out.Barrier(g, t)
}

// add keeps a point, unless there are so many that flush will fail anyway.
func (c *combineGroup) add(p *point.Point) {
	s := &c.state
	s.Count++
	if combinations(s.Count-1, len(c.n.exprs)) > c.n.limit {
		return
	}
	n := len(s.Points)
	if n < cap(s.Points) {
		s.Points = s.Points[:n+1] // the fields' memory is used again
	} else {
		s.Points = append(s.Points, pointCopy{})
	}
	k := &s.Points[n]
	k.Time, k.Tags, k.Fields = p.Time, p.Tags, append(k.Fields[:0], p.Fields...)
}

// flush sends the combinations of the points collected and forgets them.
func (c *combineGroup) flush(name string) {
	s := &c.state
	c.evaluate()
	if n := combinations(s.Count, len(c.n.exprs)); n > c.n.limit {
		c.n.env.Fail(fmt.Errorf("refusing to perform combination as total combinations %d exceeds max combinations %d", n, c.n.limit))
		return
	}
	c.n.point.Name, c.n.point.Time, c.n.point.Group = name, s.Time, c.group
	if len(s.Points) >= len(c.n.exprs) {
		c.each(len(s.Points))
	}
	s.Points, s.Count = s.Points[:0], 0
	if cap(s.Points) > maxIdlePoints {
		s.Points = nil
	}
}

// maxIdlePoints bounds the points whose memory a group keeps for the next ones.
const maxIdlePoints = 256

// evaluate finds out which expressions each point matches.
func (c *combineGroup) evaluate() {
	c.n.matches = c.n.matches[:0]
	for i := range c.state.Points {
		k := &c.state.Points[i]
		c.n.point = point.Point{Name: c.state.Name, Time: k.Time, Tags: k.Tags, Fields: k.Fields, Group: c.group}
		for e, x := range c.n.exprs {
			var st *lambda.State
			if c.state.Lambdas != nil {
				st = &c.state.Lambdas[e]
			}
			ok, err := x.Bool(&c.n.point, st)
			if err != nil {
				c.n.env.Error(c.n.fault.wrap(err))
			}
			c.n.matches = append(c.n.matches, ok && err == nil)
		}
	}
}

// each goes through the combinations of n points in lexicographic order.
func (c *combineGroup) each(n int) {
	k := len(c.n.chosen)
	for i := range c.n.chosen {
		c.n.chosen[i] = i
	}
	for {
		if c.assign() {
			c.send()
		}
		i := k - 1
		for i >= 0 && c.n.chosen[i] == n-k+i {
			i--
		}
		if i < 0 {
			return
		}
		c.n.chosen[i]++
		for i++; i < k; i++ {
			c.n.chosen[i] = c.n.chosen[i-1] + 1
		}
	}
}

// assign gives each expression the first of the chosen points that matches it and is still free.
func (c *combineGroup) assign() bool {
	left := append(c.n.left[:0], c.n.chosen...)
	for e := range c.n.exprs {
		i := slices.IndexFunc(left, func(p int) bool { return c.n.matches[p*len(c.n.exprs)+e] })
		if i < 0 {
			return false
		}
		c.n.taken[e] = left[i]
		left = append(left[:i], left[i+1:]...)
	}
	return true
}

// send sends the points taken as one.
func (c *combineGroup) send() {
	c.n.buf = c.n.buf[:0]
	for e, i := range c.n.taken {
		k := &c.state.Points[i]
		for f := range k.Fields {
			c.n.buf = append(c.n.buf, point.Field{Key: c.n.fields[e].name(f, k.Fields[f].Key), Value: k.Fields[f].Value})
		}
	}
	c.n.buf = point.SortFields(c.n.buf)
	c.n.point.Fields = c.n.buf
	c.n.point.Tags = c.combined()
	c.Out.Point(&c.n.point)
}

// combined returns the tags of the points taken; equal tag sets give the same slice again.
func (c *combineGroup) combined() []point.Tag {
	if c.memo == nil || c.sets >= maxCombinedTags {
		c.memo, c.sets = new(combinedTags), 0
	}
	at := c.memo
	for _, i := range c.n.taken {
		k := keyOf(c.state.Points[i].Tags)
		next := at.next[k]
		if next == nil {
			next = new(combinedTags)
			if at.next == nil {
				at.next = make(map[tagKey]*combinedTags)
			}
			at.next[k] = next
			c.sets++
		}
		at = next
	}
	if !at.done {
		at.tags, at.done = c.merge(), true
	}
	return at.tags
}

// merge puts the tags of the points taken together.
func (c *combineGroup) merge() []point.Tag {
	var tags []point.Tag
	for e, i := range c.n.taken {
		for n, t := range c.state.Points[i].Tags {
			if !slices.Contains(c.group.Dims, t.Key) {
				t.Key = c.n.tags[e].name(n, t.Key)
			}
			tags = append(tags, t)
		}
	}
	slices.SortStableFunc(tags, func(a, b point.Tag) int { return strings.Compare(a.Key, b.Key) })
	out := tags[:0]
	for i := range tags {
		if i+1 == len(tags) || tags[i+1].Key != tags[i].Key { // of equal keys the last wins
			out = append(out, tags[i])
		}
	}
	return slices.Clip(out)
}

// combinations returns how many sets of k out of n there are, or the greatest int64 if that is too
// many to count.
func combinations(n, k int) int64 {
	if k > n {
		return 0
	}
	k = min(k, n-k)
	c := int64(1)
	for i := 1; i <= k; i++ {
		if c > math.MaxInt64/int64(n-k+i) {
			return math.MaxInt64
		}
		c = c * int64(n-k+i) / int64(i)
	}
	return c
}
