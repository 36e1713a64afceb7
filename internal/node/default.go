package node

import (
	"fmt"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() { spec.Register("default", func() spec.Declarer { return &defaults{} }) }

// defaults gives values to fields and tags that points lack.
type defaults struct {
	fields []point.Field // sorted by key
	tags   []point.Tag   // sorted by key

	env                spec.Env
	fieldsSet, tagsSet *int64
	point              point.Point
	buffer             []point.Field
	dims               []string
	memo               tagMemo
	batch              batchBuffer
}

func (d *defaults) Declare(s *spec.Spec) {
	s.Doc("Sets fields and tags that a point lacks. A tag that it is grouped by moves the point to another group. Of batches every tag given a default becomes a dimension.")
	s.Func("field", "field to set where it is missing or null", d.setField, "name", "value")
	s.Func("tag", "tag to set where it is missing or empty", d.setTag, "name", "value")
	s.Example("stream|from().measurement('m')|default().field('v', 7.0).tag('t', 'dt')", "m,g=2 w=3i 0s\nm,g=1,t=x v=1 1s", "m,g=2,t=dt v=7,w=3i 0s\nm,g=1,t=x v=1 1s")
}

func (d *defaults) setField(name string, v point.Value) error {
	switch v.Kind {
	case point.Float, point.Int, point.String, point.Bool:
		d.fields = point.SetField(d.fields, name, v)
		return nil
	}
	return fmt.Errorf("unsupported type %s for field %q, field default values must be float,int,string or bool", goType(v.Kind), name)
}

func (d *defaults) setTag(name, value string) error {
	d.tags = point.SetTag(d.tags, name, value)
	return nil
}

func (d *defaults) Start(env spec.Env) error {
	d.env = env
	d.fieldsSet, d.tagsSet = env.Counter("fields_defaulted"), env.Counter("tags_defaulted")
	return nil
}

func (d *defaults) Open(out point.Sink) point.Sink {
	return &defaultSink{n: d, Forward: spec.Forward{Out: out}}
}

type defaultSink struct {
	n *defaults
	spec.Forward
}

func (d *defaultSink) Point(p *point.Point) {
	d.n.complete(p)
	if !sameTags(d.n.point.Tags, p.Tags) {
		d.n.point.Group = d.n.env.Groups().Get(p.Name, d.n.point.Tags, p.Group.Dims, p.Group.ByName)
	}
	d.Out.Point(&d.n.point)
}

func (d *defaultSink) Batch(b *point.Batch) {
	d.n.batch.begin(b)
	d.n.batch.batch.Group = d.n.completeGroup(b)
	for i := range b.Points {
		d.n.complete(&b.Points[i])
		d.n.batch.add(&d.n.point)
	}
	d.Out.Batch(&d.n.batch.batch)
}

// complete makes point a copy of p with the defaults.
func (d *defaults) complete(p *point.Point) {
	d.point = *p
	d.point.Tags = d.completeTags(p.Tags)
	copied := false
	for i := range d.fields {
		f := &d.fields[i]
		if k := p.Field(f.Key).Kind; k != point.Missing && k != point.Null {
			continue
		}
		if !copied {
			d.buffer = p.AppendFields(d.buffer[:0])
			copied = true
		}
		d.buffer = point.SetField(d.buffer, f.Key, f.Value)
		*d.fieldsSet++
	}
	if copied {
		d.point.Fields = d.buffer
	}
}

// completeTags returns tags with the defaults: tags itself if there is nothing to set.
func (d *defaults) completeTags(tags []point.Tag) []point.Tag {
	missing := 0
	for i := range d.tags {
		if v, _ := point.Lookup(tags, d.tags[i].Key); v == "" {
			missing++
		}
	}
	if missing == 0 {
		return tags
	}
	*d.tagsSet += int64(missing)
	if len(tags) == 0 {
		return d.tags
	}
	return d.memo.get(tags, func(tags []point.Tag) []point.Tag {
		for _, t := range d.tags {
			if v, _ := point.Lookup(tags, t.Key); v == "" {
				tags = point.SetTag(tags, t.Key, t.Value)
			}
		}
		return tags
	})
}

// completeGroup returns the group of a batch with the defaults: its dimensions are all its tags.
func (d *defaults) completeGroup(b *point.Batch) *point.Group {
	tags := d.completeTags(b.Group.Tags)
	if sameTags(tags, b.Group.Tags) {
		return b.Group
	}
	d.dims = d.dims[:0]
	for _, t := range tags {
		d.dims = append(d.dims, t.Key)
	}
	return d.env.Groups().Get(b.Name, tags, d.dims, b.Group.ByName)
}

// sameTags reports whether a and b are one slice.
func sameTags(a, b []point.Tag) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
