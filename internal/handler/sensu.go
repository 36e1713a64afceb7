package handler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{
		Name:     "sensu",
		Required: true,
		Options:  func() spec.Declarer { return &Sensu{} },
		Config:   func() any { return &SensuConfig{Source: "Kapacitor"} },
		Open:     open(openSensu),
	})
}

// Sensu is the options of the handler sensu.
type Sensu struct {
	Source   string         `json:"source,omitempty"`
	Handlers []string       `json:"handlers,omitempty" stays:"place"`
	Metadata map[string]any `json:"metadata,omitempty" stays:"place"`
}

// Declare names the properties.
func (o *Sensu) Declare(s *spec.Spec) {
	s.Doc("Sends a check result to the socket of a Sensu client.")
	s.Prop(&o.Source, "source", "template of the source")
	s.Prop(&o.Handlers, "handlers", "handlers of Sensu")
	s.Func("metadata", "add a key to the result", o.metadata, "name", "value")
	s.Check(func() error { return checkTemplates("source", o.Source) })
}

func (o *Sensu) metadata(name string, value point.Value) error {
	set(&o.Metadata, name, value)
	return nil
}

// SensuConfig is the section sensu.
type SensuConfig struct {
	Section
	Addr     string   `toml:"addr"`
	Source   string   `toml:"source"`
	Handlers []string `toml:"handlers"`
}

type sensuSender struct {
	noClose
	*SensuConfig
}

func openSensu(configs []*SensuConfig) (Sender, error) {
	c := first(configs, SensuConfig{})
	if err := need("addr", c.Addr); err != nil {
		return nil, fmt.Errorf("sensu: %w", err)
	}
	if err := checkTemplates("source", c.Source); err != nil {
		return nil, fmt.Errorf("sensu: %w", err)
	}
	return sensuSender{SensuConfig: c}, nil
}

// sensuName is what Sensu takes as name of a check.
var sensuName = regexp.MustCompile(`^[\w.-]+$`)

func (s sensuSender) Send(ctx context.Context, e *alert.Event, options spec.Declarer) error {
	line, err := s.result(e, options.(*Sensu))
	if err != nil {
		return Permanent(fmt.Errorf("sensu: %w", err))
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.Addr)
	if err != nil {
		return fmt.Errorf("sensu: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if _, err := conn.Write(line); err != nil {
		return fmt.Errorf("sensu: %w", err)
	}
	answer, err := io.ReadAll(io.LimitReader(conn, maxResponse))
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("sensu: no answer: %w", ctx.Err())
	case err != nil:
		return fmt.Errorf("sensu: no answer: %w", err)
	case len(answer) == 0:
		return errors.New("sensu: no answer")
	case string(answer) != "ok":
		return Permanent(fmt.Errorf("sensu: refused: %s", shorten(string(answer))))
	}
	return nil
}

func (s sensuSender) result(e *alert.Event, o *Sensu) ([]byte, error) {
	if !sensuName.MatchString(e.ID) {
		return nil, fmt.Errorf("the ID %q cannot name a check: set .id() to one of letters, digits, _, . and -", e.ID)
	}
	source, err := render("source", or(o.Source, s.Source), eventDataOf(e))
	if err != nil {
		return nil, err
	}
	result := map[string]any{}
	for k, v := range o.Metadata {
		result[k] = v
	}
	result["name"], result["source"], result["output"] = e.ID, source, e.Message
	result["status"], result["handlers"] = pickBy(e, 0, 0, 1, 2), orList(o.Handlers, s.Handlers)
	line, err := json.Marshal(result)
	return append(line, '\n'), err
}
