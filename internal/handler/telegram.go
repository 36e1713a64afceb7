package handler

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{Name: "telegram", Required: true, Options: func() spec.Declarer { return &Telegram{} }})
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
