package node

import "github.com/telegraf-tigk/telegraf-tigk/internal/point"

// A ring is a growing ring buffer of points in the order of their arrival. Its layout is
// Kapacitor's, because what happens to points that arrive late depends on it: it grows to twice
// the size plus two when full, and see [ring.dropBefore]. The fields are exported to be saved.
type ring struct {
	Buf   []kept
	Start int // place of the oldest
	Size  int
}

// A kept point is what a window needs of it. Fields is the ring's own copy.
type kept struct {
	Time   int64
	Tags   []point.Tag
	Fields []point.Field
}

// at returns the i-th oldest.
func (r *ring) at(i int) *kept {
	i += r.Start
	if i >= len(r.Buf) {
		i -= len(r.Buf)
	}
	return &r.Buf[i]
}

// push appends a copy of p. A place that is used again keeps its fields' memory.
func (r *ring) push(p *point.Point) {
	if r.Size == len(r.Buf) {
		buf := make([]kept, 2*(r.Size+1))
		n := copy(buf, r.Buf[r.Start:])
		copy(buf[n:], r.Buf[:r.Start])
		r.Buf, r.Start = buf, 0
	}
	r.Size++
	k := r.at(r.Size - 1)
	k.Time, k.Tags = p.Time, p.Tags
	k.Fields = append(k.Fields[:0], p.Fields...)
}

// drop forgets the n oldest.
func (r *ring) drop(n int) {
	r.Start += n
	if r.Start >= len(r.Buf) {
		r.Start -= len(r.Buf)
	}
	r.Size -= n
}

// dropBefore forgets the oldest points up to the first whose time is t or later. Points that came
// late may stay behind that one. If the ring wraps around its end and the point in the last place
// is out of range, all points up to there go.
func (r *ring) dropBefore(t int64) {
	if tail := len(r.Buf) - r.Start; r.Size > tail && r.Buf[len(r.Buf)-1].Time < t {
		r.drop(tail)
	}
	for r.Size > 0 && r.Buf[r.Start].Time < t {
		r.drop(1)
	}
}

// dropTo is dropBefore with t itself out of range too.
func (r *ring) dropTo(t int64) { r.dropBefore(t + 1) }
