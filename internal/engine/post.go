package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/template"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/redact"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// This file sends the requests of httpPost nodes.

// An Endpoint is one that scripts name: httpPost().endpoint('name'), or sideload().source('name').
type Endpoint struct {
	Name        string
	URL         string // may be a template over a row
	RowTemplate string // of the body; "" is JSON
	Timeout     time.Duration
	// Prepare completes a request, with a header or a password for example. It may be nil.
	Prepare func(*http.Request) error

	url, body *template.Template // nil: plain URL, JSON body
}

const (
	postTimeout   = 10 * time.Second // unless the script or the endpoint has another
	postQueue     = 1000             // requests of one task that wait
	postGrace     = 5 * time.Second  // for the last requests when the agent stops
	postResponse  = 64 << 10         // of a response, the rest is not read
	postShowBytes = 512              // of a response in the log
)

// init checks the endpoint and compiles its templates.
func (h *Endpoint) init() (err error) {
	if h.Name == "" {
		return errors.New("http_post: endpoint needs a name")
	}
	if h.URL == "" {
		return fmt.Errorf("http_post %q: url is missing", h.Name)
	}
	if h.Timeout < 0 {
		return fmt.Errorf("http_post %q: timeout must not be negative", h.Name)
	}
	if strings.Contains(h.URL, "{{") {
		if h.url, err = template.New("url").Parse(h.URL); err != nil {
			return fmt.Errorf("http_post %q: url: %w", h.Name, err)
		}
	} else if _, err := url.ParseRequestURI(h.URL); err != nil {
		return fmt.Errorf("http_post %q: url: want one like http://host/path, got %q", h.Name, h.URL)
	}
	if h.RowTemplate != "" {
		if h.body, err = template.New("row_template").Funcs(alert.Funcs).Parse(h.RowTemplate); err != nil {
			return fmt.Errorf("http_post %q: %w", h.Name, err)
		}
	}
	return nil
}

// Endpoints are those that scripts name, by name.
type Endpoints map[string]*Endpoint

// NewEndpoints checks the endpoints of a configuration.
func NewEndpoints(list []*Endpoint) (Endpoints, error) {
	es := Endpoints{}
	for _, h := range list {
		if err := h.init(); err != nil {
			return nil, err
		}
		if es[h.Name] != nil {
			return nil, fmt.Errorf("http_post %q is defined twice", h.Name)
		}
		es[h.Name] = h
	}
	return es, nil
}

func init() {
	answers(func(q *question, b spec.Post) {
		if q.r.poster == nil {
			q.r.poster = newPoster(q.r)
		}
		q.r.poster.put(request{q, b})
	})
}

// A request is one that a task wants to be made.
type request struct {
	*question
	post spec.Post
}

// A poster makes the requests of one task, in their order, away from the task. Its methods are
// called by the task's goroutine.
type poster struct {
	r    *runner
	todo chan request
}

func newPoster(r *runner) *poster {
	p := &poster{r: r, todo: make(chan request, postQueue)}
	r.e.requests.Go(p.run)
	return p
}

// put queues a request. If the queue is full, the request has failed.
func (p *poster) put(q request) {
	select {
	case p.todo <- q:
	default:
		p.r.e.counters.postsDropped.Add(1)
		q.reply(spec.Posted{}, errors.New("too many requests wait for the server; this one is dropped"))
	}
}

func (p *poster) close() { close(p.todo) }

func (p *poster) run() {
	for q := range p.todo {
		status, err := p.r.e.c.Endpoints.Post(p.r.e.context, p.r.e.client, &q.post)
		p.r.e.counters.posts.Add(1)
		q.reply(spec.Posted{Status: status}, err)
	}
}

// Post makes a request. The status is 0 if there was no response. A response that is not 2xx is an
// error, too.
func (es Endpoints) Post(ctx context.Context, client *http.Client, p *spec.Post) (status int, err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("post: internal error: %v", x)
		}
	}()
	target, body, timeout := p.URL, p.Body, postTimeout
	var h *Endpoint
	if p.Endpoint != "" {
		if err := es.check(p.Endpoint); err != nil {
			return 0, err
		}
		h = es[p.Endpoint]
		if h.Timeout > 0 {
			timeout = h.Timeout
		}
		if target, body, err = h.render(p); err != nil {
			return 0, fmt.Errorf("post: %w", err)
		}
	}
	if p.Timeout > 0 {
		timeout = time.Duration(p.Timeout)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("post: %w", redact.Error(err))
	}
	if h != nil {
		if err := h.prepare(req); err != nil {
			return 0, fmt.Errorf("post: %w", err)
		}
	}
	for _, t := range p.Headers {
		req.Header.Set(t.Key, t.Value)
	}
	if h == nil || h.body == nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("post to %s: %w", req.URL.Host, redact.Error(err))
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, postResponse)) // it only goes into a reply
	if resp.StatusCode/100 == 2 {
		return resp.StatusCode, nil
	}
	if !p.Capture {
		return resp.StatusCode, fmt.Errorf("post to %s: status %d; .captureResponse() shows the response", req.URL.Host, resp.StatusCode)
	}
	return resp.StatusCode, fmt.Errorf("post to %s: status %d: %q", req.URL.Host, resp.StatusCode, text[:min(len(text), postShowBytes)])
}

// render returns URL and body of a request to the endpoint.
func (h *Endpoint) render(p *spec.Post) (target string, body []byte, err error) {
	target, body = h.URL, p.Body
	if h.url == nil && h.body == nil {
		return target, body, nil
	}
	row := p.Rows.Row()
	if h.url != nil {
		var b strings.Builder
		if err := h.url.Execute(&b, row); err != nil {
			return "", nil, err
		}
		target = b.String()
	}
	if h.body != nil {
		var b bytes.Buffer
		if err := h.body.Execute(&b, row); err != nil {
			return "", nil, err
		}
		body = b.Bytes()
	}
	return target, body, nil
}

func (h *Endpoint) prepare(req *http.Request) error {
	if h.Prepare == nil {
		return nil
	}
	return h.Prepare(req)
}
