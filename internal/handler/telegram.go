package handler

import (
	"fmt"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{
		Name: "telegram", Required: true, Nodewide: true, Parallel: 4, Options: func() spec.Declarer { return &Telegram{} },
		Config: func() any { return &TelegramConfig{URL: "https://api.telegram.org/bot"} }, Open: openJSON[TelegramConfig]("telegram", nil),
	})
}

// Telegram is the options of the handler telegram.
type Telegram struct {
	ChatID                string `json:"chat-id,omitempty"`
	ParseMode             string `json:"parse-mode,omitempty"`
	DisableWebPagePreview bool   `json:"disable-web-page-preview,omitempty"`
	DisableNotification   bool   `json:"disable-notification,omitempty"`
}

// Declare names the properties.
func (o *Telegram) Declare(s *spec.Spec) {
	s.Doc("Sends the message to a Telegram chat.")
	s.Prop(&o.ChatID, "chatId", "chat to post to")
	s.Prop(&o.ParseMode, "parseMode", "Markdown or HTML")
	s.Flag(&o.DisableWebPagePreview, "disableWebPagePreview", "show no preview of links")
	s.Flag(&o.DisableNotification, "disableNotification", "deliver silently")
}

// TelegramConfig is the section telegram.
type TelegramConfig struct {
	HTTP
	URL                   string `toml:"url"`
	Token                 Secret `toml:"token"`
	ChatID                string `toml:"chat_id"`
	ParseMode             string `toml:"parse_mode"`
	DisableWebPagePreview bool   `toml:"disable_web_page_preview"`
	DisableNotification   bool   `toml:"disable_notification"`
}

func (c *TelegramConfig) check() error {
	if c.Token.Empty() {
		return need("token", "")
	}
	_, err := parseMode(c.ParseMode)
	return err
}

func parseMode(text string) (string, error) {
	for _, mode := range []string{"", "Markdown", "HTML"} {
		if strings.EqualFold(text, mode) {
			return mode, nil
		}
	}
	return "", fmt.Errorf("parse mode must be Markdown or HTML, got %q", text)
}

func (c *TelegramConfig) document(e *alert.Event, options spec.Declarer) (*document, error) {
	type message struct {
		ChatID                string `json:"chat_id"`
		Text                  string `json:"text"`
		ParseMode             string `json:"parse_mode,omitempty"`
		DisableWebPagePreview bool   `json:"disable_web_page_preview,omitempty"`
		DisableNotification   bool   `json:"disable_notification,omitempty"`
	}
	o := options.(*Telegram)
	mode, err := parseMode(or(o.ParseMode, c.ParseMode))
	if err != nil {
		return nil, Permanent(err)
	}
	token, err := c.Token.Get()
	if err != nil {
		return nil, err
	}
	return &document{url: c.URL + token + "/sendMessage", body: message{
		or(o.ChatID, c.ChatID), e.Message, mode, o.DisableWebPagePreview || c.DisableWebPagePreview, o.DisableNotification || c.DisableNotification,
	}}, nil
}
