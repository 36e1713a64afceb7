package node

import (
	"errors"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() { spec.Register("shift", func() spec.Declarer { return &shift{} }) }

// shift moves data in time.
type shift struct {
	by time.Duration

	point point.Point
	batch point.Batch
}

func (s *shift) Declare(d *spec.Spec) {
	d.Doc("Adds a duration to the times of points and batches, to compare with what was before.")
	d.Arg(&s.by, "duration", "what to add; may be negative")
	d.Check(func() error {
		if s.by == 0 {
			return errors.New("invalid shift value: must be non zero duration")
		}
		return nil
	})
	d.Example("stream|from().measurement('m')|shift(10s)", "m v=1 0s\nm v=2 1s", "m v=1 10s\nm v=2 11s")
}

func (s *shift) Open(out point.Sink) point.Sink {
	return &shiftSink{n: s, Forward: spec.Forward{Out: out}}
}

type shiftSink struct {
	n *shift
	spec.Forward
}

func (s *shiftSink) Point(p *point.Point) {
	s.n.point = *p
	s.n.point.Time += int64(s.n.by)
	s.Out.Point(&s.n.point)
}

func (s *shiftSink) Batch(b *point.Batch) {
	points := append(s.n.batch.Points[:0], b.Points...)
	for i := range points {
		points[i].Time += int64(s.n.by)
	}
	s.n.batch = *b
	s.n.batch.TMax += int64(s.n.by)
	s.n.batch.Points = points
	s.Out.Batch(&s.n.batch)
}
