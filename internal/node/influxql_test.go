package node

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/agg"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

const rigExample = "batch m,h=a 10s: v=1 0s; v=3 1s; v=2 2s; v=3 3s; v=2 4s"

func TestInfluxQLBatch(t *testing.T) {
	one := func(name string, want string, call ...any) rigCase {
		return rigCase{name, spec.Batch, "h", append([]any{name}, call...), rigExample, want}
	}
	runCases(t, []rigCase{
		one("count", "m,h=a count=5i 10s", "v"),
		one("sum", "m,h=a sum=11 10s", "v"),
		one("mean", "m,h=a mean=2.2 10s", "v"),
		one("median", "m,h=a median=2 10s", "v"),
		one("mode", "m,h=a mode=3 10s", "v"),
		one("spread", "m,h=a spread=2 10s", "v"),
		one("stddev", "m,h=a stddev=0.8366600265340756 10s", "v"),
		one("max", "m,h=a max=3 10s", "v"),
		one("max", "m,h=a max=3 1s", "v", rigSet("usePointTimes")),
		one("sum", "m,h=a sum=11 0s", "v", rigSet("usePointTimes")),
		one("mean", "m,h=a x=2.2 10s", "v", rigSet("usePointTimes"), rigSet("as", "x")),
		one("count", "m,h=a count=5i 10s", "v", rigSet("usePointTimes")),
		one("percentile", "m,h=a percentile=2 10s", "v", 50.0),
		one("percentile", "", "v", 1.0),
		one("distinct", "batch m,h=a 10s: h=a distinct=1 10s; h=a distinct=3 10s; h=a distinct=2 10s", "v"),
		one("top", "batch m,h=a 10s: h=a top=3 10s; h=a top=3 10s", 2, "v"),
		one("top", "batch m,h=a 10s: h=a top=3 1s; h=a top=3 3s", 2, "v", "h", "w", rigSet("usePointTimes")),
		one("bottom", "batch m,h=a 10s: h=a low=1 10s", 1, "v", rigSet("as", "low")),
		one("difference", "batch m,h=a 10s: h=a difference=2 1s; h=a difference=-1 2s; h=a difference=1 3s; h=a difference=-1 4s", "v"),
		one("movingAverage", "batch m,h=a 10s: h=a movingAverage=2 1s; h=a movingAverage=2.5 2s; h=a movingAverage=2.5 3s; h=a movingAverage=2.5 4s", "v", 2),
		one("holtWinters", "batch m,h=a 10s:", "v", 2, 6, time.Second),

		{"selector keeps tags and fields", spec.Batch, "h", []any{"min", "v", rigSet("as", "w")}, "batch m,h=a 10s: c=x v=2,w=5,z=6i 1s; c=y v=1,w=7,z=8i 2s", "m,c=y,h=a w=1,z=8i 10s"},
		{"point after tmax", spec.Batch, "h", []any{"distinct", "v", rigSet("usePointTimes")}, "batch m,h=a 10s: v=2 5s; v=3 12s", "batch m,h=a 12s: h=a distinct=2 5s; h=a distinct=3 12s"},
		{"top keeps all tags", spec.Batch, "h", []any{"top", 1, "v"}, "batch m,h=a 10s: c=x v=2,w=5 1s", "batch m,h=a 10s: c=x,h=a top=2 10s"},
		{"aggregate has group tags, empty ones too", spec.Batch, "g,h", []any{"mean", "v"}, "batch m,h=a 10s: c=x v=2 1s", "m,g=,h=a mean=2 10s"},
		{"top has empty group tags", spec.Batch, "g,h", []any{"top", 1, "v"}, "batch m,h=a 10s: c=x v=2 1s", "batch m,g=,h=a 10s: c=x,g=,h=a top=2 10s"},
		{"name of the first batch", spec.Batch, "h", []any{"mean", "v"}, "batch m,h=a 10s: v=2 1s\nbatch n,h=a 20s: v=3 1s", "m,h=a mean=2 10s\nm,h=a mean=3 20s"},
		{"barrier first", spec.Batch, "h", []any{"mean", "v"}, "barrier h=a 5s\nbatch m,h=a 10s: v=2 1s\ndelete h=a\nbatch m,h=a 10s: v=2 1s", `
			barrier h=a 5s
			barrier,h=a mean=2 10s
			delete h=a
			m,h=a mean=2 10s`},
		{"cumulativeSum restarts", spec.Batch, "h", []any{"cumulativeSum", "v"}, "batch m,h=a 10s: v=1i 1s; v=2i 2s\nbatch m,h=a 20s: v=4i 21s", `
			batch m,h=a 10s: h=a cumulativeSum=1i 1s; h=a cumulativeSum=3i 2s
			batch m,h=a 21s: h=a cumulativeSum=4i 21s`},
	})
}

func TestInfluxQLEmpty(t *testing.T) {
	for _, d := range agg.Defs() {
		call := []any{"v"}
		for _, p := range d.Params {
			switch p.Bind(&agg.Args{}).(type) {
			case *float64:
				call = append(call, 50.0)
			case *int64:
				if p.Name == "num" {
					call = append([]any{2}, call...)
				} else {
					call = append(call, 2)
				}
			case *time.Duration:
				call = append(call, time.Second)
			}
		}
		want := map[string]string{"count": "m,h=a count=0i 10s", "sum": "m,h=a sum=0 10s"}[d.Name]
		if d.Class == agg.Transformation {
			want = "batch m,h=a 10s:"
		}
		r := newRig(t, spec.Batch, "h", d.Name, call...)
		require.Equal(t, want, r.run("batch m,h=a 10s:"), d.Name)

		missing := `error failed to realize reduce context from fields: field "v" missing from point` + "\n"
		require.Equal(t, strings.TrimSuffix(missing+missing+want, "\n"), r.run("batch m,h=a 10s: w=1 1s; v=nil 2s"), d.Name)
	}
	r := newRig(t, spec.Batch, "h", "count", "v", rigSet("usePointTimes"))
	require.Equal(t, "m,h=a count=0i 0s", r.run("batch m,h=a 10s:"))
}

func TestInfluxQLErrors(t *testing.T) {
	runCases(t, []rigCase{
		{"type change", spec.Batch, "", []any{"sum", "i"}, `
			batch m 30s: i=1i 0s; i=2.5 5s; i=3i 10s; w=1 11s; i=nil 12s
			batch m 60s: i=1.5 31s; i=2.5 35s; i="x" 40s; i=5s 41s
			batch m 90s: i="x" 61s; i=4i 65s; i="x" 66s`, `
			error failed to aggregate point in batch: field i has wrong type: got float64 exp int64
			error failed to aggregate point in batch: field i missing from point cannot aggregate
			error failed to aggregate point in batch: field i missing from point cannot aggregate
			m sum=4i 30s
			error failed to aggregate point in batch: field i has wrong type: got string exp float64
			error failed to aggregate point in batch: field i has wrong type: got time.Duration exp float64
			m sum=4 1m0s
			error failed to realize reduce context from fields: invalid influxql func sum with field i: cannot apply sum to string field
			error failed to aggregate point in batch: field i has wrong type: got string exp int64
			m sum=4i 1m30s`},
		{"unsupported", spec.Batch, "", []any{"mode", "v"}, `
			batch m 10s: v="x" 0s; v=true 0s; v=3s 0s`, `
			error failed to realize reduce context from fields: invalid influxql func mode with field v: cannot apply mode to string field
			error failed to realize reduce context from fields: invalid influxql func mode with field v: cannot apply mode to bool field
			error failed to realize reduce context from fields: invalid influxql func mode with field v: cannot apply mode to time.Duration field`},
		{"unsupported twice, after another kind", spec.Batch, "", []any{"mode", "v"}, `
			batch m 10s: v=1 0s
			batch m 20s: v="x" 11s; v="x" 12s`, `
			m mode=1 10s
			error failed to realize reduce context from fields: invalid influxql func mode with field v: cannot apply mode to string field
			error failed to aggregate point in batch: field v has wrong type: got string exp float64`},
		{"stream", spec.Stream, "", []any{"mean", "v"}, `
			m w=1 0s
			m v=1 0s
			m v=2i 0s
			m v=2 1s`, `
			error failed to realize reduce context from fields: field "v" missing from point
			error failed to aggregate point: field v has wrong type: got int64 exp float64
			m mean=1 0s`},
	})
}

func TestInfluxQLStream(t *testing.T) {
	const in = "m v=1 0s\nm v=3 0s\nm v=2 1s\nm v=7 1s\nm v=5 2s"
	runCases(t, []rigCase{
		{"count", spec.Stream, "", []any{"count", "v"}, in, "m count=2i 0s\nm count=2i 1s"},
		{"difference", spec.Stream, "", []any{"difference", "v"}, in, "m difference=1 1s\nm difference=3 2s"},
		{"elapsed", spec.Stream, "", []any{"elapsed", "v", time.Second}, in, "m elapsed=0i 0s\nm elapsed=1i 1s\nm elapsed=0i 1s\nm elapsed=1i 2s"},
		{"time goes back", spec.Stream, "", []any{"max", "v"}, "m,c=x v=1,w=2 5s\nm,c=y v=3,w=4 3s\nm v=1 5s", "m,c=x max=1,w=2 5s\nm,c=y max=3,w=4 3s"},
		{"name of the set", spec.Stream, "", []any{"sum", "v"}, "barrier  0s\na v=1 5s\nb v=1 5s\nb v=1 6s\na v=1 7s", "barrier  0s\na sum=2 5s\nb sum=1 6s"},
		{"usePointTimes", spec.Stream, "", []any{"sum", "v", rigSet("usePointTimes")}, "a v=1 5s\nb v=1 6s", "a sum=1 0s"},
		{"groups", spec.Stream, "h", []any{"mean", "v"}, "m,h=a,c=x v=1 5s\nm,h=b v=5 5s\nm v=9 5s\nm,h=a v=2 6s\nm v=2 6s\nm,h=b v=2 6s", "m,h=a mean=1 5s\nm,h= mean=9 5s\nm,h=b mean=5 5s"},
		{"top", spec.Stream, "", []any{"top", 2, "v"}, "m,c=x v=1,w=1 5s\nm,c=y v=3 5s\nm,c=z v=2 5s\nm v=0 6s", "batch m 5s: c=y top=3 5s; c=z top=2 5s"},
		{"set without usable points", spec.Stream, "", []any{"count", "v"}, "m v=1 0s\nm w=1 1s\nm v=1 2s\nm v=1 3s", `
			m count=1i 0s
			error failed to realize reduce context from fields: field "v" missing from point
			m count=1i 2s`},
		{"delete", spec.Stream, "h", []any{"count", "v"}, "m,h=a v=1 0s\ndelete h=a\nm,h=a v=1 1s\nm,h=a v=1 2s", "delete h=a\nm,h=a count=1i 1s"},
		{"barrier does not flush", spec.Stream, "", []any{"count", "v"}, "m v=1 0s\nbarrier  5s\nm v=1 6s", "barrier  5s\nm count=1i 0s"},

		{"cumulativeSum again", spec.Stream, "", []any{"cumulativeSum", "v"}, "m w=1 0s\nm v=1 1s\nm w=1 2s\nm v=2i 3s\nm v=3 4s", `
			error failed to realize reduce context from fields: field "v" missing from point
			m cumulativeSum=1 1s
			error failed to aggregate point: field v missing from point cannot aggregate
			m cumulativeSum=1 1s
			error failed to aggregate point: field v has wrong type: got int64 exp float64
			m cumulativeSum=1 1s
			m cumulativeSum=4 4s`},
		{"difference not again", spec.Stream, "", []any{"difference", "v"}, "m v=1 1s\nm v=3 2s\nm w=1 3s\nm v=4 4s", `
			m difference=2 2s
			error failed to aggregate point: field v missing from point cannot aggregate
			m difference=1 4s`},
		{"movingAverage again", spec.Stream, "", []any{"movingAverage", "v", 2}, "m v=1 1s\nm w=1 2s\nm v=3 3s\nm w=1 4s", `
			error failed to aggregate point: field v missing from point cannot aggregate
			m movingAverage=2 3s
			error failed to aggregate point: field v missing from point cannot aggregate
			m movingAverage=2 3s`},
		{"elapsed again", spec.Stream, "", []any{"elapsed", "v", time.Second}, "m v=1 1s\nm v=3 3s\nm w=1 4s", `
			m elapsed=2i 3s
			error failed to aggregate point: field v missing from point cannot aggregate
			m elapsed=2i 3s`},
		{"transformation keeps its first name", spec.Stream, "", []any{"cumulativeSum", "v"}, "a v=1 1s\nb v=1 2s", "a cumulativeSum=1 1s\na cumulativeSum=2 2s"},
	})
}

func TestInfluxQLKind(t *testing.T) {
	for _, d := range agg.Defs() {
		s := spec.Of(d.Name, spec.New(d.Name))
		require.Equal(t, d.Result(), s.Kind)
	}
	for _, call := range [][]any{
		{"top", 0, "v"},
		{"bottom", -1, "v"},
		{"movingAverage", "v", 0},
		{"elapsed", "v", 0 * time.Second},
		{"holtWinters", "v", 1, 0, 0 * time.Second},
	} {
		_, err := rigNode(call[0].(string), call[1:]...)
		require.Error(t, err, call)
	}
}

// The state of a group survives being saved in the middle of a set.
func TestInfluxQLState(t *testing.T) {
	for _, call := range [][]any{{"max", "v"}, {"top", 2, "v"}, {"median", "v"}, {"movingAverage", "v", 3}, {"difference", "v"}} {
		const before, after = "m,c=x v=1,w=2 0s\nm,c=y v=4,w=3 1s\nm,c=z v=3,w=3 1s\n", "m,c=x v=2,w=2 1s\nm v=6 2s\nm v=7 3s"
		whole := newRig(t, spec.Stream, "", call[0].(string), call[1:]...)
		first := newRig(t, spec.Stream, "", call[0].(string), call[1:]...)
		second := newRig(t, spec.Stream, "", call[0].(string), call[1:]...)
		want := whole.run(before + after)
		got := first.run(before)

		var b bytes.Buffer
		require.NoError(t, gob.NewEncoder(&b).Encode(first.sink(first.group(nil)).(spec.Stateful).State()))
		require.NoError(t, gob.NewDecoder(&b).Decode(second.sink(second.group(nil)).(spec.Stateful).State()))
		got = strings.Trim(got+"\n"+second.run(after), "\n")
		require.Equal(t, want, got, call)
	}
}

var allCalls = [][]any{
	{"count", "v"},
	{"sum", "v"},
	{"mean", "v"},
	{"median", "v"},
	{"mode", "v"},
	{"spread", "v"},
	{"stddev", "v"},
	{"first", "v"},
	{"last", "v"},
	{"min", "v"},
	{"max", "v"},
	{"percentile", "v", 90.0},
	{"distinct", "v"},
	{"top", 3, "v"},
	{"bottom", 3, "v"},
	{"elapsed", "v", time.Second},
	{"difference", "v"},
	{"movingAverage", "v", 3},
	{"cumulativeSum", "v"},
	{"holtWinters", "v", 2, 0, time.Second},
}

func TestInfluxQLAllocs(t *testing.T) {
	for _, call := range allCalls {
		r := newRig(t, spec.Stream, "h", call[0].(string), call[1:]...)
		requireNoAllocs(t, r, "m,c=x,h=a v=1,w=2 0s", "m,c=x v=1i,w=2 0s", "m,c=y,h=a w=2 0s")

		r = newRig(t, spec.Batch, "h", call[0].(string), call[1:]...)
		b := r.parseBatch("m,h=a 10s: v=1 0s; v=3 1s; v=2 2s; v=3 3s; v=2 4s")
		s := r.node.(spec.Grouper).Group(b.Group, make(nowhere, 1))
		require.Zero(t, testing.AllocsPerRun(100, func() { s.Batch(b) }), call)
	}
}

func BenchmarkInfluxQL(b *testing.B) {
	for _, call := range allCalls {
		r := newRig(b, spec.Batch, "h", call[0].(string), call[1:]...)
		batch := r.parseBatch("m,h=a 100s:")
		for i := range 100 {
			batch.Points = append(batch.Points, *r.parsePoint(fmt.Sprintf("m,h=a u=1,v=%d.5,w=3 %ds", i*i%37, i)))
		}
		s := r.node.(spec.Grouper).Group(batch.Group, make(nowhere, 1))
		b.Run(fmt.Sprintf("agg=%s", call[0]), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(batch.Points)) * 16)
			for b.Loop() {
				s.Batch(batch)
			}
		})
	}
}
