package handler

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{
		Name: "alerta", Required: true, Parallel: 4, Options: func() spec.Declarer { return &Alerta{} },
		Config: func() any { return &AlertaConfig{TokenPrefix: "Bearer", AlertTimeout: 24 * time.Hour} }, Open: openJSON[AlertaConfig]("alerta", nil),
	})
}

// Alerta is the options of the handler alerta.
type Alerta struct {
	Token       string         `json:"token,omitempty" stays:"secret"`
	TokenPrefix string         `json:"token-prefix,omitempty" stays:"secret"`
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
	s.Check(o.check)
}

func (o *Alerta) attribute(name string, value point.Value) error {
	set(&o.Attributes, name, value)
	return nil
}

func (o *Alerta) check() error {
	if err := checkTemplates("resource", o.Resource, "event", o.Event, "environment", o.Environment, "group", o.Group, "value", o.Value); err != nil {
		return err
	}
	if err := checkList("services", o.Service); err != nil {
		return err
	}
	if err := checkList("correlated", o.Correlate); err != nil {
		return err
	}
	return checkValues("attribute", o.Attributes)
}

// AlertaConfig is the section alerta.
type AlertaConfig struct {
	HTTP
	URL          string        `toml:"url"`
	Token        Secret        `toml:"token"`
	TokenPrefix  string        `toml:"token_prefix"`
	Environment  string        `toml:"environment"`
	Origin       string        `toml:"origin"`
	AlertTimeout time.Duration `toml:"alert_timeout"`
}

func (c *AlertaConfig) check() error {
	if err := need("url", c.URL); err != nil {
		return err
	}
	return checkTemplates("environment", c.Environment)
}

func (c *AlertaConfig) document(e *alert.Event, options spec.Declarer) (*document, error) {
	type message struct {
		Attributes  map[string]any  `json:"attributes,omitempty"`
		Correlate   []string        `json:"correlate"`
		Environment string          `json:"environment"`
		Event       string          `json:"event"`
		Group       string          `json:"group"`
		Origin      string          `json:"origin"`
		RawData     json.RawMessage `json:"rawData"`
		Resource    string          `json:"resource"`
		Service     []string        `json:"service"`
		Severity    string          `json:"severity"`
		Tags        []string        `json:"tags"`
		Text        string          `json:"text"`
		Timeout     int64           `json:"timeout"`
		Value       string          `json:"value"`
	}
	o := options.(*Alerta)
	token, err := orSecret(o.Token, c.Token)
	if err != nil {
		return nil, err
	}
	r := rendererOf(e)
	m := message{
		Attributes:  r.values("attribute", o.Attributes),
		Correlate:   orList(r.list("correlated", o.Correlate), []string{e.Name}),
		Environment: r.text("environment", or(o.Environment, c.Environment)),
		Event:       r.text("event", or(o.Event, "{{ .ID }}")),
		Group:       r.text("group", or(o.Group, "{{ .Group }}")),
		Origin:      or(o.Origin, c.Origin),
		RawData:     resultJSON(e),
		Resource:    r.text("resource", or(o.Resource, "{{ .Name }}")),
		Service:     orList(r.list("services", o.Service), []string{e.Name}),
		Severity:    pickBy(e, "ok", "informational", "warning", "critical"),
		Tags:        []string{},
		Text:        e.Message,
		Timeout:     int64(c.AlertTimeout / time.Second),
		Value:       r.text("value", o.Value),
	}
	if r.err != nil {
		return nil, r.err
	}
	if err := need("resource", m.Resource, "event", m.Event); err != nil {
		return nil, Permanent(err)
	}
	if o.Timeout > 0 {
		m.Timeout = int64(o.Timeout / time.Second)
	}
	for _, t := range e.Tags {
		m.Tags = append(m.Tags, t.Key+"="+t.Value)
	}
	d := &document{url: strings.TrimSuffix(c.URL, "/") + "/alert", header: map[string]string{}, body: m}
	if token != "" {
		d.header["Authorization"] = strings.TrimSpace(or(o.TokenPrefix, c.TokenPrefix) + " " + token)
	}
	return d, nil
}
