package node

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() { spec.Register("barrier", func() spec.Declarer { return &barrier{} }) }

// barrierPrio makes barriers fire before the reports of stats at the same instant.
const barrierPrio = 0

// barrier tells the nodes behind it that nothing older will come, by the clock. See [barrierGroup].
type barrier struct {
	idle, period time.Duration
	forget       bool

	env    spec.Env
	batch  point.Batch
	loaded []*barrierGroup // groups whose state has been loaded, but not their timers
}

func (n *barrier) Declare(s *spec.Spec) {
	s.Doc("Moves the time of the nodes behind it on while no data comes, for each group: windows end, joins go on without the " +
		"side that is silent. A barrier says that nothing older will come, so points older than the last one are dropped.")
	s.Prop(&n.idle, "idle", "send a barrier when a group has been silent so long, and again after each such time; it is that much later than the last point or barrier")
	s.Prop(&n.period, "period", "send a barrier so often, with the time of the clock; not for data of the past")
	s.Prop(&n.forget, "delete", "have all nodes behind forget the group after each barrier; the next point begins it anew")
	s.Check(n.check)
	s.Example("stream|from().measurement('m')|barrier().idle(5s)|window().period(10s).every(10s)|count('v')", "m v=1 0s\nm v=1 3s\n# advance: 10s", "m count=2i 10s")
}

func (n *barrier) check() error {
	switch {
	case n.idle != 0 && n.period != 0:
		return errors.New("cannot specify both idle and period")
	case n.idle < 0:
		return errors.New("idle must be greater than zero")
	case n.period < 0:
		return errors.New("period must be greater than zero")
	case n.idle == 0 && n.period == 0:
		return errors.New("needs idle or period, write .idle(30s) for example")
	}
	return nil
}

func (n *barrier) Start(env spec.Env) error {
	n.env = env
	return nil
}

func (n *barrier) Group(g *point.Group, out point.Sink) point.Sink {
	b := &barrierGroup{n: n, Forward: spec.Forward{Out: out}, group: g}
	b.state.Last = n.env.Now()
	b.state.Due = n.env.Now() + int64(n.period+n.idle)
	b.fire = b.due
	b.arm(b.state.Due)
	return b
}

// A barrierGroup sends the barriers of one group. With idle a point moves the next one away, which
// only notes the new time: the timer, when it goes off too early, is set again.
type barrierGroup struct {
	n *barrier
	spec.Forward
	group *point.Group
	timer *spec.Timer
	fire  func()
	state struct {
		Last   int64 // time of the last point or barrier, by arrival
		Sent   bool
		Oldest int64  // time of the last barrier sent: older points are dropped
		Due    int64  // when the clock brings the next one
		Wake   int64  // when the timer goes off: not after Due
		Turn   uint64 // which of the timers that go off at one time comes first
	}
}

func (b *barrierGroup) State() any {
	b.state.Wake, b.state.Turn = b.timer.At, b.timer.Seq
	return &b.state
}

// Restored leaves the timer to the node.
func (b *barrierGroup) Restored() { b.n.loaded = append(b.n.loaded, b) }

// Restored waits for the groups' next barriers at the times at which they were due, and lets them take
// turns as before; those that were missed are due now.
func (n *barrier) Restored() {
	slices.SortStableFunc(n.loaded, func(a, b *barrierGroup) int { return cmp.Compare(a.state.Turn, b.state.Turn) })
	for _, b := range n.loaded {
		b.state.Due = min(b.state.Due, n.env.Now()+int64(n.period+n.idle)) // the script may have changed
		b.arm(min(b.state.Wake, b.state.Due))
	}
	n.loaded = nil
}

func (b *barrierGroup) arm(at int64) {
	b.timer.Stop()
	b.timer = b.n.env.At(at, barrierPrio, b.fire)
}

// due sends a barrier, unless points have come since the timer was set.
func (b *barrierGroup) due() {
	s, now := &b.state, b.n.env.Now()
	if s.Due > now {
		b.arm(b.state.Due)
		return
	}
	if b.n.idle > 0 {
		s.Last += int64(b.n.idle)
		s.Due = now + int64(b.n.idle)
	} else {
		s.Last = now
		late := now - s.Due // barriers that a stopped agent did not send are left out
		s.Due = now + int64(b.n.period) - late%int64(b.n.period)
	}
	s.Sent, s.Oldest = true, s.Last
	b.arm(b.state.Due)
	b.Out.Barrier(b.group, s.Last)
	if b.n.forget {
		b.n.env.Delete(b.group)
	}
}

// accept reports whether data with time t may pass, and notes it.
func (b *barrierGroup) accept(t int64) bool {
	s := &b.state
	if s.Sent && t < s.Oldest {
		return false
	}
	if b.n.idle > 0 {
		s.Last = t
		s.Due = b.n.env.Now() + int64(b.n.idle)
	}
	return true
}

func (b *barrierGroup) Point(p *point.Point) {
	if b.accept(p.Time) {
		b.Out.Point(p)
	}
}

func (b *barrierGroup) Batch(x *point.Batch) {
	points := b.n.batch.Points[:0]
	for i := range x.Points {
		if b.accept(x.Points[i].Time) {
			points = append(points, x.Points[i])
		}
	}
	b.n.batch = *x
	b.n.batch.Points = points
	b.Out.Batch(&b.n.batch)
}

// Barrier passes one on that another barrier node sent.
func (b *barrierGroup) Barrier(g *point.Group, t int64) {
	if b.accept(t) {
		b.Out.Barrier(g, t)
	}
}

func (b *barrierGroup) Delete(g *point.Group) {
	b.timer.Stop()
	b.Out.Delete(g)
}
