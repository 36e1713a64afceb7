package node

import (
	"slices"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() { spec.Register("delete", func() spec.Declarer { return &deletes{} }) }

// deletes takes fields and tags out of points.
type deletes struct {
	fields, tags []string

	env                        spec.Env
	fieldsDeleted, tagsDeleted *int64
	point                      point.Point
	buffer                     []point.Field
	dims                       []string
	memo                       tagMemo
	batch                      batchBuffer
}

func (d *deletes) Declare(s *spec.Spec) {
	s.Doc("Deletes fields and tags. A tag that the data is grouped by is a dimension no longer: groups that differ in it alone become one, but batches are not merged.")
	s.Func("field", "field to delete; may be repeated", func(name string) error { d.fields = append(d.fields, name); return nil }, "name")
	s.Func("tag", "tag to delete; may be repeated", func(name string) error { d.tags = append(d.tags, name); return nil }, "name")
	s.Example("stream|from().measurement('m')|delete().field('w').tag('g')", "m,g=2,h=a v=1,w=3i 0s\nm,h=b v=2 1s", "m,h=a v=1 0s\nm,h=b v=2 1s")
}

func (d *deletes) Start(env spec.Env) error {
	d.env = env
	d.fieldsDeleted, d.tagsDeleted = env.Counter("fields_deleted"), env.Counter("tags_deleted")
	return nil
}

func (d *deletes) Open(out point.Sink) point.Sink {
	return &deleteSink{n: d, Forward: spec.Forward{Out: out}}
}

type deleteSink struct {
	n *deletes
	spec.Forward
}

func (d *deleteSink) Point(p *point.Point) {
	d.n.strip(p)
	d.n.point.Group = d.n.stripGroup(p.Name, d.n.point.Tags, p.Group)
	d.Out.Point(&d.n.point)
}

func (d *deleteSink) Batch(b *point.Batch) {
	d.n.batch.begin(b)
	d.n.batch.batch.Group = d.n.stripGroup(b.Name, b.Group.Tags, b.Group)
	for i := range b.Points {
		d.n.strip(&b.Points[i])
		d.n.batch.add(&d.n.point)
	}
	d.Out.Batch(&d.n.batch.batch)
}

// strip makes point a copy of p without what is deleted.
func (d *deletes) strip(p *point.Point) {
	d.point = *p
	d.point.Tags = d.stripTags(p.Tags)
	d.buffer = d.buffer[:0]
	for i := range p.Fields {
		if slices.Contains(d.fields, p.Fields[i].Key) {
			*d.fieldsDeleted++
			continue
		}
		d.buffer = append(d.buffer, p.Fields[i])
	}
	d.point.Fields = d.buffer
}

func (d *deletes) stripTags(tags []point.Tag) []point.Tag {
	found := 0
	for i := range tags {
		if slices.Contains(d.tags, tags[i].Key) {
			found++
		}
	}
	if found == 0 {
		return tags
	}
	*d.tagsDeleted += int64(found)
	return d.memo.get(tags, func(tags []point.Tag) []point.Tag {
		kept := make([]point.Tag, 0, len(tags)-found)
		for _, t := range tags {
			if !slices.Contains(d.tags, t.Key) {
				kept = append(kept, t)
			}
		}
		return kept
	})
}

// stripGroup returns the group without the dimensions that are deleted.
func (d *deletes) stripGroup(name string, tags []point.Tag, g *point.Group) *point.Group {
	d.dims = d.dims[:0]
	for _, dim := range g.Dims {
		if !slices.Contains(d.tags, dim) {
			d.dims = append(d.dims, dim)
		}
	}
	if len(d.dims) == len(g.Dims) {
		return g
	}
	return d.env.Groups().Get(name, tags, d.dims, g.ByName)
}
