package handler

import (
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{
		Name: "discord", Many: true, Required: true, Nodewide: true, Parallel: 4, Options: func() spec.Declarer { return &Discord{} },
		Config: func() any { return &DiscordConfig{} }, Open: openJSON[DiscordConfig]("discord", func(o spec.Declarer) string { return o.(*Discord).Workspace }),
	})
}

// Discord is the options of the handler discord.
type Discord struct {
	Workspace  string `json:"workspace,omitempty"`
	Username   string `json:"username,omitempty"`
	AvatarURL  string `json:"avatar-url,omitempty" stays:"place"`
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

// Destination is the workspace.
func (o *Discord) Destination() string { return o.Workspace }

// DiscordConfig is one section discord.
type DiscordConfig struct {
	HTTP
	Workspace string `toml:"workspace"`
	Default   bool   `toml:"default"`
	URL       Secret `toml:"url"`
	Timestamp bool   `toml:"timestamp"`
	Username  string `toml:"username"`
	AvatarURL string `toml:"avatar_url"`
}

func (c *DiscordConfig) id() (string, bool) { return c.Workspace, c.Default }
func (c *DiscordConfig) alone()             { c.Default = true }

// Matches reports whether options mean this workspace.
func (c *DiscordConfig) Matches(options spec.Declarer) bool {
	o, ok := options.(*Discord)
	return ok && (o.Workspace == c.Workspace || o.Workspace == "" && c.Default)
}

// GlobalOptions names the workspace.
func (c *DiscordConfig) GlobalOptions() spec.Declarer { return &Discord{Workspace: c.Workspace} }

func (c *DiscordConfig) check() error {
	if c.URL.Empty() {
		return need("url", "")
	}
	return nil
}

func (c *DiscordConfig) document(e *alert.Event, options spec.Declarer) (*document, error) {
	type embed struct {
		Color       int    `json:"color"`
		Title       string `json:"title"`
		Description string `json:"description"`
		Timestamp   string `json:"timestamp"`
	}
	type message struct {
		AvatarURL string  `json:"avatar_url"`
		Embeds    []embed `json:"embeds"`
		Username  string  `json:"username"`
	}
	o := options.(*Discord)
	url, err := c.URL.Get()
	if err != nil {
		return nil, err
	}
	title, err := render("embedTitle", o.EmbedTitle, eventDataOf(e))
	if err != nil {
		return nil, err
	}
	at := ""
	if c.Timestamp {
		at = when(e).Format(time.RFC3339)
	}
	return &document{url: url, body: message{
		AvatarURL: or(o.AvatarURL, c.AvatarURL), Username: or(o.Username, c.Username),
		Embeds: []embed{{pickBy(e, 0x7A65F2, 0x7A65F2, 0xF48D38, 0xF95F53), title, e.Message, at}},
	}}, nil
}
