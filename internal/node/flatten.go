package node

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() { spec.Register("flatten", func() spec.Declarer { return &flatten{delimiter: "."} }) }

// flatten merges the points of one time into one, whose fields are named after tags.
type flatten struct {
	on        []string
	delimiter string
	tolerance time.Duration
	dropName  bool

	env    spec.Env
	grid   point.Grid
	faults []error // for each dimension, that a point lacks it
	memo   memo[tagKey, *flattened]
	point  point.Point
	batch  batchBuffer
}

// A flattened is what the tags of a series make of its fields' names.
type flattened struct {
	prefix  string // values of the tags
	missing int    // the dimension that the tags lack, -1 if none
	names   nameCache
}

func (f *flatten) Declare(s *spec.Spec) {
	s.Doc("Merges the points of a group that have the same time into one, with the group's tags: each field is named after the values of some tags and its own name. " +
		"The merged point is sent when a point with another time comes, or the batch ends.")
	s.Prop(&f.on, "on", "tags whose values begin the fields' names")
	s.Prop(&f.delimiter, "delimiter", "what stands between the parts of a name")
	s.Prop(&f.tolerance, "tolerance", "times are rounded to multiples of this")
	s.Func("dropOriginalFieldName", "leave the field's own name out", func(drop ...bool) error {
		if len(drop) > 1 {
			return fmt.Errorf("want at most one boolean, got %d", len(drop))
		}
		f.dropName = len(drop) == 0 || drop[0]
		return nil
	}, "drop")
	s.Check(func() error {
		if f.tolerance < 0 {
			return errors.New("tolerance must not be negative")
		}
		return nil
	})
	s.Example("stream|from().measurement('m').groupBy('host')|flatten().on('port')", "m,host=A,port=80 in=1,out=2 0s\nm,host=A,port=443 in=3 0s\nm,host=A,port=80 in=4 1s", "m,host=A 443.in=3,80.in=1,80.out=2 0s")
}

func (f *flatten) Start(env spec.Env) error {
	f.env = env
	f.grid = point.NewGrid(f.tolerance)
	for _, tag := range f.on {
		f.faults = append(f.faults, fmt.Errorf("point missing tag for flatten operation: tag %s is missing from point", tag))
	}
	return nil
}

// series returns what a set of tags makes of names.
func (f *flatten) series(tags []point.Tag) *flattened {
	return f.memo.get(keyOf(tags), func() *flattened { return f.flatten(tags) })
}

func (f *flatten) flatten(tags []point.Tag) *flattened {
	x := &flattened{missing: -1}
	var b strings.Builder
	for i, tag := range f.on {
		v, ok := point.Lookup(tags, tag)
		if !ok {
			x.missing = i
			break
		}
		if i > 0 {
			b.WriteString(f.delimiter)
		}
		b.WriteString(v)
	}
	x.prefix = b.String()
	x.names = f.cache(x.prefix)
	return x
}

// cache returns the names of fields behind prefix. A name is never empty.
func (f *flatten) cache(prefix string) nameCache {
	if prefix != "" && !f.dropName {
		prefix += f.delimiter
	}
	return nameCache{prefix: prefix, alone: f.dropName && prefix != ""}
}

func (f *flatten) Group(g *point.Group, out point.Sink) point.Sink {
	return &flattenGroup{n: f, Forward: spec.Forward{Out: out}, group: g}
}

// A flattenGroup merges the points of one group as they come.
type flattenGroup struct {
	n *flatten
	spec.Forward
	group *point.Group
	state struct {
		Begun  bool
		Name   string // of the group's first message
		Timed  bool
		Time   int64 // of the merged point
		Merged merged
	}
}

// A merged is the fields of a point in the making, in the order of their arrival.
type merged struct {
	Fields []point.Field
	Limit  int    // number of fields at which equal names are looked for
	Stray  string // tag values of a point that lacked a further one
}

// minMerged is the number of fields up to which equal names may wait.
const minMerged = 256

func (f *flattenGroup) State() any { return &f.state }

// add merges the fields of a point into m. What a point that lacks a tag has of the others begins
// the names of the next point, as in Kapacitor.
func (f *flatten) add(m *merged, p *point.Point) {
	x := f.series(p.Tags)
	if x.missing >= 0 {
		m.Stray += x.prefix
		f.env.Error(f.faults[x.missing])
		return
	}
	names := &x.names
	if m.Stray != "" {
		c := f.cache(m.Stray + x.prefix)
		names, m.Stray = &c, ""
	}
	for i := range p.Fields {
		m.Fields = append(m.Fields, point.Field{Key: names.name(i, p.Fields[i].Key), Value: p.Fields[i].Value})
	}
	if len(m.Fields) > max(m.Limit, minMerged) {
		m.Fields = point.SortFields(m.Fields)
		m.Limit = 2 * len(m.Fields)
	}
}

// take returns the merged fields, sorted, and begins anew. They are valid until the next add.
func (m *merged) take() []point.Field {
	fields := point.SortFields(m.Fields)
	m.Fields, m.Stray, m.Limit = m.Fields[:0], "", 0
	if cap(m.Fields) > 8*minMerged {
		m.Fields = nil
	}
	return fields
}

func (f *flattenGroup) begin(name string) {
	if !f.state.Begun {
		f.state.Begun, f.state.Name = true, name
	}
}

func (f *flattenGroup) Point(p *point.Point) {
	s := &f.state
	f.begin(p.Name)
	t := f.n.grid.Round(p.Time)
	if s.Timed && t != s.Time {
		f.flush()
		t = max(t, s.Time) // time does not go back here: a late point counts as one of now
	}
	s.Timed, s.Time = true, t
	f.n.add(&s.Merged, p)
}

// flush sends the merged point, if it has fields.
func (f *flattenGroup) flush() {
	s := &f.state
	f.n.point = point.Point{Name: s.Name, Time: s.Time, Tags: f.group.Tags, Fields: s.Merged.take(), Group: f.group}
	if len(f.n.point.Fields) > 0 {
		f.Out.Point(&f.n.point)
	}
}

func (f *flattenGroup) Batch(b *point.Batch) {
	f.begin(b.Name)
	m := &f.state.Merged
	out := &f.n.batch
	out.begin(b)
	for i := range b.Points {
		p := &b.Points[i]
		t := f.n.grid.Round(p.Time)
		if i > 0 && t != f.state.Time {
			f.merge(out, m)
		}
		f.state.Time = t
		f.n.add(m, p)
	}
	f.merge(out, m)
	f.Out.Batch(&out.batch)
}

// merge appends the merged point to a batch, if it has fields.
func (f *flattenGroup) merge(out *batchBuffer, m *merged) {
	f.n.point = point.Point{Time: f.state.Time, Tags: f.group.Tags, Fields: m.take()}
	if len(f.n.point.Fields) > 0 {
		out.add(&f.n.point)
	}
}

// Barrier sends a merged point that is older.
func (f *flattenGroup) Barrier(g *point.Group, t int64) {
	f.begin("barrier")
	if f.state.Timed && t > f.state.Time {
		f.flush()
	}
	f.Out.Barrier(g, t)
}
