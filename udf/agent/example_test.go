package agent_test

import (
	"log"
	"os"

	"github.com/telegraf-tigk/telegraf-tigk/udf/agent"
)

// double is a function that doubles the field value.
type double struct{ agent *agent.Agent }

func (*double) Info() (*agent.InfoResponse, error) {
	return &agent.InfoResponse{Wants: agent.EdgeType_STREAM, Provides: agent.EdgeType_STREAM}, nil
}

func (*double) Init(*agent.InitRequest) (*agent.InitResponse, error) {
	return &agent.InitResponse{Success: true}, nil
}

func (*double) Snapshot() (*agent.SnapshotResponse, error) { return &agent.SnapshotResponse{}, nil }

func (*double) Restore(*agent.RestoreRequest) (*agent.RestoreResponse, error) {
	return &agent.RestoreResponse{Success: true}, nil
}

func (d *double) Point(p *agent.Point) error {
	if v, ok := p.FieldsDouble["value"]; ok {
		p.FieldsDouble["value"] = 2 * v
	}
	d.agent.Responses <- &agent.Response{Message: &agent.Response_Point{Point: p}}
	return nil
}

// A stream function gets no batches.

func (*double) BeginBatch(*agent.BeginBatch) error { return nil }
func (*double) EndBatch(*agent.EndBatch) error     { return nil }

func (d *double) Stop() { close(d.agent.Responses) }

// A function that runs as a child process and talks over its standard input and output.
func Example() {
	a := agent.New(os.Stdin, os.Stdout)
	a.Handler = &double{a}
	if err := a.Start(); err != nil {
		log.Fatal(err)
	}
	if err := a.Wait(); err != nil {
		log.Fatal(err)
	}
}
