package node

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/agg"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// transformGroup computes functions that give a result per point, at the time of the point. On a
// stream the series is as long as the group lives, in batches it starts anew with each.
type transformGroup struct {
	n *influxql
	spec.Forward
	group  *point.Group
	series groupSeries
}

// groupSeries is the series of a group on a stream. It is saved with the task.
type groupSeries struct {
	First  firstMessage
	Kind   point.Kind
	Series agg.Series
}

func (t *transformGroup) State() any { return &t.series }

func (t *transformGroup) Barrier(g *point.Group, time int64) {
	t.series.First.see("barrier")
	t.Out.Barrier(g, time)
}

// next brings p into the series and returns the result, if there is one. Once the kind is known a
// point that cannot be used gives a result too, that of the point before, as in Kapacitor.
func (t *transformGroup) next(p *point.Point, kind *point.Kind, series *agg.Series) (agg.Result, bool) {
	if v := p.Field(t.n.args.Field); t.n.take(v.Kind, kind) {
		t.n.step.Push(series, point.Sample{Time: p.Time, Value: v})
	} else if *kind == point.Missing {
		return agg.Result{}, false
	}
	return t.n.step.Emit(series)
}

func (t *transformGroup) Point(p *point.Point) {
	s := &t.series
	s.First.see(p.Name)
	if r, ok := t.next(p, &s.Kind, &s.Series); ok {
		t.n.point = point.Point{Name: s.First.Name, Time: r.Time, Tags: t.group.Tags, Fields: t.n.result(&r), Group: t.group}
		t.Out.Point(&t.n.point)
	}
}

func (t *transformGroup) Batch(b *point.Batch) {
	t.series.First.see(b.Name)
	out := &t.n.batch.batch
	t.n.batch.begin(b)
	out.Name = t.series.First.Name
	t.n.series.Reset()
	kind := point.Missing
	for i := range b.Points {
		if r, ok := t.next(&b.Points[i], &kind, &t.n.series); ok {
			t.n.point = point.Point{Time: r.Time, Tags: t.group.Tags, Fields: t.n.result(&r)}
			t.n.batch.add(&t.n.point)
			out.TMax = max(out.TMax, r.Time)
		}
	}
	t.Out.Batch(out)
}
