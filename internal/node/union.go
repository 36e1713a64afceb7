package node

import (
	"fmt"
	"math"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() { spec.Register("union", func() spec.Declarer { return &union{} }) }

// union merges streams in the order of their times.
//
// Each parent has a queue and a mark: the time of the queue's head or, if it is empty, of the last
// head it had. Whatever is not later than all marks is sent on. So nothing flows before every
// parent has brought something, and a silent parent holds the others back.
type union struct {
	rename string

	env      spec.Env
	out      point.Sink
	sources  []unionSource
	silent   int // sources that have brought nothing yet
	waiting  int // points in the queues
	overflow *int64
	groups   []unionGroup // by the groups' Index
	point    point.Point
	batch    point.Batch
	saved    unionState
}

type unionSource struct {
	queue queue
	seen  bool
	mark  int64
}

// A unionGroup keeps a group alive that was seen: until it is deleted and none of it waits.
type unionGroup struct {
	group   *point.Group
	out     *point.Group // as renamed
	waiting int
	deleted bool // and nothing has come since
	repeat  bool // something was waiting then
}

// unionState is what is saved.
type unionState struct {
	Groups  savedGroups
	Sources []savedSource
	Deleted []int // groups that are deleted but still wait
}

type savedSource struct {
	Seen  bool
	Mark  int64
	Queue []savedMessage
}

func (u *union) Declare(s *spec.Spec) {
	s.Doc("Merges several streams into one in the order of their times. What comes in waits until every parent has sent something as late; a parent that is silent holds the others back.")
	s.Merges("the nodes to merge with the one in front")
	s.LastIn = true // as with Kapacitor: of data with one time that of the arguments comes first
	s.Prop(&u.rename, "rename", "measurement of all that is sent on; each one's own if unset")
	s.Example("var a = stream|from().measurement('a')\nvar b = stream|from().measurement('b')\na|union(b).rename('u')", "a v=1 0s\na v=2 2s\nb v=3 1s\nb v=4 3s", "u v=1 0s\nu v=3 1s\nu v=2 2s\nu v=4 3s")
}

// Parents makes the sources.
func (u *union) Parents(n int) { u.sources, u.silent = make([]unionSource, n), n }

func (u *union) Start(env spec.Env) error {
	u.env = env
	u.overflow = env.Counter("overflows")
	return nil
}

func (u *union) Input(i int, out point.Sink) point.Sink {
	u.out = out
	return &unionInput{n: u, source: &u.sources[i]}
}

// A unionInput takes what one parent sends.
type unionInput struct {
	n      *union
	source *unionSource
}

func (u *unionInput) Point(p *point.Point) {
	u.source.queue.push().keepPoint(p, p.Time)
	u.arrived(p.Group, p.Time)
}

func (u *unionInput) Batch(b *point.Batch) {
	u.source.queue.push().keepBatch(b, b.TMax)
	u.arrived(b.Group, b.TMax)
}

// Barrier waits in line like a point.
func (u *unionInput) Barrier(g *point.Group, t int64) {
	u.source.queue.push().keepBarrier(g, t)
	u.arrived(g, t)
}

// Delete goes on at once. What still waits makes the group anew; once it is through the deletion is
// repeated, or the group would stay for ever.
func (u *unionInput) Delete(g *point.Group) {
	x := u.n.group(g)
	u.n.out.Delete(x.out)
	x.deleted, x.repeat = true, x.waiting > 0
	u.n.release(x)
}

// arrived sends on what the last message in the source's queue, of time t, allows.
func (u *unionInput) arrived(g *point.Group, t int64) {
	s := u.source
	u.n.hold(g)
	u.n.waiting += s.queue.at(s.queue.size - 1).weight()
	if s.queue.size == 1 {
		s.mark = t
	}
	if !s.seen {
		s.seen = true
		u.n.silent--
	}
	if u.n.silent == 0 {
		u.n.flush()
	}
	for u.n.waiting > maxWaiting {
		if *u.n.overflow == 0 {
			u.n.env.Error(fmt.Errorf("more than %d points wait for a parent that sends nothing; the oldest go on without it", maxWaiting))
		}
		*u.n.overflow++
		u.n.sendUpTo(u.n.earliest())
	}
}

// flush sends what is not later than all marks.
func (u *union) flush() {
	for {
		m := u.sources[0].mark
		for i := range u.sources {
			m = min(m, u.sources[i].mark)
		}
		if !u.sendUpTo(m) {
			return
		}
	}
}

// earliest returns the time of the earliest head, the latest time there is if all queues are empty.
func (u *union) earliest() int64 {
	t := int64(math.MaxInt64)
	for i := range u.sources {
		if q := &u.sources[i].queue; q.size > 0 {
			t = min(t, q.head().time)
		}
	}
	return t
}

// sendUpTo sends the heads up to time t, source by source, and reports whether there were any.
func (u *union) sendUpTo(t int64) bool {
	sent := false
	for i := range u.sources {
		s := &u.sources[i]
		for s.queue.size > 0 && s.queue.head().time <= t {
			u.send(s.queue.head())
			s.queue.pop()
			if s.queue.size > 0 {
				s.mark = s.queue.head().time
			}
			sent = true
		}
	}
	return sent
}

func (u *union) send(m *message) {
	u.waiting -= m.weight()
	x := u.group(m.group)
	switch m.kind {
	case pointMessage:
		p := &m.point
		if u.rename != "" {
			u.point = *p
			u.point.Name, u.point.Group = u.rename, x.out
			p = &u.point
		}
		u.out.Point(p)
	case batchMessage:
		b := m.batch
		if u.rename != "" {
			u.batch = *b
			u.batch.Name, u.batch.Group = u.rename, x.out
			b = &u.batch
		}
		u.out.Batch(b)
	case barrierMessage:
		u.out.Barrier(x.out, m.time)
	}
	x.waiting--
	u.release(x)
}

// Close sends all that waits, in the order of the times as far as the queues have it.
func (u *union) Close() {
	for u.sendUpTo(u.earliest()) {
	}
}

// hold notes that one more message of g waits.
func (u *union) hold(g *point.Group) {
	x := u.group(g)
	x.waiting++
	x.deleted = false
	if x.out != g {
		u.renamed(g) // notes that the group is in use
	}
}

func (u *union) renamed(g *point.Group) *point.Group {
	return u.env.Groups().Get(u.rename, g.Tags, g.Dims, true)
}

func (u *union) group(g *point.Group) *unionGroup {
	for g.Index >= len(u.groups) {
		u.groups = append(u.groups, unionGroup{})
	}
	x := &u.groups[g.Index]
	if x.group == g {
		return x
	}
	*x = unionGroup{group: g, out: g}
	u.env.Groups().Hold(g)
	if u.rename != "" && g.ByName && g.Name != u.rename {
		x.out = u.renamed(g)
		u.env.Groups().Hold(x.out)
	}
	return x
}

// release forgets a deleted group of which nothing waits.
func (u *union) release(x *unionGroup) {
	if !x.deleted || x.waiting > 0 {
		return
	}
	g, out := x.group, x.out
	if x.repeat {
		u.out.Delete(out)
	}
	*x = unionGroup{}
	u.env.Groups().Release(g)
	if out != g {
		u.env.Groups().Release(out)
	}
}

// State saves what waits.
func (u *union) State() any {
	u.saved = unionState{}
	for i := range u.sources {
		s := &u.sources[i]
		u.saved.Sources = append(u.saved.Sources, savedSource{Seen: s.seen, Mark: s.mark, Queue: s.queue.save(&u.saved.Groups)})
	}
	for i := range u.groups {
		if x := &u.groups[i]; x.deleted {
			u.saved.Deleted = append(u.saved.Deleted, u.saved.Groups.add(x.group))
		}
	}
	return &u.saved
}

// Restored takes over what was saved.
func (u *union) Restored() {
	groups := u.saved.Groups.load(u.env)
	for i := range min(len(u.sources), len(u.saved.Sources)) {
		s, x := &u.sources[i], &u.saved.Sources[i]
		if x.Seen && !s.seen {
			u.silent--
		}
		s.seen, s.mark = x.Seen, x.Mark
		u.waiting += s.queue.load(x.Queue, groups)
		for j := range s.queue.size {
			u.hold(s.queue.at(j).group)
		}
	}
	for _, i := range u.saved.Deleted {
		x := u.group(groups[i])
		x.deleted, x.repeat = true, true
	}
	u.saved = unionState{}
}
