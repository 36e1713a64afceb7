package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func TestShift(t *testing.T) {
	runCases(t, []rigCase{
		{"stream", spec.Stream, "h", []any{"shift", time.Minute}, "m,h=a v=0 0s\nm,h=b v=1 1s\nbarrier h=a 5s", "m,h=a v=0 1m0s\nm,h=b v=1 1m1s\nbarrier h=a 5s"},
		{"back", spec.Stream, "", []any{"shift", -time.Second}, "m v=0 0s", "m v=0 -1s"},
		{"batch", spec.Batch, "h", []any{"shift", time.Minute}, "batch m,h=a 10s: v=0 0s; v=1 1s\nbatch m,h=a 20s:", "batch m,h=a 1m10s: h=a v=0 1m0s; h=a v=1 1m1s\nbatch m,h=a 1m20s:"},
	})
	_, err := rigNode("shift", 0*time.Second)
	require.ErrorContains(t, err, "invalid shift value: must be non zero duration")
}

// What shift was given stays as it was.
func TestShiftCopies(t *testing.T) {
	r := newRig(t, spec.Batch, "", "shift", time.Minute)
	b := r.parseBatch("m 10s: v=0 1s")
	r.sink(b.Group).Batch(b)
	require.Equal(t, int64(10*time.Second), b.TMax)
	require.Equal(t, int64(time.Second), b.Points[0].Time)
}

func TestShiftAllocs(t *testing.T) {
	requireNoAllocs(t, newRig(t, spec.Stream, "", "shift", time.Minute), "m v=1 0s")
}
