package node

import (
	"slices"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// This file holds what nodes share that keep points, batches and barriers waiting.

// maxWaiting bounds what one node keeps waiting, in points. What a node does when a parent falls
// silent for ever must not fill the memory: beyond it goes on without that parent.
const maxWaiting = 1 << 18

// A message is a point, a batch or a barrier that waits. Its buffer for fields is used again.
type message struct {
	group *point.Group
	time  int64
	lent  *point.Point // if it is not point
	point point.Point
	batch *point.Batch
	kind  messageKind
	src   int32 // a join's parent that sent it
	buf   []point.Field
}

type messageKind uint8

const (
	noMessage messageKind = iota
	pointMessage
	batchMessage
	barrierMessage
)

// keepPoint makes m a copy of p.
func (m *message) keepPoint(p *point.Point, t int64) { m.keep(p.Group, p, p.Fields, t) }

// keep makes m a copy of p with another group and other fields.
func (m *message) keep(g *point.Group, p *point.Point, fields []point.Field, t int64) {
	m.buf = append(m.buf[:0], fields...)
	m.kind, m.group, m.time = pointMessage, g, t
	q := &m.point // a literal would be copied
	q.Name, q.DB, q.RP, q.Time, q.Tags, q.Fields, q.Group = p.Name, p.DB, p.RP, p.Time, p.Tags, m.buf, g
}

// lendPoint makes m stand for p as long as p is valid.
func (m *message) lendPoint(p *point.Point, t int64) {
	m.kind, m.group, m.time, m.lent = pointMessage, p.Group, t, p
}

// at returns the point of m.
func (m *message) at() *point.Point {
	if m.lent != nil {
		return m.lent
	}
	return &m.point
}

// keepBatch makes m a copy of b.
func (m *message) keepBatch(b *point.Batch, t int64) { m.lendBatch(cloneBatch(b), t) }

// lendBatch makes m stand for b as long as b is valid.
func (m *message) lendBatch(b *point.Batch, t int64) {
	m.kind, m.group, m.time, m.batch = batchMessage, b.Group, t, b
}

func (m *message) keepBarrier(g *point.Group, t int64) {
	m.kind, m.group, m.time = barrierMessage, g, t
}

// weight is what m counts towards maxWaiting.
func (m *message) weight() int {
	if m.kind == batchMessage {
		return 1 + len(m.batch.Points)
	}
	return 1
}

// vacate makes m empty; it keeps what does not take much memory. To clear all of it takes longer.
func (m *message) vacate() {
	m.kind, m.group, m.lent, m.batch, m.point.Group = noMessage, nil, nil, nil, nil
}

// clear makes m empty; it keeps its buffer.
func (m *message) clear() {
	m.kind, m.group, m.batch = noMessage, nil, nil
	if m.lent != nil {
		m.lent = nil
		return
	}
	m.point = point.Point{}
}

// cloneBatch is Batch.Clone with one allocation for all fields.
func cloneBatch(b *point.Batch) *point.Batch {
	n := 0
	for i := range b.Points {
		n += len(b.Points[i].Fields)
	}
	c := *b
	c.Points = slices.Clone(b.Points)
	fields := make([]point.Field, 0, n)
	for i := range c.Points {
		from := len(fields)
		fields = append(fields, c.Points[i].Fields...)
		c.Points[i].Fields = fields[from:len(fields):len(fields)]
	}
	return &c
}

// A queue is messages in the order of their arrival: a ring that grows.
type queue struct {
	ring  []message
	start int
	size  int
}

// minQueue is the length up to which an empty queue keeps its ring.
const minQueue = 1024

// push appends a message, to be filled in.
func (q *queue) push() *message {
	if q.size == len(q.ring) {
		ring := make([]message, max(4, 2*q.size))
		n := copy(ring, q.ring[q.start:])
		copy(ring[n:], q.ring[:q.start])
		q.ring, q.start = ring, 0
	}
	q.size++
	return q.at(q.size - 1)
}

// at returns the i-th message.
func (q *queue) at(i int) *message {
	i += q.start
	if i >= len(q.ring) {
		i -= len(q.ring)
	}
	return &q.ring[i]
}

func (q *queue) head() *message { return &q.ring[q.start] }

// pop removes the head.
func (q *queue) pop() {
	q.head().clear()
	if q.start++; q.start == len(q.ring) {
		q.start = 0
	}
	if q.size--; q.size == 0 && len(q.ring) > minQueue {
		*q = queue{}
	}
}

// keep removes the messages for which f does not hold.
func (q *queue) keep(f func(m *message) bool) {
	n := 0
	for i := range q.size {
		m := q.at(i)
		if f(m) {
			k := q.at(n)
			*k, *m = *m, *k
			n++
		}
	}
	for i := n; i < q.size; i++ {
		q.at(i).clear()
	}
	q.size = n
}

// A savedMessage is a message as it is saved; that of a barrier has neither point nor batch.
type savedMessage struct {
	Group int // place in the saved groups
	Src   int32
	Time  int64
	Point *point.Point
	Batch *point.Batch
}

func (m *message) save(gs *savedGroups) savedMessage {
	s := savedMessage{Group: gs.add(m.group), Src: m.src, Time: m.time}
	switch m.kind {
	case pointMessage:
		p := m.point
		p.Group = nil
		s.Point = &p
	case batchMessage:
		b := *m.batch
		b.Group = nil
		s.Batch = &b
	}
	return s
}

// load makes m the saved message, which must not be used any more.
func (m *message) load(s *savedMessage, groups []*point.Group) {
	g := groups[s.Group]
	m.src = s.Src
	switch {
	case s.Point != nil:
		s.Point.Group = g
		m.keepPoint(s.Point, s.Time)
	case s.Batch != nil:
		s.Batch.Group = g
		m.lendBatch(s.Batch, s.Time)
	default:
		m.keepBarrier(g, s.Time)
	}
}

func (q *queue) save(gs *savedGroups) []savedMessage {
	out := make([]savedMessage, 0, q.size)
	for i := range q.size {
		out = append(out, q.at(i).save(gs))
	}
	return out
}

// load appends saved messages and returns their weight.
func (q *queue) load(saved []savedMessage, groups []*point.Group) int {
	weight := 0
	for i := range saved {
		m := q.push()
		m.load(&saved[i], groups)
		weight += m.weight()
	}
	return weight
}

// savedGroups are the groups that a saved state refers to by their places.
type savedGroups struct {
	List  []savedGroup
	place map[*point.Group]int
}

// A savedGroup is what a group is found by.
type savedGroup struct {
	Name   string
	Dims   []string
	Tags   []point.Tag
	ByName bool
}

// add returns the place of g.
func (gs *savedGroups) add(g *point.Group) int {
	i, ok := gs.place[g]
	if !ok {
		if gs.place == nil {
			gs.place = make(map[*point.Group]int)
		}
		i = len(gs.List)
		gs.place[g] = i
		gs.List = append(gs.List, savedGroup{Name: g.Name, Dims: g.Dims, Tags: g.Tags, ByName: g.ByName})
	}
	return i
}

// load returns the task's own groups for the saved ones.
func (gs *savedGroups) load(env spec.Env) []*point.Group {
	out := make([]*point.Group, len(gs.List))
	for i, g := range gs.List {
		out[i] = env.Groups().Get(g.Name, g.Tags, g.Dims, g.ByName)
	}
	return out
}

// A nameCache puts a prefix in front of the names of fields without building a string per point:
// it expects the names of the last point at the same places.
type nameCache struct {
	prefix string
	alone  bool // the prefix is all of the name
	last   []prefixedName
	all    map[string]string
}

type prefixedName struct {
	field point.Name
	name  string
}

// nameCacheSize bounds the names remembered; a full cache is emptied.
const nameCacheSize = 1 << 12

// name returns the name of the i-th field of a point.
func (c *nameCache) name(i int, field string) string {
	if i < len(c.last) && c.last[i].field.Is(field) {
		return c.last[i].name
	}
	return c.find(i, field)
}

func (c *nameCache) find(i int, field string) string {
	if c.alone {
		return c.prefix
	}
	name, ok := c.all[field]
	if !ok {
		if c.all == nil || len(c.all) >= nameCacheSize {
			c.all = make(map[string]string)
		}
		name = c.prefix + field
		c.all[field] = name
	}
	for i >= len(c.last) {
		c.last = append(c.last, prefixedName{})
	}
	c.last[i] = prefixedName{point.NewName(field), name}
	return name
}
