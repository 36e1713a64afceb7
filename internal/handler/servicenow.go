package handler

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{Name: "serviceNow", Section: "servicenow", Required: true, Options: func() spec.Declarer { return &ServiceNow{} }})
}

// ServiceNow is the options of the handler serviceNow.
type ServiceNow struct {
	URL            string         `json:"url,omitempty"`
	Source         string         `json:"source,omitempty"`
	Node           string         `json:"node,omitempty"`
	Type           string         `json:"type,omitempty"`
	Resource       string         `json:"resource,omitempty"`
	MetricName     string         `json:"metricname,omitempty"`
	MessageKey     string         `json:"messagekey,omitempty"`
	AdditionalInfo map[string]any `json:"additional_info,omitempty"`

	unused string
}

// Declare names the properties.
func (o *ServiceNow) Declare(s *spec.Spec) {
	s.Doc("Sends the alert to ServiceNow as an event.")
	s.Prop(&o.URL, "URL", "URL of the API instead of the configured one")
	s.Prop(&o.Source, "source", "source")
	s.Prop(&o.Node, "node", "template of the node")
	s.Prop(&o.Type, "type", "template of the type")
	s.Prop(&o.Resource, "resource", "template of the resource")
	s.Prop(&o.MetricName, "metricName", "template of the metric name")
	s.Prop(&o.MessageKey, "messageKey", "template of the message key; the ID if unset")
	s.Func("additionalInfo", "add information; a string is a template", o.additionalInfo, "name", "value")
	for _, name := range []string{"username", "password"} {
		s.Prop(&o.unused, name, "accepted and not used: they are configured")
	}
}

func (o *ServiceNow) additionalInfo(name string, value point.Value) error {
	set(&o.AdditionalInfo, name, value)
	return nil
}
