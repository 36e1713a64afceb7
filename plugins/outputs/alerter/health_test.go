package alerter

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHeartbeat(t *testing.T) {
	var mu sync.Mutex
	var got []string
	status := http.StatusOK
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		got = append(got, strings.Join([]string{r.Method, r.URL.String(), r.Header.Get("X-A"), r.Header.Get("Authorization"), string(b)}, " "))
		w.WriteHeader(status)
	}))
	defer s.Close()
	_, log := run(t, `
  [outputs.alerter.heartbeat]
    url = "`+s.URL+`/beat?x=1"
    interval = "20ms"
    headers = {X-A = "b"}
    token = "secret"
    body = "{{ .Interval }} {{ .Waiting }}"
`)
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(got)
	}
	eventually(t, func() bool { return count() >= 3 })
	mu.Lock()
	require.Equal(t, "POST /beat?x=1 b Bearer secret 20ms 0", got[0])
	status = http.StatusServiceUnavailable
	mu.Unlock()
	eventually(t, func() bool {
		return strings.Contains(strings.Join(log.Warnings(), "\n"), "heartbeat: post to 127.0.0.1:")
	})
	require.NotContains(t, strings.Join(log.Warnings(), "\n"), "x=1")

	for text, want := range map[string]string{
		`interval = "1m"`:                           "heartbeat: url is missing",
		"url = 'http://x'\ninterval = '0s'":         "interval and timeout must be positive",
		"url = 'http://x'\nbody = '{{ .Nope }}'":    "can't evaluate field Nope",
		"url = 'http://x'\ntls_ca = '/nosuch/file'": "heartbeat: ",
	} {
		a, err := load("[outputs.alerter.heartbeat]\n" + text)
		require.NoError(t, err, text)
		require.ErrorContains(t, a.Init(), want)
	}
	_, err := load("[outputs.alerter.heartbeat]\nulr = 'x'")
	require.ErrorContains(t, err, `outputs.alerter.heartbeat: unknown option "ulr"; did you mean url?`)
	a, err := load("health_topic = 'a b'")
	require.NoError(t, err)
	require.ErrorContains(t, a.Init(), `health_topic: topic "a b": want letters`)
}
