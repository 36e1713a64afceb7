package handler

import (
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{
		Name: "opsGenie", Section: "opsgenie", Required: true, Parallel: 4, Options: func() spec.Declarer { return &OpsGenie{} },
		Config: func() any {
			return &OpsGenieConfig{URL: "https://api.opsgenie.com/v1/json/alert", RecoveryURL: "https://api.opsgenie.com/v1/json/alert/note"}
		}, Open: openJSON[OpsGenieConfig]("opsGenie", nil),
	})
}

// OpsGenie is the options of the handler opsGenie.
type OpsGenie struct {
	Teams      []string `json:"teams,omitempty" also:"teams-list"`
	Recipients []string `json:"recipients,omitempty" also:"recipients-list"`
}

// Declare names the properties.
func (o *OpsGenie) Declare(s *spec.Spec) {
	s.Doc("Opens and resolves OpsGenie alerts (API version 1).")
	s.Prop(&o.Teams, "teams", "teams to notify")
	s.Prop(&o.Recipients, "recipients", "users to notify")
}

// OpsGenieConfig is the section opsgenie.
type OpsGenieConfig struct {
	HTTP
	URL         string   `toml:"url"`
	RecoveryURL string   `toml:"recovery_url"`
	APIKey      Secret   `toml:"api_key"`
	Teams       []string `toml:"teams"`
	Recipients  []string `toml:"recipients"`
}

func (c *OpsGenieConfig) check() error {
	if c.APIKey.Empty() {
		return need("api_key", "")
	}
	return need("url", c.URL, "recovery_url", c.RecoveryURL)
}

func (c *OpsGenieConfig) document(e *alert.Event, options spec.Declarer) (*document, error) {
	type message struct {
		Alias          string            `json:"alias"`
		APIKey         string            `json:"apiKey"`
		Description    string            `json:"description"`
		Details        map[string]string `json:"details"`
		Entity         string            `json:"entity"`
		Message        string            `json:"message"`
		MonitoringTool string            `json:"monitoring_tool"`
		Note           string            `json:"note"`
		Recipients     []string          `json:"recipients,omitempty"`
		Teams          []string          `json:"teams,omitempty"`
	}
	key, err := c.APIKey.Get()
	if err != nil {
		return nil, err
	}
	o := options.(*OpsGenie)
	target, level, note := c.URL, e.Level.String(), ""
	if e.Level == alert.OK {
		target, level, note = c.RecoveryURL, "RECOVERY", e.Message
	}
	return &document{url: strings.TrimSuffix(target, "/") + "/", body: message{
		Alias: e.ID, APIKey: key, Description: string(resultJSON(e)),
		Details: map[string]string{"Level": level, "Monitoring Tool": "Kapacitor"},
		Entity:  e.ID, Message: e.Message, MonitoringTool: "kapacitor", Note: note,
		Recipients: orList(o.Recipients, c.Recipients), Teams: orList(o.Teams, c.Teams),
	}}, nil
}
