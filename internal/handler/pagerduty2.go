package handler

import (
	"errors"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{Name: "pagerDuty2", Section: "pagerduty2", Required: true, Options: func() spec.Declarer { return &PagerDuty2{} }})
}

// PagerDuty2 is the options of the handler pagerDuty2.
type PagerDuty2 struct {
	RoutingKey string `json:"routing-key,omitempty"`
	Links      []Link `json:"links,omitempty"`
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
