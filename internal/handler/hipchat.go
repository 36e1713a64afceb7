package handler

import (
	"net/url"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{
		Name: "hipChat", Section: "hipchat", Required: true, Nodewide: true, Parallel: 4, Options: func() spec.Declarer { return &HipChat{} },
		Config: func() any { return &HipChatConfig{} }, Open: openJSON[HipChatConfig]("hipChat", nil),
	})
}

// HipChat is the options of the handler hipChat.
type HipChat struct {
	Room  string `json:"room,omitempty"`
	Token string `json:"token,omitempty" stays:"secret"`
}

// Declare names the properties.
func (o *HipChat) Declare(s *spec.Spec) {
	s.Doc("Posts the message to a HipChat room.")
	s.Prop(&o.Room, "room", "room to post to")
	s.Prop(&o.Token, "token", "token of the room")
}

// HipChatConfig is the section hipchat.
type HipChatConfig struct {
	HTTP
	URL   string `toml:"url"`
	Token Secret `toml:"token"`
	Room  string `toml:"room"`
}

func (c *HipChatConfig) check() error { return need("url", c.URL) }

func (c *HipChatConfig) document(e *alert.Event, options spec.Declarer) (*document, error) {
	type message struct {
		Color   string `json:"color"`
		From    string `json:"from"`
		Message string `json:"message"`
		Notify  bool   `json:"notify"`
	}
	o := options.(*HipChat)
	token, err := orSecret(o.Token, c.Token)
	if err != nil {
		return nil, err
	}
	room := or(o.Room, c.Room)
	if err := need("room", room); err != nil {
		return nil, Permanent(err)
	}
	return &document{
		url:  strings.TrimSuffix(c.URL, "/") + "/" + url.PathEscape(room) + "/notification?auth_token=" + url.QueryEscape(token),
		body: message{pickBy(e, "green", "green", "yellow", "red"), "kapacitor", e.Message, true},
	}, nil
}
