package node

import (
	"errors"
	"fmt"
	"slices"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

func init() {
	spec.Register("kapacitorLoopback", func() spec.Declarer { return &kapacitorLoopback{} })
}

// kapacitorLoopback has its points fed to the tasks again.
type kapacitorLoopback struct {
	database, retentionPolicy, measurement string
	tags                                   []point.Tag

	env  spec.Env
	memo tagMemo
	out  point.Point
}

func (l *kapacitorLoopback) Declare(s *spec.Spec) {
	s.Kind = "kapacitor_loopback"
	s.Doc("Feeds the data back into the engine, for other tasks, under a database and retention policy that is none of this task's own.")
	s.Edges(spec.Same, spec.None)
	s.Prop(&l.database, "database", "database that the points get; required")
	s.Prop(&l.retentionPolicy, "retentionPolicy", "retention policy that the points get; required")
	s.Prop(&l.measurement, "measurement", "measurement of points; the data's own if unset. The points of a batch keep the batch's")
	s.Func("tag", "tag to add to every point", func(key, value string) error {
		l.tags = point.SetTag(l.tags, key, value)
		return nil
	}, "key", "value")
	s.Check(func() error {
		switch {
		case l.database == "":
			return errors.New("must specify a database: write .database('name')")
		case l.retentionPolicy == "":
			return errors.New("must specify a retention policy: write .retentionPolicy('name')")
		}
		return nil
	})
	s.Example("stream|from().measurement('m')|kapacitorLoopback().database('other').retentionPolicy('autogen').measurement('n').tag('via', 'loop')", "m v=1 0s", "n,via=loop v=1 0s")
}

func (l *kapacitorLoopback) Start(env spec.Env) error {
	l.env = env
	if slices.Contains(env.DBRPs(), spec.DBRP{DB: l.database, RP: l.retentionPolicy}) {
		return fmt.Errorf("loop detected on dbrp: %q.%q: the task would get its own points again; choose a database or retention policy that is not among its dbrps", l.database, l.retentionPolicy)
	}
	if l.measurement != "" && env.Input() == spec.Batch {
		env.Warn(&syntax.Error{Msg: "measurement has no effect on batches: their points keep the batch's name"})
	}
	return nil
}

func (l *kapacitorLoopback) Open(point.Sink) point.Sink { return &loopbackSink{l} }

type loopbackSink struct{ n *kapacitorLoopback }

func (l *loopbackSink) Point(p *point.Point) {
	name := p.Name
	if l.n.measurement != "" {
		name = l.n.measurement
	}
	l.send(p, name)
}

// Batch sends the points under the batch's name: Kapacitor ignores measurement here, and the tasks
// at the other end wait for that name.
func (l *loopbackSink) Batch(b *point.Batch) {
	for i := range b.Points {
		l.send(&b.Points[i], b.Name)
	}
}

func (l *loopbackSink) send(p *point.Point, name string) {
	l.n.out = point.Point{Name: name, DB: l.n.database, RP: l.n.retentionPolicy, Time: p.Time, Tags: p.Tags, Fields: p.Fields}
	if len(l.n.tags) > 0 {
		l.n.out.Tags = l.n.memo.get(p.Tags, l.merge)
	}
	l.n.env.Emit(spec.Effect{Kind: spec.LoopbackEffect, Point: &l.n.out})
}

// merge returns tags with the node's own set.
func (l *loopbackSink) merge(tags []point.Tag) []point.Tag {
	for _, t := range l.n.tags {
		tags = point.SetTag(tags, t.Key, t.Value)
	}
	return tags
}

// Barrier ends here, as Delete does.
func (l *loopbackSink) Barrier(*point.Group, int64) {}

// Delete ends here.
func (l *loopbackSink) Delete(*point.Group) {}
