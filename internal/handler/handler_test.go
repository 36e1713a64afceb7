package handler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

func event() *alert.Event {
	return &alert.Event{
		EventID: "cpu/alert2/7", ID: "cpu:host=a", Message: "cpu:host=a is CRITICAL", Details: "<b>D</b>",
		Time: 1511323497995389341, Duration: 11995389341, Level: alert.Critical, Previous: alert.OK, Recoverable: true,
		Name: "cpu", Task: "cpu_alert", Node: "alert2", Group: "host=a",
		Tags: []point.Tag{{Key: "host", Value: "a"}}, GroupTags: []point.Tag{{Key: "host", Value: "a"}},
		Fields: []point.Field{{Key: "i", Value: point.IntValue(3)}, {Key: "value", Value: point.FloatValue(19.4)}},
		Data:   []byte(`{"series":[{"name":"cpu","tags":{"host":"a"},"columns":["time","i","value"],"values":[["2017-11-22T04:04:57.995389341Z",3,19.4]]}]}`),
	}
}

// bodyOf is the alert data of event.
const bodyOf = `{"id":"cpu:host=a","message":"cpu:host=a is CRITICAL","details":"\u003cb\u003eD\u003c/b\u003e","time":"2017-11-22T04:04:57.995389341Z","duration":11995389341,"level":"CRITICAL","data":{"series":[{"name":"cpu","tags":{"host":"a"},"columns":["time","i","value"],"values":[["2017-11-22T04:04:57.995389341Z",3,19.4]]}]},"previousLevel":"OK","recoverable":true}` + "\n"

// opened returns the sender of a kind with these configurations.
func opened(t *testing.T, kind string, configs ...any) Sender {
	t.Helper()
	s, err := Lookup(kind).Open(configs)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func send(t *testing.T, s Sender, o spec.Declarer) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return s.Send(ctx, event(), o)
}

func permanent(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Permanent
}

func TestBody(t *testing.T) {
	require.Equal(t, bodyOf, string(Body(event())))
	e := event()
	e.Data, e.Time = nil, 1511323497500000000
	require.Contains(t, string(Body(e)), `"time":"2017-11-22T04:04:57.5Z","duration":11995389341,"level":"CRITICAL","data":{"series":null},`)
	e.Data = []byte("{")
	require.Contains(t, string(Body(e)), `"data":{"series":null},`, "broken data must not lose the alert")
}

func TestTemplateData(t *testing.T) {
	for text, want := range map[string]string{
		`{{ .ID }} {{ .Level }} {{ .PreviousLevel }} {{ .Duration }}`:              "cpu:host=a CRITICAL OK 11.995389341s",
		`{{ with index .Data.Series 0 }}{{ .Name }}{{ index .Values 0 }}{{ end }}`: "cpu[2017-11-22 04:04:57.995389341 +0000 UTC 3 19.4]",
		`{{ json . }}`: bodyOf,
	} {
		got, err := render("t", text, alertDataOf(event()))
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	got, err := render("t", `{{ .TaskName }}/{{ .Name }}/{{ index .Tags "host" }}/{{ index .Fields "i" }}/{{ .Group }}`, eventDataOf(event()))
	require.NoError(t, err)
	require.Equal(t, "cpu_alert/cpu/a/3/host=a", got)
	_, err = render("t", `{{ .Nope }}`, eventDataOf(event()))
	require.True(t, permanent(err))
}

func str(text string) spec.Arg { return spec.ValueArg(point.StringValue(text), syntax.Pos{}) }
func num(n int64) spec.Arg     { return spec.ValueArg(point.IntValue(n), syntax.Pos{}) }

// TestDeclarations sets properties as a script does and reads the options as the receiving end does.
func TestDeclarations(t *testing.T) {
	type call struct {
		name string
		args []spec.Arg
	}
	yes := spec.ValueArg(point.BoolValue(true), syntax.Pos{})
	ten := spec.ValueArg(point.DurationValue(10*time.Second), syntax.Pos{})
	for _, c := range []struct {
		kind  string
		args  []spec.Arg
		calls []call
		want  string
	}{
		{"log", []spec.Arg{str("/x.log")}, []call{{"mode", []spec.Arg{num(0o644)}}}, `{"path":"/x.log","mode":420}`},
		{
			"post",
			[]spec.Arg{str("http://a"), str("http://b")},
			[]call{{"header", []spec.Arg{str("X"), str("y")}}, {"captureResponse", nil}, {"timeout", []spec.Arg{ten}}, {"skipSSLVerification", nil}},
			`{"url":"http://a","headers":{"X":"y"},"capture-response":true,"timeout":10000000000,"skip-ssl-verification":true}`,
		},
		{"post", nil, []call{{"endpoint", []spec.Arg{str("e")}}}, `{"endpoint":"e"}`},
		{"tcp", []spec.Arg{str("h:1")}, nil, `{"address":"h:1"}`},
		{"exec", []spec.Arg{str("/bin/x"), str("-a"), str("b")}, nil, `{"prog":"/bin/x","args":["-a","b"]}`},
		{"email", []spec.Arg{str("a@x")}, []call{{"to", []spec.Arg{str("b@x"), str("c@x")}}, {"toTemplates", []spec.Arg{str("{{ .Name }}@x")}}}, `{"to":["a@x","b@x","c@x"],"to-templates":["{{ .Name }}@x"]}`},
		{"slack", nil, []call{{"workspace", []spec.Arg{str("w")}}, {"channel", []spec.Arg{str("#c")}}, {"username", []spec.Arg{str("u")}}, {"iconEmoji", []spec.Arg{str("e")}}}, `{"workspace":"w","channel":"#c","username":"u","icon-emoji":"e"}`},
		{"pagerDuty", nil, []call{{"serviceKey", []spec.Arg{str("k")}}}, `{"service-key":"k"}`},
		{"pagerDuty2", nil, []call{{"serviceKey", []spec.Arg{str("k")}}, {"link", []spec.Arg{str("h")}}, {"link", []spec.Arg{str("h"), str("t")}}}, `{"routing-key":"k","links":[{"href":"h"},{"href":"h","text":"t"}]}`},
		{"opsGenie", nil, []call{{"teams", []spec.Arg{str("a"), str("b")}}, {"recipients", []spec.Arg{str("c")}}}, `{"teams":["a","b"],"recipients":["c"]}`},
		{"opsGenie2", nil, []call{{"recoveryAction", []spec.Arg{str("close")}}, {"details", nil}}, `{"recovery_action":"close","details":true}`},
		{"victorOps", nil, []call{{"routingKey", []spec.Arg{str("r")}}}, `{"routing-key":"r"}`},
		{"telegram", nil, []call{{"chatId", []spec.Arg{str("1")}}, {"parseMode", []spec.Arg{str("HTML")}}, {"disableWebPagePreview", nil}, {"disableNotification", nil}}, `{"chat-id":"1","parse-mode":"HTML","disable-web-page-preview":true,"disable-notification":true}`},
		{"teams", nil, []call{{"channelURL", []spec.Arg{str("u")}}}, `{"channel-url":"u"}`},
		{"discord", nil, []call{{"avatarURL", []spec.Arg{str("u")}}, {"embedTitle", []spec.Arg{str("t")}}}, `{"avatar-url":"u","embed-title":"t"}`},
		{
			"alerta", nil,
			[]call{{"token", []spec.Arg{str("t")}}, {"services", []spec.Arg{str("a"), str("b")}}, {"correlated", []spec.Arg{str("c")}}, {"attribute", []spec.Arg{str("k"), num(1)}}, {"timeout", []spec.Arg{ten}}},
			`{"token":"t","service":["a","b"],"correlate":["c"],"attributes":{"k":1},"timeout":10000000000}`,
		},
		{"sensu", nil, []call{{"handlers", []spec.Arg{str("a")}}, {"metadata", []spec.Arg{str("k"), yes}}}, `{"handlers":["a"],"metadata":{"k":true}}`},
		{"pushover", nil, []call{{"URL", []spec.Arg{str("u")}}, {"URLTitle", []spec.Arg{str("t")}}, {"userKey", []spec.Arg{str("k")}}}, `{"user-key":"k","url":"u","url-title":"t"}`},
		{"snmpTrap", []spec.Arg{str("1.1")}, []call{{"data", []spec.Arg{str("1.2"), str("i"), str("3")}}}, `{"trap-oid":"1.1","data-list":[{"oid":"1.2","type":"i","value":"3"}]}`},
		{"mqtt", []spec.Arg{str("t")}, []call{{"topic", []spec.Arg{str("u")}}, {"qos", []spec.Arg{num(1)}}, {"retained", []spec.Arg{yes}}}, `{"topic":"u","qos":1,"retained":true}`},
		{"kafka", nil, []call{{"cluster", []spec.Arg{str("c")}}, {"kafkaTopic", []spec.Arg{str("t")}}, {"disablePartitionById", nil}, {"partitionHashAlgorithm", []spec.Arg{str("murmur2")}}}, `{"cluster":"c","topic":"t","disablePartitionById":true,"partitionAlgorithm":"murmur2"}`},
		{"zenoss", nil, []call{{"message", []spec.Arg{str("m")}}, {"tid", []spec.Arg{num(2)}}, {"customField", []spec.Arg{str("k"), str("v")}}, {"URL", []spec.Arg{str("u")}}}, `{"tid":2,"message":"m","customField":{"k":"v"}}`},
		{"serviceNow", nil, []call{{"URL", []spec.Arg{str("u")}}, {"additionalInfo", []spec.Arg{str("k"), num(1)}}, {"password", []spec.Arg{str("p")}}}, `{"url":"u","additional_info":{"k":1}}`},
		{"bigPanda", nil, []call{{"appKey", []spec.Arg{str("k")}}, {"attribute", []spec.Arg{str("a"), str("b")}}}, `{"app-key":"k","attributes":{"a":"b"}}`},
		{"hipChat", nil, []call{{"room", []spec.Arg{str("r")}}, {"token", []spec.Arg{str("t")}}}, `{"room":"r","token":"t"}`},
		{"talk", nil, nil, `{}`},
		{"alertmanager", nil, []call{{"alertname", []spec.Arg{str("n")}}, {"label", []spec.Arg{str("a"), str("b")}}, {"annotation", []spec.Arg{str("c"), str("d")}}, {"timeout", []spec.Arg{ten}}}, `{"alertname":"n","labels":{"a":"b"},"annotations":{"c":"d"},"timeout":10000000000}`},
		{"ntfy", nil, []call{{"ntfyTopic", []spec.Arg{str("t")}}, {"title", []spec.Arg{str("x")}}, {"priority", []spec.Arg{num(4)}}, {"tags", []spec.Arg{str("a"), str("b")}}, {"click", []spec.Arg{str("u")}}}, `{"topic":"t","title":"x","priority":4,"tags":["a","b"],"click":"u"}`},
		{"matrix", nil, []call{{"room", []spec.Arg{str("!r:x")}}, {"sendDetails", nil}}, `{"room":"!r:x","send-details":true}`},
	} {
		t.Run(c.kind, func(t *testing.T) {
			o := spec.NewHandler(c.kind)
			require.NotNil(t, o)
			s := spec.Of(c.kind, o)
			require.NotEmpty(t, s.Text)
			require.NoError(t, s.SetArgs(c.args))
			for _, call := range c.calls {
				require.NoError(t, s.Set(call.name, call.args), call.name)
			}
			require.NoError(t, s.Validate())
			text, err := json.Marshal(o)
			require.NoError(t, err)
			require.JSONEq(t, c.want, string(text))
			back, err := Lookup(c.kind).DecodeOptions(text)
			require.NoError(t, err)
			again, err := json.Marshal(back)
			require.NoError(t, err)
			require.JSONEq(t, c.want, string(again))
		})
	}
}

func TestDeclarationErrors(t *testing.T) {
	for _, c := range []struct {
		kind string
		args []spec.Arg
		prop string
		prm  []spec.Arg
		want string
	}{
		{"log", []spec.Arg{str("x.log")}, "", nil, "path must be absolute"},
		{"log", nil, "", nil, "want string path, got none"},
		{"post", nil, "", nil, "want a URL or an endpoint"},
		{"post", []spec.Arg{str("http://{{ .ID ")}, "", nil, "unclosed action"},
		{"post", []spec.Arg{str("http://a")}, "header", []spec.Arg{str("AUTHENTICATE"), str("x")}, "cannot set 'authenticate' header"},
		{"snmpTrap", []spec.Arg{str("")}, "", nil, "OID of the trap is empty"},
		{"snmpTrap", []spec.Arg{str("1")}, "data", []spec.Arg{str("1"), str("x"), str("1")}, `got "x"`},
		{"pagerDuty2", nil, "link", nil, "want href"},
		{"email", nil, "toTemplates", []spec.Arg{str("{{ nope }}")}, `function "nope" not defined`},
		{"mqtt", nil, "qos", []spec.Arg{num(3)}, "want 0, 1 or 2, got 3"},
		{"ntfy", nil, "priority", []spec.Arg{num(6)}, "priority must be 1 to 5, got 6"},
		{"matrix", nil, "room", []spec.Arg{str("#ops:x")}, "want the ID of a room"},
		{"kafka", nil, "partitionHashAlgorithm", []spec.Arg{str("md5")}, "want crc32"},
		{"pushover", nil, "url", []spec.Arg{str("x")}, "no property url; did you mean URL?"},
	} {
		s := spec.Of(c.kind, spec.NewHandler(c.kind))
		err := s.SetArgs(c.args)
		if err == nil && c.prop != "" {
			err = s.Set(c.prop, c.prm)
		}
		if err == nil {
			err = s.Validate()
		}
		require.ErrorContains(t, err, c.want, c.kind)
	}
}

func TestDecodeOptions(t *testing.T) {
	k := Lookup("SMTP")
	require.Equal(t, "email", k.Name)
	_, err := k.DecodeOptions(json.RawMessage(`{"bogus":1}`))
	require.ErrorContains(t, err, `unknown field "bogus"`)
	_, err = k.DecodeOptions(json.RawMessage(`{} {}`))
	require.Error(t, err)
	o, err := k.DecodeOptions(nil)
	require.NoError(t, err)
	require.Equal(t, &Email{}, o)
	require.ErrorContains(t, ErrUnknown("slak"), "did you mean slack?")
	require.True(t, permanent(ErrUnknown("x")))
}

func TestSecret(t *testing.T) {
	s := TextSecret("hunter2")
	text, err := s.Get()
	require.NoError(t, err)
	require.Equal(t, "hunter2", text)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		require.NotContains(t, fmt.Sprintf(format, struct{ S Secret }{s}), "hunter2", format)
	}
	b, err := json.Marshal(struct{ S Secret }{s})
	require.NoError(t, err)
	require.NotContains(t, string(b), "hunter2")
	require.True(t, Secret{}.Empty())
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-3": 0, "x": 0, "99999999999": time.Hour, "999999": time.Hour,
		"Fri, 02 Jan 2026 03:04:15 GMT": 10 * time.Second, "Fri, 02 Jan 2026 03:04:00 GMT": 0,
	} {
		require.Equal(t, want, retryAfter(text, now), text)
	}
}
