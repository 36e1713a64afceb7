package handler

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{
		Name: "talk", Required: true, Parallel: 4, Options: func() spec.Declarer { return &Talk{} },
		Config: func() any { return &TalkConfig{} }, Open: openJSON[TalkConfig]("talk", nil),
	})
}

// Talk is the options of the handler talk.
type Talk struct{}

// Declare names the properties.
func (o *Talk) Declare(s *spec.Spec) {
	s.Doc("Posts the message to JianLiao Talk.")
}

// TalkConfig is the section talk.
type TalkConfig struct {
	HTTP
	URL        Secret `toml:"url"`
	AuthorName string `toml:"author_name"`
}

func (c *TalkConfig) check() error {
	if c.URL.Empty() {
		return need("url", "")
	}
	return nil
}

func (c *TalkConfig) document(e *alert.Event, _ spec.Declarer) (*document, error) {
	type message struct {
		AuthorName string `json:"authorName"`
		Text       string `json:"text"`
		Title      string `json:"title"`
	}
	url, err := c.URL.Get()
	return &document{url: url, body: message{c.AuthorName, e.Message, e.ID}}, err
}
