package handler

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{Name: "opsGenie", Section: "opsgenie", Required: true, Options: func() spec.Declarer { return &OpsGenie{} }})
}

// OpsGenie is the options of the handler opsGenie.
type OpsGenie struct {
	Teams      []string `json:"teams,omitempty"`
	Recipients []string `json:"recipients,omitempty"`
}

// Declare names the properties.
func (o *OpsGenie) Declare(s *spec.Spec) {
	s.Doc("Opens and resolves OpsGenie alerts (API version 1).")
	s.Prop(&o.Teams, "teams", "teams to notify")
	s.Prop(&o.Recipients, "recipients", "users to notify")
}
