package ticktest_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/telegraf-tigk/telegraf-tigk/udf/agent"
)

// functionVariable names the user-defined function that the test binary is.
const functionVariable = "TICKTEST_FUNCTION"

// TestMain makes the test binary double as the user-defined functions of the tests.
func TestMain(m *testing.M) {
	if name := os.Getenv(functionVariable); name != "" {
		a := agent.New(os.Stdin, os.Stdout)
		f := functions[name]
		a.Handler = &handler{function: f, send: func(r *agent.Response) { a.Responses <- r }, stop: func() { close(a.Responses) }}
		if a.Start() != nil || a.Wait() != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A function says what the handler does.
type function struct {
	info  agent.InfoResponse
	point func(h *handler, p *agent.Point) error
	end   func(h *handler, b *agent.EndBatch) // with the points in h
	late  bool                                // sends the points in h when it is stopped
}

// A handler is one use of a function.
type handler struct {
	*function
	send    func(*agent.Response)
	stop    func()
	options map[string][]*agent.OptionValue
	points  []*agent.Point // of the batch
	sums    map[string]float64
}

var functions = map[string]*function{
	// mirror sends each point back with the field that the option field(name, value) sets.
	"mirror": {
		info: agent.InfoResponse{Options: map[string]*agent.OptionInfo{"field": {ValueTypes: []agent.ValueType{agent.ValueType_STRING, agent.ValueType_DOUBLE}}}},
		point: func(h *handler, p *agent.Point) error {
			if o := h.options["field"]; o != nil {
				if p.FieldsDouble == nil {
					p.FieldsDouble = map[string]float64{}
				}
				p.FieldsDouble[o[0].GetStringValue()] = o[1].GetDoubleValue()
			}
			h.send(&agent.Response{Message: &agent.Response_Point{Point: p}})
			return nil
		},
	},
	// total adds up the field v of each group.
	"total": {
		point: func(h *handler, p *agent.Point) error {
			h.sums[p.Group] += p.FieldsDouble["v"]
			p.FieldsDouble["total"] = h.sums[p.Group]
			h.send(&agent.Response{Message: &agent.Response_Point{Point: p}})
			return nil
		},
	},
	// reverse sends the points of a batch in reverse order.
	"reverse": {
		info: agent.InfoResponse{Wants: agent.EdgeType_BATCH, Provides: agent.EdgeType_BATCH},
		end: func(h *handler, b *agent.EndBatch) {
			slices.Reverse(h.points)
			h.batch(b)
		},
	},
	// count sends the number of points of each batch as a point.
	"count": {
		info: agent.InfoResponse{Wants: agent.EdgeType_BATCH},
		end: func(h *handler, b *agent.EndBatch) {
			h.send(&agent.Response{Message: &agent.Response_Point{Point: &agent.Point{
				Time: b.Tmax, Name: b.Name, Tags: b.Tags, Dimensions: slices.Sorted(maps.Keys(b.Tags)), FieldsInt: map[string]int64{"points": int64(len(h.points))},
			}}})
		},
	},
	// pairs sends every two points as a batch.
	"pairs": {info: agent.InfoResponse{Provides: agent.EdgeType_BATCH}, point: pair},
	// liar does the same, and says that it provides points.
	"liar": {point: pair},
	// late sends all points at the end.
	"late": {
		late: true,
		point: func(h *handler, p *agent.Point) error {
			h.points = append(h.points, p)
			return nil
		},
	},
	// fails sends an error for a point.
	"fails": {point: func(*handler, *agent.Point) error { return errors.New("no more of this") }},
	// exits does that.
	"exits": {
		point: func(*handler, *agent.Point) error {
			os.Exit(3)
			return nil
		},
	},
	// refuses does not begin.
	"refuses": {info: agent.InfoResponse{Options: map[string]*agent.OptionInfo{"refuse": {}}}},
}

func pair(h *handler, p *agent.Point) error {
	h.points = append(h.points, p)
	if len(h.points) < 2 {
		return nil
	}
	tags := map[string]string{}
	for _, d := range p.Dimensions {
		tags[d] = p.Tags[d]
	}
	h.batch(&agent.EndBatch{Name: p.Name, Tmax: p.Time, Tags: tags})
	h.points = nil
	return nil
}

// batch sends the points that have been collected.
func (h *handler) batch(end *agent.EndBatch) {
	h.send(&agent.Response{Message: &agent.Response_Begin{Begin: &agent.BeginBatch{Name: end.Name, Tags: end.Tags, Size: int64(len(h.points))}}})
	for _, p := range h.points {
		h.send(&agent.Response{Message: &agent.Response_Point{Point: p}})
	}
	h.send(&agent.Response{Message: &agent.Response_End{End: end}})
}

func (h *handler) Info() (*agent.InfoResponse, error) { return &h.info, nil }

func (h *handler) Init(r *agent.InitRequest) (*agent.InitResponse, error) {
	h.options, h.sums = map[string][]*agent.OptionValue{}, map[string]float64{}
	for _, o := range r.Options {
		h.options[o.Name] = o.Values
	}
	if _, ok := h.options["refuse"]; ok {
		return &agent.InitResponse{Error: r.TaskID + " " + r.NodeID + " is not welcome"}, nil
	}
	return &agent.InitResponse{Success: true}, nil
}

// A handlerState is a snapshot.
type handlerState struct {
	Sums   map[string]float64
	Points []*agent.Point
}

func (h *handler) Snapshot() (*agent.SnapshotResponse, error) {
	b, err := json.Marshal(handlerState{h.sums, h.points})
	return &agent.SnapshotResponse{Snapshot: b}, err
}

func (h *handler) Restore(r *agent.RestoreRequest) (*agent.RestoreResponse, error) {
	var s handlerState
	if err := json.Unmarshal(r.Snapshot, &s); err != nil {
		return &agent.RestoreResponse{Error: err.Error()}, nil //nolint:nilerr // that is how it is said
	}
	h.sums, h.points = s.Sums, s.Points
	return &agent.RestoreResponse{Success: true}, nil
}

func (h *handler) BeginBatch(*agent.BeginBatch) error {
	h.points = nil
	return nil
}

func (h *handler) Point(p *agent.Point) error {
	if h.point != nil {
		return h.point(h, p)
	}
	h.points = append(h.points, p)
	return nil
}

func (h *handler) EndBatch(b *agent.EndBatch) error {
	h.end(h, b)
	return nil
}

func (h *handler) Stop() {
	if h.late {
		for _, p := range h.points {
			h.send(&agent.Response{Message: &agent.Response_Point{Point: p}})
		}
	}
	h.stop()
}
