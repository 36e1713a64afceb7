package handler

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{Name: "bigPanda", Section: "bigpanda", Required: true, Options: func() spec.Declarer { return &BigPanda{} }})
}

// BigPanda is the options of the handler bigPanda.
type BigPanda struct {
	AppKey            string         `json:"app-key,omitempty"`
	URL               string         `json:"url,omitempty"`
	Host              string         `json:"host,omitempty"`
	PrimaryProperty   string         `json:"primary-property,omitempty"`
	SecondaryProperty string         `json:"secondary-property,omitempty"`
	Attributes        map[string]any `json:"attributes,omitempty"`
}

// Declare names the properties.
func (o *BigPanda) Declare(s *spec.Spec) {
	s.Doc("Sends the alert to BigPanda.")
	s.Prop(&o.AppKey, "appKey", "key of the application")
	s.Prop(&o.URL, "URL", "URL of the API instead of the configured one")
	s.Prop(&o.Host, "host", "template of the host")
	s.Prop(&o.PrimaryProperty, "primaryProperty", "name of the primary property")
	s.Prop(&o.SecondaryProperty, "secondaryProperty", "name of the secondary property")
	s.Func("attribute", "add an attribute; a string is a template", o.attribute, "name", "value")
}

func (o *BigPanda) attribute(name string, value point.Value) error {
	set(&o.Attributes, name, value)
	return nil
}
