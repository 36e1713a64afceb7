package node

import (
	"errors"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() { spec.Register("sample", func() spec.Declarer { return &sample{} }) }

// sample passes on a part of the points.
type sample struct {
	rate point.Value

	n     int64 // pass on one of n, or, if 0, points on the grid
	grid  point.Grid
	count int64 // in the batch at work
	batch point.Batch
}

func (s *sample) Declare(d *spec.Spec) {
	d.Doc("Passes on the first of every n points of a group or batch, or the points whose time is a multiple of a duration.")
	d.Arg(&s.rate, "rate", "number n, or duration")
	d.Check(func() error {
		switch {
		case s.rate.Kind != point.Int && s.rate.Kind != point.Duration:
			return errors.New("want an int or a duration: sample(10) or sample(5s)")
		case s.rate.Int() <= 0:
			return errors.New("invalid sample rate: must be positive integer or duration")
		}
		return nil
	})
	d.Example("stream|from().measurement('m')|sample(2)", "m v=1 0s\nm v=2 1s\nm v=3 2s", "m v=1 0s\nm v=3 2s")
	d.Example("stream|from().measurement('m')|sample(5s)", "m v=1 0s\nm v=2 4s\nm v=3 5s\nm v=4 5s", "m v=1 0s\nm v=3 5s\nm v=4 5s")
}

func (s *sample) Start(spec.Env) error {
	if s.rate.Kind == point.Int {
		s.n = s.rate.Int()
	} else {
		s.grid = point.NewGrid(s.rate.Duration())
	}
	return nil
}

func (s *sample) Group(_ *point.Group, out point.Sink) point.Sink {
	return &sampleGroup{n: s, Forward: spec.Forward{Out: out}}
}

type sampleGroup struct {
	n *sample
	spec.Forward
	state sampleState
}

// sampleState counts the points of a group on a stream.
type sampleState struct{ Count int64 }

func (s *sampleGroup) State() any { return &s.state }

func (s *sampleGroup) Point(p *point.Point) {
	if s.n.keeps(p, &s.state.Count) {
		s.Out.Point(p)
	}
}

func (s *sampleGroup) Batch(b *point.Batch) {
	points := s.n.batch.Points[:0]
	s.n.count = 0
	for i := range b.Points {
		if s.n.keeps(&b.Points[i], &s.n.count) {
			points = append(points, b.Points[i])
		}
	}
	s.n.batch = *b
	s.n.batch.Points = points
	s.Out.Batch(&s.n.batch)
}

func (s *sample) keeps(p *point.Point, count *int64) bool {
	if s.n == 0 {
		return s.grid.Truncate(p.Time) == p.Time
	}
	c := *count
	*count = (c + 1) % s.n
	return c == 0
}
