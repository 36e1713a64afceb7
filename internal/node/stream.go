package node

import "github.com/telegraf-tigk/telegraf-tigk/internal/spec"

func init() { spec.Register("stream", func() spec.Declarer { return &stream{} }) }

// stream is the source of a stream task. Scripts find it as the variable stream.
type stream struct{}

func (*stream) Declare(s *spec.Spec) {
	s.Doc("The metrics that pass through the agent, as they come.")
	s.Edges(spec.Stream, spec.Stream)
	s.Hide()
}
