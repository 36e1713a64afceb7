package handler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"text/template"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/tlsconf"
)

// HeartbeatConfig is the section heartbeat: a URL that is called again and again, so that someone
// else notices when that ends.
type HeartbeatConfig struct {
	tlsconf.TLS
	Auth
	URL      Secret            `toml:"url"`
	Method   string            `toml:"method"` // POST if there is a body, else GET
	Interval time.Duration     `toml:"interval"`
	Timeout  time.Duration     `toml:"timeout"`
	Headers  map[string]Secret `toml:"headers"`
	Body     string            `toml:"body"` // a template over Pulse
}

// A Pulse is what the body of a heartbeat can tell.
type Pulse struct {
	Host     string
	Time     time.Time
	Interval time.Duration
	Waiting  int // deliveries
	Muted    int // alerts that are held back
}

// A Heartbeat calls the URL.
type Heartbeat struct {
	*HeartbeatConfig
	body   *template.Template // nil: none
	client *http.Client
}

// NewHeartbeat checks a configuration.
func NewHeartbeat(c *HeartbeatConfig) (*Heartbeat, error) {
	if c.URL.Empty() {
		return nil, errors.New("heartbeat: url is missing")
	}
	if c.Interval <= 0 || c.Timeout <= 0 {
		return nil, errors.New("heartbeat: interval and timeout must be positive")
	}
	h := &Heartbeat{HeartbeatConfig: c}
	if c.Body != "" {
		t, err := parseTemplate("body", c.Body)
		if err == nil {
			err = t.Execute(&bytes.Buffer{}, Pulse{})
		}
		if err != nil {
			return nil, fmt.Errorf("heartbeat: %w", err)
		}
		h.body = t
	}
	if h.Method == "" {
		h.Method = http.MethodGet
		if h.body != nil {
			h.Method = http.MethodPost
		}
	}
	var err error
	if h.client, err = newClient(&c.TLS); err != nil {
		return nil, fmt.Errorf("heartbeat: %w", err)
	}
	return h, nil
}

// Beat calls the URL once. Any status but 2xx is an error.
func (h *Heartbeat) Beat(ctx context.Context, p Pulse) error {
	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	target, err := h.URL.Get()
	if err != nil {
		return err
	}
	if u, err := url.Parse(target); err != nil || u.Host == "" {
		return errors.New("heartbeat: want a URL like http://host/path")
	}
	auth := map[string]string{}
	if err := h.authorize(auth); err != nil {
		return err
	}
	header := http.Header{}
	for k, v := range auth {
		header.Set(k, v)
	}
	var body bytes.Buffer
	if h.body != nil {
		header.Set("Content-Type", "text/plain; charset=utf-8")
		if err := h.body.Execute(&body, p); err != nil {
			return err
		}
	}
	for k, secret := range h.Headers {
		v, err := secret.Get()
		if err != nil {
			return err
		}
		header.Set(k, v)
	}
	resp, text, err := exchange(ctx, h.client, h.Method, target, header, body.Bytes()) //nolint:bodyclose // exchange has closed it
	if err != nil {
		return err
	}
	return checkStatus(resp, string(text))
}

// Close frees what is kept between calls.
func (h *Heartbeat) Close() { h.client.CloseIdleConnections() }
