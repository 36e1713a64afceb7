package handler

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{Name: "hipChat", Section: "hipchat", Required: true, Options: func() spec.Declarer { return &HipChat{} }})
}

// HipChat is the options of the handler hipChat.
type HipChat struct {
	Room  string `json:"room,omitempty"`
	Token string `json:"token,omitempty"`
}

// Declare names the properties.
func (o *HipChat) Declare(s *spec.Spec) {
	s.Doc("Posts the message to a HipChat room.")
	s.Prop(&o.Room, "room", "room to post to")
	s.Prop(&o.Token, "token", "token of the room")
}
