package tick

import (
	"fmt"
	"strings"
	"time"

	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/plugins/common/aws"

	"github.com/telegraf-tigk/telegraf-tigk/internal/scale"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/tlsconf"
)

// This file makes the calls of autoscale nodes, and knows what scripts may refer to.

// Kubernetes is a cluster of k8sAutoscale nodes.
type Kubernetes struct {
	Name      string          `toml:"name"`
	URL       string          `toml:"url"`
	Token     config.Secret   `toml:"token"`
	TokenFile string          `toml:"token_file"`
	Timeout   config.Duration `toml:"timeout"`
	tlsconf.TLS
}

// Swarm is a manager of swarmAutoscale nodes.
type Swarm struct {
	Name    string          `toml:"name"`
	URL     string          `toml:"url"`
	Timeout config.Duration `toml:"timeout"`
	tlsconf.TLS
}

// EC2 is a region of ec2Autoscale nodes.
type EC2 struct {
	Name    string          `toml:"name"`
	Timeout config.Duration `toml:"timeout"`
	aws.CredentialConfig
	tlsconf.TLS
}

// initClusters checks the clusters of the configuration.
func (t *Tick) initClusters() (err error) {
	var c scale.Config
	for _, k := range t.Kubernetes {
		x := &scale.Kubernetes{Cluster: k.Name, URL: k.URL, TokenFile: k.TokenFile, Timeout: time.Duration(k.Timeout), TLS: k.TLS}
		if !k.Token.Empty() {
			if k.TokenFile != "" {
				return fmt.Errorf("kubernetes: cluster %q: token and token_file exclude each other", k.Name)
			}
			x.Token = k.token
		}
		c.Kubernetes = append(c.Kubernetes, x)
	}
	for _, s := range t.Swarm {
		c.Swarm = append(c.Swarm, &scale.Swarm{Cluster: s.Name, URL: s.URL, Timeout: time.Duration(s.Timeout), TLS: s.TLS})
	}
	for _, e := range t.EC2 {
		keys, err := e.Credentials()
		if err != nil {
			return fmt.Errorf("ec2: cluster %q: credentials: %w", e.Name, err)
		}
		c.EC2 = append(c.EC2, &scale.EC2{
			Cluster: e.Name, Region: keys.Region, URL: e.EndpointURL, Timeout: time.Duration(e.Timeout), TLS: e.TLS, Credentials: keys.Credentials,
		})
	}
	t.scaler, err = scale.New(c)
	return err
}

func (k *Kubernetes) token() (string, error) {
	token, err := k.Token.Get()
	if err != nil {
		return "", err
	}
	defer token.Destroy()
	return strings.TrimSpace(token.String()), nil
}

// refer finds out whether the configuration has what a script refers to.
func (t *Tick) refer(r spec.Reference) error {
	switch r.Kind {
	case "endpoint":
		return t.endpoints.check(r.Name)
	case "source":
		if strings.Contains(r.Name, ":/") {
			return nil
		}
		if err := t.endpoints.check(r.Name); err != nil {
			return fmt.Errorf("source: %w", err)
		}
		if t.endpoints[r.Name].url != nil {
			return fmt.Errorf("source: the URL of endpoint '%s' is a template over a row, and there is none", r.Name)
		}
		return nil
	}
	return t.scaler.Check(r.Kind, r.Name)
}

// check finds out whether there is an endpoint.
func (es Endpoints) check(name string) error {
	if es[name] != nil {
		return nil
	}
	names := make([]string, 0, len(es))
	for n := range es {
		names = append(names, n)
	}
	if near := syntax.Nearest(name, names); near != "" {
		return fmt.Errorf("endpoint '%s' does not exist; did you mean '%s'?", name, near)
	}
	return fmt.Errorf("endpoint '%s' does not exist; it needs a section [[processors.tick.http_post]] with endpoint = %q", name, name)
}

// scaleCalls is how many calls a task makes at a time to one cluster. Each resource has one at the
// most; those of a cluster that hangs wait for each other and for nothing else.
const scaleCalls = 4

// scale makes a call and brings the outcome back. A change that has begun is finished even if the
// script changes; what has not begun then is not made.
func (r *runner) scale(x *spec.Scale) {
	cluster := clusterKey{x.System, x.Cluster}
	calls := r.calls[cluster]
	if calls == nil {
		if r.calls == nil {
			r.calls = map[clusterKey]chan struct{}{}
		}
		calls = make(chan struct{}, scaleCalls)
		r.calls[cluster] = calls
	}
	t, ctx := r.task, r.context
	r.e.posters.Go(func() {
		select {
		case calls <- struct{}{}:
		case <-ctx.Done():
			return
		}
		defer func() { <-calls }()
		if ctx.Err() != nil { // select takes either
			return
		}
		if x.Set {
			ctx = r.e.context
		}
		n, err := r.e.scaler.Do(ctx, x)
		r.e.counters.scalings.Add(1)
		r.box.do(func() {
			if r.task == t && !r.failed.Load() {
				r.unsaved.set()
				r.after(t.AnswerScale(x, n, err))
			}
		})
	})
}

type clusterKey struct{ system, name string }
