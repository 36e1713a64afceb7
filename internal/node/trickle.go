package node

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() { spec.Register("trickle", func() spec.Declarer { return &trickle{} }) }

// trickle takes batches apart.
type trickle struct{ point point.Point }

func (t *trickle) Declare(s *spec.Spec) {
	s.Doc("Turns batches back into a stream: each point of a batch is sent on alone, with the batch's name and group and its own time, tags and fields.")
	s.Edges(spec.Batch, spec.Stream)
	s.Example("stream|from().measurement('m')|window().period(10s).every(10s)|trickle()|where(lambda: \"v\" > 1)", "m v=1 0s\nm v=2 5s\nm v=3 10s", "m v=2 5s")
}

func (t *trickle) Open(out point.Sink) point.Sink {
	return &trickleSink{n: t, Forward: spec.Forward{Out: out}}
}

type trickleSink struct {
	n *trickle
	spec.Forward
}

func (t *trickleSink) Batch(b *point.Batch) {
	for i := range b.Points {
		p := &b.Points[i]
		t.n.point = point.Point{Name: b.Name, Time: p.Time, Tags: p.Tags, Fields: p.Fields, Group: b.Group}
		t.Out.Point(&t.n.point)
	}
}
