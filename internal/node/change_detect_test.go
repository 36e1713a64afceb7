package node

import (
	"testing"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func TestChangeDetect(t *testing.T) {
	const missing = "error Invalid field in change detect: expected field "
	runCases(t, []rigCase{
		{"one", spec.Stream, "", []any{"changeDetect", "v"}, "m v=1 0s\nm v=1 1s\nm v=2 2s\nm w=1 3s\nm v=2 4s\nm v=2i 5s\nm v=2i 6s\nm v=2 12s", `
			m v=1 0s
			m v=2 2s
			` + missing + `v not found field=v
			m v=2i 5s
			m v=2 12s`},
		{"many", spec.Stream, "", []any{"changeDetect", "s", "n"}, `m s="a",n=1i 0s
			m s="a",n=1i,z=5i 1s
			m s="a",n=2i 2s
			m s="b" 3s
			m s="b",n=2i 4s
			m z=2i 5s`, `
			m n=1i,s="a" 0s
			m n=2i,s="a" 2s
			m s="b" 3s
			m n=2i,s="b" 4s
			` + missing + `s not found field=s
			` + missing + `n not found field=n`},
		{"null", spec.Stream, "", []any{"changeDetect", "v"}, "m v=nil 0s\nm v=1 1s\nm v=nil 2s\nm v=nil 3s\nm v=1 4s", "m v=1 1s\nm v=nil 2s\nm v=1 4s"},
		{"no fields", spec.Stream, "", []any{"changeDetect"}, "m v=1 0s\nm v=2 1s", ""},
		{"groups", spec.Stream, "h", []any{"changeDetect", "v"}, "m,h=a v=1 0s\nm,h=b v=1 1s\nm,h=a v=1 2s\ndelete h=a\nm,h=a v=1 3s", "m,h=a v=1 0s\nm,h=b v=1 1s\ndelete h=a\nm,h=a v=1 3s"},
		{"batch", spec.Batch, "", []any{"changeDetect", "v"}, "batch m 3s: v=1 0s; v=1 1s; v=2 2s\nbatch m 6s: v=2 3s; v=2 4s\nbatch m 9s:", `
			batch m 3s: v=1 0s; v=2 2s
			batch m 6s: v=2 3s
			batch m 9s:`},
	})
}

func TestChangeDetectAllocs(t *testing.T) {
	r := newRig(t, spec.Stream, "h", "changeDetect", "s", "v")
	requireNoAllocs(t, r, `m,h=a s="a",v=1 0s`, `m,h=a s="b",v=1 0s`, "m,h=a w=1 0s", `m,h=b s="a",v=1 0s`)
}
