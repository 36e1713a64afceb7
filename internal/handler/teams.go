package handler

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{
		Name: "teams", Required: true, Nodewide: true, Parallel: 4, Options: func() spec.Declarer { return &Teams{} },
		Config: func() any { return &TeamsConfig{} }, Open: openJSON[TeamsConfig]("teams", nil),
	})
}

// Teams is the options of the handler teams.
type Teams struct {
	ChannelURL string `json:"channel-url,omitempty" stays:"secret"`
}

// Declare names the properties.
func (o *Teams) Declare(s *spec.Spec) {
	s.Doc("Posts the message to a Microsoft Teams channel.")
	s.Prop(&o.ChannelURL, "channelURL", "webhook of the channel")
}

// TeamsConfig is the section teams.
type TeamsConfig struct {
	HTTP
	ChannelURL Secret `toml:"channel_url"`
}

func (c *TeamsConfig) check() error { return nil }

func (c *TeamsConfig) document(e *alert.Event, options spec.Declarer) (*document, error) {
	type card struct {
		Type       string `json:"@type"`
		Context    string `json:"@context"`
		Title      string `json:"title"`
		Text       string `json:"text"`
		Summary    string `json:"summary"`
		ThemeColor string `json:"themeColor"`
	}
	url := options.(*Teams).ChannelURL
	if url == "" {
		var err error
		if url, err = c.ChannelURL.Get(); err != nil {
			return nil, err
		}
	}
	title, summary := e.Level.String(), e.Level.String()+": "+e.Message
	if about := or(e.ID, e.Topic); about != "" {
		title += ": [" + about + "]"
		summary = title + " - " + e.Message
		summary = summary[:min(len(summary), 70)] + "..."
	}
	return &document{url: url, bare: true, body: card{
		"MessageCard", "http://schema.org/extensions", title, e.Message, summary, pickBy(e, "34CC25", "34CC25", "FFA533", "CC4A31"),
	}}, nil
}
