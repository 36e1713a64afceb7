package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func TestDerivative(t *testing.T) {
	runCases(t, []rigCase{
		{"basic", spec.Stream, "", []any{"derivative", "v"}, "m v=1 0s\nm v=3 1s\nm v=2 3s\nm v=5 4s\nm v=9 4s\nm v=10 2s\nm v=12 6s", `
			m v=2 1s
			m v=-0.5 3s
			m v=3 4s
			error cannot perform derivative: elaspsed time was 0
			m v=-0.5 2s
			m v=0.5 6s`},
		{"as, unit and other fields", spec.Stream, "", []any{"derivative", "v", rigSet("as", "d"), rigSet("unit", time.Minute)}, "m,h=a v=1i,w=1 0s\nm,h=b v=3i,w=2 1s", "m,h=b d=120,v=3i,w=2 1s"},
		{"as in front and behind", spec.Stream, "", []any{"derivative", "v", rigSet("as", "z")}, "m v=1 0s\nm a=1,v=2 1s", "m a=1,v=2,z=1 1s"},
		{"nonNegative drops but remembers", spec.Stream, "", []any{"derivative", "v", rigSet("nonNegative")}, "m v=5 0s\nm v=1 1s\nm v=3 2s\nm v=2 1s\nm v=4 0s", "m v=2 2s\nm v=-2 0s"},
		{"wrong types", spec.Stream, "", []any{"derivative", "v"}, "m w=1 0s\nm v=1 0s\nm v=\"x\" 1s\nm v=nil 1s\nm v=true 1s\nm v=5s 1s\nm v=3 2s", `
			error cannot perform derivative: field is the wrong type field=v type=<nil>
			error cannot perform derivative: field is the wrong type field=v type=string
			error cannot perform derivative: field is the wrong type field=v type=<nil>
			error cannot perform derivative: field is the wrong type field=v type=bool
			error cannot perform derivative: field is the wrong type field=v type=time.Duration
			m v=1 2s`},
		{"groups", spec.Stream, "h", []any{"derivative", "v"}, "m,h=a v=1 0s\nm,h=b v=1 0s\nm,h=a v=2 1s\nbarrier h=b 1s\ndelete h=b\nm,h=b v=3 1s", "m,h=a v=1 1s\nbarrier h=b 1s\ndelete h=b"},
		{"batches start anew", spec.Batch, "h", []any{"derivative", "v", rigSet("as", "d")}, "batch m,h=a 10s: v=1 0s; c=x v=3,w=1 1s; v=7 3s\nbatch m,h=a 20s: v=1 11s", `
			batch m,h=a 10s: c=x,h=a d=2,v=3,w=1 1s; h=a d=2,v=7 3s
			batch m,h=a 20s:`},
	})
	_, err := rigNode("derivative", "v", rigSet("unit", 0*time.Second))
	require.ErrorContains(t, err, "unit")
}

func TestDerivativeAllocs(t *testing.T) {
	r := newRig(t, spec.Stream, "h", "derivative", "v", rigSet("as", "d"))
	requireNoAllocs(t, r, "m,h=a v=1,w=2 0s", "m,h=a w=2 0s", "m,h=b v=1,w=2 0s")
}
