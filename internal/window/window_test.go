package window

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/agg"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/window/windowtest"
)

// A twin does what a Content does with a list of points.
type twin []point.Point

func (w *twin) add(p *point.Point) { *w = append(*w, *p.Clone()) }
func (w *twin) drop(n int)         { *w = (*w)[n:] }

func (w *twin) dropOlder(t int64) {
	*w = slices.DeleteFunc(slices.Clone(*w), func(p point.Point) bool { return p.Time < t })
}

// sorted reports whether the points came in the order of their times.
func (w *twin) sorted() bool {
	return slices.IsSortedFunc(*w, func(a, b point.Point) int { return int(a.Time - b.Time) })
}

// result returns what a function makes of the points, the kind of the values that it uses, and the values
// that it cannot use.
func (w *twin) result(c *Call) (found []agg.Result, kind point.Kind, unused []point.Kind) {
	var f agg.Func
	for i := range *w {
		p := &(*w)[i]
		v := p.Field(c.Args.Field)
		switch {
		case f == nil && c.Def.Kinds.Of(v.Kind) != point.Missing:
			kind = v.Kind
			f = c.Def.New(kind, c.Args)
			f.Reset()
		case f == nil || v.Kind != kind:
			unused = append(unused, v.Kind)
			continue
		}
		f.Push(i, point.Sample{Time: p.Time, Value: v})
	}
	if f != nil {
		found = f.Append(nil)
	}
	return found, kind, unused
}

// randomCalls returns up to three functions of sets.
func randomCalls(r *rand.Rand) []Call {
	var calls []Call
	defs := slices.DeleteFunc(agg.Defs(), func(d *agg.Def) bool { return d.Class == agg.Transformation || d.Class == agg.Forecast })
	for range r.IntN(4) {
		args := agg.Args{Field: []string{"v", "v", "v", "w"}[r.IntN(4)], N: int64(1 + r.IntN(3)), Percent: float64(r.IntN(101))}
		calls = append(calls, Call{defs[r.IntN(len(defs))], &args})
	}
	return calls
}

// received is what a batch was when it was sent.
type received struct {
	batch point.Batch
	plan  *Plan
	n     int            // points
	found [][]agg.Result // of each function
	rows  [][]string     // that the results stand for
}

func (r *received) Batch(b *point.Batch) {
	r.batch, r.n = *b.Clone(), b.Len()
	r.found, r.rows = nil, nil
	for i := range r.plan.calls {
		found, rows := read(b.Digest, i, &r.plan.calls[i])
		r.found, r.rows = append(r.found, found), append(r.rows, rows)
	}
}
func (*received) Point(*point.Point)          {}
func (*received) Barrier(*point.Group, int64) {}
func (*received) Delete(*point.Group)         {}

// read gets the results of a function in the way that a node does, and the points that they stand for.
func read(d point.Digest, i int, c *call) (found []agg.Result, rows []string) {
	var row func(int) ([]point.Tag, []point.Field)
	switch d := d.(type) {
	case *Ring:
		var kind point.Kind
		if found, kind = d.Result(i, nil); kind == point.Missing {
			var all twin
			for j := range d.Len() {
				x := d.Sample(i, j)
				all = append(all, point.Point{Time: x.Time, Fields: []point.Field{{Key: c.Args.Field, Value: x.Value}}})
			}
			found, _, _ = all.result(&c.Call)
		}
		row = d.Row
	case *Folds:
		found, _ = d.Result(i, nil)
		row = d.Row
	}
	if c.Def.Selects() {
		for _, x := range found {
			tags, fields := row(x.Index)
			rows = append(rows, fmt.Sprint(tags, fields))
		}
	}
	return found, rows
}

// requireSame compares what was received with what the twin has.
func requireSame(t *testing.T, w twin, got *received, what string) {
	t.Helper()
	require.Equal(t, len(w), got.n, what)
	if got.plan.listed {
		require.Equal(t, fmt.Sprint(trimmed(w)), fmt.Sprint(trimmed(got.batch.Points)), what)
		return
	}
	require.Empty(t, got.batch.Points, what)
	for i := range got.plan.calls {
		c := &got.plan.calls[i]
		what := fmt.Sprint(what, " ", c.Def.Name, c.Args)
		want, _, _ := w.result(&c.Call)
		require.Len(t, got.found[i], len(want), what)
		for j, x := range got.found[i] {
			require.Equal(t, want[j].Value.Kind, x.Value.Kind, what)
			if x.Value.Kind == point.Float {
				requireNear(t, want[j].Value.Float(), x.Value.Float(), what)
			} else {
				require.Equal(t, want[j].Value, x.Value, what)
			}
			if c.Def.Selects() {
				require.Equal(t, want[j].Time, x.Time, what)
				p := &w[want[j].Index]
				require.Equal(t, fmt.Sprint(p.Tags, p.Fields), got.rows[i][j], what)
			}
		}
	}
}

func requireNear(t *testing.T, want, got float64, what string) {
	t.Helper()
	if math.Float64bits(want) != math.Float64bits(got) && !(math.Abs(want-got) <= 1e-7) {
		require.InDelta(t, want, got, 1e-7, what) // NaN where there is none, too
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

// restart returns the content after it has been saved and restored.
func restart(t *testing.T, p *Plan, c *Content) Content {
	var b bytes.Buffer
	require.NoError(t, gob.NewEncoder(&b).Encode(c))
	fresh := p.New()
	require.NoError(t, gob.NewDecoder(&b).Decode(&fresh))
	fresh.Restored()
	return fresh
}

// A ring has the points that came and did not go, whatever they are and however they go, and what
// functions get of them is what they make of a list.
func TestRing(t *testing.T) {
	for seed := range 60 {
		r := rand.New(rand.NewPCG(2, uint64(seed)))
		plan := Points()
		if r.IntN(4) > 0 {
			plan = For(randomCalls(r), false)
		}
		f, c, w, got := &windowtest.Feed{Rand: r}, plan.New(), twin{}, &received{plan: plan}
		limit := 1 + r.IntN(60)
		for i := range 200 {
			p := f.Next()
			if r.IntN(2) == 0 && len(w) > 0 { // interned tags
				p.Tags = w[r.IntN(len(w))].Tags
			}
			w.add(&p)
			c.Add(&p)
			for i := range p.Fields { // the sender's buffer
				p.Fields[i] = point.Field{Key: "gone"}
			}
			switch {
			case len(w) > limit && r.IntN(2) == 0:
				n := r.IntN(len(w) + 1)
				w.drop(n)
				c.Drop(n)
			case len(w) > limit && w.sorted() && r.IntN(2) == 0:
				at := w[r.IntN(len(w))].Time
				w.dropOlder(at)
				c.DropBefore(at)
			case len(w) > limit:
				at := w[r.IntN(len(w))].Time + int64(r.IntN(2))
				w.dropOlder(at)
				c.DropOlder(at)
			case r.IntN(50) == 0:
				c = restart(t, plan, &c)
			}
			c.Drop(-1)
			require.Equal(t, len(w), c.Len())
			requireRegular(t, c.Ring)
			c.Emit("m", nil, p.Time, got)
			requireSame(t, w, got, fmt.Sprint(seed, " ", i))
		}
	}
}

// requireRegular counts the points that have their fields in columns.
func requireRegular(t *testing.T, r *Ring) {
	if r.Rows == nil {
		return
	}
	n := r.Len()
	for i := range r.Len() {
		if r.Rows.Others != nil && r.Rows.Others[r.Layout.at(i)].Is {
			n--
		}
	}
	require.Equal(t, n, r.Rows.Regular)
}

// Folds give what the points since the last emission do.
func TestFolds(t *testing.T) {
	for seed := range 150 {
		r := rand.New(rand.NewPCG(3, uint64(seed)))
		plan := For(randomCalls(r), true)
		f, c, w, got := &windowtest.Feed{Rand: r}, plan.New(), twin{}, &received{plan: plan}
		for i := range 100 {
			for range r.IntN(9) {
				p := f.Next()
				w.add(&p)
				c.Add(&p)
			}
			if r.IntN(9) == 0 {
				c = restart(t, plan, &c)
			}
			if c.Folds != nil {
				requireUnused(t, w, &c)
			}
			require.Equal(t, len(w), c.Len())
			n := len(w)
			c.Emit("m", nil, 0, got)
			requireSame(t, w, got, fmt.Sprint(seed, " ", i))
			c.Drop(n) // a ring does not empty itself
			c.DropOlder(math.MaxInt64)
			w = nil
		}
	}
}

func requireUnused(t *testing.T, w twin, c *Content) {
	for i := range c.Folds.plan.calls {
		var got []point.Kind
		early, late := c.Folds.Unused(i)
		for _, run := range append(slices.Clone(early), late...) {
			for range run.N {
				got = append(got, run.Kind)
			}
		}
		_, kind, want := w.result(&c.Folds.plan.calls[i].Call)
		require.Equal(t, want, got)
		_, used := c.Folds.Result(i, nil)
		require.Equal(t, kind, used)
		if kind == point.Missing {
			require.Empty(t, late)
		}
	}
}

// Folds of time windows have what a ring would have, late points included: which of these are in depends
// on where in the ring they would be.
func TestFoldsAreRings(t *testing.T) {
	for seed := range 300 {
		r := rand.New(rand.NewPCG(4, uint64(seed)))
		calls := randomCalls(r)
		folded, ringed := For(calls, true), Points()
		a, b := folded.New(), ringed.New()
		if a.Folds == nil {
			continue
		}
		gotA, gotB := &received{plan: folded}, &received{plan: ringed}
		every := int64(1+r.IntN(30)) * int64(time.Second)
		period := every - int64(r.IntN(int(every)))
		f, next := &windowtest.Feed{Rand: r}, int64(0)
		for i := range 200 {
			p := f.Next()
			if p.Time >= next {
				for _, c := range []*Content{&a, &b} {
					c.DropBefore(next - period)
				}
				require.Equal(t, b.Len(), a.Len())
				a.Emit("m", nil, next, gotA)
				b.Emit("m", nil, next, gotB)
				requireSame(t, gotB.batch.Points, gotA, fmt.Sprint(seed, " ", i))
				next = p.Time + every
			}
			a.Push(&p, next-period)
			b.Push(&p, next-period)
			if r.IntN(30) == 0 {
				a, b = restart(t, folded, &a), restart(t, ringed, &b)
			}
		}
	}
}

// While a value is there that its evicter cannot take, a function is computed from the samples, and not after
// that; when all values are of another kind, the evicter is one for that.
func TestRingResult(t *testing.T) {
	plan := For([]Call{{agg.Lookup("sum"), &agg.Args{Field: "v"}}, {agg.Lookup("mode"), &agg.Args{Field: "v"}}}, false)
	c := plan.New()
	kinds := func() string {
		_, a := c.Ring.Result(0, nil)
		_, b := c.Ring.Result(1, nil)
		return fmt.Sprint(a, " ", b)
	}
	add := func(v point.Value) {
		c.Add(&point.Point{Fields: []point.Field{{Key: "v", Value: v}}})
		if c.Len() > 3 {
			c.Drop(1)
		}
	}
	add(point.FloatValue(1))
	require.Equal(t, "float missing", kinds(), "mode has no evicter")
	add(point.Value{})
	add(point.FloatValue(2))
	require.Equal(t, "missing missing", kinds())
	add(point.FloatValue(3))
	require.Equal(t, "missing missing", kinds())
	add(point.FloatValue(math.NaN()))
	require.Equal(t, "missing missing", kinds())
	add(point.FloatValue(4))
	add(point.FloatValue(4))
	add(point.FloatValue(4))
	require.Equal(t, "float missing", kinds(), "all is well again")
	add(point.IntValue(5))
	add(point.IntValue(5))
	require.Equal(t, "missing missing", kinds())
	add(point.IntValue(5))
	require.Equal(t, "int missing", kinds())

	tumbling := For([]Call{{agg.Lookup("median"), &agg.Args{Field: "v"}}}, true)
	d := tumbling.New()
	d.Add(&point.Point{Fields: []point.Field{{Key: "v", Value: point.IntValue(1)}}})
	_, kind := d.Ring.Result(0, nil)
	require.Equal(t, point.Missing, kind, "nothing slides")
}

// Points with the fields of most are cheap; if all points of a full window are of another shape,
// that becomes the regular one.
func TestRingShape(t *testing.T) {
	c := Points().New()
	push := func(keys ...string) {
		p := point.Point{}
		for _, k := range keys {
			p.Fields = append(p.Fields, point.Field{Key: k})
		}
		c.Add(&p)
		c.Drop(c.Len() - 2*minShape)
	}
	push("v")
	push("v")
	rows := c.Ring.Rows
	require.Nil(t, rows.Others)
	push("v", "w")
	require.Equal(t, 2, rows.Regular)
	for range 5 * minShape {
		push("v", "w")
	}
	require.Equal(t, []string{"v", "w"}, rows.Keys)
	require.Equal(t, c.Len(), rows.Regular)
}

// What windows keep is told apart by what functions need, not by which they are, unless they fold.
func TestPlanString(t *testing.T) {
	call := func(name, field string) Call { return Call{agg.Lookup(name), &agg.Args{Field: field}} }
	for _, c := range []struct {
		plan *Plan
		want string
	}{
		{Points(), "rows"},
		{For(nil, true), ""},
		{For([]Call{call("mean", "v"), call("count", "w")}, false), `"v" "w" `},
		{For([]Call{call("mean", "v"), call("max", "v")}, false), `"v" "v" rows`},
		{For([]Call{call("mean", "v"), call("max", "v")}, true), `mean "v" max "v" rows`},
		{For([]Call{call("mean", "v"), call("median", "v")}, true), `"v" "v" `},
	} {
		require.Equal(t, c.want, c.plan.String())
	}
}
