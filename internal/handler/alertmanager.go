package handler

import (
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{
		Name: "alertmanager", Required: true, Parallel: 4, Options: func() spec.Declarer { return &Alertmanager{} },
		Config: func() any { return &AlertmanagerConfig{AlertTimeout: 24 * time.Hour} }, Open: openJSON[AlertmanagerConfig]("alertmanager", nil),
	})
}

// Alertmanager is the options of the handler alertmanager.
type Alertmanager struct {
	AlertName   string            `json:"alertname,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Timeout     time.Duration     `json:"timeout,omitempty"`
}

// Declare names the properties.
func (o *Alertmanager) Declare(s *spec.Spec) {
	s.Doc("Sends the alert to the Alertmanager of Prometheus (API version 2). Its labels are alertname, alert_id, severity and the tags that it is grouped by.")
	s.Prop(&o.AlertName, "alertname", "template of the label alertname; the task if unset")
	s.Func("label", "add a label; the value is a template that must not change while the alert fires", o.label, "name", "value")
	s.Func("annotation", "add an annotation to summary and description; the value is a template", o.annotation, "name", "value")
	s.Prop(&o.Timeout, "timeout", "time after which Alertmanager resolves the alert if it hears no more of it")
	s.Check(func() error {
		for name, values := range map[string]map[string]string{"label": o.Labels, "annotation": o.Annotations} {
			for _, v := range values {
				if err := checkTemplates(name, v); err != nil {
					return err
				}
			}
		}
		return checkTemplates("alertname", o.AlertName)
	})
}

func (o *Alertmanager) label(name, value string) error {
	return setText(&o.Labels, name, value)
}

func (o *Alertmanager) annotation(name, value string) error {
	return setText(&o.Annotations, name, value)
}

func setText(m *map[string]string, name, value string) error {
	if err := need("name", name); err != nil {
		return err
	}
	if *m == nil {
		*m = map[string]string{}
	}
	(*m)[name] = value
	return nil
}

// AlertmanagerConfig is the section alertmanager.
type AlertmanagerConfig struct {
	HTTP
	Auth
	URL          string            `toml:"url"`
	Labels       map[string]string `toml:"labels"`
	AlertTimeout time.Duration     `toml:"alert_timeout"`
}

func (c *AlertmanagerConfig) check() error {
	for _, v := range c.Labels {
		if err := checkTemplates("labels", v); err != nil {
			return err
		}
	}
	return need("url", c.URL)
}

type amAlert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
}

// document makes the alerts that an event means. To Alertmanager the severity is a part of what an
// alert is, so that one of another level ends the one of the level before.
func (c *AlertmanagerConfig) document(e *alert.Event, options spec.Declarer) (*document, error) {
	o := options.(*Alertmanager)
	r := rendererOf(e)
	labels, annotations := map[string]string{}, map[string]string{"summary": e.Message}
	for _, t := range e.GroupTags {
		setLabel(labels, t.Key, t.Value)
	}
	setLabel(labels, "alert_id", e.ID)
	for _, more := range []map[string]string{c.Labels, o.Labels} {
		for k, v := range more {
			setLabel(labels, k, r.text("label", v))
		}
	}
	setLabel(labels, "alertname", r.text("alertname", or(o.AlertName, e.Task, e.Name)))
	if e.Details != "" {
		annotations["description"] = e.Details
	}
	for k, v := range o.Annotations {
		annotations[labelName(k)] = r.text("annotation", v)
	}
	if r.err != nil {
		return nil, r.err
	}
	timeout := c.AlertTimeout
	if o.Timeout > 0 {
		timeout = o.Timeout
	}
	now := when(e)
	at := func(level alert.Level, end time.Time) amAlert {
		own := map[string]string{"severity": [...]string{"ok", "info", "warning", "critical"}[level]}
		for k, v := range labels {
			own[k] = v
		}
		return amAlert{own, annotations, now.Add(-e.Duration), end}
	}
	alerts := []amAlert{}
	if e.Previous != alert.OK && e.Previous != e.Level {
		alerts = append(alerts, at(e.Previous, now))
	}
	if e.Level != alert.OK {
		alerts = append(alerts, at(e.Level, now.Add(timeout)))
	}
	d := &document{url: strings.TrimSuffix(c.URL, "/") + "/api/v2/alerts", header: map[string]string{}, body: alerts}
	return d, c.authorize(d.header)
}

// setLabel sets a label under a name that is allowed. An empty one is like none.
func setLabel(labels map[string]string, name, value string) {
	if value != "" {
		labels[labelName(name)] = value
	}
}

// labelName replaces what the name of a label must not have.
func labelName(name string) string {
	b := []byte(name)
	for i, c := range b {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c < '0' || '9' < c) {
			b[i] = '_'
		}
	}
	return string(b)
}
