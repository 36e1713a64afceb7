package agg

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// Outliers that pass through a window leave no error behind, however long it slides.
func TestSlidingDoesNotDrift(t *testing.T) {
	const window = 50
	for _, name := range []string{"sum", "mean", "stddev", "median", "spread"} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, 7))
			d := Lookup(name)
			plain, sliding := d.New(point.Float, &Args{}), d.Sliding(point.Float, &Args{})
			var set []point.Sample
			for i := range 20_000 {
				x := 1000 + r.Float64()/1000
				if i%500 == 77 {
					x = 1e12 * r.NormFloat64()
				}
				set = append(set, point.Sample{Time: int64(i), Value: point.FloatValue(x)})
				sliding.Push(i, set[i])
				if i < window {
					continue
				}
				sliding.Evict(i-window, set[i-window])
				if i%500 < 77+window && i%500 >= 77 {
					continue // Welford's own error is larger
				}
				plain.Reset()
				for j := i - window + 1; j <= i; j++ {
					plain.Push(j, set[j])
				}
				want := plain.Append(nil)[0].Value.Float()
				require.InEpsilon(t, want, sliding.Append(nil)[0].Value.Float(), 1e-9)
			}
		})
	}
}

// A series that does not move has a deviation of exactly 0, whatever it was before.
func TestSlidingStddevOfConstants(t *testing.T) {
	d := Lookup("stddev").Sliding(point.Float, &Args{})
	d.Push(0, point.Sample{Value: point.FloatValue(1e9)})
	for i := range 30 {
		d.Push(i+1, point.Sample{Value: point.FloatValue(0.1)})
	}
	d.Evict(0, point.Sample{Value: point.FloatValue(1e9)})
	require.Zero(t, d.Append(nil)[0].Value.Float())
}

// A rank that moves from one end to the other visits every sample.
func TestHalvesSplit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	var h halves[int64]
	const n = 300
	sorted := entries[int64]{}
	for i := range n {
		s := point.Sample{Time: int64(i), Value: point.IntValue(int64(r.IntN(50)))}
		h.Push(1000+i, s)
		sorted.Push(1000+i, s)
	}
	sorted.sort()
	for _, k := range r.Perm(n) {
		h.split(k + 1)
		require.Equal(t, item[int64]{sorted.set[k].value, sorted.set[k].i}, h.low[0])
	}
}

func TestTame(t *testing.T) {
	for _, v := range []point.Value{point.FloatValue(0), point.FloatValue(-1e100), point.IntValue(math.MinInt64), point.StringValue("NaN"), point.BoolValue(true)} {
		require.True(t, Tame(v))
	}
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e150, -1e150} {
		require.False(t, Tame(point.FloatValue(x)))
	}
}
