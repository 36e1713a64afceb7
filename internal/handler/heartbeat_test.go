package handler

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHeartbeat(t *testing.T) {
	type request struct{ method, path, auth, kind, body string }
	var got request
	status := http.StatusNoContent
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = request{r.Method, r.URL.String(), r.Header.Get("Authorization"), r.Header.Get("Content-Type"), string(b)}
		w.WriteHeader(status)
	}))
	defer s.Close()
	p := Pulse{Host: `a"b`, Time: time.Unix(0, 0), Interval: time.Minute, Waiting: 3, Muted: 1}
	for name, c := range map[string]struct {
		config HeartbeatConfig
		want   request
	}{
		"plain": {HeartbeatConfig{}, request{method: "GET", path: "/x?token=t"}},
		"put":   {HeartbeatConfig{Method: "PUT"}, request{method: "PUT", path: "/x?token=t"}},
		"body": {
			HeartbeatConfig{Body: `{{ jsonCompact .Host }} {{ .Interval }} {{ .Waiting }} {{ .Muted }}`, Auth: Auth{Username: TextSecret("u"), Password: TextSecret("p")}},
			request{"POST", "/x?token=t", "Basic dTpw", "text/plain; charset=utf-8", `"a\"b" 1m0s 3 1`},
		},
		"headers": {
			HeartbeatConfig{Body: "{}", Headers: map[string]Secret{"content-type": TextSecret("application/json")}, Auth: Auth{Token: TextSecret("s")}},
			request{"POST", "/x?token=t", "Bearer s", "application/json", "{}"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.config.URL, c.config.Interval, c.config.Timeout = TextSecret(s.URL+"/x?token=t"), time.Minute, time.Second
			h, err := NewHeartbeat(&c.config)
			require.NoError(t, err)
			defer h.Close()
			status = http.StatusNoContent
			require.NoError(t, h.Beat(t.Context(), p))
			require.Equal(t, c.want, got)
			status = http.StatusForbidden
			err = h.Beat(t.Context(), p)
			require.ErrorContains(t, err, "status 403")
			require.NotContains(t, err.Error(), "token")
		})
	}
	h, err := NewHeartbeat(&HeartbeatConfig{URL: TextSecret("host/token"), Interval: 1, Timeout: time.Second})
	require.NoError(t, err)
	require.EqualError(t, h.Beat(t.Context(), p), "heartbeat: want a URL like http://host/path")
	for want, c := range map[string]HeartbeatConfig{
		"url is missing":                          {Interval: 1, Timeout: 1},
		"interval and timeout must be positive":   {URL: TextSecret("x"), Timeout: 1},
		"heartbeat: template: body:1: unexpected": {URL: TextSecret("x"), Interval: 1, Timeout: 1, Body: "{{ }"},
		"can't evaluate field Nope":               {URL: TextSecret("x"), Interval: 1, Timeout: 1, Body: "{{ .Nope }}"},
	} {
		_, err := NewHeartbeat(&c)
		require.ErrorContains(t, err, want)
	}
}
