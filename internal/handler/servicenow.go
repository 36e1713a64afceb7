package handler

import (
	"encoding/json"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{
		Name: "serviceNow", Section: "servicenow", Required: true, Nodewide: true, Parallel: 4, Options: func() spec.Declarer { return &ServiceNow{} },
		Config: func() any { return &ServiceNowConfig{URL: "https://instance.service-now.com/api/global/em/jsonv2"} }, Open: openJSON[ServiceNowConfig]("serviceNow", nil),
	})
}

// ServiceNow is the options of the handler serviceNow.
type ServiceNow struct {
	URL            string         `json:"url,omitempty" stays:"place"`
	Source         string         `json:"source,omitempty"`
	Node           string         `json:"node,omitempty"`
	Type           string         `json:"type,omitempty"`
	Resource       string         `json:"resource,omitempty"`
	MetricName     string         `json:"metricname,omitempty"`
	MessageKey     string         `json:"messagekey,omitempty"`
	AdditionalInfo map[string]any `json:"additional_info,omitempty"`

	unused string `also:"username,password"`
}

// Declare names the properties.
func (o *ServiceNow) Declare(s *spec.Spec) {
	s.Doc("Sends the alert to ServiceNow as an event.")
	s.Prop(&o.URL, "URL", "URL of the API instead of the configured one")
	s.Prop(&o.Source, "source", "template of the source; the configured one if unset")
	s.Prop(&o.Node, "node", "template of the node")
	s.Prop(&o.Type, "type", "template of the type")
	s.Prop(&o.Resource, "resource", "template of the resource")
	s.Prop(&o.MetricName, "metricName", "template of the metric name")
	s.Prop(&o.MessageKey, "messageKey", "template of the message key; the ID if unset")
	s.Func("additionalInfo", "add information; a string is a template", o.additionalInfo, "name", "value")
	for _, name := range []string{"username", "password"} {
		s.Prop(&o.unused, name, "accepted and not used: they are configured")
	}
	s.Check(o.check)
}

func (o *ServiceNow) additionalInfo(name string, value point.Value) error {
	set(&o.AdditionalInfo, name, value)
	return nil
}

func (o *ServiceNow) check() error {
	err := checkTemplates("source", o.Source, "node", o.Node, "type", o.Type, "resource", o.Resource, "metricName", o.MetricName, "messageKey", o.MessageKey)
	if err != nil {
		return err
	}
	return checkValues("additionalInfo", o.AdditionalInfo)
}

// Destination is the URL, if it is not the configured one.
func (o *ServiceNow) Destination() string { return o.URL }

// ServiceNowConfig is the section servicenow.
type ServiceNowConfig struct {
	HTTP
	URL      string `toml:"url"`
	Source   string `toml:"source"`
	Username Secret `toml:"username"`
	Password Secret `toml:"password"`
}

func (c *ServiceNowConfig) check() error {
	if err := checkTemplates("source", c.Source); err != nil {
		return err
	}
	return need("url", c.URL)
}

func (c *ServiceNowConfig) document(e *alert.Event, options spec.Declarer) (*document, error) {
	type record struct {
		Source         string `json:"source"`
		Node           string `json:"node,omitempty"`
		Type           string `json:"type,omitempty"`
		Resource       string `json:"resource,omitempty"`
		MetricName     string `json:"metric_name,omitempty"`
		MessageKey     string `json:"message_key,omitempty"`
		Severity       string `json:"severity,omitempty"`
		Description    string `json:"description,omitempty"`
		AdditionalInfo string `json:"additional_info,omitempty"`
	}
	o := options.(*ServiceNow)
	r := rendererOf(e)
	text := func(name, template string, n int) string { return cut(r.text(name, template), n) }
	one := record{
		Source: text("source", or(o.Source, c.Source), 100), Node: text("node", o.Node, 100), Type: text("type", o.Type, 100),
		Resource: text("resource", o.Resource, 100), MetricName: text("metricName", o.MetricName, 100),
		MessageKey: text("messageKey", or(o.MessageKey, "{{ .ID }}"), 1024),
		Severity:   pickBy(e, "5", "5", "4", "1"), Description: cut(e.Message, 4000),
	}
	if len(o.AdditionalInfo) > 0 {
		info := map[string]string{}
		for k, v := range r.values("additionalInfo", o.AdditionalInfo) {
			info[k] = textOf(v)
		}
		b, _ := json.Marshal(info) // strings always have JSON
		one.AdditionalInfo = string(b)
	}
	if r.err != nil {
		return nil, r.err
	}
	d := &document{url: or(o.URL, c.URL), header: map[string]string{}, body: map[string][]record{"records": {one}}, bare: true}
	return d, basicAuth(d.header, c.Username, c.Password)
}
