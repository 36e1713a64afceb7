package handler

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{Name: "sensu", Required: true, Options: func() spec.Declarer { return &Sensu{} }})
}

// Sensu is the options of the handler sensu.
type Sensu struct {
	Source   string         `json:"source,omitempty"`
	Handlers []string       `json:"handlers,omitempty"`
	Metadata map[string]any `json:"metadata,omitempty"`
}

// Declare names the properties.
func (o *Sensu) Declare(s *spec.Spec) {
	s.Doc("Sends a check result to the socket of a Sensu client.")
	s.Prop(&o.Source, "source", "template of the source")
	s.Prop(&o.Handlers, "handlers", "handlers of Sensu")
	s.Func("metadata", "add a key to the result", o.metadata, "name", "value")
}

func (o *Sensu) metadata(name string, value point.Value) error {
	set(&o.Metadata, name, value)
	return nil
}
