package handler

import (
	"encoding/base64"
	"fmt"
	"net/url"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{
		Name: "opsGenie2", Section: "opsgenie2", Required: true, Parallel: 4, Options: func() spec.Declarer { return &OpsGenie2{} },
		Config: func() any {
			return &OpsGenie2Config{URL: "https://api.opsgenie.com/v2/alerts", RecoveryAction: "notes"}
		}, Open: openJSON[OpsGenie2Config]("opsGenie2", nil),
	})
}

// OpsGenie2 is the options of the handler opsGenie2.
type OpsGenie2 struct {
	Teams          []string `json:"teams,omitempty" also:"teams-list"`
	Recipients     []string `json:"recipients,omitempty" also:"recipients-list"`
	RecoveryAction string   `json:"recovery_action,omitempty"`
	Details        bool     `json:"details,omitempty"`
}

// Declare names the properties.
func (o *OpsGenie2) Declare(s *spec.Spec) {
	s.Doc("Opens and resolves OpsGenie alerts (API version 2).")
	s.Prop(&o.Teams, "teams", "teams to notify")
	s.Prop(&o.Recipients, "recipients", "users to notify")
	s.Prop(&o.RecoveryAction, "recoveryAction", "notes or close: what a recovery does")
	s.Flag(&o.Details, "details", "send the details as description")
}

// OpsGenie2Config is the section opsgenie2.
type OpsGenie2Config struct {
	HTTP
	URL            string   `toml:"url"`
	APIKey         Secret   `toml:"api_key"`
	Teams          []string `toml:"teams"`
	Recipients     []string `toml:"recipients"`
	RecoveryAction string   `toml:"recovery_action"`
	Details        bool     `toml:"details"`
}

func (c *OpsGenie2Config) check() error {
	if c.APIKey.Empty() {
		return need("api_key", "")
	}
	if c.RecoveryAction != "notes" && c.RecoveryAction != "close" {
		return fmt.Errorf("recovery_action: want notes or close, got %q", c.RecoveryAction)
	}
	return nil
}

func (c *OpsGenie2Config) document(e *alert.Event, options spec.Declarer) (*document, error) {
	key, err := c.APIKey.Get()
	if err != nil {
		return nil, err
	}
	o := options.(*OpsGenie2)
	alias := base64.URLEncoding.EncodeToString([]byte(e.ID))
	d := &document{url: c.URL, header: map[string]string{"Authorization": "GenieKey " + key}}
	if e.Level == alert.OK {
		action := o.RecoveryAction
		if action != "notes" && action != "close" {
			action = c.RecoveryAction
		}
		d.url += "/" + url.PathEscape(alias) + "/" + action + "?identifierType=alias"
		d.body = map[string]string{"note": e.Message}
		return d, nil
	}
	details := map[string]string{}
	for _, r := range resultOf(e).Series {
		if r != nil {
			for k, v := range r.Tags {
				details[k] = v
			}
		}
	}
	details["Level"], details["Monitoring Tool"], details["Kapacitor Task Name"] = e.Level.String(), "Kapacitor", e.Name
	body := map[string]any{
		"alias": alias, "description": string(resultJSON(e)), "details": details, "entity": e.ID, "message": e.Message,
		"note": "", "priority": pickBy(e, "", "P5", "P3", "P1"),
	}
	if c.Details && e.Details != "" {
		body["description"] = e.Details
	}
	var responders []map[string]string
	for _, team := range orList(o.Teams, c.Teams) {
		responders = append(responders, map[string]string{"name": team, "type": "team"})
	}
	for _, user := range orList(o.Recipients, c.Recipients) {
		responders = append(responders, map[string]string{"type": "user", "username": user})
	}
	if responders != nil {
		body["responders"] = responders
	}
	d.body = body
	return d, nil
}

func orList(a, b []string) []string {
	if len(a) > 0 {
		return a
	}
	return b
}
