package handler

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{
		Name: "victorOps", Section: "victorops", Required: true, Parallel: 4, Options: func() spec.Declarer { return &VictorOps{} },
		Config: func() any {
			return &VictorOpsConfig{URL: "https://alert.victorops.com/integrations/generic/20131114/alert"}
		}, Open: openJSON[VictorOpsConfig]("victorOps", nil),
	})
}

// VictorOps is the options of the handler victorOps.
type VictorOps struct {
	RoutingKey string `json:"routing-key,omitempty" stays:"place"`
}

// Declare names the properties.
func (o *VictorOps) Declare(s *spec.Spec) {
	s.Doc("Opens and resolves VictorOps (Splunk On-Call) incidents.")
	s.Prop(&o.RoutingKey, "routingKey", "routing key")
}

// VictorOpsConfig is the section victorops.
type VictorOpsConfig struct {
	HTTP
	URL        string `toml:"url"`
	APIKey     Secret `toml:"api_key"`
	RoutingKey string `toml:"routing_key"`
	JSONData   bool   `toml:"json_data"`
}

func (c *VictorOpsConfig) check() error {
	if c.APIKey.Empty() {
		return need("api_key", "")
	}
	return nil
}

func (c *VictorOpsConfig) document(e *alert.Event, options spec.Declarer) (*document, error) {
	key, err := c.APIKey.Get()
	if err != nil {
		return nil, err
	}
	body := map[string]any{
		"entity_id": e.ID, "message_type": pickBy(e, "RECOVERY", "INFO", "WARNING", "CRITICAL"), "monitoring_tool": "kapacitor",
		"state_message": e.Message, "timestamp": when(e).Unix(), "data": string(resultJSON(e)),
	}
	if c.JSONData {
		body["data"] = resultJSON(e)
	}
	return &document{url: c.URL + "/" + key + "/" + or(options.(*VictorOps).RoutingKey, c.RoutingKey), body: body}, nil
}
