package handler

import (
	"fmt"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{
		Name: "ntfy", Required: true, Parallel: 4, Options: func() spec.Declarer { return &Ntfy{} },
		Config: func() any { return &NtfyConfig{URL: "https://ntfy.sh"} }, Open: openJSON[NtfyConfig]("ntfy", nil),
	})
}

// Ntfy is the options of the handler ntfy.
type Ntfy struct {
	Topic    string   `json:"topic,omitempty" stays:"secret"`
	Title    string   `json:"title,omitempty"`
	Priority int64    `json:"priority,omitempty"`
	Tags     []string `json:"tags,omitempty"`
	Click    string   `json:"click,omitempty" stays:"place"`
}

// Declare names the properties.
func (o *Ntfy) Declare(s *spec.Spec) {
	s.Doc("Publishes the message to a topic of ntfy, from where it goes to phones and browsers.")
	s.Prop(&o.Topic, "ntfyTopic", "topic; the configured one if unset")
	s.Prop(&o.Title, "title", "template of the title; level and ID if unset")
	s.Prop(&o.Priority, "priority", "1 to 5; by the level if unset")
	s.Prop(&o.Tags, "tags", "tags, of which some are shown as pictures; one by the level if unset")
	s.Prop(&o.Click, "click", "template of the URL to open")
	s.Check(func() error {
		if o.Priority < 0 || o.Priority > 5 {
			return fmt.Errorf("ntfy: priority must be 1 to 5, got %d", o.Priority)
		}
		return checkTemplates("title", o.Title, "click", o.Click)
	})
}

// NtfyConfig is the section ntfy.
type NtfyConfig struct {
	HTTP
	Auth
	URL   string `toml:"url"`
	Topic string `toml:"topic"`
}

func (c *NtfyConfig) check() error { return need("url", c.URL) }

func (c *NtfyConfig) document(e *alert.Event, options spec.Declarer) (*document, error) {
	type message struct {
		Topic    string   `json:"topic"`
		Title    string   `json:"title"`
		Message  string   `json:"message"`
		Priority int64    `json:"priority"`
		Tags     []string `json:"tags"`
		Click    string   `json:"click,omitempty"`
	}
	o := options.(*Ntfy)
	r := rendererOf(e)
	m := message{
		Topic: or(o.Topic, c.Topic), Title: r.text("title", or(o.Title, "{{ .Level }}: {{ .ID }}")), Message: e.Message,
		Priority: o.Priority, Click: r.text("click", o.Click),
		Tags: orList(o.Tags, []string{pickBy(e, "white_check_mark", "information_source", "warning", "rotating_light")}),
	}
	if r.err != nil {
		return nil, r.err
	}
	if err := need("topic", m.Topic); err != nil {
		return nil, Permanent(err)
	}
	if m.Priority == 0 {
		m.Priority = pickBy[int64](e, 3, 2, 4, 5)
	}
	d := &document{url: c.URL, header: map[string]string{}, body: m}
	return d, c.authorize(d.header)
}
