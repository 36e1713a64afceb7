package handler

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{
		Name: "slack", Many: true, Required: true, Nodewide: true, Parallel: 4, Options: func() spec.Declarer { return &Slack{} },
		Config: func() any { return &SlackConfig{} }, Open: openJSON[SlackConfig]("slack", func(o spec.Declarer) string { return o.(*Slack).Workspace }),
	})
}

// Slack is the options of the handler slack.
type Slack struct {
	Workspace string `json:"workspace,omitempty"`
	Channel   string `json:"channel,omitempty"`
	Username  string `json:"username,omitempty"`
	IconEmoji string `json:"icon-emoji,omitempty"`
}

// Declare names the properties.
func (o *Slack) Declare(s *spec.Spec) {
	s.Doc("Posts the message to a Slack channel.")
	s.Prop(&o.Workspace, "workspace", "name of a configured workspace")
	s.Prop(&o.Channel, "channel", "channel to post to")
	s.Prop(&o.Username, "username", "name to post as")
	s.Prop(&o.IconEmoji, "iconEmoji", "icon to post with")
}

// Destination is the workspace.
func (o *Slack) Destination() string { return o.Workspace }

// SlackConfig is one section slack. Either url is an incoming webhook, or token is for the API that url names.
type SlackConfig struct {
	HTTP
	Workspace string `toml:"workspace"`
	Default   bool   `toml:"default"`
	URL       Secret `toml:"url"`
	Token     Secret `toml:"token"`
	Channel   string `toml:"channel"`
	Username  string `toml:"username"`
	IconEmoji string `toml:"icon_emoji"`
}

func (c *SlackConfig) id() (string, bool) { return c.Workspace, c.Default }
func (c *SlackConfig) alone()             { c.Default = true }

// Matches reports whether options mean this workspace.
func (c *SlackConfig) Matches(options spec.Declarer) bool {
	o, ok := options.(*Slack)
	return ok && (o.Workspace == c.Workspace || o.Workspace == "" && c.Default)
}

// GlobalOptions names the workspace.
func (c *SlackConfig) GlobalOptions() spec.Declarer { return &Slack{Workspace: c.Workspace} }

func (c *SlackConfig) check() error {
	if c.URL.Empty() {
		return need("url", "")
	}
	return nil
}

func (c *SlackConfig) document(e *alert.Event, options spec.Declarer) (*document, error) {
	type attachment struct {
		Fallback string   `json:"fallback"`
		Color    string   `json:"color"`
		Text     string   `json:"text"`
		MrkdwnIn []string `json:"mrkdwn_in"`
	}
	type message struct {
		Attachments []attachment `json:"attachments"`
		Channel     string       `json:"channel"`
		IconEmoji   string       `json:"icon_emoji"`
		Text        string       `json:"text"`
		Username    string       `json:"username"`
	}
	o := options.(*Slack)
	url, err := c.URL.Get()
	if err != nil {
		return nil, err
	}
	token, err := c.Token.Get()
	if err != nil {
		return nil, err
	}
	d := &document{url: url, header: map[string]string{}}
	if token != "" {
		d.header["Authorization"] = "Bearer " + token
	}
	d.body = message{
		Attachments: []attachment{{e.Message, pickBy(e, "good", "good", "warning", "danger"), e.Message, []string{"text"}}},
		Channel:     or(o.Channel, c.Channel), IconEmoji: or(o.IconEmoji, c.IconEmoji), Username: or(o.Username, c.Username),
	}
	return d, nil
}
