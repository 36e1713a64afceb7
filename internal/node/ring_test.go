package node

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// A ring gives back the points that went in, whatever their tags and fields are.
func TestRing(t *testing.T) {
	for seed := range 40 {
		r := rand.New(rand.NewPCG(2, uint64(seed)))
		f := &feed{Rand: r}
		x := newRing(nil)
		var want []point.Point
		limit := 1 + r.IntN(60)
		for range 200 {
			p := f.next()
			if r.IntN(2) == 0 && len(want) > 0 { // interned tags
				p.Tags = want[r.IntN(len(want))].Tags
			}
			x.push(&p)
			want = append(want, *p.Clone())
			for i := range p.Fields { // the sender's buffer
				p.Fields[i] = point.Field{Key: "gone"}
			}
			if len(want) > limit {
				n := r.IntN(len(want) + 1)
				x.drop(n)
				want = want[n:]
			}
			var w batchBuffer
			x.list(&w)
			require.Equal(t, fmt.Sprint(trimmed(want)), fmt.Sprint(trimmed(w.batch.Points)), seed)
		}
	}
}

// trimmed leaves out what a window does not keep.
func trimmed(points []point.Point) []point.Point {
	var out []point.Point
	for _, p := range points {
		out = append(out, point.Point{Time: p.Time, Tags: p.Tags, Fields: p.Fields})
	}
	return out
}

// Points with the fields of most are cheap; if all points of a full window are of another shape,
// that becomes the regular one.
func TestRingShape(t *testing.T) {
	x := newRing(nil)
	push := func(keys ...string) {
		p := point.Point{}
		for _, k := range keys {
			p.Fields = append(p.Fields, point.Field{Key: k})
		}
		x.push(&p)
		if x.Len() > 2*minShape {
			x.drop(1)
		}
	}
	push("v")
	push("v")
	require.Nil(t, x.Whole.Others)
	push("v", "w")
	require.Equal(t, 2, x.Whole.Regular)
	for range 5 * minShape {
		push("v", "w")
	}
	require.Equal(t, []string{"v", "w"}, x.Whole.Keys)
	require.Equal(t, x.Len(), x.Whole.Regular)
}
