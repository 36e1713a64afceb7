package scale

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/tlsconf"
)

// Swarm is a manager of a Docker Swarm: its API over TCP, or a local socket as unix:///path.
type Swarm struct {
	Cluster string
	URL     string
	Timeout time.Duration
	tlsconf.TLS
}

// dockerSocket is where Docker listens unless told otherwise.
const dockerSocket = "unix:///var/run/docker.sock"

type swarm struct{ *client }

func (s *Swarm) open() (*swarm, error) {
	base := s.URL
	if base == "" {
		base = dockerSocket
	}
	t, err := newTransport(&s.TLS)
	if err != nil {
		return nil, err
	}
	if path, ok := strings.CutPrefix(base, "unix://"); ok {
		if !strings.HasPrefix(path, "/") {
			return nil, fmt.Errorf("url: want one like %s, got %q", dockerSocket, base)
		}
		base = "http://docker"
		t.Proxy = nil
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
	} else if host, ok := strings.CutPrefix(base, "tcp://"); ok { // as in DOCKER_HOST
		base = "http://" + host
		if s.CA != "" || s.Cert != "" {
			base = "https://" + host
		}
	}
	c, err := newClient(base, t, s.Timeout)
	if err != nil {
		return nil, err
	}
	return &swarm{c}, nil
}

// service returns the service as the API has it.
func (s *swarm) service(ctx context.Context, name string) (json.RawMessage, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	return s.do(ctx, http.MethodGet, "/services/"+name, "", nil)
}

var errNotReplicated = errors.New("the service is not replicated")

func replicasOf(service json.RawMessage) (int64, error) {
	mode, err := value(service, "Spec", "Mode", "Replicated")
	if err != nil {
		return 0, err
	}
	if mode == nil {
		return 0, errNotReplicated
	}
	return number(mode, 1, "Replicas")
}

func (s *swarm) get(ctx context.Context, r spec.Resource) (int64, error) {
	service, err := s.service(ctx, r.Name)
	if err != nil {
		return 0, err
	}
	return replicasOf(service)
}

// set updates the service on the version that it has, so that a change by somebody else in between
// is noticed; then it tries once more.
func (s *swarm) set(ctx context.Context, r spec.Resource, replicas int64) error {
	for try := 0; ; try++ {
		err := s.update(ctx, r.Name, replicas)
		var status *statusError
		if try == 0 && errors.As(err, &status) && strings.Contains(status.text, "out of sequence") {
			continue
		}
		return err
	}
}

func (s *swarm) update(ctx context.Context, name string, replicas int64) error {
	service, err := s.service(ctx, name)
	if err != nil {
		return err
	}
	if _, err := replicasOf(service); err != nil {
		return err
	}
	version, err := number(service, 0, "Version", "Index")
	if err != nil {
		return err
	}
	desired, err := value(service, "Spec")
	if err != nil {
		return err
	}
	body, err := with(desired, replicas, "Mode", "Replicated", "Replicas")
	if err != nil {
		return err
	}
	path := "/services/" + name + "/update?version=" + strconv.FormatInt(version, 10)
	_, err = s.do(ctx, http.MethodPost, path, "application/json", body)
	return err
}
