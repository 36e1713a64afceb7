package node

import (
	"slices"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file holds what the points in a ring consist of. The points of a group mostly have the same
// tags and the same fields, so the values of one field are kept side by side: 9 bytes for a number
// instead of the 48 of a [point.Field], and the points that come in next need no other cache lines
// than those before.

// A column holds the values of one field. As in all that windows keep, the fields are exported to
// be saved.
type column struct {
	Numbers []uint64
	Kinds   []point.Kind
	Texts   *texts // nil as long as there is none
}

type texts struct{ At []string }

func (c *column) value(at int) point.Value {
	v := point.Value{Kind: c.Kinds[at], Num: c.Numbers[at]}
	if c.Texts != nil {
		v.Text = c.Texts.At[at]
	}
	return v
}

// set puts v into a place of as many as size.
func (c *column) set(at int, v point.Value, size int) {
	c.Numbers[at], c.Kinds[at] = v.Num, v.Kind
	if v.Text != "" && c.Texts == nil {
		c.Texts = &texts{make([]string, size)}
	}
	if c.Texts != nil {
		c.Texts.At[at] = v.Text
	}
}

func (c *column) grow(l *layout) {
	c.Numbers, c.Kinds = regrown(c.Numbers, l), regrown(c.Kinds, l)
	if c.Texts != nil {
		c.Texts.At = regrown(c.Texts.At, l)
	}
}

// wholes are the tags and fields of the points in a ring.
type wholes struct {
	Keys    []string // of the fields of regular points
	Columns []column // of Keys
	Regular int      // number of regular points
	Others  []other  // fields of the other points; nil as long as there are none
	Tags    []point.Tag
	TagsOf  [][]point.Tag // of each point; nil as long as all have Tags
}

// other has the fields of a point that is not regular.
type other struct {
	Is     bool
	Fields []point.Field
}

// set puts p into the place at of l, which counts it already.
func (w *wholes) set(at int, p *point.Point, l *layout) {
	w.setTags(at, p.Tags, l)
	if !w.fits(p.Fields) {
		if w.Others == nil && l.Size > 1 {
			w.Others = make([]other, l.Cap)
		}
		if w.Others != nil && (w.Regular > 0 || l.Size < minShape) {
			o := &w.Others[at]
			o.Is, o.Fields = true, append(o.Fields[:0], p.Fields...)
			return
		}
		w.shape(p.Fields, l.Cap)
	}
	w.Regular++
	for i := range w.Columns {
		w.Columns[i].set(at, p.Fields[i].Value, l.Cap)
	}
	if w.Others != nil {
		w.Others[at].Is = false
	}
}

// minShape is from how many points on it pays to have other columns if none is regular.
const minShape = 16

// fits reports whether the fields are those of regular points.
func (w *wholes) fits(fields []point.Field) bool {
	if len(fields) != len(w.Keys) {
		return false
	}
	for i := range fields {
		if fields[i].Key != w.Keys[i] {
			return false
		}
	}
	return true
}

// shape makes points with the given fields the regular ones, of which there are none.
func (w *wholes) shape(fields []point.Field, size int) {
	w.Keys, w.Columns = nil, nil
	for i := range fields {
		w.Keys = append(w.Keys, fields[i].Key)
		w.Columns = append(w.Columns, column{Numbers: make([]uint64, size), Kinds: make([]point.Kind, size)})
	}
}

func (w *wholes) setTags(at int, tags []point.Tag, l *layout) {
	same := len(tags) == len(w.Tags) && (len(tags) == 0 || &tags[0] == &w.Tags[0])
	if w.TagsOf == nil && !same {
		if l.Size == 1 || slices.Equal(tags, w.Tags) {
			w.Tags = tags
			return
		}
		w.TagsOf = make([][]point.Tag, l.Cap)
		for i := range w.TagsOf {
			w.TagsOf[i] = w.Tags
		}
	}
	if w.TagsOf != nil {
		w.TagsOf[at] = tags
	}
}

// fields appends the fields of the point in a place.
func (w *wholes) fields(at int, dst []point.Field) []point.Field {
	if w.Others != nil && w.Others[at].Is {
		return append(dst, w.Others[at].Fields...)
	}
	for i, k := range w.Keys {
		dst = append(dst, point.Field{Key: k, Value: w.Columns[i].value(at)})
	}
	return dst
}

// tags returns the tags of the point in a place.
func (w *wholes) tags(at int) []point.Tag {
	if w.TagsOf != nil {
		return w.TagsOf[at]
	}
	return w.Tags
}

// drop notes that the point in a place goes.
func (w *wholes) drop(at int) {
	if w.Others == nil || !w.Others[at].Is {
		w.Regular--
	}
}

func (w *wholes) grow(l *layout) {
	for i := range w.Columns {
		w.Columns[i].grow(l)
	}
	if w.Others != nil {
		w.Others = regrown(w.Others, l)
	}
	if w.TagsOf != nil {
		w.TagsOf = regrown(w.TagsOf, l)
	}
}
