package handler

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{Name: "talk", Required: true, Options: func() spec.Declarer { return &Talk{} }})
}

// Talk is the options of the handler talk.
type Talk struct{}

// Declare names the properties.
func (o *Talk) Declare(s *spec.Spec) {
	s.Doc("Posts the message to JianLiao Talk.")
}
