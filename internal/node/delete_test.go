package node

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func TestDelete(t *testing.T) {
	call := []any{"delete", rigSet("field", "n"), rigSet("field", "zz"), rigSet("tag", "loc")}
	runCases(t, []rigCase{
		{"stream", spec.Stream, "", call, "m,id=a,loc=l v=1.5,n=1i 0s\nm,id=a v=2.5 1s\nm,loc=l n=1i,q=true 2s\nm n=1i 3s", "m,id=a v=1.5 0s\nm,id=a v=2.5 1s\nm q=true 2s\nm 3s"},
		{"dimension", spec.Stream, "app,loc", call, "m,app=x,loc=l v=1 0s", "m,app=x v=1 0s by app"},
		{"only dimension", spec.Stream, "loc", call, "m,app=x,loc=l v=1 0s", "m,app=x v=1 0s by "},
		{"batch", spec.Batch, "app,loc", call, "batch m,app=x,loc=l 10s: n=1,v=1 0s; v=2 1s\nbatch m,app=x,loc=k 10s: v=1 0s", `
			batch m,app=x 10s: app=x v=1 0s; app=x v=2 1s
			batch m,app=x 10s: app=x v=1 0s`},
		{"batch without the tag", spec.Batch, "app", call, "batch m,app=x 10s: loc=l v=1 0s", "batch m,app=x 10s: app=x v=1 0s"},
		{"signals", spec.Stream, "loc", call, "barrier loc=x 1s\ndelete loc=x", "barrier loc=x 1s\ndelete loc=x"},
	})
}

func TestDeleteGroup(t *testing.T) {
	r := newRig(t, spec.Stream, "app,loc", "delete", rigSet("tag", "loc"), rigSet("field", "w"))
	seen := &groups{}
	s := r.node.(spec.Opener).Open(seen)
	for _, line := range []string{"m,app=x,loc=a v=1 0s", "m,app=x,loc=b v=1,w=1 1s", "m,app=y v=1 2s"} {
		p := r.parsePoint(line)
		p.Group = r.group(p.Tags)
		s.Point(p)
	}
	require.Equal(t, groups{"app=x", "app=x", "app=y"}, *seen)
	require.Equal(t, int64(1), *r.env.Counter("fields_deleted"))
	require.Equal(t, int64(2), *r.env.Counter("tags_deleted"))
}

func TestDeleteAllocs(t *testing.T) {
	r := newRig(t, spec.Stream, "h,t", "delete", rigSet("field", "v"), rigSet("tag", "t"))
	requireNoAllocs(t, r, "m,h=a,t=x v=1,w=1 0s", "m,h=b,t=y w=1 0s", "m,h=b w=1 0s", "m v=1 0s")
}
