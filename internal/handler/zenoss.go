package handler

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{
		Name: "zenoss", Required: true, Nodewide: true, Parallel: 4, Options: func() spec.Declarer { return &Zenoss{} },
		Config: func() any {
			return &ZenossConfig{URL: "https://tenant.zenoss.io:8080/zport/dmd/evconsole_router", Action: "EventsRouter", Method: "add_event", Type: "rpc", TID: 1, Collector: "Kapacitor"}
		}, Open: openJSON[ZenossConfig]("zenoss", nil),
	})
}

// Zenoss is the options of the handler zenoss.
type Zenoss struct {
	Action        string         `json:"action,omitempty" stays:"place"`
	Method        string         `json:"method,omitempty" stays:"place"`
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
	s.Check(o.check)
}

func (o *Zenoss) customField(name string, value point.Value) error {
	set(&o.CustomFields, name, value)
	return nil
}

func (o *Zenoss) check() error {
	err := checkTemplates("collector", o.Collector, "summary", o.Summary, "device", o.Device, "component", o.Component,
		"eventClassKey", o.EventClassKey, "eventClass", o.EventClass, "message", o.Message)
	if err != nil {
		return err
	}
	return checkValues("customField", o.CustomFields)
}

// ZenossConfig is the section zenoss. The keys of SeverityMap are names of levels, its values are
// severities of Zenoss: texts or numbers.
type ZenossConfig struct {
	HTTP
	URL         string         `toml:"url"`
	Username    Secret         `toml:"username"`
	Password    Secret         `toml:"password"`
	Action      string         `toml:"action"`
	Method      string         `toml:"method"`
	Type        string         `toml:"type"`
	TID         int64          `toml:"tid"`
	Collector   string         `toml:"collector"`
	SeverityMap map[string]any `toml:"severity_map"`

	severities [alert.Critical + 1]any
}

func (c *ZenossConfig) check() error {
	c.severities = [...]any{"Clear", "Info", "Warning", "Critical"}
	for name, severity := range c.SeverityMap {
		level, err := alert.ParseLevel(name)
		if err != nil || name == "" {
			return fmt.Errorf("severity_map: %q is no level", name)
		}
		switch severity.(type) {
		case string, int64, int:
			c.severities[level] = severity
		default:
			return fmt.Errorf("severity_map: %s: want a text or a number, got %v", name, severity)
		}
	}
	if err := checkTemplates("collector", c.Collector); err != nil {
		return err
	}
	return need("url", c.URL)
}

func (c *ZenossConfig) document(e *alert.Event, options spec.Declarer) (*document, error) {
	type call struct {
		Action string           `json:"action"`
		Method string           `json:"method"`
		Data   []map[string]any `json:"data"`
		Type   string           `json:"type"`
		TID    int64            `json:"tid"`
	}
	o := options.(*Zenoss)
	r := rendererOf(e)
	data := r.values("customField", o.CustomFields)
	for k, v := range data {
		data[k] = embedded(v)
	}
	data["collector"] = r.text("collector", or(o.Collector, c.Collector))
	data["component"] = r.text("component", o.Component)
	data["device"] = r.text("device", o.Device)
	data["evclass"] = r.text("eventClass", o.EventClass)
	data["evclasskey"] = r.text("eventClassKey", o.EventClassKey)
	data["severity"] = c.severities[e.Level]
	data["summary"] = cut(r.text("summary", or(o.Summary, "{{ .Message }}")), 256)
	if message := cut(r.text("message", o.Message), 4096); message != "" {
		data["message"] = message
	}
	if r.err != nil {
		return nil, r.err
	}
	tid := o.TID
	if tid == 0 {
		tid = c.TID
	}
	d := &document{url: c.URL, header: map[string]string{}, bare: true, body: call{
		or(o.Action, c.Action), or(o.Method, c.Method), []map[string]any{data}, or(o.Type, c.Type), tid,
	}}
	return d, basicAuth(d.header, c.Username, c.Password)
}

// embedded turns a text that is a JSON object or array into that.
func embedded(v any) any {
	text, ok := v.(string)
	if ok && (strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[")) && json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	return v
}
