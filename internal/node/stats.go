package node

import (
	"errors"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() { spec.Register("stats", func() spec.Declarer { return &stats{} }) }

// statsPrio makes stats timers fire after those of barriers at the same instant.
const statsPrio = 1

// stats is a source that reports how many points its parent has sent.
type stats struct {
	interval time.Duration
	align    bool

	env    spec.Env
	out    point.Sink
	grid   point.Grid
	counts []statsCount // in the order in which the groups appeared
	index  []int32      // for each group's Index its place in counts, from 1
	saved  statsState
	timer  *spec.Timer
	next   int64 // when the next report is due
	stamp  int64 // the time that it will carry, before rounding
	point  point.Point
	field  [1]point.Field
	none   *point.Group
}

// A statsCount is the number of points sent of one group.
type statsCount struct {
	group *point.Group
	n     int64
}

// statsState is what survives a restart: with it a deadman still knows of a host that fell silent
// before.
type statsState struct {
	Next, Stamp int64
	Counts      []savedCount
}

type savedCount struct {
	Name   string
	Dims   []string
	Tags   []point.Tag
	ByName bool
	N      int64
}

func (s *stats) Declare(d *spec.Spec) {
	d.Doc("Reports for each group, once per interval, how many points the node in front has sent since the task began, as the field emitted of the measurement stats.")
	d.Edges(spec.Same, spec.Stream)
	d.After("*")
	d.Arg(&s.interval, "interval", "time between reports")
	d.Flag(&s.align, "align", "report at multiples of the interval")
	d.Check(func() error {
		if s.interval <= 0 {
			return errors.New("the interval must be positive")
		}
		return nil
	})
	d.Example("stream|from().measurement('m')|stats(10s)", "m v=1 0s\nm v=1 5s\nm v=1 10s\nm v=1 21s", "stats emitted=2i 10s\nstats emitted=3i 20s")
}

func (s *stats) Start(env spec.Env) error {
	s.env = env
	if s.align {
		s.grid = point.NewGrid(s.interval)
	}
	s.none = env.Groups().Get("", nil, nil, false)
	s.point = point.Point{Name: "stats", Fields: s.field[:]}
	return nil
}

// Open starts the timer. An aligned node waits for the next multiple of the interval, but its first
// report carries the rounded time of the start.
func (s *stats) Open(out point.Sink) point.Sink {
	s.out = out
	start := s.env.Now()
	first, stamp := start+int64(s.interval), start+int64(s.interval)
	if s.align {
		first, stamp = s.grid.Truncate(start)+int64(s.interval), start
	}
	s.wait(first, stamp)
	return s
}

// wait makes the next report come at t.
func (s *stats) wait(t, stamp int64) {
	s.timer.Stop()
	s.next, s.stamp = t, stamp
	s.timer = s.env.At(t, statsPrio, s.report)
}

// report emits the counts and waits for the next time.
func (s *stats) report() {
	s.point.Time = s.grid.Round(s.stamp)
	next := s.next + int64(s.interval)
	s.wait(next, next)
	if len(s.counts) == 0 {
		s.emit(s.none, 0)
	}
	for i := range s.counts {
		s.emit(s.counts[i].group, s.counts[i].n)
	}
}

func (s *stats) emit(g *point.Group, n int64) {
	s.field[0] = point.Field{Key: "emitted", Value: point.IntValue(n)}
	s.point.Tags, s.point.Group = g.Tags, g
	s.out.Point(&s.point)
}

func (s *stats) Point(p *point.Point) { s.counts[s.at(p.Group)].n++ }

func (s *stats) Batch(b *point.Batch) { s.counts[s.at(b.Group)].n += int64(len(b.Points)) }

// Barrier ends here: a source's time is the clock.
func (s *stats) Barrier(*point.Group, int64) {}

// Delete forgets the group's count, and what follows forgets the group.
func (s *stats) Delete(g *point.Group) {
	i := s.find(g)
	if i < 0 {
		return
	}
	s.counts = append(s.counts[:i], s.counts[i+1:]...)
	s.index[g.Index] = 0
	for j := i; j < len(s.counts); j++ {
		s.index[s.counts[j].group.Index]--
	}
	s.out.Delete(g)
	s.env.Groups().Release(g)
}

// at returns the place of the group's count.
func (s *stats) at(g *point.Group) int {
	if i := s.find(g); i >= 0 {
		return i
	}
	for g.Index >= len(s.index) {
		s.index = append(s.index, 0)
	}
	s.counts = append(s.counts, statsCount{group: g})
	s.index[g.Index] = int32(len(s.counts))
	s.env.Groups().Hold(g)
	return len(s.counts) - 1
}

func (s *stats) find(g *point.Group) int {
	if g.Index < len(s.index) {
		if i := int(s.index[g.Index]) - 1; i >= 0 && s.counts[i].group == g {
			return i
		}
	}
	return -1
}

func (s *stats) State() any {
	s.saved = statsState{Next: s.next, Stamp: s.stamp, Counts: s.saved.Counts[:0]}
	for _, c := range s.counts {
		g := c.group
		s.saved.Counts = append(s.saved.Counts, savedCount{Name: g.Name, Dims: g.Dims, Tags: g.Tags, ByName: g.ByName, N: c.n})
	}
	return &s.saved
}

// Restored goes on as if there had been no restart. If it took so long that a report was missed,
// the counts begin at 0 instead, with the same groups: a count that goes back tells a deadman to
// leave that interval out.
func (s *stats) Restored() {
	next, stamp, now := s.saved.Next, s.saved.Stamp, s.env.Now()
	missed := next < now
	if missed {
		next += (now - next + int64(s.interval) - 1) / int64(s.interval) * int64(s.interval)
		stamp = next
	}
	for _, c := range s.saved.Counts {
		i := s.at(s.env.Groups().Get(c.Name, c.Tags, c.Dims, c.ByName))
		if !missed {
			s.counts[i].n += c.N
		}
	}
	if next <= now+int64(s.interval) { // else the clock was ahead, or the script has changed
		s.wait(next, stamp)
	}
}
