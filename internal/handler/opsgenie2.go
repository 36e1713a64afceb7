package handler

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{Name: "opsGenie2", Section: "opsgenie2", Required: true, Options: func() spec.Declarer { return &OpsGenie2{} }})
}

// OpsGenie2 is the options of the handler opsGenie2.
type OpsGenie2 struct {
	Teams          []string `json:"teams,omitempty"`
	Recipients     []string `json:"recipients,omitempty"`
	RecoveryAction string   `json:"recovery_action,omitempty"`
	Details        bool     `json:"details,omitempty"`
}

// Declare names the properties.
func (o *OpsGenie2) Declare(s *spec.Spec) {
	s.Doc("Opens and resolves OpsGenie alerts (API version 2).")
	s.Prop(&o.Teams, "teams", "teams to notify")
	s.Prop(&o.Recipients, "recipients", "users to notify")
	s.Prop(&o.RecoveryAction, "recoveryAction", "notes or close: what a recovery does")
	s.Flag(&o.Details, "details", "send the details as description")
}
