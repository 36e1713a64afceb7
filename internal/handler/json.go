package handler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

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
	method string // POST if unset
	url    string
	header map[string]string
	body   any
	form   url.Values // instead of the body
	bare   bool       // no newline behind the body
}

func (d *document) encode() (text []byte, contentType string, err error) {
	if d.form != nil {
		return []byte(d.form.Encode()), "application/x-www-form-urlencoded", nil
	}
	text, err = json.Marshal(d.body)
	if err == nil && !d.bare {
		text = append(text, '\n')
	}
	return text, "application/json", err
}

// named configurations may be repeated: options choose one by name.
type named interface {
	id() (name string, isDefault bool)
	// alone makes it the default, as the only one is.
	alone()
}

// choose returns the index of the configuration called want, or of the default if want is empty.
// What says what the name is of.
func choose[P any](kind, what, want string, configs []P) (int, error) {
	var names []string
	for i, c := range configs {
		n, ok := any(c).(named)
		if !ok {
			return i, nil
		}
		name, isDefault := n.id()
		if name == want && want != "" || want == "" && isDefault {
			return i, nil
		}
		names = append(names, name)
	}
	if want == "" {
		return 0, Permanent(fmt.Errorf("%s: no %s is named and none is the default", kind, what))
	}
	return 0, Permanent(fmt.Errorf("%s: unknown %s %q%s", kind, what, want, syntax.DidYouMean(want, "", names)))
}

// checkNames checks the names of configurations and makes an only one the default.
func checkNames[P named](kind, what string, configs []P) error {
	if len(configs) == 1 {
		configs[0].alone()
	}
	seen, defaults := map[string]bool{}, 0
	for _, c := range configs {
		name, isDefault := c.id()
		if seen[name] {
			return fmt.Errorf("%s: %s %q stands there twice", kind, what, name)
		}
		seen[name] = true
		if isDefault {
			defaults++
		}
	}
	if defaults > 1 {
		return fmt.Errorf("%s: more than one %s is the default", kind, what)
	}
	return nil
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
		var names []named
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
			if n, ok := any(p).(named); ok {
				names = append(names, n)
			}
		}
		if err := checkNames(kind, "workspace", names); err != nil {
			return nil, err
		}
		return s, nil
	}
}

func (s *jsonSender[C, P]) choose(options spec.Declarer) (int, error) {
	want := ""
	if s.pick != nil {
		want = s.pick(options)
	}
	return choose(s.kind, "workspace", want, s.configs)
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
	body, contentType, err := d.encode()
	if err != nil {
		return Permanent(fmt.Errorf("%s: %w", s.kind, err))
	}
	header := http.Header{"Content-Type": {contentType}}
	for k, v := range d.header {
		header.Set(k, v)
	}
	resp, text, err := exchange(ctx, s.clients[i], or(d.method, http.MethodPost), d.url, header, body)
	if err == nil {
		err = checkStatus(resp, string(text))
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
