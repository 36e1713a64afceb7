package tick

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/influxdata/telegraf/config"
	common "github.com/influxdata/telegraf/plugins/common/tls"
)

// This file serves the HTTP API.

// Service is where the HTTP API is served.
type Service struct {
	Address  string        `toml:"service_address"`
	Username string        `toml:"service_username"`
	Password config.Secret `toml:"service_password"`
	common.ServerConfig
}

// Limits of a request, so that slow or talkative clients cost little.
const (
	headerTimeout  = 10 * time.Second
	requestTimeout = time.Minute
	serviceGrace   = 2 * time.Second
	maxHeader      = 64 << 10 // bytes
)

// A service is an HTTP server at work.
type service struct {
	server   *http.Server
	listener net.Listener
	ended    chan struct{}
}

// check returns what is wrong with the settings.
func (s *Service) check() error {
	if s.Address == "" {
		return nil
	}
	u, err := url.Parse(s.Address)
	switch {
	case err != nil:
		return fmt.Errorf("service_address: %w", err)
	case u.Scheme != "http" && u.Scheme != "https" || u.Port() == "" || u.Path != "" && u.Path != "/":
		return fmt.Errorf("service_address: want http://host:port or https://host:port, got %q", s.Address)
	case u.Scheme == "https" && (s.TLSCert == "" || s.TLSKey == ""):
		return errors.New("service_address: https needs tls_cert and tls_key")
	case u.Scheme == "http" && (s.TLSCert != "" || s.TLSKey != "" || len(s.TLSAllowedCACerts) > 0):
		return fmt.Errorf("service_address: with TLS settings, want https://%s", u.Host)
	case (s.Username == "") != s.Password.Empty():
		return errors.New("service_username and service_password go together")
	}
	_, err = s.TLSConfig()
	return err
}

// open starts to listen and to serve a.
func (s *Service) open(a http.Handler, failed func(error)) (*service, error) {
	u, err := url.Parse(s.Address)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", u.Host)
	if err != nil {
		return nil, fmt.Errorf("service_address: %w", err)
	}
	t, err := s.TLSConfig()
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	if t != nil {
		l = tls.NewListener(l, t)
	}
	v := &service{listener: l, ended: make(chan struct{})}
	v.server = &http.Server{
		Handler:           s.authenticate(a),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      requestTimeout,
		IdleTimeout:       2 * requestTimeout,
		MaxHeaderBytes:    maxHeader,
	}
	go func() {
		defer close(v.ended)
		if err := v.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			failed(err)
		}
	}()
	return v, nil
}

// close ends the service; requests under way get a moment.
func (v *service) close() {
	ctx, cancel := context.WithTimeout(context.Background(), serviceGrace)
	defer cancel()
	if v.server.Shutdown(ctx) != nil {
		_ = v.server.Close() // whoever is still there has had his time
	}
	<-v.ended
}

// authenticate lets only those in who know the user name and the password, if there are any.
func (s *Service) authenticate(next http.Handler) http.Handler {
	if s.Username == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		if q := r.URL.Query(); !ok && q.Has("u") {
			user, password = q.Get("u"), q.Get("p")
		}
		if !s.knows(user, password) {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.Header().Set("WWW-Authenticate", `Basic realm="telegraf-tigk"`)
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"error":"authorization failed","message":"authorization failed"}`))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Service) knows(user, password string) bool {
	secret, err := s.Password.Get()
	if err != nil {
		return false
	}
	defer secret.Destroy()
	// Sums, because the comparison of texts would tell their lengths.
	given, want := sha256.Sum256([]byte(user+"\x00"+password)), sha256.Sum256([]byte(s.Username+"\x00"+secret.String()))
	return subtle.ConstantTimeCompare(given[:], want[:]) == 1
}

// buildVersion returns the version of the program, "unknown" unless it was built from a release.
func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && strings.HasPrefix(info.Main.Version, "v") {
		return info.Main.Version[1:]
	}
	return "unknown"
}
