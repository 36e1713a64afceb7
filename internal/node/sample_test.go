package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func TestSample(t *testing.T) {
	const in = "m v=0 0s\nm v=1 1s\nm v=2 2s\nm v=3 3s\nm v=4 4s\nm v=5 5s\nm v=6 6s"
	runCases(t, []rigCase{
		{"count", spec.Stream, "", []any{"sample", 3}, in, "m v=0 0s\nm v=3 3s\nm v=6 6s"},
		{"all", spec.Stream, "", []any{"sample", 1}, "m v=0 0s\nm v=1 1s", "m v=0 0s\nm v=1 1s"},
		{"duration", spec.Stream, "", []any{"sample", 5 * time.Second}, in + "\nm v=7 5s\nm v=8 5001ms", "m v=0 0s\nm v=5 5s\nm v=7 5s"},
		{"groups", spec.Stream, "h", []any{"sample", 2}, "m,h=a v=0 0s\nm,h=b v=1 0s\nm,h=b v=2 0s\nm,h=a v=3 0s\nm,h=a v=4 0s\ndelete h=b\nm,h=b v=5 0s", `
			m,h=a v=0 0s
			m,h=b v=1 0s
			m,h=a v=4 0s
			delete h=b
			m,h=b v=5 0s`},
		{"batch", spec.Batch, "", []any{"sample", 2}, "batch m 10s: v=0 0s; v=1 1s; v=2 2s\nbatch m 20s: v=3 11s; v=4 12s\nbatch m 30s:", `
			batch m 10s: v=0 0s; v=2 2s
			batch m 20s: v=3 11s
			batch m 30s:`},
	})
	for _, c := range []struct {
		rate any
		want string
	}{
		{"10", "want an int or a duration: sample(10) or sample(5s)"},
		{1.5, "want an int or a duration: sample(10) or sample(5s)"},
		{0, "invalid sample rate: must be positive integer or duration"},
		{-3, "invalid sample rate: must be positive integer or duration"},
		{0 * time.Second, "invalid sample rate: must be positive integer or duration"},
	} {
		_, err := rigNode("sample", c.rate)
		require.ErrorContains(t, err, c.want)
	}
}

func TestSampleAllocs(t *testing.T) {
	requireNoAllocs(t, newRig(t, spec.Stream, "h", "sample", 2), "m,h=a v=1 0s", "m,h=b v=1 0s")
}
