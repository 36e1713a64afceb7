package handler

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{Name: "teams", Required: true, Options: func() spec.Declarer { return &Teams{} }})
}

// Teams is the options of the handler teams.
type Teams struct {
	ChannelURL string `json:"channel-url,omitempty"`
}

// Declare names the properties.
func (o *Teams) Declare(s *spec.Spec) {
	s.Doc("Posts the message to a Microsoft Teams channel.")
	s.Prop(&o.ChannelURL, "channelURL", "webhook of the channel")
}
