package handler

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{Name: "slack", Many: true, Required: true, Options: func() spec.Declarer { return &Slack{} }})
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
