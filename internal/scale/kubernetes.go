package scale

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/tlsconf"
)

// Kubernetes is the API server of a Kubernetes cluster. Without a URL it is that of the cluster in
// which the process runs, with the service account of its pod.
type Kubernetes struct {
	Cluster   string
	URL       string
	TokenFile string // read for each request: tokens are renewed
	Timeout   time.Duration
	tlsconf.TLS

	// Token fetches the bearer token, instead of TokenFile. It may be nil.
	Token func() (string, error)
}

// serviceAccount is where a pod finds its credentials.
const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

type kubernetes struct{ *client }

func (k *Kubernetes) open() (*kubernetes, error) {
	c := *k
	if c.URL == "" {
		host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
		if host == "" || port == "" {
			return nil, fmt.Errorf("url is missing, and this is no pod of a cluster")
		}
		c.URL = "https://" + net.JoinHostPort(host, port)
		if c.TokenFile == "" && c.Token == nil {
			c.TokenFile = serviceAccount + "/token"
		}
		if c.CA == "" {
			c.CA = serviceAccount + "/ca.crt"
		}
	}
	t, err := newTransport(&c.TLS)
	if err != nil {
		return nil, err
	}
	cl, err := newClient(c.URL, t, c.Timeout)
	if err != nil {
		return nil, err
	}
	cl.sign = c.authorize
	return &kubernetes{cl}, nil
}

// authorize sets the bearer token.
func (k *Kubernetes) authorize(r *http.Request, _ []byte) error {
	var token string
	switch {
	case k.Token != nil:
		t, err := k.Token()
		if err != nil {
			return fmt.Errorf("token: %w", err)
		}
		token = t
	case k.TokenFile != "":
		t, err := os.ReadFile(k.TokenFile)
		if err != nil {
			return fmt.Errorf("token_file: %w", err)
		}
		token = strings.TrimSpace(string(t))
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return nil
}

// path returns the path of a resource's scale subresource.
func (*kubernetes) path(r spec.Resource) (string, error) {
	for _, part := range []string{r.Namespace, r.Kind, r.Name} {
		if err := checkName(part); err != nil {
			return "", err
		}
	}
	group := "/apis/apps/v1"
	if r.Kind == "replicationcontrollers" {
		group = "/api/v1"
	}
	return group + "/namespaces/" + r.Namespace + "/" + r.Kind + "/" + r.Name + "/scale", nil
}

func (k *kubernetes) get(ctx context.Context, r spec.Resource) (int64, error) {
	path, err := k.path(r)
	if err != nil {
		return 0, err
	}
	text, err := k.do(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return 0, err
	}
	return number(text, 0, "spec", "replicas") // 0 is left out
}

// set writes the scale back with its resource version, so that a change by somebody else in between
// is noticed; then it tries once more.
func (k *kubernetes) set(ctx context.Context, r spec.Resource, replicas int64) error {
	path, err := k.path(r)
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		text, err := k.do(ctx, http.MethodGet, path, "", nil)
		if err != nil {
			return err
		}
		body, err := with(text, replicas, "spec", "replicas")
		if err != nil {
			return err
		}
		_, err = k.do(ctx, http.MethodPut, path, "application/json", body)
		if try == 0 && isStatus(err, http.StatusConflict) {
			continue
		}
		return err
	}
}
