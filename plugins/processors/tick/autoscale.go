package tick

import (
	"fmt"
	"strings"
	"time"

	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/plugins/common/aws"

	"github.com/telegraf-tigk/telegraf-tigk/internal/scale"
	"github.com/telegraf-tigk/telegraf-tigk/internal/tlsconf"
)

// This file has the settings of the clusters of autoscale nodes.

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
