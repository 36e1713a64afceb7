package handler

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// notHTTP are the handlers that make no HTTP requests.
var notHTTP = []string{"log", "tcp", "exec", "email", "sensu", "snmpTrap", "mqtt", "kafka"}

// TestHTTPFaults runs every HTTP handler against a service that is not well and wants to be told
// what to do next.
func TestHTTPFaults(t *testing.T) {
	type setup struct {
		config  func(url string) any // nil: none
		options func(url string) spec.Declarer
	}
	is := func(o spec.Declarer) func(string) spec.Declarer { return func(string) spec.Declarer { return o } }
	setups := map[string]setup{
		"post":       {nil, func(url string) spec.Declarer { return &Post{URL: url} }},
		"slack":      {config("slack", func(c *SlackConfig, url string) { c.URL = TextSecret(url) }), is(&Slack{})},
		"discord":    {config("discord", func(c *DiscordConfig, url string) { c.URL = TextSecret(url) }), is(&Discord{})},
		"teams":      {config("teams", func(c *TeamsConfig, url string) { c.ChannelURL = TextSecret(url) }), is(&Teams{})},
		"telegram":   {config("telegram", func(c *TelegramConfig, url string) { c.URL, c.Token = url+"/", TextSecret("t") }), is(&Telegram{})},
		"victorOps":  {config("victorOps", func(c *VictorOpsConfig, url string) { c.URL, c.APIKey = url, TextSecret("k") }), is(&VictorOps{})},
		"opsGenie2":  {config("opsGenie2", func(c *OpsGenie2Config, url string) { c.URL, c.APIKey = url, TextSecret("k") }), is(&OpsGenie2{})},
		"pagerDuty2": {config("pagerDuty2", func(c *PagerDuty2Config, url string) { c.URL, c.RoutingKey = url, TextSecret("k") }), is(&PagerDuty2{})},
	}
	for _, s := range services {
		if _, ok := setups[s.kind]; !ok {
			setups[s.kind] = setup{s.config, is(s.options)}
		}
	}
	for _, name := range notHTTP {
		require.NotContains(t, setups, name)
	}
	for _, k := range Kinds() {
		c, ok := setups[k.Name]
		require.True(t, ok || slices.Contains(notHTTP, k.Name), "%s: how does it behave when its service does not?", k.Name)
		if !ok {
			continue
		}
		// attempt makes one delivery to a server that answers so.
		attempt := func(t *testing.T, answer http.HandlerFunc) error {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // else the server does not see who hangs up
				if answer == nil {                 // time is up while the service thinks
					cancel()
					<-r.Context().Done()
					return
				}
				answer(w, r)
			}))
			defer server.Close()
			var configs []any
			if c.config != nil {
				configs = append(configs, c.config(server.URL))
			}
			s, err := k.Open(configs)
			require.NoError(t, err)
			err = s.Send(ctx, event(), c.options(server.URL))
			require.NoError(t, s.Close())
			return err
		}
		status := func(code int, header ...string) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				for i := 0; i+1 < len(header); i += 2 {
					w.Header().Set(header[i], header[i+1])
				}
				w.WriteHeader(code)
				_, _ = w.Write([]byte("because"))
			}
		}
		for _, f := range []struct {
			name      string
			answer    http.HandlerFunc
			permanent bool
			after     time.Duration
			text      string
		}{
			{name: "500", answer: status(500), text: "500"},
			{name: "429", answer: status(429, "Retry-After", "7"), after: 7 * time.Second, text: "429"},
			{name: "400", answer: status(400), permanent: true, text: "400"},
			{name: "timeout", text: "context canceled"},
			{name: "closed connection", answer: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, text: "EOF"},
		} {
			t.Run(k.Name+" "+f.name, func(t *testing.T) {
				err := attempt(t, f.answer)
				require.ErrorContains(t, err, f.text)
				require.Equal(t, f.permanent, permanent(err))
				var e *Error
				if errors.As(err, &e) {
					require.Equal(t, f.after, e.After)
				} else {
					require.Zero(t, f.after)
				}
			})
		}
		t.Run(k.Name+" accepted", func(t *testing.T) {
			for _, code := range []int{200, 201, 202, 204} {
				require.NoError(t, attempt(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }))
			}
		})
	}
}
