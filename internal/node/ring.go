package node

import "github.com/telegraf-tigk/telegraf-tigk/internal/point"

// A layout is where the points of a ring buffer lie in the order of their arrival. It is
// Kapacitor's, because what happens to points that arrive late depends on it: the buffer grows to
// twice the size plus two when full, and see [ring.dropBefore]. As in all that windows keep, the
// fields are exported to be saved.
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

// push returns the place of one more, for which there is room.
func (l *layout) push() int {
	l.Size++
	return l.at(l.Size - 1)
}

func (l *layout) full() bool { return l.Size == l.Cap }

// grow makes room; regrown does it with the buffers, before.
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

// A ring keeps the points of a window, or what the functions that share the window need of them.
type ring struct {
	Layout  layout
	Times   []int64
	Columns []column // of the fields that functions take
	Whole   *wholes  // nil if columns are enough

	fusion *fusion
	slides []slide // of each function, if the window slides
}

// A kept point is a copy of one.
type kept struct {
	Time   int64
	Tags   []point.Tag
	Fields []point.Field
}

// newRing returns a ring for functions, or for whole points if f is nil.
func newRing(f *fusion) *ring {
	r := &ring{fusion: f}
	if f != nil {
		r.Columns = make([]column, len(f.fields))
		if f.slides {
			r.slides = make([]slide, len(f.nodes))
		}
	}
	if f == nil || f.points {
		r.Whole = new(wholes)
	}
	return r
}

// Len returns the number of points. With it a ring is the [point.Digest] of its points.
func (r *ring) Len() int { return r.Layout.Size }

// push appends a copy of p.
func (r *ring) push(p *point.Point) {
	if r.Layout.full() {
		r.grow()
	}
	at := r.Layout.push()
	r.Times[at] = p.Time
	if r.Whole != nil {
		r.Whole.set(at, p, &r.Layout)
	}
	for i := range r.Columns {
		v := p.Field(r.fusion.fields[i])
		if !r.fusion.texts {
			v.Text = ""
		}
		r.Columns[i].set(at, v, r.Layout.Cap)
	}
	for i := range r.slides {
		n := r.fusion.nodes[i]
		r.slides[i].push(n, point.Sample{Time: p.Time, Value: r.Columns[n.column].value(at)})
	}
}

func (r *ring) grow() {
	r.Times = regrown(r.Times, &r.Layout)
	for i := range r.Columns {
		r.Columns[i].grow(&r.Layout)
	}
	if r.Whole != nil {
		r.Whole.grow(&r.Layout)
	}
	r.Layout.grow()
}

// sample returns what n takes of the i-th oldest point.
func (r *ring) sample(n *influxql, i int) point.Sample {
	at := r.Layout.at(i)
	return point.Sample{Time: r.Times[at], Value: r.Columns[n.column].value(at)}
}

// whole returns the tags and fields of the i-th oldest point, until it is called again.
func (r *ring) whole(i int) ([]point.Tag, []point.Field) {
	at := r.Layout.at(i)
	r.fusion.whole = r.Whole.fields(at, r.fusion.whole[:0])
	return r.Whole.tags(at), r.fusion.whole
}

// list makes all points those of the buffer's batch.
func (r *ring) list(w *batchBuffer) {
	w.batch.Points, w.fields = w.batch.Points[:0], w.fields[:0]
	for i := range r.Len() {
		at, from := r.Layout.at(i), len(w.fields)
		w.fields = r.Whole.fields(at, w.fields)
		w.batch.Points = append(w.batch.Points, point.Point{
			Time: r.Times[at], Tags: r.Whole.tags(at), Fields: w.fields[from:len(w.fields):len(w.fields)],
		})
	}
}

// drop forgets the n oldest.
func (r *ring) drop(n int) {
	for i := range r.slides {
		f := r.fusion.nodes[i]
		for j := range n {
			r.slides[i].evict(r.sample(f, j))
		}
	}
	if r.Whole != nil {
		for j := range n {
			r.Whole.drop(r.Layout.at(j))
		}
	}
	r.Layout.drop(n)
}

// dropBefore forgets the oldest points up to the first whose time is t or later. Points that came
// late may stay behind that one. If the ring wraps around its end and the point in the last place
// is out of range, all points up to there go.
func (r *ring) dropBefore(t int64) {
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

// restored computes what is not saved; r is nil if the window has none.
func (r *ring) restored() {
	if r == nil {
		return
	}
	for i := range r.slides {
		r.slides[i].rebuild(r.fusion.nodes[i], r)
	}
}
