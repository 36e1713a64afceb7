// Command outlier is a user-defined function that takes batches and gives back the points of each
// that lie far from the rest. It is a child process of the agent.
package main

import (
	"fmt"
	"log"
	"os"
	"slices"

	"github.com/telegraf-tigk/telegraf-tigk/udf/agent"
)

// outlier finds the points of a batch whose value is further from the nearer quartile than scale times
// the distance between the quartiles.
type outlier struct {
	agent *agent.Agent
	field string
	scale float64

	// The batch that is being read.
	begin  *agent.BeginBatch
	points []*agent.Point
	values []float64 // those of points
}

// Info says that the function takes batches and gives batches.
func (*outlier) Info() (*agent.InfoResponse, error) {
	return &agent.InfoResponse{
		Wants:    agent.EdgeType_BATCH,
		Provides: agent.EdgeType_BATCH,
		Options: map[string]*agent.OptionInfo{
			"field": {ValueTypes: []agent.ValueType{agent.ValueType_STRING}},
			"scale": {ValueTypes: []agent.ValueType{agent.ValueType_DOUBLE}},
		},
	}, nil
}

// Init takes the options of the script.
func (o *outlier) Init(r *agent.InitRequest) (*agent.InitResponse, error) {
	o.scale = 1.5
	for _, opt := range r.Options {
		switch opt.Name {
		case "field":
			o.field = opt.Values[0].GetStringValue()
		case "scale":
			o.scale = opt.Values[0].GetDoubleValue()
		}
	}
	switch {
	case o.field == "":
		return &agent.InitResponse{Error: "must set field"}, nil
	case o.scale < 0:
		return &agent.InitResponse{Error: fmt.Sprintf("scale must not be negative, got %v", o.scale)}, nil
	}
	return &agent.InitResponse{Success: true}, nil
}

// BeginBatch, Point and EndBatch come in this order, and never for two batches at a time.
func (o *outlier) BeginBatch(b *agent.BeginBatch) error {
	o.begin, o.points, o.values = b, o.points[:0], o.values[:0]
	return nil
}

// Point keeps a point until its batch is complete.
func (o *outlier) Point(p *agent.Point) error {
	if v, ok := value(p, o.field); ok {
		o.points = append(o.points, p)
		o.values = append(o.values, v)
	}
	return nil
}

// EndBatch sends the outliers. A batch without is sent as well: it is good news.
func (o *outlier) EndBatch(e *agent.EndBatch) error {
	low, high := fences(o.values, o.scale)
	var found []*agent.Point
	for i, p := range o.points {
		if v := o.values[i]; v < low || v > high {
			found = append(found, p)
		}
	}
	o.begin.Size = int64(len(found))
	o.agent.Responses <- &agent.Response{Message: &agent.Response_Begin{Begin: o.begin}}
	for _, p := range found {
		o.agent.Responses <- &agent.Response{Message: &agent.Response_Point{Point: p}}
	}
	// Name, tags and time of the batch are those of its end.
	o.agent.Responses <- &agent.Response{Message: &agent.Response_End{End: e}}
	return nil
}

// Stop ends the responses.
func (o *outlier) Stop() { close(o.agent.Responses) }

// Nothing is kept from one batch to the next. Should the agent restart inside of a batch, it sends the
// batch again.

func (*outlier) Snapshot() (*agent.SnapshotResponse, error) { return &agent.SnapshotResponse{}, nil }

func (*outlier) Restore(*agent.RestoreRequest) (*agent.RestoreResponse, error) {
	return &agent.RestoreResponse{Success: true}, nil
}

// value returns a number among the fields of p.
func value(p *agent.Point, field string) (float64, bool) {
	if v, ok := p.FieldsDouble[field]; ok {
		return v, true
	}
	v, ok := p.FieldsInt[field]
	return float64(v), ok
}

// fences returns the bounds of what is no outlier.
func fences(values []float64, scale float64) (low, high float64) {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0, 0
	}
	// The quartiles are the medians of the halves; the middle one of an odd number is in neither.
	q1, q3 := median(sorted[:max(1, n/2)]), median(sorted[min(n-1, (n+1)/2):])
	return q1 - scale*(q3-q1), q3 + scale*(q3-q1)
}

// median returns the middle of values that are sorted.
func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func main() {
	a := agent.New(os.Stdin, os.Stdout)
	a.Handler = &outlier{agent: a}
	if err := a.Start(); err != nil {
		log.Fatal(err)
	}
	if err := a.Wait(); err != nil {
		log.Fatal(err) // standard error appears in the agent's log
	}
}
