package engine

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// All that it takes to add a kind of questions is in this file, but for the test itself: a body, a reply, a
// node that asks and somebody who answers. Replays need nothing more.

func init() {
	spec.RegisterAsk("square", square{}, squared{})
	spec.Register("square", func() spec.Declarer { return &squareNode{waiting: map[uint64]*point.Point{}} })
	answers(func(q *question, b square) {
		q.r.e.requests.Go(func() { q.reply(squared{b.Of * b.Of}, nil) })
	})
}

// A square asks for the square of a number.
type square struct{ Of int64 }

type squared struct{ Is int64 }

func (square) Likely() spec.Reply { return squared{1} }

// squareNode replaces v by its square.
type squareNode struct {
	env     spec.Env
	out     point.Sink
	waiting map[uint64]*point.Point
}

func (n *squareNode) Declare(s *spec.Spec)     { s.Doc("Replaces v by its square.") }
func (n *squareNode) Start(env spec.Env) error { n.env = env; return nil }
func (n *squareNode) Open(out point.Sink) point.Sink {
	n.out = out
	return &squareSink{n, spec.Forward{Out: out}}
}

func (n *squareNode) Answer(id uint64, reply spec.Reply) {
	p := n.waiting[id]
	delete(n.waiting, id)
	p.Fields = point.SetField(p.Fields, "v", point.IntValue(reply.(squared).Is))
	n.out.Point(p)
}

type squareSink struct {
	*squareNode
	spec.Forward
}

func (n *squareSink) Point(p *point.Point) {
	n.waiting[n.env.Ask(square{p.Field("v").Int()})] = p.Clone()
}

func TestAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig("x", "stream|from()|square()|influxDBOut()").start(t)
		for v := range int64(3) {
			r.Add(pt("m", nil, map[string]any{"v": v + 2}, time.Unix(v, 0)))
			synctest.Wait()
		}
		r.Stop()
		require.Equal(t, []any{int64(4), int64(9), int64(16)}, fields(r.made(), "v"))
	})
}

// unanswered is a question that nobody answers.
type unanswered struct{}

func (unanswered) Likely() spec.Reply { return nil }

// TestAskNobody shows that a question nobody knows is the end of its task, and said.
func TestAskNobody(t *testing.T) {
	r := newRig("x", "stream|from()", "y", "stream|from()|influxDBOut()").start(t)
	defer r.Stop()
	<-r.each(func(x *runner) {
		if x.name == "x" {
			x.carryOut([]spec.Effect{{Kind: spec.AskEffect, Ask: spec.Ask{Body: unanswered{}}}})
		}
	})
	require.Contains(t, fmt.Sprint(r.log.texts()), `Task "x" has stopped: x: internal error: engine: nobody answers a engine.unanswered`)
}

// fields returns the values of a field of what tasks have made.
func fields(ms []*made, key string) (out []any) {
	for _, m := range ms {
		out = append(out, m.field(key))
	}
	return out
}
