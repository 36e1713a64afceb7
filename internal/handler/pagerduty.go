package handler

import (
	"errors"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{
		Name: "pagerDuty", Section: "pagerduty", Required: true, Parallel: 4, Options: func() spec.Declarer { return &PagerDuty{} },
		Config: func() any {
			return &PagerDutyConfig{URL: "https://events.pagerduty.com/generic/2010-04-15/create_event.json"}
		}, Open: openJSON[PagerDutyConfig]("pagerDuty", nil),
	})
}

// PagerDuty is the options of the handler pagerDuty.
type PagerDuty struct {
	ServiceKey string `json:"service-key,omitempty" stays:"secret"`
}

// Declare names the properties.
func (o *PagerDuty) Declare(s *spec.Spec) {
	s.Doc("Opens and resolves PagerDuty incidents (Events API version 1).")
	s.Prop(&o.ServiceKey, "serviceKey", "service key")
}

// PagerDutyConfig is the section pagerduty.
type PagerDutyConfig struct {
	HTTP
	URL        string `toml:"url"`
	ServiceKey Secret `toml:"service_key"`
	ClientURL  string `toml:"client_url"`
}

func (c *PagerDutyConfig) check() error { return need("url", c.URL) }

func (c *PagerDutyConfig) document(e *alert.Event, options spec.Declarer) (*document, error) {
	type incident struct {
		Client      string `json:"client"`
		ClientURL   string `json:"client_url"`
		Description string `json:"description"`
		Details     string `json:"details"`
		EventType   string `json:"event_type"`
		IncidentKey string `json:"incident_key"`
		ServiceKey  string `json:"service_key"`
	}
	if e.Level == alert.Info {
		return nil, Permanent(errors.New("events of level INFO are not sent"))
	}
	key, err := orSecret(options.(*PagerDuty).ServiceKey, c.ServiceKey)
	if err != nil {
		return nil, err
	}
	if err := need("service_key", key); err != nil {
		return nil, Permanent(err)
	}
	return &document{url: c.URL, body: incident{
		"kapacitor", c.ClientURL, e.Message, e.Details, pickBy(e, "resolve", "", "trigger", "trigger"), e.ID, key,
	}}, nil
}
