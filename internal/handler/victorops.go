package handler

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{Name: "victorOps", Section: "victorops", Required: true, Options: func() spec.Declarer { return &VictorOps{} }})
}

// VictorOps is the options of the handler victorOps.
type VictorOps struct {
	RoutingKey string `json:"routing-key,omitempty"`
}

// Declare names the properties.
func (o *VictorOps) Declare(s *spec.Spec) {
	s.Doc("Opens and resolves VictorOps (Splunk On-Call) incidents.")
	s.Prop(&o.RoutingKey, "routingKey", "routing key")
}
