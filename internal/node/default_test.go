package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func TestDefault(t *testing.T) {
	call := []any{"default", rigSet("field", "v", 7.0), rigSet("tag", "t", "dt")}
	runCases(t, []rigCase{
		{"stream", spec.Stream, "", call, "a,g=2 w=3i 2s\na,g=1,t=x v=1 0s\na v=nil 1s\na,t= v=2 3s", "a,g=2,t=dt v=7,w=3i 2s\na,g=1,t=x v=1 0s\na,t=dt v=7 1s\na,t=dt v=2 3s"},
		{"all types", spec.Stream, "", []any{"default", rigSet("field", "i", 1), rigSet("field", "s", "x"), rigSet("field", "b", true), rigSet("field", "f", 0.5)}, "m z=1 0s\nm b=false,f=1,i=2i,s=\"y\" 1s", "m b=true,f=0.5,i=1i,s=\"x\",z=1 0s\nm b=false,f=1,i=2i,s=\"y\" 1s"},
		{"the type of a field does not matter", spec.Stream, "", call, "m,t=x v=\"s\" 0s", "m,t=x v=\"s\" 0s"},
		{"nothing", spec.Stream, "", []any{"default"}, "m,t=x v=1 0s\nm v=1 0s", "m,t=x v=1 0s\nm v=1 0s"},
		{"later calls win", spec.Stream, "", []any{"default", rigSet("field", "v", 1), rigSet("field", "v", 2), rigSet("tag", "t", "a"), rigSet("tag", "t", "b")}, "m w=1 0s", "m,t=b v=2i,w=1 0s"},
		{"batch: a tag becomes a dimension", spec.Batch, "g", call, "batch a,g=1 10s: w=1 1s; t=x v=2 2s\nbatch a 20s: v=1 11s", `
			batch a,g=1,t=dt 10s: g=1,t=dt v=7,w=1 1s; g=1,t=x v=2 2s
			batch a,g=,t=dt 20s: t=dt v=1 11s`},
		{"batch: an empty group tag is set", spec.Batch, "t", call, "batch a 20s: v=1 11s", "batch a,t=dt 20s: t=dt v=1 11s"},
		{"signals", spec.Stream, "t", call, "barrier t=x 1s\ndelete t=x", "barrier t=x 1s\ndelete t=x"},
	})
	_, err := rigNode("default", rigSet("field", "v", time.Second))
	require.ErrorContains(t, err, `unsupported type time.Duration for field "v", field default values must be float,int,string or bool`)
}

// A default for a tag of the group moves the point to the group that has the value.
func TestDefaultGroup(t *testing.T) {
	r := newRig(t, spec.Stream, "t", "default", rigSet("field", "v", 7.0), rigSet("tag", "t", "dt"))
	seen := &groups{}
	s := r.node.(spec.Opener).Open(seen)
	for _, line := range []string{"m v=1 0s", "m,t=dt v=1 1s", "m,t=x w=1 2s", "m,t= w=1 3s"} {
		p := r.parsePoint(line)
		p.Group = r.group(p.Tags)
		s.Point(p)
	}
	require.Equal(t, groups{"t=dt", "t=dt", "t=x", "t=dt"}, *seen)
	require.Equal(t, int64(2), *r.env.Counter("fields_defaulted"))
	require.Equal(t, int64(2), *r.env.Counter("tags_defaulted"))
}

// groups notes the groups of the points.
type groups []string

func (g *groups) Point(p *point.Point)      { *g = append(*g, p.Group.ID) }
func (g *groups) Batch(b *point.Batch)      { *g = append(*g, b.Group.ID) }
func (*groups) Barrier(*point.Group, int64) {}
func (*groups) Delete(*point.Group)         {}

func TestDefaultAllocs(t *testing.T) {
	r := newRig(t, spec.Stream, "h,t", "default", rigSet("field", "v", 7.0), rigSet("tag", "t", "dt"))
	requireNoAllocs(t, r, "m,h=a w=1 0s", "m,h=b w=1 0s", "m,h=b,t=x v=1 0s", "m w=1 0s")
}
