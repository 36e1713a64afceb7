package node

import (
	"slices"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() { spec.Register("stream", func() spec.Declarer { return &stream{} }) }

// stream is the source of the points that pass through the agent. Scripts find it as the variable stream.
type stream struct{}

func (*stream) Declare(s *spec.Spec) {
	s.Doc("The metrics that pass through the agent, as they come.")
	s.Edges(spec.Stream, spec.Stream)
	s.Source()
}

// Routes lead to the from nodes that want the points, if nobody else takes them from the source. Like in Kapacitor, a
// task that has a from node for the point's measurement as well as one for all measurements, wherever they stand, gets
// the point twice.
func (*stream) Routes(nodes, children []spec.Declarer) (r spec.Routes) {
	r.Grouped = slices.ContainsFunc(children, func(d spec.Declarer) bool { _, ok := d.(*from); return !ok })
	var names []string
	for _, d := range nodes {
		f, ok := d.(*from)
		switch {
		case !ok:
		case f.measurement == "":
			r.Other.Times = 1
		case !slices.Contains(names, f.measurement):
			names = append(names, f.measurement)
		}
	}
	// route returns the way of the points of a measurement; "" is one that no node names.
	route := func(measurement string, times int) spec.Route {
		x := spec.Route{Measurement: measurement, Times: times}
		for range times {
			for i, d := range children {
				if f, ok := d.(*from); r.Grouped || ok && (f.measurement == "" || f.measurement == measurement) {
					x.To = append(x.To, i)
				}
			}
		}
		return x
	}
	for _, name := range names {
		r.Named = append(r.Named, route(name, r.Other.Times+1))
	}
	r.Other = route("", r.Other.Times)
	for _, d := range children {
		if f, ok := d.(*from); ok {
			f.routed = !r.Grouped
		}
	}
	return r
}
