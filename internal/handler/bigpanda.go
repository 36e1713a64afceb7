package handler

import (
	"fmt"
	"html"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{
		Name: "bigPanda", Section: "bigpanda", Required: true, Nodewide: true, Parallel: 4, Options: func() spec.Declarer { return &BigPanda{} },
		Config: func() any {
			return &BigPandaConfig{URL: "https://api.bigpanda.io/data/v2/alerts", AutoAttributes: "tags,fields"}
		}, Open: openJSON[BigPandaConfig]("bigPanda", nil),
	})
}

// BigPanda is the options of the handler bigPanda.
type BigPanda struct {
	AppKey            string         `json:"app-key,omitempty" stays:"secret"`
	URL               string         `json:"url,omitempty" stays:"place"`
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
	s.Check(func() error {
		if err := checkTemplates("host", o.Host); err != nil {
			return err
		}
		return checkValues("attribute", o.Attributes)
	})
}

func (o *BigPanda) attribute(name string, value point.Value) error {
	set(&o.Attributes, name, value)
	return nil
}

// Destination is the URL, if it is not the configured one.
func (o *BigPanda) Destination() string { return o.URL }

// BigPandaConfig is the section bigpanda.
type BigPandaConfig struct {
	HTTP
	URL            string `toml:"url"`
	AppKey         string `toml:"app_key"`
	Token          Secret `toml:"token"`
	AutoAttributes string `toml:"auto_attributes"`
}

func (c *BigPandaConfig) check() error {
	for _, what := range strings.Split(c.AutoAttributes, ",") {
		if w := strings.TrimSpace(what); w != "tags" && w != "fields" && w != "" {
			return fmt.Errorf("auto_attributes: want tags, fields or both, got %q", c.AutoAttributes)
		}
	}
	if c.Token.Empty() {
		return need("token", "")
	}
	return need("url", c.URL)
}

func (c *BigPandaConfig) document(e *alert.Event, options spec.Declarer) (*document, error) {
	o := options.(*BigPanda)
	token, err := c.Token.Get()
	if err != nil {
		return nil, err
	}
	app := or(o.AppKey, c.AppKey)
	if err := need("app_key", app); err != nil {
		return nil, Permanent(err)
	}
	r := rendererOf(e)
	body := map[string]any{
		"app_key": app, "check": e.ID, "description": e.Message, "status": pickBy(e, "ok", "ok", "warning", "critical"),
		"task": e.Task + ":" + e.Name, "timestamp": when(e).Unix(), "host": r.text("host", o.Host),
	}
	if !strings.HasPrefix(e.Details, "{") {
		body["details"] = html.UnescapeString(e.Details)
	}
	if o.PrimaryProperty != "" {
		body["primary_property"] = o.PrimaryProperty
	}
	if o.SecondaryProperty != "" {
		body["secondary_property"] = o.SecondaryProperty
	}
	if strings.Contains(c.AutoAttributes, "tags") {
		for _, t := range e.Tags {
			body[t.Key] = t.Value
		}
	}
	if strings.Contains(c.AutoAttributes, "fields") {
		for _, f := range e.Fields {
			body[f.Key] = textOf(f.Value.Any())
		}
	}
	for k, v := range r.values("attribute", o.Attributes) {
		body[k] = textOf(v)
	}
	if r.err != nil {
		return nil, r.err
	}
	return &document{url: or(o.URL, c.URL), header: map[string]string{"Authorization": "Bearer " + token}, body: body, bare: true}, nil
}
