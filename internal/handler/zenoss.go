package handler

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{Name: "zenoss", Required: true, Options: func() spec.Declarer { return &Zenoss{} }})
}

// Zenoss is the options of the handler zenoss.
type Zenoss struct {
	Action        string         `json:"action,omitempty"`
	Method        string         `json:"method,omitempty"`
	Type          string         `json:"type,omitempty"`
	TID           int64          `json:"tid,omitempty"`
	Collector     string         `json:"collector,omitempty"`
	Summary       string         `json:"summary,omitempty"`
	Device        string         `json:"device,omitempty"`
	Component     string         `json:"component,omitempty"`
	EventClassKey string         `json:"eventclasskey,omitempty"`
	EventClass    string         `json:"eventclass,omitempty"`
	Message       string         `json:"message,omitempty"`
	CustomFields  map[string]any `json:"customField,omitempty"`

	unused string
}

// Declare names the properties.
func (o *Zenoss) Declare(s *spec.Spec) {
	s.Doc("Sends the alert to Zenoss as an event.")
	s.Prop(&o.Action, "action", "router name")
	s.Prop(&o.Method, "method", "router method")
	s.Prop(&o.Type, "type", "event type")
	s.Prop(&o.TID, "tid", "transaction ID")
	s.Prop(&o.Collector, "collector", "template of the collector")
	s.Prop(&o.Summary, "summary", "template of the summary; the message if unset")
	s.Prop(&o.Device, "device", "template of the device")
	s.Prop(&o.Component, "component", "template of the component")
	s.Prop(&o.EventClassKey, "eventClassKey", "template of the event class key")
	s.Prop(&o.EventClass, "eventClass", "template of the event class")
	s.Prop(&o.Message, "message", "template of the message")
	s.Func("customField", "add a field; a string is a template", o.customField, "name", "value")
	for _, name := range []string{"URL", "username", "password"} {
		s.Prop(&o.unused, name, "accepted and not used: the server is configured")
	}
}

func (o *Zenoss) customField(name string, value point.Value) error {
	set(&o.CustomFields, name, value)
	return nil
}
