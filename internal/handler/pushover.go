package handler

import (
	"net/url"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{
		Name: "pushover", Required: true, Parallel: 4, Options: func() spec.Declarer { return &Pushover{} },
		Config: func() any { return &PushoverConfig{URL: "https://api.pushover.net/1/messages.json"} }, Open: openJSON[PushoverConfig]("pushover", nil),
	})
}

// Pushover is the options of the handler pushover.
type Pushover struct {
	UserKey  string `json:"user-key,omitempty" stays:"secret"`
	Device   string `json:"device,omitempty"`
	Title    string `json:"title,omitempty"`
	URL      string `json:"url,omitempty" stays:"place"`
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

// PushoverConfig is the section pushover.
type PushoverConfig struct {
	HTTP
	URL     string `toml:"url"`
	Token   Secret `toml:"token"`
	UserKey Secret `toml:"user_key"`
}

func (c *PushoverConfig) check() error {
	if c.Token.Empty() {
		return need("token", "")
	}
	return need("url", c.URL)
}

func (c *PushoverConfig) document(e *alert.Event, options spec.Declarer) (*document, error) {
	o := options.(*Pushover)
	token, err := c.Token.Get()
	if err != nil {
		return nil, err
	}
	user, err := orSecret(o.UserKey, c.UserKey)
	if err != nil {
		return nil, err
	}
	if err := need("user_key", user); err != nil {
		return nil, Permanent(err)
	}
	form := url.Values{}
	for name, text := range map[string]string{
		"token": token, "user": user, "message": e.Message, "priority": pickBy(e, "-2", "-1", "0", "1"),
		"device": o.Device, "title": o.Title, "url": o.URL, "url_title": o.URLTitle, "sound": o.Sound,
	} {
		if text != "" {
			form.Set(name, text)
		}
	}
	return &document{url: c.URL, form: form}, nil
}
