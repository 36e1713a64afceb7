package handler

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/tlsconf"
)

func init() {
	Register(Kind{
		Name:     "post",
		Aliases:  []string{"http"},
		Section:  "http",
		Many:     true,
		Parallel: 4,
		Options:  func() spec.Declarer { return &Post{} },
		Config:   func() any { return &PostConfig{} },
		Open:     open(openPost),
	})
}

// Post is the options of the handler post.
type Post struct {
	URL                 string            `json:"url,omitempty" stays:"place"`
	Endpoint            string            `json:"endpoint,omitempty"`
	Headers             map[string]string `json:"headers,omitempty" stays:"secret"`
	CaptureResponse     bool              `json:"capture-response,omitempty"`
	Timeout             time.Duration     `json:"timeout,omitempty"`
	SkipSSLVerification bool              `json:"skip-ssl-verification,omitempty" stays:"secret"`

	urls []string
}

// Declare names the properties.
func (p *Post) Declare(s *spec.Spec) {
	s.Doc("Posts the alert data as JSON to a URL or to a configured endpoint.")
	s.Arg(&p.urls, "url", "URL, a template over the alert data; only the first is used")
	s.Prop(&p.Endpoint, "endpoint", "name of a configured endpoint, which wins over the URL")
	s.Func("header", "set a header of the request", p.header, "name", "value")
	s.Flag(&p.CaptureResponse, "captureResponse", "report the body of a response that is not 2xx")
	s.Prop(&p.Timeout, "timeout", "limit of one request")
	s.Flag(&p.SkipSSLVerification, "skipSSLVerification", "do not check the receiver's certificate")
	s.Check(p.check)
}

func (p *Post) header(name, value string) error {
	if strings.EqualFold(name, "Authenticate") {
		return errors.New("cannot set 'authenticate' header")
	}
	if p.Headers == nil {
		p.Headers = map[string]string{}
	}
	p.Headers[name] = value
	return nil
}

// settle takes over what the script gave as arguments.
func (p *Post) settle() {
	if len(p.urls) > 0 {
		p.URL = p.urls[0]
	}
}

// MarshalJSON writes the options as they travel with the event.
func (p *Post) MarshalJSON() ([]byte, error) {
	p.settle()
	type plain Post
	return json.Marshal((*plain)(p))
}

func (p *Post) check() error {
	p.settle()
	if p.URL == "" && p.Endpoint == "" {
		return errors.New("post: want a URL or an endpoint")
	}
	return checkTemplates("url", p.URL)
}

// Destination is the endpoint, or the URL before it is rendered.
func (p *Post) Destination() string {
	if p.Endpoint != "" {
		return p.Endpoint
	}
	return p.URL
}

// Local reports whether only the URL says where to go.
func (p *Post) Local() bool { return p.Endpoint == "" }

// PostConfig is one section http: an endpoint that scripts name, or, without a name, the settings
// of posts to a URL.
type PostConfig struct {
	Section
	tlsconf.TLS
	Endpoint          string            `toml:"endpoint"`
	URL               string            `toml:"url"`
	Headers           map[string]Secret `toml:"headers"`
	Username          Secret            `toml:"username"`
	Password          Secret            `toml:"password"`
	AlertTemplate     string            `toml:"alert_template"`
	AlertTemplateFile string            `toml:"alert_template_file"`
}

// GlobalOptions names the endpoint.
func (c *PostConfig) GlobalOptions() spec.Declarer { return &Post{Endpoint: c.Endpoint} }

// Matches reports whether options mean this endpoint.
func (c *PostConfig) Matches(options spec.Declarer) bool {
	o, ok := options.(*Post)
	return ok && o.Endpoint == c.Endpoint
}

type endpoint struct {
	*PostConfig
	body             *template.Template // nil: the alert data
	client, insecure *http.Client
}

type postSender struct{ endpoints map[string]*endpoint }

func openPost(configs []*PostConfig) (Sender, error) {
	s := &postSender{endpoints: map[string]*endpoint{}}
	for _, c := range append(configs, &PostConfig{}) {
		if _, ok := s.endpoints[c.Endpoint]; ok {
			if c.Endpoint == "" {
				continue // configured, no defaults needed
			}
			return nil, fmt.Errorf("http: endpoint %q stands there twice", c.Endpoint)
		}
		e, err := newEndpoint(c)
		if err != nil {
			return nil, fmt.Errorf("http: endpoint %q: %w", c.Endpoint, err)
		}
		s.endpoints[c.Endpoint] = e
	}
	return s, nil
}

func newEndpoint(c *PostConfig) (*endpoint, error) {
	e := &endpoint{PostConfig: c}
	switch {
	case c.Endpoint != "" && c.URL == "":
		return nil, errors.New("url is missing")
	case c.Endpoint == "" && (c.URL != "" || c.Global):
		return nil, errors.New("endpoint, the name by which scripts call it, is missing")
	case c.AlertTemplate != "" && c.AlertTemplateFile != "":
		return nil, errors.New("alert_template and alert_template_file exclude each other")
	}
	if err := checkTemplates("url", c.URL); err != nil {
		return nil, err
	}
	text := c.AlertTemplate
	if file := c.AlertTemplateFile; file != "" {
		if !filepath.IsAbs(file) {
			return nil, fmt.Errorf("alert_template_file must be an absolute path, got %q", file)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("alert_template_file: %w", err)
		}
		text = string(b)
	}
	if text != "" {
		t, err := parseTemplate("alert_template", text)
		if err != nil {
			return nil, err
		}
		e.body = t
	}
	var err error
	if e.client, err = newClient(&c.TLS); err != nil {
		return nil, err
	}
	insecure := c.TLS
	insecure.InsecureSkipVerify = true
	e.insecure, err = newClient(&insecure)
	return e, err
}

func (s *postSender) Send(ctx context.Context, e *alert.Event, options spec.Declarer) error {
	o := options.(*Post)
	ep := s.endpoints[o.Endpoint]
	if ep == nil {
		return Permanent(s.unknown(o.Endpoint))
	}
	target := o.URL
	if o.Endpoint != "" {
		target = ep.URL
	}
	target, err := render("url", target, alertDataOf(e))
	if err != nil {
		return err
	}
	header := http.Header{}
	if err := ep.setHeaders(header); err != nil {
		return err
	}
	for k, v := range o.Headers {
		header.Set(k, v)
	}
	var body []byte
	if ep.body != nil {
		var b strings.Builder
		if err := ep.body.Execute(&b, alertDataOf(e)); err != nil {
			return Permanent(err)
		}
		body = []byte(b.String())
	} else {
		body = Body(e)
		header.Set("Content-Type", "application/json")
	}
	client := ep.client
	if o.SkipSSLVerification {
		client = ep.insecure
	}
	if o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Timeout)
		defer cancel()
	}
	resp, text, err := post(ctx, client, target, header, body)
	if err != nil {
		return err
	}
	answer := errNoCapture.Error()
	if o.CaptureResponse {
		answer = string(text)
	}
	return checkStatus(resp, answer)
}

func (e *endpoint) setHeaders(h http.Header) error {
	if !e.Username.Empty() && !e.Password.Empty() {
		user, err := e.Username.Get()
		if err != nil {
			return err
		}
		password, err := e.Password.Get()
		if err != nil {
			return err
		}
		r := http.Request{Header: h}
		r.SetBasicAuth(user, password)
	}
	for k, secret := range e.Headers {
		v, err := secret.Get()
		if err != nil {
			return err
		}
		h.Add(k, v)
	}
	return nil
}

func (s *postSender) unknown(name string) error {
	var known []string
	for k := range s.endpoints {
		if k != "" {
			known = append(known, k)
		}
	}
	hint := cmp.Or(syntax.DidYouMean(name, "", known), fmt.Sprintf(": add [[outputs.alerter.http]] with endpoint = %q", name))
	return fmt.Errorf("post: unknown endpoint %q%s", name, hint)
}

func (s *postSender) Close() error {
	for _, e := range s.endpoints {
		e.client.CloseIdleConnections()
		e.insecure.CloseIdleConnections()
	}
	return nil
}
