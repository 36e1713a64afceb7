package node

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/agg"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec/spectest"
	"github.com/telegraf-tigk/telegraf-tigk/internal/window"
	"github.com/telegraf-tigk/telegraf-tigk/internal/window/windowtest"
)

// A pipe is a window with functions behind it, joined to them or not.
type pipe struct {
	t      *testing.T
	fused  bool
	window []any
	calls  [][]any

	node   *windowNode
	funcs  []*influxql
	sinks  map[*point.Group]*pipeGroup
	groups *point.Groups
	lines  []string
	floats []float64 // that are # in lines
	passed int       // points in batches
}

type pipeGroup struct {
	window point.Sink
	funcs  []point.Sink
}

func newPipe(t *testing.T, fused bool, window []any, calls [][]any) *pipe {
	p := &pipe{t: t, fused: fused, window: window, calls: calls, groups: new(point.Groups)}
	p.start()
	return p
}

func (p *pipe) start() {
	p.node = declared(p.t, "window", p.window...).(*windowNode)
	require.NoError(p.t, p.node.Start(nil))
	p.funcs, p.sinks = nil, map[*point.Group]*pipeGroup{}
	var children []spec.Declarer
	for _, c := range p.calls {
		f := declared(p.t, c[0].(string), c[1:]...)
		require.NoError(p.t, f.(spec.Starter).Start(&spectest.Env{Edge: spec.Batch, OnError: func(err error) { p.lines = append(p.lines, "error "+err.Error()) }}))
		p.funcs = append(p.funcs, f.(*influxql))
		children = append(children, f)
	}
	if p.fused {
		p.node.Fuse(children)
		require.NotEqual(p.t, window.Points().String(), p.node.plan.String())
	}
}

// restart saves everything and goes on with new nodes.
func (p *pipe) restart() {
	node, funcs, sinks := p.node, p.funcs, p.sinks
	p.start()
	saveAndLoad(p.t, node, p.node)
	for i, f := range funcs {
		saveAndLoad(p.t, f, p.funcs[i])
	}
	for g, old := range sinks {
		fresh := p.sink(g)
		saveAndLoad(p.t, old.window, fresh.window)
		for i := range old.funcs {
			saveAndLoad(p.t, old.funcs[i], fresh.funcs[i])
		}
	}
}

func (p *pipe) sink(g *point.Group) *pipeGroup {
	s := p.sinks[g]
	if s == nil {
		s = &pipeGroup{}
		for _, f := range p.funcs {
			s.funcs = append(s.funcs, f.Group(g, p))
		}
		s.window = p.node.Group(g, &pipeFan{p, s})
		p.sinks[g] = s
	}
	return s
}

func (p *pipe) point(x point.Point) {
	x.Group = p.groups.Get("", x.Tags, []string{"g"}, false)
	p.sink(x.Group).window.Point(&x)
}

func (p *pipe) Point(x *point.Point) {
	y := x.Clone()
	for i := range y.Fields {
		if v := &y.Fields[i].Value; v.Kind == point.Float {
			p.floats = append(p.floats, v.Float())
			*v = point.StringValue("#")
		}
	}
	p.lines = append(p.lines, fmt.Sprintf("%s\t%v", point.AppendLine(nil, y), y.Fields)) // all kinds of values
}

func (p *pipe) Batch(b *point.Batch) {
	p.lines = append(p.lines, fmt.Sprintf("batch %s %s %d:", b.Name, b.Group.ID, b.TMax))
	for i := range b.Points {
		p.Point(&b.Points[i])
	}
}

func (p *pipe) Barrier(g *point.Group, t int64) {
	p.lines = append(p.lines, fmt.Sprint("barrier ", g.ID, t))
}
func (p *pipe) Delete(*point.Group) {}

type pipeFan struct {
	*pipe
	to *pipeGroup
}

func (f *pipeFan) Batch(b *point.Batch) {
	if f.fused {
		require.Empty(f.t, b.Points)
	}
	f.passed += b.Len()
	for _, s := range f.to.funcs {
		s.Batch(b)
	}
}

func (f *pipeFan) Barrier(g *point.Group, t int64) {
	for _, s := range f.to.funcs {
		s.Barrier(g, t)
	}
}

// randomCalls returns one to three functions, as declared takes them.
func randomCalls(r *rand.Rand) [][]any {
	var calls [][]any
	for range 1 + r.IntN(3) {
		defs := agg.Defs()
		d := defs[r.IntN(len(defs))]
		field := []string{"v", "v", "v", "w"}[r.IntN(4)]
		word, args := d.Name, []any{field}
		switch {
		case d.Class == agg.Transformation, d.Class == agg.Forecast && r.IntN(10) > 0:
			word = []string{"mean", "max", "count", "last", "stddev"}[r.IntN(5)]
		case d.Class == agg.Forecast:
			args = append(args, 1, 0, time.Second)
		case d.Class == agg.Ranking:
			args = []any{1 + r.IntN(3), field}
		case d.Name == "percentile":
			args = append(args, []float64{0, 1, 50, 90, 99, 100}[r.IntN(6)])
		}
		call := []any{word, "", args}
		if r.IntN(3) == 0 {
			call = append(call, "usePointTimes", []any{})
		}
		calls = append(calls, call)
	}
	return calls
}

// randomWindow returns the properties of a window.
func randomWindow(r *rand.Rand) []any {
	var props []any
	if r.IntN(4) == 0 {
		props = append(props, "periodCount", 1+r.IntN(8), "everyCount", 1+r.IntN(8))
	} else {
		period := 1 + r.IntN(30)
		props = append(props, "period", time.Duration(period)*time.Second)
		switch r.IntN(4) {
		case 0:
			props = append(props, "every", time.Duration(period)*time.Second)
		case 1, 2:
			props = append(props, "every", time.Duration(1+r.IntN(12))*time.Second)
		}
		if r.IntN(2) == 0 {
			props = append(props, "align", []any{})
		}
	}
	if r.IntN(3) == 0 {
		props = append(props, "fillPeriod", []any{})
	}
	return props
}

// Windows that are joined to their functions send what those make of all the points.
func TestFusedWindowIsPlain(t *testing.T) {
	rounds := 120
	if testing.Short() {
		rounds = 50
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(5, uint64(seed)))
		win, calls := randomWindow(r), randomCalls(r)
		what := fmt.Sprint(seed, win, calls)
		plain, fused := newPipe(t, false, win, calls), newPipe(t, true, win, calls)
		f := &windowtest.Feed{Rand: r}
		for range 150 {
			x := f.Next()
			switch r.IntN(80) {
			case 0:
				plain.restart()
				fused.restart()
			case 1:
				g := plain.groups.Get("", x.Tags, []string{"g"}, false)
				plain.sink(g).window.Barrier(g, x.Time)
				g = fused.groups.Get("", x.Tags, []string{"g"}, false)
				fused.sink(g).window.Barrier(g, x.Time)
			default:
				plain.point(x)
				fused.point(x)
			}
			if plain.passed != fused.passed || strings.Join(plain.lines, "\n") != strings.Join(fused.lines, "\n") {
				require.Equal(t, plain.lines, fused.lines, what)
				require.Equal(t, plain.passed, fused.passed, what)
			}
			for i, want := range plain.floats {
				if got := fused.floats[i]; math.Float64bits(got) != math.Float64bits(want) && !(math.Abs(got-want) <= 1e-7) {
					require.InDelta(t, want, got, 1e-7, what) // NaN where there is none, too
				}
			}
			plain.lines, plain.floats, fused.lines, fused.floats = plain.lines[:0], plain.floats[:0], fused.lines[:0], fused.floats[:0]
		}
	}
}

// A window whose script has changed goes on if it keeps the same of the points, else it begins anew.
func TestWindowRestoredAfterChange(t *testing.T) {
	long, short := []any{"period", 20 * time.Second, "every", 10 * time.Second}, []any{"period", 10 * time.Second, "every", 10 * time.Second}
	count := []any{"periodCount", 2, "everyCount", 1}
	call := func(word string, args ...any) []any { return []any{word, "", args} }
	for _, c := range []struct {
		name          string
		was, is       []any
		called, calls []any
		want          string
	}{
		{"same", long, long, call("sum", "w"), call("sum", "w"), "m,g=a sum=45i 10000000000"},
		{"shorter", long, short, call("sum", "w"), call("count", "w"), "m,g=a count=10i 15000000000"},
		{"evicter", long, long, call("sum", "w"), call("count", "w"), "m,g=a count=10i 10000000000"},
		{"total", short, short, call("sum", "w"), call("count", "w"), "m,g=a count=10i 15000000000"},
		{"field", long, long, call("count", "v"), call("count", "w"), "m,g=a count=10i 15000000000"},
		{"whole", long, long, call("sum", "w"), call("top", 1, "w"), "batch m g=a 15000000000:"},
		{"count", long, count, call("sum", "w"), call("count", "w"), "m,g=a count=1i 5000000000"},
		{"fewer", []any{"periodCount", 9, "everyCount", 8}, count, call("sum", "w"), call("sum", "w"), "m,g=a sum=13i 7000000000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPipe(t, true, c.was, [][]any{c.called})
			push := func(from, to int) {
				for i := from; i < to; i++ {
					p.point(point.Point{
						Name: "m", Time: int64(i) * int64(time.Second), Tags: []point.Tag{{Key: "g", Value: "a"}},
						Fields: []point.Field{{Key: "v", Value: point.IntValue(1)}, {Key: "w", Value: point.IntValue(int64(i))}},
					})
				}
			}
			push(0, 5)
			p.lines = nil
			p.window, p.calls = c.is, [][]any{c.calls}
			p.restart()
			push(5, 30)
			require.NotEmpty(t, p.lines)
			got, _, _ := strings.Cut(p.lines[0], "\t")
			require.Equal(t, c.want, got)
		})
	}
}
