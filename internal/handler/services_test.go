package handler

import (
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// quoted is resultOfEvent as a string of JSON.
var quoted = `"` + strings.ReplaceAll(resultOfEvent, `"`, `\"`) + `"`

// level sets the level of an event.
func level(l alert.Level) func(*alert.Event) {
	return func(e *alert.Event) { e.Level = l }
}

func config[C any](kind string, set func(c *C, url string)) func(url string) any {
	return func(url string) any {
		c := Lookup(kind).Config().(*C)
		set(c, url)
		return c
	}
}

// A service is an HTTP handler with settings, options and the request that it should make.
type service struct {
	name, kind string
	config     func(url string) any
	options    spec.Declarer
	change     func(*alert.Event)
	method     string // POST if unset
	path       string
	header     map[string]string
	body       string
}

var services = []service{
	{
		name: "talk", kind: "talk", config: config("talk", func(c *TalkConfig, url string) { c.URL, c.AuthorName = TextSecret(url+"/t"), "me" }),
		options: &Talk{}, path: "/t",
		body: `{"authorName":"me","text":"cpu:host=a is CRITICAL","title":"cpu:host=a"}` + "\n",
	},
	{
		name: "hipChat", kind: "hipChat", config: config("hipChat", func(c *HipChatConfig, url string) { c.URL, c.Room, c.Token = url+"/v2/room", "1", TextSecret("k") }),
		options: &HipChat{Room: "a b"}, path: "/v2/room/a%20b/notification?auth_token=k",
		body: `{"color":"red","from":"kapacitor","message":"cpu:host=a is CRITICAL","notify":true}` + "\n",
	},
	{
		name: "hipChat OK", kind: "hipChat", config: config("hipChat", func(c *HipChatConfig, url string) { c.URL, c.Room = url, "1" }),
		options: &HipChat{Token: "own"}, change: level(alert.OK), path: "/1/notification?auth_token=own",
		body: `{"color":"green","from":"kapacitor","message":"cpu:host=a is CRITICAL","notify":true}` + "\n",
	},
	{
		name: "pagerDuty", kind: "pagerDuty", config: config("pagerDuty", func(c *PagerDutyConfig, url string) {
			c.URL, c.ServiceKey, c.ClientURL = url+"/create", TextSecret("k"), "http://c"
		}),
		options: &PagerDuty{}, path: "/create",
		body: `{"client":"kapacitor","client_url":"http://c","description":"cpu:host=a is CRITICAL","details":"\u003cb\u003eD\u003c/b\u003e","event_type":"trigger","incident_key":"cpu:host=a","service_key":"k"}` + "\n",
	},
	{
		name: "pagerDuty OK", kind: "pagerDuty", config: config("pagerDuty", func(c *PagerDutyConfig, url string) { c.URL = url }),
		options: &PagerDuty{ServiceKey: "own"}, change: level(alert.OK), path: "/",
		body: `{"client":"kapacitor","client_url":"","description":"cpu:host=a is CRITICAL","details":"\u003cb\u003eD\u003c/b\u003e","event_type":"resolve","incident_key":"cpu:host=a","service_key":"own"}` + "\n",
	},
	{
		name: "opsGenie", kind: "opsGenie", config: config("opsGenie", func(c *OpsGenieConfig, url string) {
			c.URL, c.APIKey, c.Teams = url+"/alert", TextSecret("k"), []string{"t"}
		}),
		options: &OpsGenie{Recipients: []string{"r"}}, path: "/alert/",
		body: `{"alias":"cpu:host=a","apiKey":"k","description":` + quoted + `,"details":{"Level":"CRITICAL","Monitoring Tool":"Kapacitor"},"entity":"cpu:host=a","message":"cpu:host=a is CRITICAL","monitoring_tool":"kapacitor","note":"","recipients":["r"],"teams":["t"]}` + "\n",
	},
	{
		name: "opsGenie OK", kind: "opsGenie", config: config("opsGenie", func(c *OpsGenieConfig, url string) {
			c.URL, c.RecoveryURL, c.APIKey = "http://127.0.0.1:1/never", url+"/note/", TextSecret("k")
		}),
		options: &OpsGenie{}, change: level(alert.OK), path: "/note/",
		body: `{"alias":"cpu:host=a","apiKey":"k","description":` + quoted + `,"details":{"Level":"RECOVERY","Monitoring Tool":"Kapacitor"},"entity":"cpu:host=a","message":"cpu:host=a is CRITICAL","monitoring_tool":"kapacitor","note":"cpu:host=a is CRITICAL"}` + "\n",
	},
	{
		name: "pushover", kind: "pushover", config: config("pushover", func(c *PushoverConfig, url string) {
			c.URL, c.Token, c.UserKey = url+"/1/messages.json", TextSecret("tok"), TextSecret("u")
		}),
		options: &Pushover{Device: "d", Title: "t&", URL: "http://x", URLTitle: "ut", Sound: "s"}, path: "/1/messages.json",
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
		body:   "device=d&message=cpu%3Ahost%3Da+is+CRITICAL&priority=1&sound=s&title=t%26&token=tok&url=http%3A%2F%2Fx&url_title=ut&user=u",
	},
	{
		name: "pushover OK", kind: "pushover", config: config("pushover", func(c *PushoverConfig, url string) { c.URL, c.Token = url, TextSecret("tok") }),
		options: &Pushover{UserKey: "own"}, change: level(alert.OK), path: "/",
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
		body:   "message=cpu%3Ahost%3Da+is+CRITICAL&priority=-2&token=tok&user=own",
	},
	{
		name: "alerta", kind: "alerta", config: config("alerta", func(c *AlertaConfig, url string) {
			c.URL, c.Token, c.Environment, c.Origin = url+"/api/", TextSecret("tok"), "prod", "tigk"
		}),
		options: &Alerta{}, path: "/api/alert", header: map[string]string{"Authorization": "Bearer tok"},
		body: `{"correlate":["cpu"],"environment":"prod","event":"cpu:host=a","group":"host=a","origin":"tigk","rawData":` + resultOfEvent + `,"resource":"cpu","service":["cpu"],"severity":"critical","tags":["host=a"],"text":"cpu:host=a is CRITICAL","timeout":86400,"value":""}` + "\n",
	},
	{
		name: "alerta options", kind: "alerta", config: config("alerta", func(c *AlertaConfig, url string) { c.URL = url }),
		options: &Alerta{
			Token: "own", TokenPrefix: "Key", Resource: "r {{ .Name }}", Event: "e {{ .TaskName }}", Environment: "env", Group: "g", Value: `{{ index .Fields "value" }}`,
			Origin: "o", Service: []string{"s {{ .Name }}", "t"}, Correlate: []string{"c"}, Attributes: map[string]any{"n": 1, "t": "{{ .Level }}"}, Timeout: time.Hour,
		},
		change: func(e *alert.Event) { e.Level, e.Tags, e.Group = alert.Info, nil, "" },
		path:   "/alert", header: map[string]string{"Authorization": "Key own"},
		body: `{"attributes":{"n":1,"t":"INFO"},"correlate":["c"],"environment":"env","event":"e cpu_alert","group":"g","origin":"o","rawData":` + resultOfEvent + `,"resource":"r cpu","service":["s cpu","t"],"severity":"informational","tags":[],"text":"cpu:host=a is CRITICAL","timeout":3600,"value":"19.4"}` + "\n",
	},
	{
		name: "zenoss", kind: "zenoss", config: config("zenoss", func(c *ZenossConfig, url string) {
			c.URL, c.Username, c.Password = url+"/router", TextSecret("u"), TextSecret("p")
		}),
		options: &Zenoss{}, path: "/router", header: map[string]string{"Authorization": "Basic dTpw"},
		body: `{"action":"EventsRouter","method":"add_event","data":[{"collector":"Kapacitor","component":"","device":"","evclass":"","evclasskey":"","severity":"Critical","summary":"cpu:host=a is CRITICAL"}],"type":"rpc","tid":1}`,
	},
	{
		name: "zenoss options", kind: "zenoss", config: config("zenoss", func(c *ZenossConfig, url string) {
			c.URL, c.SeverityMap = url, map[string]any{"ok": int64(0), "Critical": int64(5)}
		}),
		options: &Zenoss{
			Action: "A", Method: "m", Type: "t", TID: 7, Collector: "c", Summary: strings.Repeat("s", 300), Device: "{{ .Name }}", Component: "{{ .TaskName }}",
			EventClassKey: "k", EventClass: "/App", Message: "{{ .ID }}", CustomFields: map[string]any{"a": "{{ .Level }}", "b": `["{{ .ID }}"]`, "c": `{x`, "n": 2, "summary": "no"},
		},
		path: "/",
		body: `{"action":"A","method":"m","data":[{"a":"CRITICAL","b":["cpu:host=a"],"c":"{x","collector":"c","component":"cpu_alert","device":"cpu","evclass":"/App","evclasskey":"k","message":"cpu:host=a","n":2,"severity":5,"summary":"` + strings.Repeat("s", 256) + `"}],"type":"t","tid":7}`,
	},
	{
		name: "serviceNow", kind: "serviceNow", config: config("serviceNow", func(c *ServiceNowConfig, url string) {
			c.URL, c.Source, c.Username, c.Password = url+"/em", "tigk", TextSecret("u"), TextSecret("p")
		}),
		options: &ServiceNow{}, path: "/em", header: map[string]string{"Authorization": "Basic dTpw"},
		body: `{"records":[{"source":"tigk","message_key":"cpu:host=a","severity":"1","description":"cpu:host=a is CRITICAL"}]}`,
	},
	{
		name: "serviceNow options", kind: "serviceNow", config: config("serviceNow", func(*ServiceNowConfig, string) {}),
		options: &ServiceNow{
			Source: "s", Node: `{{ index .Tags "host" }}`, Type: "{{ .Name }}", Resource: strings.Repeat("ä", 60), MetricName: "m", MessageKey: "{{ .TaskName }}",
			AdditionalInfo: map[string]any{"a": "{{ .ID }}", "n": 1.5},
		},
		change: level(alert.Warning), path: "/own",
		body: `{"records":[{"source":"s","node":"a","type":"cpu","resource":"` + strings.Repeat("ä", 50) + `","metric_name":"m","message_key":"cpu_alert","severity":"4","description":"cpu:host=a is CRITICAL","additional_info":"{\"a\":\"cpu:host=a\",\"n\":\"1.5\"}"}]}`,
	},
	{
		name: "bigPanda", kind: "bigPanda", config: config("bigPanda", func(c *BigPandaConfig, url string) {
			c.URL, c.AppKey, c.Token = url+"/alerts", "app", TextSecret("tok")
		}),
		options: &BigPanda{}, path: "/alerts", header: map[string]string{"Authorization": "Bearer tok"},
		body: `{"app_key":"app","check":"cpu:host=a","description":"cpu:host=a is CRITICAL","details":"\u003cb\u003eD\u003c/b\u003e","host":"a","i":"3","status":"critical","task":"cpu_alert:cpu","timestamp":1511323497,"value":"19.4"}`,
	},
	{
		name: "bigPanda options", kind: "bigPanda", config: config("bigPanda", func(c *BigPandaConfig, url string) {
			c.URL, c.Token, c.AutoAttributes = url, TextSecret("tok"), ""
		}),
		options: &BigPanda{AppKey: "own", Host: "h {{ .Name }}", PrimaryProperty: "host", SecondaryProperty: "check", Attributes: map[string]any{"x": "{{ .Level }}", "n": 2}},
		change:  func(e *alert.Event) { e.Level, e.Details = alert.Info, `{"a":1}` },
		path:    "/", header: map[string]string{"Authorization": "Bearer tok"},
		body: `{"app_key":"own","check":"cpu:host=a","description":"cpu:host=a is CRITICAL","host":"h cpu","n":"2","primary_property":"host","secondary_property":"check","status":"ok","task":"cpu_alert:cpu","timestamp":1511323497,"x":"INFO"}`,
	},
	{
		name: "alertmanager", kind: "alertmanager", config: config("alertmanager", func(c *AlertmanagerConfig, url string) {
			c.URL, c.Token, c.Labels = url+"/am/", TextSecret("tok"), map[string]string{"env": "prod"}
		}),
		options: &Alertmanager{Labels: map[string]string{"data-center": "{{ .Name }}1", "none": ""}, Annotations: map[string]string{"runbook": "http://r/{{ .TaskName }}"}},
		path:    "/am/api/v2/alerts", header: map[string]string{"Authorization": "Bearer tok"},
		body: `[{"labels":{"alert_id":"cpu:host=a","alertname":"cpu_alert","data_center":"cpu1","env":"prod","host":"a","severity":"critical"},"annotations":{"description":"\u003cb\u003eD\u003c/b\u003e","runbook":"http://r/cpu_alert","summary":"cpu:host=a is CRITICAL"},"startsAt":"2017-11-22T04:04:46Z","endsAt":"2017-11-23T04:04:57.995389341Z"}]` + "\n",
	},
	{
		name: "alertmanager from WARNING to CRITICAL", kind: "alertmanager", config: config("alertmanager", func(c *AlertmanagerConfig, url string) { c.URL = url }),
		options: &Alertmanager{AlertName: "A", Timeout: time.Second},
		change:  func(e *alert.Event) { e.Previous, e.Details, e.GroupTags, e.Duration = alert.Warning, "", nil, 0 },
		path:    "/api/v2/alerts",
		body: `[{"labels":{"alert_id":"cpu:host=a","alertname":"A","severity":"warning"},"annotations":{"summary":"cpu:host=a is CRITICAL"},"startsAt":"2017-11-22T04:04:57.995389341Z","endsAt":"2017-11-22T04:04:57.995389341Z"},` +
			`{"labels":{"alert_id":"cpu:host=a","alertname":"A","severity":"critical"},"annotations":{"summary":"cpu:host=a is CRITICAL"},"startsAt":"2017-11-22T04:04:57.995389341Z","endsAt":"2017-11-22T04:04:58.995389341Z"}]` + "\n",
	},
	{
		name: "alertmanager OK", kind: "alertmanager", config: config("alertmanager", func(c *AlertmanagerConfig, url string) {
			c.URL, c.Username, c.Password = url, TextSecret("u"), TextSecret("p")
		}),
		options: &Alertmanager{}, change: func(e *alert.Event) { e.Level, e.Previous, e.Details = alert.OK, alert.Critical, "" },
		path: "/api/v2/alerts", header: map[string]string{"Authorization": "Basic dTpw"},
		body: `[{"labels":{"alert_id":"cpu:host=a","alertname":"cpu_alert","host":"a","severity":"critical"},"annotations":{"summary":"cpu:host=a is CRITICAL"},"startsAt":"2017-11-22T04:04:46Z","endsAt":"2017-11-22T04:04:57.995389341Z"}]` + "\n",
	},
	{
		name: "ntfy", kind: "ntfy", config: config("ntfy", func(c *NtfyConfig, url string) { c.URL, c.Topic, c.Token = url, "ops", TextSecret("tok") }),
		options: &Ntfy{}, path: "/", header: map[string]string{"Authorization": "Bearer tok"},
		body: `{"topic":"ops","title":"CRITICAL: cpu:host=a","message":"cpu:host=a is CRITICAL","priority":5,"tags":["rotating_light"]}` + "\n",
	},
	{
		name: "ntfy options", kind: "ntfy", config: config("ntfy", func(c *NtfyConfig, url string) { c.URL, c.Username, c.Password = url, TextSecret("u"), TextSecret("p") }),
		options: &Ntfy{Topic: "own", Title: "{{ .TaskName }}", Priority: 1, Tags: []string{"a", "b"}, Click: "http://x/{{ .Name }}"},
		change:  level(alert.OK), path: "/", header: map[string]string{"Authorization": "Basic dTpw"},
		body: `{"topic":"own","title":"cpu_alert","message":"cpu:host=a is CRITICAL","priority":1,"tags":["a","b"],"click":"http://x/cpu"}` + "\n",
	},
	{
		name: "matrix", kind: "matrix", config: config("matrix", func(c *MatrixConfig, url string) {
			c.URL, c.Token, c.Room = url+"/", TextSecret("tok"), "!abc:example.org"
		}),
		options: &Matrix{}, method: http.MethodPut,
		path:   "/_matrix/client/v3/rooms/%21abc:example.org/send/m.room.message/d6bb065a3f166fbfd499002c07d476d1",
		header: map[string]string{"Authorization": "Bearer tok"},
		body:   `{"msgtype":"m.text","body":"cpu:host=a is CRITICAL"}` + "\n",
	},
	{
		name: "matrix options", kind: "matrix", config: config("matrix", func(c *MatrixConfig, url string) { c.URL, c.Token = url, TextSecret("tok") }),
		options: &Matrix{Room: "!a/b:x", SendDetails: true}, change: func(e *alert.Event) { e.EventID = "other" }, method: http.MethodPut,
		path: "/_matrix/client/v3/rooms/%21a%2Fb:x/send/m.room.message/d9298a10d1b0735837dc4bd85dac641b", header: map[string]string{"Authorization": "Bearer tok"},
		body: `{"msgtype":"m.text","body":"cpu:host=a is CRITICAL","format":"org.matrix.custom.html","formatted_body":"\u003cb\u003eD\u003c/b\u003e"}` + "\n",
	},
}

func TestServices(t *testing.T) {
	for _, c := range services {
		t.Run(c.name, func(t *testing.T) {
			server, got := serve(t, nil)
			if o, ok := c.options.(*ServiceNow); ok && c.path == "/own" {
				o.URL = server.URL + "/own"
			}
			s := opened(t, c.kind, c.config(server.URL))
			e := event()
			if c.change != nil {
				c.change(e)
			}
			require.NoError(t, s.Send(t.Context(), e, c.options))
			r := <-got
			require.Equal(t, or(c.method, http.MethodPost), r.method)
			require.Equal(t, c.path, r.path)
			require.Equal(t, c.body, r.body)
			header := map[string]string{"Content-Type": "application/json", "Authorization": "", "User-Agent": userAgent}
			for k, v := range c.header {
				header[k] = v
			}
			for k, v := range header {
				require.Equal(t, v, r.header.Get(k), k)
			}
		})
	}
}

// TestServiceLevels wants each level as the services call it.
func TestServiceLevels(t *testing.T) {
	for _, c := range []struct {
		kind    string
		config  func(url string) any
		options spec.Declarer
		want    [4]string // of OK, INFO, WARNING, CRITICAL
	}{
		{"hipChat", services[1].config, &HipChat{}, [4]string{`"green"`, `"green"`, `"yellow"`, `"red"`}},
		{"pushover", services[7].config, &Pushover{}, [4]string{"priority=-2", "priority=-1", "priority=0", "priority=1"}},
		{"alerta", services[9].config, &Alerta{}, [4]string{`"ok"`, `"informational"`, `"warning"`, `"critical"`}},
		{"zenoss", services[11].config, &Zenoss{}, [4]string{`"Clear"`, `"Info"`, `"Warning"`, `"Critical"`}},
		{"serviceNow", services[13].config, &ServiceNow{}, [4]string{`"severity":"5"`, `"severity":"5"`, `"severity":"4"`, `"severity":"1"`}},
		{"bigPanda", services[15].config, &BigPanda{}, [4]string{`"status":"ok"`, `"status":"ok"`, `"status":"warning"`, `"status":"critical"`}},
		{"ntfy", services[20].config, &Ntfy{}, [4]string{`"priority":3`, `"priority":2`, `"priority":4`, `"priority":5`}},
	} {
		server, got := serve(t, nil)
		s := opened(t, c.kind, c.config(server.URL))
		for l, want := range c.want {
			e := event()
			e.Level = alert.Level(l)
			require.NoError(t, s.Send(t.Context(), e, c.options))
			require.Contains(t, (<-got).body, want, c.kind)
		}
	}
}

// TestServiceRefusals are deliveries that can never be made.
func TestServiceRefusals(t *testing.T) {
	for want, c := range map[string]struct {
		kind    string
		config  any
		options spec.Declarer
		change  func(*alert.Event)
	}{
		"level INFO are not sent":  {"pagerDuty", &PagerDutyConfig{URL: "http://x", ServiceKey: TextSecret("k")}, &PagerDuty{}, level(alert.Info)},
		"service_key is missing":   {"pagerDuty", &PagerDutyConfig{URL: "http://x"}, &PagerDuty{}, nil},
		"room is missing":          {"hipChat", &HipChatConfig{URL: "http://x"}, &HipChat{}, nil},
		"user_key is missing":      {"pushover", &PushoverConfig{URL: "http://x", Token: TextSecret("k")}, &Pushover{}, nil},
		"resource is missing":      {"alerta", &AlertaConfig{URL: "http://x"}, &Alerta{}, func(e *alert.Event) { e.Name = "" }},
		"event is missing":         {"alerta", &AlertaConfig{URL: "http://x"}, &Alerta{Event: "{{ .Category }}"}, nil},
		"Nope":                     {"alerta", &AlertaConfig{URL: "http://x"}, &Alerta{Value: "{{ .Nope }}"}, nil},
		"app_key is missing":       {"bigPanda", &BigPandaConfig{URL: "http://x", Token: TextSecret("k")}, &BigPanda{}, nil},
		"can't evaluate":           {"zenoss", &ZenossConfig{URL: "http://x"}, &Zenoss{Device: "{{ .Nope }}"}, nil},
		"topic is missing":         {"ntfy", &NtfyConfig{URL: "http://x"}, &Ntfy{}, nil},
		"matrix: room is missing":  {"matrix", &MatrixConfig{URL: "http://x", Token: TextSecret("k")}, &Matrix{}, nil},
		"want a URL like http://h": {"serviceNow", &ServiceNowConfig{URL: "x"}, &ServiceNow{}, nil},
	} {
		e := event()
		if c.change != nil {
			c.change(e)
		}
		err := opened(t, c.kind, c.config).Send(t.Context(), e, c.options)
		require.ErrorContains(t, err, want)
		require.True(t, permanent(err), want)
	}
}

// TestServiceConfigErrors are configurations that Open refuses.
func TestServiceConfigErrors(t *testing.T) {
	for want, c := range map[string]struct {
		kind   string
		config any
	}{
		"talk: url is missing":             {"talk", &TalkConfig{}},
		"hipChat: url is missing":          {"hipChat", &HipChatConfig{}},
		"pagerDuty: url is missing":        {"pagerDuty", &PagerDutyConfig{}},
		"opsGenie: api_key is missing":     {"opsGenie", &OpsGenieConfig{}},
		"pushover: token is missing":       {"pushover", &PushoverConfig{}},
		"alerta: url is missing":           {"alerta", &AlertaConfig{}},
		"zenoss: url is missing":           {"zenoss", &ZenossConfig{}},
		`severity_map: "x" is no level`:    {"zenoss", &ZenossConfig{URL: "http://x", SeverityMap: map[string]any{"x": "y"}}},
		"severity_map: OK: want a text":    {"zenoss", &ZenossConfig{URL: "http://x", SeverityMap: map[string]any{"OK": true}}},
		"serviceNow: url is missing":       {"serviceNow", &ServiceNowConfig{}},
		"bigPanda: token is missing":       {"bigPanda", &BigPandaConfig{}},
		"auto_attributes: want tags":       {"bigPanda", &BigPandaConfig{AutoAttributes: "tgas"}},
		"alertmanager: url is missing":     {"alertmanager", &AlertmanagerConfig{}},
		"ntfy: url is missing":             {"ntfy", &NtfyConfig{}},
		"matrix: token is missing":         {"matrix", &MatrixConfig{}},
		"want the ID of a room":            {"matrix", &MatrixConfig{Token: TextSecret("k"), Room: "#a:b"}},
		"slack: more than one workspace":   {"slack", nil},
		`discord: workspace "" stands th`:  {"discord", nil},
		"alerta: tls_cert and tls_key go ": {"alerta", &AlertaConfig{URL: "http://x", HTTP: func() (h HTTP) { h.Cert = "/x"; return h }()}},
	} {
		configs := []any{c.config}
		switch {
		case c.config == nil && c.kind == "slack":
			u := TextSecret("http://x")
			configs = []any{&SlackConfig{Workspace: "a", URL: u, Default: true}, &SlackConfig{Workspace: "b", URL: u, Default: true}}
		case c.config == nil:
			u := TextSecret("http://x")
			configs = []any{&DiscordConfig{URL: u}, &DiscordConfig{URL: u}}
		}
		_, err := Lookup(c.kind).Open(configs)
		require.ErrorContains(t, err, want)
	}
}

// TestServiceTemplates wants every template of a script to be checked when the script is loaded.
func TestServiceTemplates(t *testing.T) {
	for kind, props := range map[string][]string{
		"alerta":     {"resource", "event", "environment", "group", "value", "services", "correlated", "attribute"},
		"zenoss":     {"collector", "summary", "device", "component", "eventClassKey", "eventClass", "message", "customField"},
		"serviceNow": {"source", "node", "type", "resource", "metricName", "messageKey", "additionalInfo"},
		"bigPanda":   {"host", "attribute"}, "sensu": {"source"}, "mqtt": {"topic"}, "kafka": {"template"},
		"alertmanager": {"alertname", "label", "annotation"}, "ntfy": {"title", "click"}, "pagerDuty2": {"link"},
	} {
		for _, prop := range props {
			s := spec.Of(kind, spec.NewHandler(kind))
			args := []spec.Arg{str("{{ .ID ")}
			if err := s.Set(prop, args); err != nil {
				require.NoError(t, s.Set(prop, append([]spec.Arg{str("name")}, args...)), prop)
			}
			require.ErrorContains(t, s.Validate(), "unclosed action", kind+" "+prop)
		}
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want string
	}{{"abc", 3, "abc"}, {"abcd", 3, "abc"}, {"aä", 2, "a"}, {"ä", 1, ""}, {"", 0, ""}, {"\x80\x80", 1, ""}} {
		require.Equal(t, c.want, cut(c.text, c.n))
	}
	require.Equal(t, "2.5", textOf(2.5))
	require.Equal(t, "x", textOf("x"))
	require.Empty(t, textOf(math.Inf(1)))
	require.Equal(t, "_ab_9", labelName("1ab-9"))
}

// TestFieldsWithoutJSON wants numbers that JSON does not have not to lose the alert.
func TestFieldsWithoutJSON(t *testing.T) {
	server, got := serve(t, nil)
	e := event()
	e.Fields = []point.Field{{Key: "f", Value: point.FloatValue(math.NaN())}}
	require.NoError(t, opened(t, "bigPanda", &BigPandaConfig{URL: server.URL, AppKey: "k", Token: TextSecret("t"), AutoAttributes: "fields"}).Send(t.Context(), e, &BigPanda{}))
	require.True(t, json.Valid([]byte((<-got).body)))
}
