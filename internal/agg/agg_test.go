package agg

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// sampleOf returns v at t seconds.
func sampleOf(t int64, v any) point.Sample {
	s := point.Sample{Time: t * int64(time.Second)}
	switch v := v.(type) {
	case float64:
		s.Value = point.FloatValue(v)
	case int:
		s.Value = point.IntValue(int64(v))
	case string:
		s.Value = point.StringValue(v)
	case bool:
		s.Value = point.BoolValue(v)
	}
	return s
}

func floats(vs ...float64) []point.Sample {
	var set []point.Sample
	for i, v := range vs {
		set = append(set, sampleOf(int64(i), v))
	}
	return set
}

func ints(vs ...int) []point.Sample {
	var set []point.Sample
	for i, v := range vs {
		set = append(set, sampleOf(int64(i), v))
	}
	return set
}

func at(t int64, v any) Result {
	s := sampleOf(t, v)
	return Result{Time: s.Time, Value: s.Value}
}

func none(v any) Result { return Result{Time: NoTime, Value: sampleOf(0, v).Value} }

// apply runs the function over one set, or the transformation over a series, leaving out Index.
func apply(t *testing.T, name string, a Args, set []point.Sample) []Result {
	t.Helper()
	d := Lookup(name)
	require.NotNil(t, d, name)
	var out []Result
	if d.Transform != nil {
		var st Series
		f := d.Transform(&a)
		for _, s := range set {
			f.Push(&st, s)
			if r, ok := f.Emit(&st); ok {
				out = append(out, r)
			}
		}
	} else {
		f := d.New(set[0].Value.Kind, &a)
		for range 2 { // the second set finds what the first left
			f.Reset()
			for i, s := range set {
				f.Push(i, s)
			}
			out = f.Append(out[:0])
		}
	}
	for i := range out {
		out[i].Index = 0
	}
	return out
}

func TestFunctions(t *testing.T) {
	example := floats(0, 1, 3, 2, 3, 2)[1:] // times 1 … 5 s
	for i := range example {
		example[i].Time -= int64(time.Second)
	}
	nan := math.NaN()
	for _, c := range []struct {
		name string
		args Args
		set  []point.Sample
		want []Result
	}{
		{"count", Args{}, example, []Result{none(5)}},
		{"sum", Args{}, example, []Result{at(0, 11.0)}},
		{"mean", Args{}, example, []Result{none(2.2)}},
		{"median", Args{}, example, []Result{none(2.0)}},
		{"mode", Args{}, example, []Result{none(3.0)}},
		{"spread", Args{}, example, []Result{none(2.0)}},
		{"stddev", Args{}, example, []Result{none(0.8366600265340756)}},
		{"max", Args{}, example, []Result{at(1, 3.0)}},
		{"min", Args{}, example, []Result{at(0, 1.0)}},
		{"percentile", Args{Percent: 50}, example, []Result{at(4, 2.0)}},
		{"percentile", Args{Percent: 1}, example, nil},
		{"distinct", Args{}, example, []Result{at(0, 1.0), at(1, 3.0), at(2, 2.0)}},
		{"top", Args{N: 2}, example, []Result{at(1, 3.0), at(3, 3.0)}},
		{"difference", Args{}, example, []Result{at(1, 2.0), at(2, -1.0), at(3, 1.0), at(4, -1.0)}},
		{"movingAverage", Args{N: 2}, example, []Result{at(1, 2.0), at(2, 2.5), at(3, 2.5), at(4, 2.5)}},
		{"elapsed", Args{Unit: time.Second}, []point.Sample{sampleOf(0, 1.0), sampleOf(0, 3.0), sampleOf(1, 2.0), sampleOf(1, 7.0), sampleOf(2, 5.0)}, []Result{at(0, 0), at(1, 1), at(1, 0), at(2, 1)}},
		{"difference", Args{}, []point.Sample{sampleOf(0, 1.0), sampleOf(0, 3.0), sampleOf(1, 2.0), sampleOf(1, 7.0), sampleOf(2, 5.0)}, []Result{at(1, 1.0), at(2, 3.0)}},

		{"sum", Args{}, ints(math.MaxInt64, 1), []Result{at(0, math.MinInt64)}},
		{"mean", Args{}, ints(1, 2), []Result{none(1.5)}},
		{"mean", Args{}, ints(math.MaxInt64, 1), []Result{none(float64(math.MinInt64) / 2)}},
		{"median", Args{}, ints(4, 1, 3, 2), []Result{none(2.5)}},
		{"median", Args{}, ints(math.MinInt64, math.MaxInt64), []Result{none(0.0)}},
		{"mode", Args{}, floats(7, 5, 6), []Result{none(5.0)}},
		{"mode", Args{}, floats(1, 2, 1, 2), []Result{none(2.0)}}, // 2 began at 1 s, 1 came to two at 2 s: not later
		{"mode", Args{}, floats(1, 1, 2, 2), []Result{none(1.0)}},
		{"mode", Args{}, ints(9, 8, 8, 9, 9), []Result{none(9)}},
		{"spread", Args{}, ints(-4, 9, 0), []Result{none(13)}},
		{"spread", Args{}, floats(4), []Result{none(0.0)}},
		{"stddev", Args{}, floats(4), []Result{none(nan)}},
		{"stddev", Args{}, floats(4, nan, 6), []Result{none(math.Sqrt2)}},
		{"stddev", Args{}, floats(1e9+1, 1e9+2, 1e9+3), []Result{none(1.0)}},
		{"percentile", Args{Percent: 100}, ints(3, 1, 2), []Result{at(0, 3)}},
		{"percentile", Args{Percent: 120}, ints(3, 1, 2), nil},
		{"percentile", Args{Percent: -1}, ints(3, 1, 2), nil},
		{"percentile", Args{Percent: nan}, ints(3, 1, 2), nil},
		{"percentile", Args{Percent: 1e300}, ints(3, 1, 2), nil},
		{"percentile", Args{Percent: 50}, ints(5), []Result{at(0, 5)}},
		{"top", Args{N: 1 << 40}, ints(1, 2), []Result{at(1, 2), at(0, 1)}},
		{"bottom", Args{N: 2}, ints(5, 1, 7, 1), []Result{at(1, 1), at(3, 1)}},
		{"distinct", Args{}, []point.Sample{sampleOf(3, "b"), sampleOf(1, "b"), sampleOf(2, "a"), sampleOf(2, "A")}, []Result{at(2, "A"), at(2, "a"), at(3, "b")}},
		{"distinct", Args{}, []point.Sample{sampleOf(3, true), sampleOf(3, false)}, []Result{at(3, false), at(3, true)}},
		{"cumulativeSum", Args{}, ints(1, 2, 3), []Result{at(0, 1), at(1, 3), at(2, 6)}},
		{"cumulativeSum", Args{}, floats(1, 2.5), []Result{at(0, 1.0), at(1, 3.5)}},
		{"movingAverage", Args{N: 1}, ints(1, 2), []Result{at(0, 1.0), at(1, 2.0)}},
		{"movingAverage", Args{N: 2}, floats(1e300, 1, 2, 3), []Result{at(1, 5e299), at(2, 1.5), at(3, 2.5)}},
		{"movingAverage", Args{N: 2}, floats(nan, 1, 2), []Result{at(1, nan), at(2, 1.5)}},
		{"elapsed", Args{Unit: time.Minute}, []point.Sample{sampleOf(0, "a"), sampleOf(90, "b"), sampleOf(0, "c")}, []Result{at(90, 1), at(0, -1)}},
	} {
		got := apply(t, c.name, c.args, c.set)
		require.Len(t, got, len(c.want), c.name)
		for i, r := range got {
			if w := c.want[i]; w.Value.Kind == point.Float {
				require.Equal(t, point.Float, r.Value.Kind, c.name)
				require.Equal(t, w.Time, r.Time, c.name)
				if w.Value.Float() != w.Value.Float() {
					require.True(t, math.IsNaN(r.Value.Float()), c.name)
				} else {
					require.InDelta(t, w.Value.Float(), r.Value.Float(), 1e-12*math.Max(1, math.Abs(w.Value.Float())), c.name)
				}
			} else {
				require.Equal(t, w, r, c.name)
			}
		}
	}
}

// Ties of time and value, by the number of the sample that is selected.
func TestSelection(t *testing.T) {
	for _, c := range []struct {
		name string
		set  []point.Sample
		want int
	}{
		{"min", ints(2, 1, 1), 1},
		{"min", []point.Sample{sampleOf(5, 1), sampleOf(4, 1)}, 1},
		{"max", ints(2, 2, 1), 0},
		{"max", []point.Sample{sampleOf(5, 1.0), sampleOf(4, 1.0)}, 1},
		{"first", []point.Sample{sampleOf(5, 1), sampleOf(4, 1), sampleOf(4, 2), sampleOf(4, 2)}, 2},
		{"first", []point.Sample{sampleOf(4, "a"), sampleOf(4, "b")}, 1},
		{"first", []point.Sample{sampleOf(4, true), sampleOf(4, false)}, 1},
		{"last", []point.Sample{sampleOf(4, 1), sampleOf(5, 1), sampleOf(5, 2), sampleOf(5, 2)}, 2},
		{"last", []point.Sample{sampleOf(4, "b"), sampleOf(4, "a")}, 0},
		{"last", []point.Sample{sampleOf(4, false), sampleOf(4, true), sampleOf(3, true)}, 1},
	} {
		f := Lookup(c.name).New(c.set[0].Value.Kind, &Args{})
		f.Reset()
		for i, s := range c.set {
			f.Push(10*i, s)
		}
		got := f.Append(nil)
		require.Len(t, got, 1)
		require.Equal(t, 10*c.want, got[0].Index, "%s %v", c.name, c.set)
	}
}

// A transformation asked again does what Kapacitor does at a point without the field.
func TestEmitAgain(t *testing.T) {
	for name, again := range map[string]bool{"difference": false, "elapsed": true, "movingAverage": true, "cumulativeSum": true} {
		f := Lookup(name).Transform(&Args{N: 2, Unit: 1})
		var st Series
		_, ok := f.Emit(&st)
		require.False(t, ok, name)
		for _, s := range ints(1, 2, 4) {
			f.Push(&st, s)
		}
		r, ok := f.Emit(&st)
		require.True(t, ok, name)
		r2, ok := f.Emit(&st)
		require.Equal(t, again, ok, name)
		if again {
			require.Equal(t, r, r2, name)
		}
		st.Reset()
		_, ok = f.Emit(&st)
		require.False(t, ok, name)
	}
}

// A sliding function gives what the plain one gives for the content of the window.
func TestSliding(t *testing.T) {
	for _, d := range Defs() {
		if d.Sliding == nil {
			continue
		}
		for _, k := range []point.Kind{point.Float, point.Int, point.String, point.Bool} {
			if d.Kinds.Of(k) == point.Missing {
				continue
			}
			t.Run(d.Name+"="+k.String(), func(t *testing.T) {
				r := rand.New(rand.NewPCG(1, uint64(k)))
				for round := range 30 {
					a := Args{Percent: []float64{0, 10, 50, 99, 100, 120}[round%6]}
					plain, sliding := d.New(k, &a), d.Sliding(k, &a)
					sliding.Reset()
					var window []point.Sample
					first := 0
					for step := range 200 {
						if len(window) > 0 && r.IntN(3) == 0 {
							sliding.Evict(first, window[0])
							window = window[1:]
							first++
						} else {
							s := point.Sample{Time: int64(step/2 + r.IntN(2)), Value: randomValue(r, k)}
							sliding.Push(first+len(window), s)
							window = append(window, s)
						}
						if len(window) == 0 || r.IntN(1+round%7) > 0 {
							continue
						}
						plain.Reset()
						for i, s := range window {
							plain.Push(first+i, s)
						}
						got := sliding.Append(nil)
						for i := range got {
							if r := &got[i]; r.Index >= 0 && r.Time == NoTime {
								r.Time = window[r.Index-first].Time
							}
						}
						requireClose(t, plain.Append(nil), got, window)
					}
				}
			})
		}
	}
}

func randomValue(r *rand.Rand, k point.Kind) point.Value {
	switch k {
	case point.Float:
		x := float64(r.IntN(5)) / 4
		if r.IntN(4) == 0 {
			x = r.NormFloat64() * math.Pow(10, float64(r.IntN(9)))
		}
		return point.FloatValue(x)
	case point.String:
		return point.StringValue(string(rune('a' + r.IntN(3))))
	case point.Bool:
		return point.BoolValue(r.IntN(2) == 0)
	}
	if r.IntN(4) == 0 {
		return point.IntValue(int64(r.Uint64()))
	}
	return point.IntValue(int64(r.IntN(5)))
}

// requireClose wants the same results, floats within 1e-9 of the largest number in the window.
func requireClose(t *testing.T, want, got []Result, window []point.Sample) {
	t.Helper()
	require.Len(t, got, len(want))
	scale := 0.0
	for _, s := range window {
		x, _ := s.Value.Number()
		scale += math.Abs(x)
	}
	for i, w := range want {
		if w.Value.Kind == point.Float {
			require.InDelta(t, w.Value.Float(), got[i].Value.Float(), 1e-9*scale)
			w.Value, got[i].Value = point.Value{}, point.Value{}
		}
		require.Equal(t, w, got[i])
	}
}

func TestExact(t *testing.T) {
	var e Exact
	for _, x := range []float64{1e300, 1e290, 1, 1e-10} {
		e.Add(x)
	}
	e.Sub(1e300)
	e.Sub(1e290)
	e.Sub(1)
	require.Equal(t, 1e-10, e.Value())
	e.Add(math.MaxFloat64)
	e.Add(math.MaxFloat64)
	require.Equal(t, math.Inf(1), e.Value())
	e.Sub(math.MaxFloat64)
	require.Equal(t, math.MaxFloat64, e.Value())
	e.Add(math.Inf(-1))
	require.Equal(t, math.Inf(-1), e.Value())
	e.Add(math.Inf(1))
	require.True(t, math.IsNaN(e.Value()))
	e.Sub(math.Inf(-1))
	require.Equal(t, math.Inf(1), e.Value())
	e.Add(math.NaN())
	require.True(t, math.IsNaN(e.Value()))
	e.Sub(math.NaN())
	e.Sub(math.Inf(1))
	e.Sub(math.MaxFloat64)
	require.Equal(t, 1e-10, e.Value())
	e.Sub(1e-10)
	require.Empty(t, e.Parts)
	require.Zero(t, e.Value())
}

// Random order must not matter to what ranks, however often the set is trimmed.
func TestRankedMany(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 3, 100, 1000} {
		var set []point.Sample
		for i := range 500 {
			set = append(set, point.Sample{Time: int64(i), Value: point.IntValue(int64(r.IntN(200)))})
		}
		want := slices.Clone(set)
		slices.SortStableFunc(want, func(a, b point.Sample) int { return int(b.Value.Int() - a.Value.Int()) })
		want = want[:min(n, len(want))]
		got := apply(t, "top", Args{N: int64(n)}, set)
		require.Len(t, got, len(want))
		for i, w := range want {
			require.Equal(t, w, point.Sample{Time: got[i].Time, Value: got[i].Value}) //nolint:testifylint // w is what is wanted
		}
	}
}

func TestDefs(t *testing.T) {
	require.Len(t, Defs(), 21)
	for _, d := range Defs() {
		require.NotEmpty(t, d.Doc, d.Name)
		require.NotEmpty(t, d.Example.Chain, d.Name)
		require.Equal(t, d.Class == Transformation, d.Transform != nil, d.Name)
		require.Equal(t, d.Class == Transformation, d.New == nil, d.Name)
	}
	require.Nil(t, Lookup("nosuch"))
	require.Equal(t, "holtWinters", Lookup("holtWintersWithFit").Result())
}

// set returns n samples of a busy series, one a second.
func benchSet(n int, k point.Kind) []point.Sample {
	r := rand.New(rand.NewPCG(3, 4))
	var set []point.Sample
	for i := range n {
		s := point.Sample{Time: int64(i) * int64(time.Second), Value: point.FloatValue(100 + 10*r.NormFloat64())}
		if k == point.Int {
			s.Value = point.IntValue(int64(s.Value.Float()))
		}
		set = append(set, s)
	}
	return set
}

var benchArgs = Args{Percent: 95, N: 5, Unit: time.Second, Horizon: 2, Season: 0, Interval: time.Second}

func TestAllocs(t *testing.T) {
	for _, d := range Defs() {
		for _, k := range []point.Kind{point.Float, point.Int} {
			set := benchSet(100, k)
			if d.Class == Forecast {
				set = set[:8]
			}
			require.Zero(t, testing.AllocsPerRun(3, runner(d, k, set)), d.Name)
		}
	}
}

// runner returns a function that applies d to set, with the buffers of earlier calls.
func runner(d *Def, k point.Kind, set []point.Sample) func() {
	var out []Result
	if d.Transform != nil {
		f := d.Transform(&benchArgs)
		st := &Series{}
		return func() {
			st.Reset()
			out = out[:0]
			for _, s := range set {
				f.Push(st, s)
				if r, ok := f.Emit(st); ok {
					out = append(out, r)
				}
			}
		}
	}
	f := d.New(k, &benchArgs)
	return func() {
		f.Reset()
		for i, s := range set {
			f.Push(i, s)
		}
		out = f.Append(out[:0])
	}
}

func BenchmarkFunctions(b *testing.B) {
	for _, d := range Defs() {
		b.Run("agg="+d.Name, func(b *testing.B) {
			set := benchSet(1000, point.Float)
			if d.Class == Forecast {
				set = set[:24]
			}
			run := runner(d, point.Float, set)
			b.ReportAllocs()
			b.SetBytes(int64(len(set)) * 16)
			for b.Loop() {
				run()
			}
		})
	}
}

func BenchmarkSliding(b *testing.B) {
	for _, d := range Defs() {
		if d.Sliding == nil {
			continue
		}
		b.Run("agg="+d.Name, func(b *testing.B) {
			const window = 1000
			set := benchSet(2*window, point.Float)
			f := d.Sliding(point.Float, &benchArgs)
			f.Reset()
			for i := range window {
				f.Push(i, set[i])
			}
			i := window
			var out []Result
			b.ReportAllocs()
			b.SetBytes(16)
			for b.Loop() {
				f.Evict(i-window, set[(i-window)%len(set)])
				f.Push(i, set[i%len(set)])
				out = f.Append(out[:0])
				i++
			}
		})
	}
}
