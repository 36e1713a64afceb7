package window

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

// move puts the value in a place into another one.
func (c *column) move(to, from int) {
	c.Numbers[to], c.Kinds[to] = c.Numbers[from], c.Kinds[from]
	if c.Texts != nil {
		c.Texts.At[to] = c.Texts.At[from]
	}
}

func (c *column) grow(l *layout) {
	c.Numbers, c.Kinds = regrown(c.Numbers, l), regrown(c.Kinds, l)
	if c.Texts != nil {
		c.Texts.At = regrown(c.Texts.At, l)
	}
}

// rows are the tags and fields of the points in a ring.
type rows struct {
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
func (r *rows) set(at int, p *point.Point, l *layout) {
	r.setTags(at, p.Tags, l)
	if !r.fits(p.Fields) {
		if r.Others == nil && l.Size > 1 {
			r.Others = make([]other, l.Cap)
		}
		if r.Others != nil && (r.Regular > 0 || l.Size < minShape) {
			o := &r.Others[at]
			o.Is, o.Fields = true, append(o.Fields[:0], p.Fields...)
			return
		}
		r.shape(p.Fields, l.Cap)
	}
	r.Regular++
	for i := range r.Columns {
		r.Columns[i].set(at, p.Fields[i].Value, l.Cap)
	}
	if r.Others != nil {
		r.Others[at].Is = false
	}
}

// minShape is from how many points on it pays to have other columns if none is regular.
const minShape = 16

// fits reports whether the fields are those of regular points.
func (r *rows) fits(fields []point.Field) bool {
	if len(fields) != len(r.Keys) {
		return false
	}
	for i := range fields {
		if fields[i].Key != r.Keys[i] {
			return false
		}
	}
	return true
}

// shape makes points with the given fields the regular ones, of which there are none.
func (r *rows) shape(fields []point.Field, size int) {
	r.Keys, r.Columns = nil, nil
	for i := range fields {
		r.Keys = append(r.Keys, fields[i].Key)
		r.Columns = append(r.Columns, column{Numbers: make([]uint64, size), Kinds: make([]point.Kind, size)})
	}
}

func (r *rows) setTags(at int, tags []point.Tag, l *layout) {
	same := len(tags) == len(r.Tags) && (len(tags) == 0 || &tags[0] == &r.Tags[0])
	if r.TagsOf == nil && !same {
		if l.Size == 1 || slices.Equal(tags, r.Tags) {
			r.Tags = tags
			return
		}
		r.TagsOf = make([][]point.Tag, l.Cap)
		for i := range r.TagsOf {
			r.TagsOf[i] = r.Tags
		}
	}
	if r.TagsOf != nil {
		r.TagsOf[at] = tags
	}
}

// fields appends the fields of the point in a place.
func (r *rows) fields(at int, dst []point.Field) []point.Field {
	if r.Others != nil && r.Others[at].Is {
		return append(dst, r.Others[at].Fields...)
	}
	for i, k := range r.Keys {
		dst = append(dst, point.Field{Key: k, Value: r.Columns[i].value(at)})
	}
	return dst
}

// tags returns the tags of the point in a place.
func (r *rows) tags(at int) []point.Tag {
	if r.TagsOf != nil {
		return r.TagsOf[at]
	}
	return r.Tags
}

// drop notes that the point in a place goes.
func (r *rows) drop(at int) {
	if r.Others == nil || !r.Others[at].Is {
		r.Regular--
	}
}

// move puts the point in a place into another one, whose point is not needed any more.
func (r *rows) move(to, from int) {
	for i := range r.Columns {
		r.Columns[i].move(to, from)
	}
	if r.Others != nil {
		r.Others[to], r.Others[from] = r.Others[from], r.Others[to]
	}
	if r.TagsOf != nil {
		r.TagsOf[to] = r.TagsOf[from]
	}
}

func (r *rows) grow(l *layout) {
	for i := range r.Columns {
		r.Columns[i].grow(l)
	}
	if r.Others != nil {
		r.Others = regrown(r.Others, l)
	}
	if r.TagsOf != nil {
		r.TagsOf = regrown(r.TagsOf, l)
	}
}
