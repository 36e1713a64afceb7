package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec/spectest"
)

// dropAll drops everything.
type dropAll struct{}

func (dropAll) Point(*point.Point)          {}
func (dropAll) Batch(*point.Batch)          {}
func (dropAll) Barrier(*point.Group, int64) {}
func (dropAll) Delete(*point.Group)         {}

func startedState(t testing.TB, env spec.Env, word string, props ...any) spec.Grouper {
	d := declared(t, word, append([]any{"", `lambda: "v" > 3.0`}, props...)...)
	require.NoError(t, d.(spec.Starter).Start(env))
	return d.(spec.Grouper)
}

func TestStateDurationAndCount(t *testing.T) {
	env := newAlertEnv()
	var out sentLines
	d := startedState(t, env, "stateDuration", "as", "d", "unit", time.Second).Group(env.group("a"), &out)
	c := startedState(t, env, "stateCount", "as", "n").Group(env.group("a"), &out)
	missing := env.point("a", 4*second, 0)
	missing.Fields[0].Key = "other"
	feed := func(s point.Sink) []string {
		for _, tv := range [][2]int64{{0, 1}, {1, 5}, {3, 6}, {4, -1}, {5, 7}, {6, 1}, {7, 8}, {10, 9}, {2, 9}} {
			if tv[1] < 0 {
				s.Point(missing)
				continue
			}
			s.Point(env.point("a", tv[0]*second, float64(tv[1])))
		}
		var got []string
		for _, l := range out.take() {
			got = append(got, l[len("m,host=a "):])
		}
		return got
	}
	require.Equal(t, []string{"d=-1,v=1 0", "d=0,v=5 1000000000", "d=2,v=6 3000000000", "d=4,v=7 5000000000", "d=-1,v=1 6000000000", "d=0,v=8 7000000000", "d=3,v=9 10000000000", "d=-5,v=9 2000000000"}, feed(d))
	require.Equal(t, []string{"n=-1i,v=1 0", "n=1i,v=5 1000000000", "n=2i,v=6 3000000000", "n=3i,v=7 5000000000", "n=-1i,v=1 6000000000", "n=1i,v=8 7000000000", "n=2i,v=9 10000000000", "n=3i,v=9 2000000000"}, feed(c))
	require.Equal(t, []string{`error while evaluating expression: left reference value "v" is missing value`}, env.Errors[:1])
	require.Len(t, env.Errors, 2)

	// A batch begins anew, and passes even without points.
	p, q := env.point("a", 11*second, 9), env.point("a", 12*second, 9)
	c.Batch(&point.Batch{Name: "m", Group: p.Group, TMax: 13, Points: []point.Point{*p, *missing, *q}})
	c.Batch(&point.Batch{Name: "m", Group: p.Group, TMax: 14, Points: []point.Point{*missing}})
	require.Equal(t, []string{"batch host=a 13", "m,host=a n=1i,v=9 11000000000", "m,host=a n=2i,v=9 12000000000", "batch host=a 14"}, out.take())
}

func TestStateDurationRestored(t *testing.T) {
	env := newAlertEnv()
	var out sentLines
	a := startedState(t, env, "stateDuration").Group(env.group("a"), &out)
	a.Point(env.point("a", 1*second, 9))
	b := startedState(t, env, "stateDuration").Group(env.group("a"), &out)
	saveAndLoad(t, a, b)
	out.take()
	b.Point(env.point("a", 4*second, 9))
	require.Equal(t, []string{"m,host=a state_duration=3,v=9 4000000000"}, out.take())
}

func TestStateDurationUnit(t *testing.T) {
	s := spec.Of("stateDuration", spec.New("stateDuration"))
	require.NoError(t, s.Set("unit", spectest.Args(time.Duration(0))))
	require.ErrorContains(t, s.Validate(), "unit: must be positive")
}

func TestStateAllocs(t *testing.T) {
	env := newAlertEnv()
	p := env.point("a", 1, 9)
	b := &point.Batch{Name: "m", Group: p.Group, Points: []point.Point{*p, *p}}
	for _, word := range []string{"stateDuration", "stateCount"} {
		g := startedState(t, env, word).Group(env.group("a"), dropAll{})
		g.Point(p)
		g.Batch(b)
		require.Zero(t, testing.AllocsPerRun(100, func() { g.Point(p); g.Batch(b) }), word)
	}
}

func BenchmarkState(b *testing.B) {
	for _, word := range []string{"stateDuration", "stateCount"} {
		b.Run("node="+word, func(b *testing.B) {
			env := newAlertEnv()
			g := startedState(b, env, word).Group(env.group("a"), dropAll{})
			p := env.point("a", 1, 9)
			b.ReportAllocs()
			for b.Loop() {
				g.Point(p)
			}
		})
	}
}
