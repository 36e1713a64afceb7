package task_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// fragile is a node that has a bug in one place.
type fragile struct {
	bug string
	env spec.Env
}

func init() { spec.Register("fragile", func() spec.Declarer { return &fragile{} }) }

func (f *fragile) Declare(s *spec.Spec) {
	s.Doc("Passes on what comes, but for what makes it panic.")
	s.Arg(&f.bug, "bug", "where it panics")
}

// reach panics if this is the place of the bug.
func (f *fragile) reach(place string) {
	if f.bug == place {
		panic("boom")
	}
}

func (f *fragile) Refers() spec.Reference { f.reach("refers"); return spec.Reference{} }
func (f *fragile) Fuse([]spec.Declarer)   { f.reach("fuse") }
func (f *fragile) Close()                 { f.reach("close") }
func (f *fragile) Leave()                 { f.reach("leave") }
func (f *fragile) Reload()                { f.reach("reload") }
func (f *fragile) Restored()              { f.reach("restored") }
func (f *fragile) State() any             { f.reach("save"); return &struct{ N int }{} }
func (f *fragile) Endpoint() string       { return "out" }
func (f *fragile) Result() []byte         { f.reach("result"); return nil }

func (f *fragile) Start(env spec.Env) error {
	f.reach("start")
	f.env = env
	env.At(5000, 0, func() { f.reach("timer") })
	env.Ask(riddle{})
	return nil
}

func (f *fragile) Answer(uint64, spec.Reply) { f.reach("answer") }

// A riddle is a question without any sense.
type riddle struct{}

type solution struct{}

func (riddle) Likely() spec.Reply { return solution{} }

func init() { spec.RegisterAsk("riddle", riddle{}, solution{}) }

func (f *fragile) Group(_ *point.Group, out point.Sink) point.Sink {
	f.reach("group")
	return &fragileGroup{f, spec.Forward{Out: out}}
}

type fragileGroup struct {
	*fragile
	spec.Forward
}

func (g *fragileGroup) State() any { g.reach("save group"); return &struct{ N int }{} }
func (g *fragileGroup) Restored()  { g.reach("group restored") }

func (g *fragileGroup) Point(p *point.Point) {
	g.reach("point")
	g.Out.Point(p)
	g.reach("point, sent on")
}

func (g *fragileGroup) Batch(b *point.Batch) {
	g.reach("batch")
	g.Out.Batch(b)
}

func (g *fragileGroup) Barrier(x *point.Group, t int64) {
	g.reach("barrier")
	g.Out.Barrier(x, t)
}

func (g *fragileGroup) Delete(x *point.Group) {
	g.reach("delete")
	g.Out.Delete(x)
}

// TestPanics shows that a panic is reported as that of the node in which it happens, whatever the task is
// about to do.
func TestPanics(t *testing.T) {
	for place, name := range map[string]string{
		"refers": "fragile3", "start": "fragile3", "fuse": "fragile3", "timer": "fragile3", "group": "fragile3", "point": "fragile3",
		"point, sent on": "fragile3", "barrier": "fragile3", "delete": "fragile3", "close": "fragile3", "leave": "fragile3", "reload": "fragile3",
		"save": "fragile3", "save group": "fragile3", "restored": "fragile3", "group restored": "fragile3", "result": "fragile3", "answer": "fragile3", "batch": "fragile4",
	} {
		t.Run(place, func(t *testing.T) {
			// The nodes around are at work before and after this one.
			script := "stream|from().groupBy('h')|barrier().idle(2u).delete(TRUE)|fragile('" + place + "')|log()"
			if place == "batch" {
				script = "stream|from().groupBy('h')|window().periodCount(1).everyCount(1)|log()|fragile('batch')|log()"
			}
			load := func() *task.Task {
				x, err := task.Load(task.Config{Name: "t", Script: script})
				require.NoError(t, err)
				return x
			}
			x := load()
			_ = x.Start(0)
			_ = x.Push(&point.Point{DB: "telegraf", RP: "autogen", Name: "m", Tags: []point.Tag{{Key: "h", Value: "a"}}, Time: 1})
			var saved bytes.Buffer
			_ = x.Save(&saved)
			x.HTTPOut("out")
			if place == "restored" || place == "group restored" {
				x = load()
				require.NoError(t, x.Start(1))
				_ = x.Restore(&saved)
			}
			_ = x.Answer(1, solution{})
			_ = x.Reload()
			_ = x.Tick(10_000)
			if place == "leave" {
				x.Leave()
			}
			_ = x.Close()
			require.EqualError(t, x.Failed(), "t: "+name+": internal error: boom")
			require.Contains(t, string(x.Stack()), "fragile")
		})
	}
}
