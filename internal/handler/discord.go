package handler

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{Name: "discord", Many: true, Required: true, Options: func() spec.Declarer { return &Discord{} }})
}

// Discord is the options of the handler discord.
type Discord struct {
	Workspace  string `json:"workspace,omitempty"`
	Username   string `json:"username,omitempty"`
	AvatarURL  string `json:"avatar-url,omitempty"`
	EmbedTitle string `json:"embed-title,omitempty"`
}

// Declare names the properties.
func (o *Discord) Declare(s *spec.Spec) {
	s.Doc("Posts the message to a Discord channel.")
	s.Prop(&o.Workspace, "workspace", "name of a configured workspace")
	s.Prop(&o.Username, "username", "name to post as")
	s.Prop(&o.AvatarURL, "avatarURL", "picture to post with")
	s.Prop(&o.EmbedTitle, "embedTitle", "template of the title")
}
