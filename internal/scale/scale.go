// Package scale carries out what the autoscale nodes want: it asks Kubernetes, Docker Swarm and EC2
// for a resource's number of replicas, and sets it.
//
// A task asks with a [spec.Scale], which [Scaler.Answer] answers, away from the task.
//
// The three are a few HTTP requests each, so there are no client libraries but the one that signs
// requests to AWS.
package scale

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/redact"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/tlsconf"
)

// Config says which clusters there are.
type Config struct {
	Kubernetes []*Kubernetes
	Swarm      []*Swarm
	EC2        []*EC2
}

// A Scaler knows the clusters. It is safe for concurrent use.
type Scaler struct{ clusters map[string][]named }

// A named is a cluster with its name.
type named struct {
	name string
	cluster
}

// A cluster is one that can be asked.
type cluster interface {
	get(ctx context.Context, r spec.Resource) (int64, error)
	set(ctx context.Context, r spec.Resource, replicas int64) error
}

const (
	defaultTimeout = 10 * time.Second
	maxBody        = 4 << 20 // of a response
	maxMessage     = 300     // of a response, in an error
	maxErrorBody   = 8 << 10 // of a response that is an error
	maxReplicas    = 1 << 31
)

// New checks the configuration and reads the files that it names. It does not connect.
func New(c Config) (*Scaler, error) {
	s := &Scaler{clusters: map[string][]named{}}
	for _, k := range c.Kubernetes {
		x, err := k.open()
		if err := s.add("k8s", "kubernetes", k.Cluster, x, err); err != nil {
			return nil, err
		}
	}
	for _, w := range c.Swarm {
		x, err := w.open()
		if err := s.add("swarm", "swarm", w.Cluster, x, err); err != nil {
			return nil, err
		}
	}
	for _, e := range c.EC2 {
		x, err := e.open()
		if err := s.add("ec2", "ec2", e.Cluster, x, err); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Scaler) add(system, section, name string, c cluster, err error) error {
	if err == nil && slices.ContainsFunc(s.clusters[system], func(n named) bool { return n.name == name }) {
		err = errors.New("there is another one of that name")
	}
	if err != nil {
		return fmt.Errorf("%s: cluster %q: %w", section, name, err)
	}
	s.clusters[system] = append(s.clusters[system], named{name, c})
	return nil
}

// Do carries out x and returns the number of replicas that there are, or will be.
func (s *Scaler) Do(ctx context.Context, x *spec.Scale) (replicas int64, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error: %v", p)
		}
	}()
	c, err := s.find(x.System, x.Cluster)
	if err != nil {
		return 0, err
	}
	if !x.Set {
		return c.get(ctx, x.Resource)
	}
	if x.Replicas < 0 || x.Replicas >= maxReplicas {
		return 0, fmt.Errorf("%d replicas are not possible", x.Replicas)
	}
	return x.Replicas, c.set(ctx, x.Resource, x.Replicas)
}

// Answer answers a task's question.
func (s *Scaler) Answer(ctx context.Context, x spec.Scale) spec.Scaled {
	n, err := s.Do(ctx, &x)
	if err != nil {
		return spec.Scaled{Error: err.Error()}
	}
	return spec.Scaled{Replicas: n}
}

// Check reports whether there is the cluster that Do would ask.
func (s *Scaler) Check(system, cluster string) error {
	_, err := s.find(system, cluster)
	return err
}

// find returns a cluster by its name. Without a name it is the one called default, or the only one.
func (s *Scaler) find(system, name string) (cluster, error) {
	all := s.clusters[system]
	for _, n := range all {
		if n.name == name || name == "" && (len(all) == 1 || n.name == "default") {
			return n.cluster, nil
		}
	}
	if name == "" && len(all) > 1 {
		return nil, fmt.Errorf("there are several clusters; say which: .cluster('%s')", all[0].name)
	}
	section := system
	if system == "k8s" {
		section = "kubernetes"
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no cluster is configured; it needs a section [[processors.tick.%s]]", section)
	}
	names := make([]string, len(all))
	for i, n := range all {
		names[i] = n.name
	}
	hint := cmp.Or(syntax.DidYouMean(name, "'", names), "; it needs a section [[processors.tick."+section+"]]")
	return nil, fmt.Errorf("cluster '%s' does not exist%s", name, hint)
}

// A client makes the requests to one API.
type client struct {
	base    string // URL without a slash at the end
	http    *http.Client
	timeout time.Duration
	sign    func(r *http.Request, body []byte) error // adds credentials; may be nil
}

func newClient(base string, t http.RoundTripper, timeout time.Duration) (*client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("url: want one like https://host:port, got %q", base)
	}
	if timeout < 0 {
		return nil, errors.New("timeout must not be negative")
	}
	if timeout == 0 {
		timeout = defaultTimeout
	}
	// A redirect would take the credentials elsewhere.
	h := &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &client{base: strings.TrimSuffix(base, "/"), http: h, timeout: timeout}, nil
}

// newTransport returns a transport with the configured security.
func newTransport(t *tlsconf.TLS) (*http.Transport, error) {
	c, err := t.LoadTLS()
	if err != nil {
		return nil, err
	}
	return &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: c, ForceAttemptHTTP2: true, IdleConnTimeout: 90 * time.Second}, nil
}

// A statusError is a response that is no success.
type statusError struct {
	code int
	text string
	body []byte // the beginning
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d: %s", e.code, e.text) }

// isStatus reports whether err is a response with the code.
func isStatus(err error, code int) bool {
	var s *statusError
	return errors.As(err, &s) && s.code == code
}

// do makes a request and returns the body of its response.
func (c *client) do(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, redact.Error(err)
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	if c.sign != nil {
		if err := c.sign(req, body); err != nil {
			return nil, err
		}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", req.URL.Host, redact.Error(err))
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", req.URL.Host, redact.Error(err))
	case resp.StatusCode/100 != 2:
		return nil, &statusError{resp.StatusCode, message(text), text[:min(len(text), maxErrorBody)]}
	case len(text) > maxBody:
		return nil, fmt.Errorf("%s: the response has more than %d bytes", req.URL.Host, maxBody)
	}
	return text, nil
}

// checkName checks what becomes part of a path. Names come from tags, and one with dots and slashes
// could name another resource than it seems to.
func checkName(name string) error {
	bad := func(r rune) bool {
		return r != '-' && r != '_' && r != '.' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}
	if name == "" || name == "." || name == ".." || strings.ContainsFunc(name, bad) {
		return fmt.Errorf("%q is no name of a resource", name)
	}
	return nil
}
