package handler

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

const resultOfEvent = `{"series":[{"name":"cpu","tags":{"host":"a"},"columns":["time","i","value"],"values":[["2017-11-22T04:04:57.995389341Z",3,19.4]]}]}`

func TestJSONHandlers(t *testing.T) {
	for _, c := range []struct {
		name    string
		kind    string
		config  func(url string) any
		options spec.Declarer
		path    string
		header  map[string]string
		body    string
	}{
		{
			"slack", "slack", func(url string) any {
				return &SlackConfig{URL: TextSecret(url), Token: TextSecret("tok"), Channel: "#c", Username: "u"}
			}, &Slack{Channel: "#ops"}, "/",
			map[string]string{"Authorization": "Bearer tok"},
			`{"attachments":[{"fallback":"cpu:host=a is CRITICAL","color":"danger","text":"cpu:host=a is CRITICAL","mrkdwn_in":["text"]}],"channel":"#ops","icon_emoji":"","text":"","username":"u"}` + "\n",
		},
		{
			"telegram", "telegram", func(url string) any { return &TelegramConfig{URL: url + "/bot", Token: TextSecret("1:x"), ChatID: "7"} },
			&Telegram{ParseMode: "html", DisableNotification: true}, "/bot1:x/sendMessage", nil,
			`{"chat_id":"7","text":"cpu:host=a is CRITICAL","parse_mode":"HTML","disable_notification":true}` + "\n",
		},
		{
			"teams", "teams", func(url string) any { return &TeamsConfig{ChannelURL: TextSecret(url + "/hook")} }, &Teams{}, "/hook", nil,
			`{"@type":"MessageCard","@context":"http://schema.org/extensions","title":"CRITICAL: [cpu:host=a]","text":"cpu:host=a is CRITICAL","summary":"CRITICAL: [cpu:host=a] - cpu:host=a is CRITICAL...","themeColor":"CC4A31"}`,
		},
		{
			"victorOps", "victorOps", func(url string) any { return &VictorOpsConfig{URL: url, APIKey: TextSecret("key"), JSONData: true} },
			&VictorOps{RoutingKey: "r"}, "/key/r", nil,
			`{"data":` + resultOfEvent + `,"entity_id":"cpu:host=a","message_type":"CRITICAL","monitoring_tool":"kapacitor","state_message":"cpu:host=a is CRITICAL","timestamp":1511323497}` + "\n",
		},
		{
			"pagerDuty2", "pagerDuty2", func(url string) any { return &PagerDuty2Config{URL: url, RoutingKey: TextSecret("k")} },
			&PagerDuty2{Links: []Link{{Href: "http://x/{{ .ID }}"}}}, "/",
			map[string]string{"Accept": "application/vnd.pagerduty+json;version=2"},
			`{"routing_key":"k","event_action":"trigger","dedup_key":"cpu:host=a","payload":{"summary":"cpu:host=a is CRITICAL","source":"a","severity":"critical","timestamp":"2017-11-22T04:04:57.995389341Z","class":"cpu_alert","component":"","group":"","custom_details":{"result":` + resultOfEvent + `}},"images":null,"links":[{"href":"http://x/cpu:host=a","text":"http://x/cpu:host=a"}],"client":"kapacitor","client_url":""}` + "\n",
		},
		{
			"discord", "discord", func(url string) any { return &DiscordConfig{URL: TextSecret(url), Timestamp: true, Username: "u"} },
			&Discord{EmbedTitle: "{{ .Level }}!"}, "/", nil,
			`{"avatar_url":"","embeds":[{"color":16342867,"title":"CRITICAL!","description":"cpu:host=a is CRITICAL","timestamp":"2017-11-22T04:04:57Z"}],"username":"u"}` + "\n",
		},
		{
			"opsGenie2", "opsGenie2", func(url string) any {
				return &OpsGenie2Config{URL: url, APIKey: TextSecret("k"), RecoveryAction: "notes", Teams: []string{"t"}}
			}, &OpsGenie2{Recipients: []string{"r"}}, "/",
			map[string]string{"Authorization": "GenieKey k"},
			`{"alias":"Y3B1Omhvc3Q9YQ==","description":"` + strings.ReplaceAll(resultOfEvent, `"`, `\"`) + `","details":{"Kapacitor Task Name":"cpu","Level":"CRITICAL","Monitoring Tool":"Kapacitor","host":"a"},"entity":"cpu:host=a","message":"cpu:host=a is CRITICAL","note":"","priority":"P1","responders":[{"name":"t","type":"team"},{"type":"user","username":"r"}]}` + "\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, got := serve(t, nil)
			s := opened(t, c.kind, c.config(server.URL))
			require.NoError(t, send(t, s, c.options))
			r := <-got
			require.Equal(t, c.path, r.path)
			require.Equal(t, c.body, r.body)
			require.Equal(t, "application/json", r.header.Get("Content-Type"))
			for k, v := range c.header {
				require.Equal(t, v, r.header.Get(k))
			}
			broken, _ := serve(t, func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) })
			err := send(t, opened(t, c.kind, c.config(broken.URL)), c.options)
			require.ErrorContains(t, err, "502")
			require.False(t, permanent(err))
			refused, _ := serve(t, func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) })
			require.True(t, permanent(send(t, opened(t, c.kind, c.config(refused.URL)), c.options)))
		})
	}
}

func TestWorkspaces(t *testing.T) {
	server, got := serve(t, nil)
	a := &SlackConfig{Workspace: "a", URL: TextSecret(server.URL + "/a")}
	b := &SlackConfig{Workspace: "bee", URL: TextSecret(server.URL + "/b"), Default: true}
	s := opened(t, "slack", a, b)
	require.NoError(t, send(t, s, &Slack{Workspace: "a"}))
	require.Equal(t, "/a", (<-got).path)
	require.NoError(t, send(t, s, &Slack{}))
	require.Equal(t, "/b", (<-got).path)
	err := send(t, s, &Slack{Workspace: "bea"})
	require.True(t, permanent(err))
	require.ErrorContains(t, err, "did you mean bee?")
	b.Default = false
	require.True(t, permanent(send(t, s, &Slack{})))
	_, err = Lookup("slack").Open([]any{&SlackConfig{}})
	require.ErrorContains(t, err, "slack: url is missing")
	_, err = Lookup("telegram").Open([]any{&TelegramConfig{Token: TextSecret("x"), ParseMode: "rtf"}})
	require.ErrorContains(t, err, "parse mode")
}

func TestRecoveryDocuments(t *testing.T) {
	e := event()
	e.Level = alert.OK
	server, got := serve(t, nil)
	require.NoError(t, opened(t, "pagerDuty2", &PagerDuty2Config{URL: server.URL, RoutingKey: TextSecret("k")}).Send(t.Context(), e, &PagerDuty2{}))
	require.Contains(t, (<-got).body, `"event_action":"resolve"`)
	require.NoError(t, opened(t, "victorOps", &VictorOpsConfig{URL: server.URL, APIKey: TextSecret("k")}).Send(t.Context(), e, &VictorOps{}))
	require.Contains(t, (<-got).body, `"message_type":"RECOVERY"`)
	require.NoError(t, opened(t, "opsGenie2", &OpsGenie2Config{URL: server.URL, APIKey: TextSecret("k"), RecoveryAction: "notes"}).Send(t.Context(), e, &OpsGenie2{RecoveryAction: "close"}))
	r := <-got
	require.Equal(t, "/Y3B1Omhvc3Q9YQ==/close?identifierType=alias", r.path)
	require.Equal(t, `{"note":"cpu:host=a is CRITICAL"}`+"\n", r.body)
}
