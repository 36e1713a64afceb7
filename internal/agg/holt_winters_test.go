package agg

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// season is 24 values of a ramp with a period of 6, 10 s apart.
func season() []point.Sample {
	wave := []float64{0, 8.66, 8.66, 0, -8.66, -8.66}
	var set []point.Sample
	for i := range 24 {
		v := 100 + wave[i%6] + 0.5*float64(i)
		set = append(set, sampleOf(int64(10*i), math.Round(v*100)/100))
	}
	return set
}

func forecast(t *testing.T, name string, h, m int64, set []point.Sample) []Result {
	t.Helper()
	return apply(t, name, Args{Horizon: h, Season: m, Interval: 10 * time.Second}, set)
}

// The wanted values were recorded from Kapacitor.
func TestHoltWinters(t *testing.T) {
	fit := forecast(t, "holtWintersWithFit", 3, 0, season())
	require.Len(t, fit, 27)
	for i, want := range []float64{100, 100.24459582433012, 100.67509125695314, 101.22061969604961, 101.82977431860353, 102.4657998247451} {
		require.InEpsilon(t, want, fit[i].Value.Float(), 1e-6)
		require.Equal(t, int64(i)*10*int64(time.Second), fit[i].Time)
	}
	seasonal := forecast(t, "holtWinters", 6, 6, season())
	for i, want := range []float64{106.72924270194196, 104.71597204164016, 102.50766704002557, 101.62576872502382, 97.60126334094817, 97.10144921044169} {
		require.InEpsilon(t, want, seasonal[i].Value.Float(), 1e-6)
		require.Equal(t, int64(240+10*i)*int64(time.Second), seasonal[i].Time)
	}
	ahead := forecast(t, "holtWinters", 6, 0, season())
	require.Len(t, ahead, 6)
	require.Equal(t, fit[24:], ahead[:3])
}

func TestHoltWintersEdges(t *testing.T) {
	set := season()
	require.Empty(t, forecast(t, "holtWinters", 0, 0, set))
	require.Empty(t, forecast(t, "holtWinters", -1, 0, set))
	require.Empty(t, forecast(t, "holtWinters", 3, 0, set[:1]))
	require.Empty(t, forecast(t, "holtWinters", 3, 6, set[:5]))
	require.Empty(t, forecast(t, "holtWinters", 3, 0, []point.Sample{set[2], set[1]}), "time goes back")
	same := []point.Sample{set[0], set[0], set[0], set[0], set[0], set[0], set[1]}
	require.Empty(t, forecast(t, "holtWinters", 3, 6, same), "fewer intervals than a season")
	far := []point.Sample{set[0], sampleOf(1<<32, 1.0)}
	require.Empty(t, forecast(t, "holtWinters", 3, 0, far), "too many intervals")
	middle := []point.Sample{set[0], sampleOf(1<<32, 1.0), set[3]}
	require.Empty(t, forecast(t, "holtWinters", 3, 0, middle), "too many intervals on the way")
	lost := []point.Sample{{Time: math.MinInt64 / 2, Value: point.FloatValue(1)}, {Time: math.MaxInt64 / 4 * 3, Value: point.FloatValue(1)}, {Time: math.MinInt64/2 + int64(time.Minute), Value: point.FloatValue(1)}}
	require.Empty(t, forecast(t, "holtWinters", 3, 0, lost), "more time than an int64 holds")
	require.Len(t, forecast(t, "holtWinters", 3, 0, append(set[:4:4], set[6:]...)), 3, "missing values")
	require.Len(t, forecast(t, "holtWinters", 3, 6, ints(1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7)), 3)

	check := Lookup("holtWinters").Check
	require.NoError(t, check(&Args{Interval: 1, Horizon: maxHorizon, Season: maxSeason}))
	require.Error(t, check(&Args{Interval: 0}))
	require.Error(t, check(&Args{Interval: 1, Horizon: maxHorizon + 1}))
	require.Error(t, check(&Args{Interval: 1, Season: maxSeason + 1}))
}
