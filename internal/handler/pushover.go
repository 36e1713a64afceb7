package handler

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{Name: "pushover", Required: true, Options: func() spec.Declarer { return &Pushover{} }})
}

// Pushover is the options of the handler pushover.
type Pushover struct {
	UserKey  string `json:"user-key,omitempty"`
	Device   string `json:"device,omitempty"`
	Title    string `json:"title,omitempty"`
	URL      string `json:"url,omitempty"`
	URLTitle string `json:"url-title,omitempty"`
	Sound    string `json:"sound,omitempty"`
}

// Declare names the properties.
func (o *Pushover) Declare(s *spec.Spec) {
	s.Doc("Sends the message with Pushover.")
	s.Prop(&o.UserKey, "userKey", "user or group to notify")
	s.Prop(&o.Device, "device", "device to notify")
	s.Prop(&o.Title, "title", "title of the message")
	s.Prop(&o.URL, "URL", "link to add")
	s.Prop(&o.URLTitle, "URLTitle", "title of the link")
	s.Prop(&o.Sound, "sound", "sound to play")
}
