package handler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/tlsconf"
)

// This file defines the handlers that post one JSON document per event: what remains for each of
// them is its configuration and the document.

// HTTP is what the configurations of such handlers have in common. It is embedded.
type HTTP struct {
	Section
	tlsconf.TLS
}

func (h *HTTP) tls() *tlsconf.TLS { return &h.TLS }

// jsonConfig is the configuration C of such a handler.
type jsonConfig[C any] interface {
	*C
	tls() *tlsconf.TLS
	check() error
	// document makes the request for an event.
	document(e *alert.Event, options spec.Declarer) (*document, error)
}

// A document is one request.
type document struct {
	url    string
	header map[string]string
	body   any
	bare   bool  // no newline behind the body
	want   []int // statuses, any 2xx if there are none
}

// named configurations may be repeated: options choose one by name.
type named interface {
	id() (name string, isDefault bool)
}

type jsonSender[C any, P jsonConfig[C]] struct {
	kind    string
	configs []P
	clients []*http.Client
	pick    func(options spec.Declarer) string
}

// openJSON returns the Open of a handler that posts JSON. pick returns the name of the configuration
// that options want; nil if there is only one.
func openJSON[C any, P jsonConfig[C]](kind string, pick func(spec.Declarer) string) func([]any) (Sender, error) {
	return func(configs []any) (Sender, error) {
		s := &jsonSender[C, P]{kind: kind, pick: pick}
		for _, c := range configs {
			p := c.(P)
			if err := p.check(); err != nil {
				return nil, fmt.Errorf("%s: %w", kind, err)
			}
			client, err := newClient(p.tls())
			if err != nil {
				return nil, fmt.Errorf("%s: %w", kind, err)
			}
			s.configs, s.clients = append(s.configs, p), append(s.clients, client)
		}
		return s, nil
	}
}

// choose returns the index of the configuration for options.
func (s *jsonSender[C, P]) choose(options spec.Declarer) (int, error) {
	want := ""
	if s.pick != nil {
		want = s.pick(options)
	}
	var names []string
	for i, c := range s.configs {
		n, ok := any(c).(named)
		if !ok {
			return i, nil
		}
		name, isDefault := n.id()
		if name == want && want != "" || want == "" && (isDefault || len(s.configs) == 1) {
			return i, nil
		}
		names = append(names, name)
	}
	switch n := syntax.Nearest(want, names); {
	case want == "":
		return 0, Permanent(fmt.Errorf("%s: none of the sections is the default", s.kind))
	case n != "":
		return 0, Permanent(fmt.Errorf("%s: unknown workspace %q; did you mean %s?", s.kind, want, n))
	}
	return 0, Permanent(fmt.Errorf("%s: unknown workspace %q", s.kind, want))
}

func (s *jsonSender[C, P]) Send(ctx context.Context, e *alert.Event, options spec.Declarer) error {
	i, err := s.choose(options)
	if err != nil {
		return err
	}
	d, err := s.configs[i].document(e, options)
	if err != nil {
		return fmt.Errorf("%s: %w", s.kind, err)
	}
	body, err := json.Marshal(d.body)
	if err != nil {
		return Permanent(fmt.Errorf("%s: %w", s.kind, err))
	}
	if !d.bare {
		body = append(body, '\n')
	}
	header := http.Header{"Content-Type": {"application/json"}}
	for k, v := range d.header {
		header.Set(k, v)
	}
	resp, text, err := post(ctx, s.clients[i], d.url, header, body)
	if err == nil {
		err = checkStatus(resp, string(text), d.want...)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.kind, err)
	}
	return nil
}

func (s *jsonSender[C, P]) Close() error {
	for _, c := range s.clients {
		c.CloseIdleConnections()
	}
	return nil
}

// or returns the first that is not empty.
func or(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// need returns an error if one of the texts, given as name, text…, is empty.
func need(nameText ...string) error {
	for i := 0; i+1 < len(nameText); i += 2 {
		if nameText[i+1] == "" {
			return errors.New(nameText[i] + " is missing")
		}
	}
	return nil
}

// pickBy returns a text by the level of e.
func pickBy[T any](e *alert.Event, ok, info, warning, critical T) T {
	return [...]T{ok, info, warning, critical}[e.Level]
}

// resultJSON is the data of e as it stands in documents.
func resultJSON(e *alert.Event) json.RawMessage { return data(e) }
