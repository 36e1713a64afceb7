package handler

import (
	"encoding/json"
	"errors"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{
		Name: "pagerDuty2", Section: "pagerduty2", Required: true, Parallel: 4, Options: func() spec.Declarer { return &PagerDuty2{} },
		Config: func() any { return &PagerDuty2Config{URL: "https://events.pagerduty.com/v2/enqueue"} }, Open: openJSON[PagerDuty2Config]("pagerDuty2", nil),
	})
}

// PagerDuty2 is the options of the handler pagerDuty2.
type PagerDuty2 struct {
	RoutingKey string `json:"routing-key,omitempty" stays:"secret"`
	Links      []Link `json:"links,omitempty" stays:"place"`
}

// A Link is shown with an incident. Both parts are templates.
type Link struct {
	Href string `json:"href"`
	Text string `json:"text,omitempty"`
}

// Declare names the properties.
func (o *PagerDuty2) Declare(s *spec.Spec) {
	s.Doc("Opens and resolves PagerDuty incidents (Events API version 2).")
	s.Prop(&o.RoutingKey, "routingKey", "routing key")
	s.Prop(&o.RoutingKey, "serviceKey", "another name of routingKey")
	s.Func("link", "show a link; href and text are templates", o.link, "href, text")
	s.Check(func() error {
		for _, l := range o.Links {
			if err := checkTemplates("link", l.Href, "link", l.Text); err != nil {
				return err
			}
		}
		return nil
	})
}

func (o *PagerDuty2) link(args ...string) error {
	switch len(args) {
	case 1:
		o.Links = append(o.Links, Link{Href: args[0]})
	case 2:
		o.Links = append(o.Links, Link{Href: args[0], Text: args[1]})
	default:
		return errors.New("want href and, if it is to be shown, a text")
	}
	return nil
}

// PagerDuty2Config is the section pagerduty2.
type PagerDuty2Config struct {
	HTTP
	URL        string `toml:"url"`
	RoutingKey Secret `toml:"routing_key"`
	ClientURL  string `toml:"client_url"`
}

func (c *PagerDuty2Config) check() error { return nil }

func (c *PagerDuty2Config) document(e *alert.Event, options spec.Declarer) (*document, error) {
	type payload struct {
		Summary       string                     `json:"summary"`
		Source        string                     `json:"source"`
		Severity      string                     `json:"severity"`
		Timestamp     string                     `json:"timestamp"`
		Class         string                     `json:"class"`
		Component     string                     `json:"component"`
		Group         string                     `json:"group"`
		CustomDetails map[string]json.RawMessage `json:"custom_details"`
	}
	type incident struct {
		RoutingKey  string  `json:"routing_key"`
		EventAction string  `json:"event_action"`
		DedupKey    string  `json:"dedup_key"`
		Payload     payload `json:"payload"`
		Images      []any   `json:"images"`
		Links       []Link  `json:"links"`
		Client      string  `json:"client"`
		ClientURL   string  `json:"client_url"`
	}
	o := options.(*PagerDuty2)
	key := o.RoutingKey
	if key == "" {
		var err error
		if key, err = c.RoutingKey.Get(); err != nil {
			return nil, err
		}
	}
	if err := need("routing_key", key); err != nil {
		return nil, Permanent(err)
	}
	var links []Link
	for _, l := range o.Links {
		href, err := render("link", l.Href, eventDataOf(e))
		if err != nil {
			return nil, err
		}
		text, err := render("link", l.Text, eventDataOf(e))
		if err != nil {
			return nil, err
		}
		links = append(links, Link{href, or(text, href)})
	}
	source := or(tagMap(e.Tags)["host"], "unknown")
	return &document{
		url: c.URL, header: map[string]string{"Accept": "application/vnd.pagerduty+json;version=2"},
		body: incident{
			RoutingKey: key, EventAction: pickBy(e, "resolve", "trigger", "trigger", "trigger"), DedupKey: e.ID,
			Payload: payload{
				Summary: e.Message, Source: source, Severity: pickBy(e, "info", "info", "warning", "critical"),
				Timestamp: when(e).Format("2006-01-02T15:04:05.000000000Z07:00"), Class: e.Task,
				CustomDetails: map[string]json.RawMessage{"result": resultJSON(e)},
			},
			Links: links, Client: "kapacitor", ClientURL: c.ClientURL,
		},
	}, nil
}
