package handler

import (
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{Name: "alerta", Required: true, Options: func() spec.Declarer { return &Alerta{} }})
}

// Alerta is the options of the handler alerta.
type Alerta struct {
	Token       string         `json:"token,omitempty"`
	TokenPrefix string         `json:"token-prefix,omitempty"`
	Resource    string         `json:"resource,omitempty"`
	Event       string         `json:"event,omitempty"`
	Environment string         `json:"environment,omitempty"`
	Group       string         `json:"group,omitempty"`
	Value       string         `json:"value,omitempty"`
	Origin      string         `json:"origin,omitempty"`
	Service     []string       `json:"service,omitempty"`
	Correlate   []string       `json:"correlate,omitempty"`
	Attributes  map[string]any `json:"attributes,omitempty"`
	Timeout     time.Duration  `json:"timeout,omitempty"`
}

// Declare names the properties.
func (o *Alerta) Declare(s *spec.Spec) {
	s.Doc("Sends the alert to an Alerta server.")
	s.Prop(&o.Token, "token", "token of the API")
	s.Prop(&o.TokenPrefix, "tokenPrefix", "word before the token")
	s.Prop(&o.Resource, "resource", "template of the resource; the measurement if unset")
	s.Prop(&o.Event, "event", "template of the event; the ID if unset")
	s.Prop(&o.Environment, "environment", "template of the environment")
	s.Prop(&o.Group, "group", "template of the group; the group if unset")
	s.Prop(&o.Value, "value", "template of the value")
	s.Prop(&o.Origin, "origin", "origin")
	s.Prop(&o.Service, "services", "templates of the services; the measurement if unset")
	s.Prop(&o.Correlate, "correlated", "templates of the correlated events; the measurement if unset")
	s.Func("attribute", "add an attribute; a string is a template", o.attribute, "name", "value")
	s.Prop(&o.Timeout, "timeout", "time after which Alerta lets the alert expire")
}

func (o *Alerta) attribute(name string, value point.Value) error {
	set(&o.Attributes, name, value)
	return nil
}
