package handler

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/redact"
	"github.com/telegraf-tigk/telegraf-tigk/internal/tlsconf"
)

// This file defines what all HTTP handlers share.

const (
	maxResponse   = 64 << 10  // of a response, the rest is not read
	maxRetryAfter = time.Hour // more than that is not believed
	userAgent     = "telegraf-tigk"
)

// errNoCapture stands where the text of a response would.
var errNoCapture = errors.New("unknown error, use .captureResponse() to capture the HTTP response")

func newClient(t *tlsconf.TLS) (*http.Client, error) {
	config, err := t.LoadTLS()
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: newTransport(config)}, nil
}

func newTransport(config *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     config,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     90 * time.Second,
	}
}

// post makes one POST request; see [exchange].
func post(ctx context.Context, c *http.Client, target string, header http.Header, body []byte) (*http.Response, []byte, error) {
	return exchange(ctx, c, http.MethodPost, target, header, body)
}

// exchange makes one request and returns the response and the beginning of its body. The URL, which
// may hold a token, is not in its errors.
func exchange(ctx context.Context, c *http.Client, method, target string, header http.Header, body []byte) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, nil, Permanent(redact.Error(err))
	}
	if req.URL.Host == "" || req.URL.Scheme != "http" && req.URL.Scheme != "https" {
		return nil, nil, Permanent(errors.New("want a URL like http://host/path"))
	}
	req.Header = header
	if header.Get("User-Agent") == "" {
		header.Set("User-Agent", userAgent)
	}
	if host := header.Get("Host"); host != "" {
		req.Host = host
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, nil, fmt.Errorf("%s to %s: %w", strings.ToLower(method), req.URL.Host, redact.Error(err))
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxResponse))
	return resp, text, nil
}

// An Auth is how a configuration proves itself to a server: by user and password, or by a token. It
// is embedded.
type Auth struct {
	Username Secret `toml:"username"`
	Password Secret `toml:"password"`
	Token    Secret `toml:"token"`
}

// authorize sets the header for it, if anything is configured.
func (a *Auth) authorize(header map[string]string) error {
	if a.Token.Empty() {
		return basicAuth(header, a.Username, a.Password)
	}
	token, err := a.Token.Get()
	header["Authorization"] = "Bearer " + token
	return err
}

// basicAuth sets the header for a user, if there is one.
func basicAuth(header map[string]string, username, password Secret) error {
	user, err := username.Get()
	if err != nil || user == "" {
		return err
	}
	pass, err := password.Get()
	header["Authorization"] = "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+pass))
	return err
}

// checkStatus returns nil for any 2xx, for what was taken must not be repeated, and else an error
// that is permanent if the receiver refused this very request.
func checkStatus(resp *http.Response, text string) error {
	if resp.StatusCode/100 == 2 {
		return nil
	}
	err := fmt.Errorf("%s to %s: status %d", strings.ToLower(resp.Request.Method), resp.Request.URL.Host, resp.StatusCode)
	if text = shorten(text); text != "" {
		err = fmt.Errorf("%w: %s", err, text)
	}
	switch {
	case resp.StatusCode == http.StatusRequestTimeout, resp.StatusCode == http.StatusTooEarly,
		resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode >= 500:
		return &Error{Err: err, After: retryAfter(resp.Header.Get("Retry-After"), time.Now())}
	}
	return Permanent(err)
}

// retryAfter reads the header of that name: seconds or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if text == "" {
		return 0
	}
	if n, err := strconv.Atoi(strings.TrimSpace(text)); err == nil {
		return min(max(time.Duration(min(n, 1<<20))*time.Second, 0), maxRetryAfter)
	}
	if t, err := http.ParseTime(text); err == nil {
		return min(max(t.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

// shorten bounds foreign text that goes into a message.
func shorten(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > 512 {
		text = text[:512] + "…"
	}
	return text
}
