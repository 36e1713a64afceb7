package handler

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{Name: "pagerDuty", Section: "pagerduty", Required: true, Options: func() spec.Declarer { return &PagerDuty{} }})
}

// PagerDuty is the options of the handler pagerDuty.
type PagerDuty struct {
	ServiceKey string `json:"service-key,omitempty"`
}

// Declare names the properties.
func (o *PagerDuty) Declare(s *spec.Spec) {
	s.Doc("Opens and resolves PagerDuty incidents (Events API version 1).")
	s.Prop(&o.ServiceKey, "serviceKey", "service key")
}
