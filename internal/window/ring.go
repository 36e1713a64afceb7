package window

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/agg"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// A layout is where the points of a ring buffer lie in the order of their arrival. It is Kapacitor's,
// because what happens to points that arrive late depends on it: the buffer grows to twice the size plus
// two when full, and see [Content.DropBefore].
type layout struct {
	Cap   int
	Start int // place of the oldest
	Size  int
}

// at returns the place of the i-th oldest.
func (l *layout) at(i int) int {
	i += l.Start
	if i >= l.Cap {
		i -= l.Cap
	}
	return i
}

// push returns the place of one more, for which there is space.
func (l *layout) push() int {
	l.Size++
	return l.at(l.Size - 1)
}

func (l *layout) full() bool { return l.Size == l.Cap }

// grow makes space; regrown does it with the buffers, before.
func (l *layout) grow() { l.Cap, l.Start = l.grown(), 0 }

func (l *layout) grown() int { return 2 * (l.Size + 1) }

// drop forgets the n oldest.
func (l *layout) drop(n int) {
	l.Start += n
	if l.Start >= l.Cap {
		l.Start -= l.Cap
	}
	l.Size -= n
}

func regrown[T any](old []T, l *layout) []T {
	buf := make([]T, l.grown())
	n := copy(buf, old[l.Start:])
	copy(buf[n:], old[:l.Start])
	return buf
}

// A Ring keeps the points of a window, or what the functions that read it need of them. It is the
// [point.Digest] of its points.
type Ring struct {
	Layout  layout
	Times   []int64
	Columns []column // of the fields that functions take
	Rows    *rows    // nil if columns are enough

	plan   *Plan
	slides []slide // of each function, if the window slides
}

// Len returns the number of points.
func (r *Ring) Len() int { return r.Layout.Size }

// push appends a copy of p.
func (r *Ring) push(p *point.Point) {
	if r.Layout.full() {
		r.grow()
	}
	at := r.Layout.push()
	r.Times[at] = p.Time
	if r.Rows != nil {
		r.Rows.set(at, p, &r.Layout)
	}
	for i := range r.Columns {
		v := p.Field(r.plan.fields[i])
		if !r.plan.texts {
			v.Text = ""
		}
		r.Columns[i].set(at, v, r.Layout.Cap)
	}
	for i := range r.slides {
		c := &r.plan.calls[i]
		r.slides[i].push(c, point.Sample{Time: p.Time, Value: r.Columns[c.column].value(at)})
	}
}

func (r *Ring) grow() {
	r.Times = regrown(r.Times, &r.Layout)
	for i := range r.Columns {
		r.Columns[i].grow(&r.Layout)
	}
	if r.Rows != nil {
		r.Rows.grow(&r.Layout)
	}
	r.Layout.grow()
}

// Sample returns what a function takes of the i-th oldest point.
func (r *Ring) Sample(function, i int) point.Sample { return r.sample(&r.plan.calls[function], i) }

func (r *Ring) sample(c *call, i int) point.Sample {
	at := r.Layout.at(i)
	return point.Sample{Time: r.Times[at], Value: r.Columns[c.column].value(at)}
}

// Row returns the tags and fields of the i-th oldest point, which is that of a result whose Index is i. The
// fields are valid until it is called again.
func (r *Ring) Row(i int) ([]point.Tag, []point.Field) {
	at := r.Layout.at(i)
	r.plan.buf = r.Rows.fields(at, r.plan.buf[:0])
	return r.Rows.tags(at), r.plan.buf
}

// Result appends what a function gives for the points to dst and returns the kind of their values, if that
// is known without looking at them. Otherwise the kind is Missing, and the function is to be computed from
// the samples.
func (r *Ring) Result(function int, dst []agg.Result) ([]agg.Result, point.Kind) {
	c := &r.plan.calls[function]
	if r.slides == nil || c.Def.Sliding == nil {
		return dst, point.Missing
	}
	s := &r.slides[function]
	if !s.ready() {
		if s.first == s.next && s.odd > 0 {
			s.rebuild(r, c)
		}
		if !s.ready() {
			return dst, point.Missing
		}
	}
	old := len(dst)
	dst = s.f.Append(dst)
	for i := old; i < len(dst); i++ {
		if x := &dst[i]; x.Index >= 0 {
			x.Index -= s.first
			x.Time = r.Times[r.Layout.at(x.Index)]
		}
	}
	return dst, s.kind
}

// list appends all points to points, and their fields to buf.
func (r *Ring) list(points []point.Point, buf []point.Field) ([]point.Point, []point.Field) {
	for i := range r.Len() {
		at, from := r.Layout.at(i), len(buf)
		buf = r.Rows.fields(at, buf)
		points = append(points, point.Point{Time: r.Times[at], Tags: r.Rows.tags(at), Fields: buf[from:len(buf):len(buf)]})
	}
	return points, buf
}

// drop forgets the n oldest.
func (r *Ring) drop(n int) {
	for i := range r.slides {
		c := &r.plan.calls[i]
		for j := range n {
			r.slides[i].evict(r.sample(c, j))
		}
	}
	if r.Rows != nil {
		for j := range n {
			r.Rows.drop(r.Layout.at(j))
		}
	}
	r.Layout.drop(n)
}

func (r *Ring) dropBefore(t int64) {
	l := &r.Layout
	if tail := l.Cap - l.Start; l.Size > tail && r.Times[l.Cap-1] < t {
		r.drop(tail)
	}
	n := 0
	for n < l.Size && r.Times[l.at(n)] < t {
		n++
	}
	r.drop(n)
}

func (r *Ring) dropOlder(t int64) {
	l, n := &r.Layout, 0
	for i := range l.Size {
		at := l.at(i)
		if r.Times[at] >= t {
			r.move(l.at(n), at)
			n++
		} else if r.Rows != nil {
			r.Rows.drop(at)
		}
	}
	if n < l.Size {
		l.Size = n
		r.restored()
	}
}

// move puts the point in a place into another one, whose point is not needed any more.
func (r *Ring) move(to, from int) {
	if to == from {
		return
	}
	r.Times[to] = r.Times[from]
	for i := range r.Columns {
		r.Columns[i].move(to, from)
	}
	if r.Rows != nil {
		r.Rows.move(to, from)
	}
}

// restored computes what is not saved.
func (r *Ring) restored() {
	for i := range r.slides {
		r.slides[i].rebuild(r, &r.plan.calls[i])
	}
}
