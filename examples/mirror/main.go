// Command mirror is a user-defined function that sends back every point it gets, with one field more.
// It serves a socket.
package main

import (
	"errors"
	"flag"
	"log"
	"net"
	"os"

	"github.com/telegraf-tigk/telegraf-tigk/udf/agent"
)

// mirror adds the field of the script's option to each point.
type mirror struct {
	agent *agent.Agent
	name  string
	value float64
}

// Info says that the function takes points and gives points, and that scripts set .field(name, value).
func (*mirror) Info() (*agent.InfoResponse, error) {
	return &agent.InfoResponse{
		Wants:    agent.EdgeType_STREAM,
		Provides: agent.EdgeType_STREAM,
		Options: map[string]*agent.OptionInfo{
			"field": {ValueTypes: []agent.ValueType{agent.ValueType_STRING, agent.ValueType_DOUBLE}},
		},
	}, nil
}

// Init takes the options of the script, whose types are those of Info.
func (m *mirror) Init(r *agent.InitRequest) (*agent.InitResponse, error) {
	for _, opt := range r.Options {
		if opt.Name == "field" {
			m.name = opt.Values[0].GetStringValue()
			m.value = opt.Values[1].GetDoubleValue()
		}
	}
	if m.name == "" {
		return &agent.InitResponse{Error: "must set the name and the value of a field: .field('name', 42.0)"}, nil
	}
	return &agent.InitResponse{Success: true}, nil
}

// Point sends the point back.
func (m *mirror) Point(p *agent.Point) error {
	if p.FieldsDouble == nil {
		p.FieldsDouble = make(map[string]float64)
	}
	p.FieldsDouble[m.name] = m.value
	m.agent.Responses <- &agent.Response{Message: &agent.Response_Point{Point: p}}
	return nil
}

// Stop ends the responses. Nothing comes after it.
func (m *mirror) Stop() { close(m.agent.Responses) }

// A mirror remembers nothing from one point to the next, so there is nothing to save.

func (*mirror) Snapshot() (*agent.SnapshotResponse, error) { return &agent.SnapshotResponse{}, nil }

func (*mirror) Restore(*agent.RestoreRequest) (*agent.RestoreResponse, error) {
	return &agent.RestoreResponse{Success: true}, nil
}

// It wants points, and so gets no batches.

var errBatch = errors.New("mirror takes no batches")

func (*mirror) BeginBatch(*agent.BeginBatch) error { return errBatch }
func (*mirror) EndBatch(*agent.EndBatch) error     { return errBatch }

// accepter makes a mirror for each connection: one for each @mirror() of each script.
type accepter struct{}

func (accepter) Accept(conn net.Conn) {
	a := agent.New(conn, conn)
	a.Handler = &mirror{agent: a}
	if err := a.Start(); err != nil {
		log.Print(err)
		return
	}
	go func() {
		if err := a.Wait(); err != nil {
			log.Print(err)
		}
	}()
}

func main() {
	path := flag.String("socket", "/tmp/mirror.sock", "path of the socket")
	flag.Parse()

	// A server that was killed has left its socket behind.
	if conn, err := net.Dial("unix", *path); err == nil {
		_ = conn.Close()
	} else {
		_ = os.Remove(*path)
	}
	l, err := net.Listen("unix", *path)
	if err != nil {
		log.Fatal(err)
	}
	s := agent.NewServer(l, accepter{})
	s.StopOnSignals() // the interrupt and SIGTERM
	log.Print("listening on ", *path)
	if err := s.Serve(); err != nil {
		log.Fatal(err)
	}
}
