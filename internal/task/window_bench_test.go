package task_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// windows are kinds of windows: one that tumbles, one that slides and one that is emitted with
// every point.
var windows = []struct{ name, call string }{
	{"tumbling", "window().period(60s).every(60s)"},
	{"sliding", "window().period(600s).every(10s)"},
	{"each", "window().period(60s)"},
}

var functions = []string{
	"count('usage')", "sum('usage')", "mean('usage')", "min('usage')", "max('usage')", "first('usage')", "last('usage')",
	"spread('usage')", "stddev('usage')", "median('usage')", "percentile('usage', 99.0)", "distinct('usage')", "mode('usage')",
}

// BenchmarkWindow pushes points of 100 hosts through a window and a function; one op is one point.
func BenchmarkWindow(b *testing.B) {
	for _, w := range windows {
		for _, f := range functions {
			b.Run(fmt.Sprintf("window=%s/%s", w.name, f), func(b *testing.B) {
				l := newLoad("")
				t := start(b, "stream|from().measurement('cpu').groupBy('host')|"+w.call+"|"+f, l, 1200*hosts)
				b.ReportAllocs()
				for b.Loop() {
					if err := t.Push(l.next()); err != nil {
						b.Fatal(err)
					}
					t.Take()
				}
			})
		}
	}
}

// TestWindowNoAllocation wants the steady state of windows with functions free of allocations.
func TestWindowNoAllocation(t *testing.T) {
	for _, w := range windows {
		for _, f := range functions {
			t.Run(w.name+"|"+f, func(t *testing.T) {
				l := newLoad("")
				tk := start(t, "stream|from().measurement('cpu').groupBy('host')|"+w.call+"|"+f, l, 130*hosts)
				if w.name == "sliding" {
					for range 620 * hosts {
						require.NoError(t, tk.Push(l.next()))
					}
				}
				require.Zero(t, testing.AllocsPerRun(20*hosts, func() {
					_ = tk.Push(l.next())
					tk.Take()
				}))
			})
		}
	}
}
