//go:build !race

package lambda

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

func TestNoAllocations(t *testing.T) {
	p := familyPoint()
	for _, tt := range families {
		t.Run(tt.name, func(t *testing.T) {
			e := compile(t, tt.expr)
			var st State
			require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = e.Eval(p, &st) }), "Eval")
			require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = e.Bool(p, &st) }), "Bool")
		})
	}
}

// TestNoAllocationsOnTypeChange: known signatures come from the cache.
func TestNoAllocationsOnTypeChange(t *testing.T) {
	e := compile(t, `"v" > 5 AND "v" < "w"`)
	points := []*point.Point{newPoint("v", 7, "w", 8), newPoint("v", 7.0, "w", 8), newPoint("w", 8), newPoint("v", "s")}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for _, p := range points {
			_, _ = e.Bool(p, nil)
		}
	}))
}

func TestNoAllocationsInScope(t *testing.T) {
	e := compileIn(t, &Scope{Names: []string{"a", "f"}, Values: []point.Value{point.FloatValue(1), {}}}, `"a" + "f"`)
	p := familyPoint()
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = e.Eval(p, nil) }))
}
