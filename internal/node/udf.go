package node

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/udf"
)

// UDF hands its data to a user-defined function and sends on what that gives back. It is no word of
// the registry: the function's name is that of the node, and its options are the properties.
//
// The frames for the function are effects. What it gives back comes by Receive, at any time and in
// any number.
type UDF struct {
	Function  string
	Info      udf.Info
	Unreached bool // nobody knows what Info should be: every option is taken

	options []udf.Option // that the script sets
	env     spec.Env
	out     point.Sink
	data    spec.UDFData
	fit     batchBuffer
	misfits memo[misfit, error]
	point   point.Point
	dims    []string

	open   bool // a batch has begun
	byName bool
	full   bool // it has too many points
	coming batchBuffer
	saved  savedUDF
}

// savedUDF is what is saved with a task. A batch that the function is about to give is not: its end
// would come from a conversation that is over.
type savedUDF struct{ Snapshot []byte }

// A misfit is a field that the protocol does not have.
type misfit struct {
	field string
	kind  point.Kind
}

var (
	errOpenBatch   = errors.New("the function begins a batch before it has ended the last one, which is dropped")
	errNoOpenBatch = errors.New("the function ends a batch that it has not begun")
	errFullBatch   = fmt.Errorf("the function gives a batch of more than %d points, which is dropped", maxWaiting)
)

// NewUDF returns a node of the function called name.
func NewUDF(name string, info udf.Info) *UDF { return &UDF{Function: name, Info: info} }

// Declare makes the options properties.
func (n *UDF) Declare(s *spec.Spec) {
	s.Kind = n.Function
	s.Doc("Hands the data to a user-defined function and sends on what it gives back. The function's options are properties, known by their exact names. " +
		"Points with a time or a duration in a field cannot be handed on; they are dropped and reported.")
	if n.Unreached {
		s.Edges(spec.Same, spec.Unknown)
		s.TakeAll()
		s.Example("stream|from().measurement('m')@mirror().field('answer', 42.0)", "m v=1 0s", "m answer=42,v=1 0s")
		return
	}
	s.Edges(edgeOf(n.Info.Wants), edgeOf(n.Info.Provides))
	for _, name := range slices.Sorted(maps.Keys(n.Info.Options)) {
		types := make([]spec.Type, len(n.Info.Options[name]))
		for i, t := range n.Info.Options[name] {
			types[i] = optionTypes[t]
		}
		s.Option(name, "option of the function", types, func(values []point.Value) {
			n.options = append(n.options, udf.Option{Name: name, Values: values})
		})
	}
}

var optionTypes = [...]spec.Type{
	udf.Bool: spec.BoolType, udf.Int: spec.IntType, udf.Double: spec.FloatType, udf.String: spec.StringType, udf.Duration: spec.DurationType,
}

func edgeOf(e udf.Edge) spec.Edge {
	if e == udf.Batch {
		return spec.Batch
	}
	return spec.Stream
}

// Call returns the function's name and the options that the script sets.
func (n *UDF) Call() (function string, options []udf.Option) { return n.Function, n.options }

// Start is the node's [spec.Starter].
func (n *UDF) Start(env spec.Env) error {
	n.env = env
	return nil
}

// Open returns the sink of what the function is to get.
func (n *UDF) Open(out point.Sink) point.Sink {
	n.out = out
	return udfSink{n}
}

// State saves the function's state.
func (n *UDF) State() any { return &n.saved }

// Snapshot returns the function's last state, nil if there is none.
func (n *UDF) Snapshot() []byte { return n.saved.Snapshot }

// KeepSnapshot keeps a state, which must not change afterwards.
func (n *UDF) KeepSnapshot(b []byte) { n.saved.Snapshot = b }

// udfSink makes frames of data. Barriers and deletions of groups end here: a function knows neither.
type udfSink struct{ n *UDF }

func (n udfSink) Barrier(*point.Group, int64) {}
func (n udfSink) Delete(*point.Group)         {}

func (n udfSink) Point(p *point.Point) {
	if !n.fits(p) {
		return
	}
	n.n.data.Frames = udf.AppendPoint(n.n.data.Frames[:0], p)
	n.send(1)
}

// Batch sends a batch without the points that cannot be sent.
func (n udfSink) Batch(b *point.Batch) {
	for i := range b.Points {
		if udf.Unfit(b.Points[i].Fields) >= 0 {
			b = n.fitting(b)
			break
		}
	}
	n.n.data.Frames = udf.AppendBatch(n.n.data.Frames[:0], b)
	n.send(max(1, len(b.Points)))
}

// keepFrames is the size of the largest buffer for frames that a node keeps.
const keepFrames = 1 << 20

func (n udfSink) send(points int) {
	n.n.data.Points = points
	n.n.env.Emit(spec.Effect{Kind: spec.UDFEffect, UDF: &n.n.data})
	if cap(n.n.data.Frames) > keepFrames {
		n.n.data.Frames = nil
	}
}

// fitting returns b without the points that cannot be sent.
func (n udfSink) fitting(b *point.Batch) *point.Batch {
	n.n.fit.begin(b)
	for i := range b.Points {
		if n.fits(&b.Points[i]) {
			n.n.fit.add(&b.Points[i])
		}
	}
	return &n.n.fit.batch
}

// fits reports whether p can be sent, and reports it if it cannot.
func (n udfSink) fits(p *point.Point) bool {
	i := udf.Unfit(p.Fields)
	if i < 0 {
		return true
	}
	m := misfit{p.Fields[i].Key, p.Fields[i].Value.Kind}
	n.n.env.Error(n.n.misfits.get(m, func() error {
		return fmt.Errorf("field %q is a %s, which a user-defined function cannot take; the point is dropped", m.field, m.kind)
	}))
	return false
}

// Receive takes what the function gives back: a point, or the begin or end of a batch.
func (n *UDF) Receive(r *udf.Response) {
	switch r.Kind {
	case udf.PointReply:
		if n.open {
			n.collect(&r.Point)
			return
		}
		n.point = r.Point
		n.point.Group = n.env.Groups().Get(r.Point.Name, r.Point.Tags, r.Dims, r.ByName)
		n.out.Point(&n.point)
	case udf.BeginReply:
		if n.open {
			n.env.Error(errOpenBatch)
		}
		n.coming.begin(&point.Batch{})
		n.open, n.byName, n.full = true, r.ByName, false
	case udf.EndReply:
		n.end(r)
	}
}

// collect adds a point to the batch that has begun.
func (n *UDF) collect(p *point.Point) {
	switch {
	case len(n.coming.batch.Points) < maxWaiting:
		n.coming.add(&point.Point{Time: p.Time, Tags: p.Tags, Fields: p.Fields})
	case !n.full:
		n.full = true
		n.env.Error(errFullBatch)
	}
}

// end sends on the batch that is complete. Its group is that of the tags which its end has.
func (n *UDF) end(r *udf.Response) {
	if !n.open {
		n.env.Error(errNoOpenBatch)
		return
	}
	n.open = false
	if !n.full {
		n.dims = n.dims[:0]
		for i := range r.Tags {
			n.dims = append(n.dims, r.Tags[i].Key)
		}
		b := &n.coming.batch
		b.Name, b.TMax = r.Name, r.TMax
		b.Group = n.env.Groups().Get(r.Name, r.Tags, n.dims, n.byName)
		n.out.Batch(b)
	}
	if len(n.coming.batch.Points) > maxKept {
		n.coming = batchBuffer{}
	}
}

// maxKept is how many points the buffer for batches keeps room for.
const maxKept = 1 << 14

// Restarted drops a batch that has begun.
func (n *UDF) Restarted() {
	n.open, n.full = false, false
	n.coming.begin(&point.Batch{})
}
