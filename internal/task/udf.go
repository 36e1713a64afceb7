package task

import (
	"cmp"
	"errors"
	"fmt"

	nodes "github.com/telegraf-tigk/telegraf-tigk/internal/node"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/udf"
)

// This file connects user-defined functions with a script and with a running task. The task itself
// does not speak with them: what a function is to get is an effect, what it gives back is brought
// with Receive.

// A UDF is a user-defined function in a script.
type UDF struct {
	Node     string // "mirror2"
	Function string // "mirror"
	Init     []byte // the frame of the request that a conversation begins with
	Snapshot []byte // the state to go on from; nil if there is none
}

// UDFs returns the user-defined functions of the script. What they go on from is known after Restore.
func (t *Task) UDFs() []UDF {
	out := make([]UDF, len(t.udfs))
	for i, f := range t.udfs {
		name, options := f.Call()
		init := udf.Init{Task: t.cfg.Name, Node: f.name(), Options: options}
		out[i] = UDF{Node: f.name(), Function: name, Init: udf.AppendInit(nil, &init), Snapshot: f.Snapshot()}
	}
	return out
}

// A receiver is a node with its part for what comes back.
type receiver struct {
	*node
	spec.Receiver
}

// Receive brings a point, or the begin or end of a batch, that the function of a node gives back.
func (t *Task) Receive(node string, r *udf.Response) error {
	if f := t.receiver(node); f != nil && t.failed == nil {
		t.receive(f, r)
	}
	return t.failed
}

// receive is [Task.enter] without a closure.
func (t *Task) receive(f *receiver, r *udf.Response) {
	defer t.border()
	t.at = f.node
	f.Receive(r)
}

// Restarted tells that the conversation with the function of a node has begun anew: the end of a batch
// that it was about to give will not come.
func (t *Task) Restarted(node string) {
	if f := t.receiver(node); f != nil {
		_ = t.guard(f.node, f.Restarted)
	}
}

// KeepSnapshot keeps the state of a node's function, to be saved with the task. It must not change
// afterwards.
func (t *Task) KeepSnapshot(node string, b []byte) {
	if f := t.receiver(node); f != nil {
		f.KeepSnapshot(b)
	}
}

// receiver returns the node of that name if it is a user-defined function. The task has been started.
func (t *Task) receiver(node string) *receiver {
	for i := range t.udfs {
		if t.udfs[i].run.env.name == node {
			return &t.udfs[i]
		}
	}
	return nil
}

// Finish ends the input like Close, but only as far as the user-defined functions, and returns the
// names of those that have all their input now. Once they have given back what they still have, Finish
// is to be called again; when it returns none, Close ends the rest.
func (t *Task) Finish() (ended []string, err error) {
	for _, n := range t.graph.nodes {
		if n.run.ended {
			n.run.closed = true
		}
	}
	for _, n := range t.graph.nodes {
		if n.run.closed || !n.inputClosed() {
			continue
		}
		if _, ok := n.decl.(spec.Receiver); ok {
			n.run.ended = true
			ended = append(ended, n.name())
			continue
		}
		t.close(n)
	}
	return ended, t.failed
}

// inputClosed reports whether nothing comes to n any more.
func (n *node) inputClosed() bool {
	for _, p := range n.parents {
		if !p.run.closed {
			return false
		}
	}
	return true
}

// frame copies the frames of an effect into a buffer that is used again. It reports whether they have
// become a part of the effect before, which is for the same node.
func (t *Task) frame(x *spec.Effect) bool {
	from := len(t.frames)
	t.frames = append(t.frames, x.UDF.Frames...)
	if n := len(t.effects); n > 0 && t.effects[n-1].Kind == spec.UDFEffect && t.effects[n-1].Node == x.Node {
		last := t.effects[n-1].UDF
		last.Frames = t.frames[from-len(last.Frames):]
		last.Points += x.UDF.Points
		return true
	}
	t.udfData = append(t.udfData, spec.UDFData{Frames: t.frames[from:], Points: x.UDF.Points})
	x.UDF = &t.udfData[len(t.udfData)-1]
	return false
}

// describe returns what a function says about itself.
func (ld *loader) describe(name string) spec.FunctionInfo {
	return askNow[spec.FunctionInfo](ld.ask, spec.Function{Name: name})
}

// function makes the node of a user-defined function and links it to parent. Its arguments mean
// nothing, as in Kapacitor.
func (ld *loader) function(parent *node, call *syntax.Call) spec.Arg {
	name := call.Name
	ld.args(call)
	f := ld.describe(name)
	d := nodes.NewUDF(name, f.Info)
	switch {
	case f.Error == "":
	case f.Unknown:
		hint := cmp.Or(syntax.DidYouMean(name, "@", f.Known), fmt.Sprintf("; it needs a section [[inputs.udfsock]] with name = %q", name))
		ld.fail(call.Start, "@%s: there is no user-defined function of that name%s", name, hint)
	case f.Unreachable && ld.unreached:
		d.Unreached = true
		ld.warnings = append(ld.warnings, &syntax.Error{
			File: ld.file, Pos: call.Start, Err: f.Err(),
			Msg: fmt.Sprintf("@%s: %s; its options, and what it wants and provides, are not checked", name, f.Error),
		})
	default:
		ld.failAt(call.Start, "@"+name, f.Err())
	}
	s := spec.Of("@"+name, d)
	switch {
	case parent.spec.Provides == spec.None:
		ld.fail(call.Start, "%s ends its chain: no node can follow; chain @%s to the node before it", parent.spec.Name, name)
	case !s.MayFollow(parent.spec):
		ld.fail(call.Start, "@%s cannot follow %s; want a node that gives data: write %s|from()@%s()", name, parent.spec.Name, parent.spec.Name, name)
	}
	n := newNode(s, d, call.Start)
	ld.graph.link(parent, n)
	ld.graph.put(n)
	ld.checkEdges(n)
	return spec.Arg{Type: spec.NodeType, Node: n, Pos: call.Start}
}

// oneKind makes the border drop what its node is not made for. Behind user-defined functions either
// kind of data may come: nobody keeps them from giving batches where they say that they give points.
func (b *border) oneKind() {
	n := b.n
	if !n.behindUDF {
		return
	}
	want := n.spec.Wants
	if _, merges := n.decl.(spec.Merger); want == spec.Same && (n.run.strict || merges) {
		want = n.in()
	}
	switch {
	case want != spec.Stream && want != spec.Batch:
	case b.grouper != nil:
		b.grouper = kindGrouper{b.grouper, n, want}
	default:
		b.to = &kindGuard{b.to, n, want}
	}
}

var (
	errNoBatch = errors.New("got a batch, want points: a user-defined function provides points by its own account, but gives batches")
	errNoPoint = errors.New("got a point, want batches: a user-defined function provides batches by its own account, but gives points")
)

// A kindGrouper puts a kindGuard before the sink of every group.
type kindGrouper struct {
	spec.Grouper
	n    *node
	want spec.Edge
}

func (k kindGrouper) Group(g *point.Group, out point.Sink) point.Sink {
	return &kindGuard{k.Grouper.Group(g, out), k.n, k.want}
}

// A kindGuard lets one kind of data through.
type kindGuard struct {
	point.Sink
	n    *node
	want spec.Edge
}

func (k *kindGuard) Point(p *point.Point) {
	if k.want != spec.Stream {
		k.n.run.env.Error(errNoPoint)
		return
	}
	k.Sink.Point(p)
}

func (k *kindGuard) Batch(b *point.Batch) {
	if k.want != spec.Batch {
		k.n.run.env.Error(errNoBatch)
		return
	}
	k.Sink.Batch(b)
}

// State returns the state of the sink.
func (k *kindGuard) State() any { return stateOf(k.Sink) }

// Restored tells the sink.
func (k *kindGuard) Restored() { restored(k.Sink) }
