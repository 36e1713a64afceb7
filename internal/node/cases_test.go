package node_test

import (
	"flag"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/ticktest"
)

var update = flag.Bool("update", false, "write what comes out into testdata")

// TestCases runs what testdata has: what the nodes do, as scripts with input and output. Besides the real
// nodes the scripts use those of this file.
func TestCases(t *testing.T) { ticktest.RunCases(t, "testdata/*.txtar", *update) }

func init() {
	spec.Register("signals", func() spec.Declarer { return &signals{} })
	spec.Register("batches", func() spec.Declarer { return &batches{} })
	spec.Register("see", func() spec.Declarer { return &see{} })
}

// signals makes of the points of the measurements barrier and delete what they are called, and of string
// fields and tags that begin with "!" what line protocol does not have: the fields "!nil" and "!5s", and the
// empty tag "!".
type signals struct{}

func (*signals) Declare(s *spec.Spec) { s.Edges(spec.Stream, spec.Stream) }

func (*signals) Open(out point.Sink) point.Sink { return &signalSink{spec.Forward{Out: out}} }

type signalSink struct{ spec.Forward }

func (s *signalSink) Point(p *point.Point) {
	switch p.Name {
	case "barrier":
		s.Out.Barrier(p.Group, p.Time)
	case "delete":
		s.Out.Delete(p.Group)
	default:
		s.Out.Point(unescaped(p))
	}
}

func unescaped(p *point.Point) *point.Point {
	q := p.Clone()
	for _, t := range p.Tags {
		if t.Value == "!" {
			q.Tags = point.SetTag(q.Tags, t.Key, "")
		}
	}
	for i := range q.Fields {
		v := &q.Fields[i].Value
		text, ok := strings.CutPrefix(v.Text, "!")
		switch {
		case !ok:
		case text == "nil":
			*v = point.NullValue()
		default:
			d, err := time.ParseDuration(text)
			if err != nil {
				panic(err)
			}
			*v = point.DurationValue(d)
		}
	}
	return q
}

// batches does the same, and collects points until one of the measurement batch comes, whose time is that
// of the batch.
type batches struct{}

func (*batches) Declare(s *spec.Spec) { s.Edges(spec.Stream, spec.Batch) }

func (*batches) Group(g *point.Group, out point.Sink) point.Sink {
	return &batchesGroup{signalSink: signalSink{spec.Forward{Out: out}}, group: g}
}

type batchesGroup struct {
	signalSink
	group *point.Group
	state struct {
		Name   string
		Points []batchPoint
	}
}

type batchPoint struct {
	Time   int64
	Tags   []point.Tag
	Fields []point.Field
}

func (b *batchesGroup) State() any { return &b.state }

func (b *batchesGroup) Point(p *point.Point) {
	s := &b.state
	switch p.Name {
	case "barrier", "delete":
		b.signalSink.Point(p)
	case "batch":
		out := &point.Batch{Name: s.Name, TMax: p.Time, Group: b.group}
		if name := p.Field("name"); name.Kind == point.String {
			out.Name = name.Text
		}
		for _, q := range s.Points {
			out.Points = append(out.Points, point.Point{Time: q.Time, Tags: q.Tags, Fields: q.Fields})
		}
		s.Points = nil
		b.Out.Batch(out)
	default:
		s.Name = p.Name
		q := unescaped(p)
		s.Points = append(s.Points, batchPoint{p.Time, q.Tags, q.Fields})
	}
}

// see writes down all that passes.
type see struct {
	groups bool
	env    spec.Env
}

func (s *see) Declare(d *spec.Spec) { d.Flag(&s.groups, "groups", "show the groups of points") }

func (s *see) Start(env spec.Env) error {
	s.env = env
	return nil
}

func (s *see) Open(out point.Sink) point.Sink { return &seeSink{s, out} }

type seeSink struct {
	*see
	out point.Sink
}

func (s *seeSink) line(format string, args ...any) {
	s.env.Emit(spec.Effect{Kind: spec.LogEffect, Text: fmt.Sprintf(format, args...)})
}

func (s *seeSink) Point(p *point.Point) {
	text := seen(p.Name, p)
	if s.groups {
		text += " [" + p.Group.ID + "]"
	}
	s.line("%s", text)
	s.out.Point(p)
}

func (s *seeSink) Batch(b *point.Batch) {
	s.line("batch %s", seen(b.Name, &point.Point{Tags: b.Group.Tags, Time: b.TMax}))
	for i := range b.Points {
		s.line("  %s", strings.TrimLeft(seen("", &b.Points[i]), ", "))
	}
	s.out.Batch(b)
}

func (s *seeSink) Barrier(g *point.Group, t int64) {
	s.line("barrier [%s] %s", g.ID, since(t))
	s.out.Barrier(g, t)
}

func (s *seeSink) Delete(g *point.Group) {
	s.line("delete [%s]", g.ID)
	s.out.Delete(g)
}

func since(t int64) string { return syntax.FormatDuration(time.Duration(t - ticktest.Epoch)) }

// seen returns a point like line protocol, but with all kinds of values.
func seen(name string, p *point.Point) string {
	var b strings.Builder
	b.WriteString(name)
	for _, t := range p.Tags {
		fmt.Fprintf(&b, ",%s=%s", t.Key, t.Value)
	}
	for i, f := range p.Fields {
		fmt.Fprintf(&b, "%c%s=", " ,"[min(i, 1)], f.Key)
		switch v := f.Value; v.Kind {
		case point.Float:
			b.WriteString(strconv.FormatFloat(v.Float(), 'g', -1, 64))
		case point.Int:
			fmt.Fprintf(&b, "%di", v.Int())
		case point.Bool:
			fmt.Fprint(&b, v.Bool())
		case point.Duration:
			b.WriteString(syntax.FormatDuration(v.Duration()))
		case point.Null:
			b.WriteString("nil")
		default:
			fmt.Fprintf(&b, "%q", v.Text)
		}
	}
	return b.String() + " " + since(p.Time)
}
