package window_test

import (
	"fmt"

	"github.com/telegraf-tigk/telegraf-tigk/internal/agg"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/window"
)

// A window of the last ten seconds, emitted with every point. Points that come late are in it, if they are not
// too old.
func Example() {
	plan := window.For([]window.Call{{Def: agg.Lookup("max"), Args: &agg.Args{Field: "v"}}}, false)
	last := plan.New() // one for each group
	newest := int64(0)
	for _, p := range []struct {
		time int64
		v    float64
	}{{1, 5}, {4, 9}, {2, 3}, {11, 1}, {13, 2}, {15, 0}, {4, 100}} {
		if p.time <= newest-10 {
			continue
		}
		last.Add(&point.Point{Time: p.time, Fields: []point.Field{{Key: "v", Value: point.FloatValue(p.v)}}})
		newest = max(newest, p.time)
		last.DropOlder(newest - 9)
		last.Emit("m", nil, newest, printer{})
	}
	// Output:
	// 1: 1 points, max 5 at 1
	// 4: 2 points, max 9 at 4
	// 4: 3 points, max 9 at 4
	// 11: 3 points, max 9 at 4
	// 13: 3 points, max 9 at 4
	// 15: 3 points, max 2 at 13
}

// A printer is the node behind the window.
type printer struct{ point.Sink }

func (printer) Batch(b *point.Batch) {
	d := b.Digest.(*window.Ring)
	found, _ := d.Result(0, nil)
	_, fields := d.Row(found[0].Index)
	fmt.Printf("%d: %d points, max %g at %d\n", b.TMax, b.Len(), fields[0].Value.Float(), found[0].Time)
}
