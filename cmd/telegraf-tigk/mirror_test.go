package main

import (
	"fmt"
	"os"

	"github.com/telegraf-tigk/telegraf-tigk/udf/agent"
)

// mirror is a user-defined function that sends points back with a field that its option sets.
func mirror() {
	a := agent.New(os.Stdin, os.Stdout)
	a.Handler = &mirrorHandler{a: a}
	if a.Start() != nil || a.Wait() != nil {
		os.Exit(1)
	}
}

type mirrorHandler struct {
	a     *agent.Agent
	field string
	value float64
}

func (*mirrorHandler) Info() (*agent.InfoResponse, error) {
	return &agent.InfoResponse{Options: map[string]*agent.OptionInfo{
		"field": {ValueTypes: []agent.ValueType{agent.ValueType_STRING, agent.ValueType_DOUBLE}},
	}}, nil
}

func (h *mirrorHandler) Init(r *agent.InitRequest) (*agent.InitResponse, error) {
	if len(r.Options) != 1 {
		return &agent.InitResponse{Error: "want one field"}, nil
	}
	h.field, h.value = r.Options[0].Values[0].GetStringValue(), r.Options[0].Values[1].GetDoubleValue()
	fmt.Fprintf(os.Stderr, "%s of %s sets %s\n", r.NodeID, r.TaskID, h.field)
	return &agent.InitResponse{Success: true}, nil
}

func (h *mirrorHandler) Point(p *agent.Point) error {
	if p.FieldsDouble == nil {
		p.FieldsDouble = map[string]float64{}
	}
	p.FieldsDouble[h.field] = h.value
	h.a.Responses <- &agent.Response{Message: &agent.Response_Point{Point: p}}
	return nil
}

func (*mirrorHandler) Snapshot() (*agent.SnapshotResponse, error) {
	return &agent.SnapshotResponse{}, nil
}

func (*mirrorHandler) Restore(*agent.RestoreRequest) (*agent.RestoreResponse, error) {
	return &agent.RestoreResponse{Success: true}, nil
}

func (*mirrorHandler) BeginBatch(*agent.BeginBatch) error { return nil }
func (*mirrorHandler) EndBatch(*agent.EndBatch) error     { return nil }
func (h *mirrorHandler) Stop()                            { close(h.a.Responses) }
