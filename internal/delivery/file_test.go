package delivery

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/filewatch"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
)

func TestHandlerFile(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want TopicHandler
	}{
		"slack.yaml": {`
id: my-id
topic: cpu
kind: slack
match: changed() == TRUE
options:
  channel: '#alerts'
  icon-emoji: ':x:'
`, TopicHandler{ID: "my-id", Topic: "cpu", Kind: "slack", Match: "changed() == TRUE", options: &handler.Slack{Channel: "#alerts", IconEmoji: ":x:"}}},
		"a.log.json": {
			"{\n\t\"topic\": \"c\\u00fcpu:x\", \"kind\": \"log\", \"match\": \"\",\n\t\"options\": {\"path\": \"/a/\\\"b\", \"mode\": 420}}",
			TopicHandler{ID: "a.log", Topic: "cüpu:x", Kind: "log", options: &handler.Log{Path: `/a/"b`, Mode: 0o644}},
		},
		"octal.yml": {"topic: c\nkind: log\noptions: {path: /x, mode: 0644}", TopicHandler{ID: "octal", Topic: "c", Kind: "log", options: &handler.Log{Path: "/x", Mode: 0o644}}},
		"post.yaml": {
			"topic: c\nkind: post\noptions:\n  url: http://x\n  headers: {A: b}\n  capture-response: true\n  timeout: 10000000000\n  skip-ssl-verification: true",
			TopicHandler{ID: "post", Topic: "c", Kind: "post", options: &handler.Post{URL: "http://x", Headers: map[string]string{"A": "b"}, CaptureResponse: true, Timeout: 10e9, SkipSSLVerification: true}},
		},
		"text.yaml":     {"topic: c\nkind: post\noptions:\n  url: http://x\n  TIMEOUT: 1m30s", TopicHandler{ID: "text", Topic: "c", Kind: "post", options: &handler.Post{URL: "http://x", Timeout: 90e9}}},
		"smtp.yaml":     {"topic: c\nkind: smtp\noptions:\n  to: [a@b]\n  to-field: ['{{ .Tags.o }}']", TopicHandler{ID: "smtp", Topic: "c", Kind: "smtp", options: &handler.Email{To: []string{"a@b"}, ToTemplates: []string{"{{ .Tags.o }}"}}}},
		"genie.yaml":    {"topic: c\nkind: opsgenie\noptions:\n  teams-list: [a]\n  recipients-list: [b]", TopicHandler{ID: "genie", Topic: "c", Kind: "opsgenie", options: &handler.OpsGenie{Teams: []string{"a"}, Recipients: []string{"b"}}}},
		"genie2.yaml":   {"topic: c\nkind: opsgenie2\noptions:\n  teams-list: [a]\n  recovery_action: close", TopicHandler{ID: "genie2", Topic: "c", Kind: "opsgenie2", options: &handler.OpsGenie2{Teams: []string{"a"}, RecoveryAction: "close"}}},
		"mqtt.yaml":     {"topic: c\nkind: mqtt\noptions:\n  topic: t\n  qos: exactly-one\n  retained: true", TopicHandler{ID: "mqtt", Topic: "c", Kind: "mqtt", options: &handler.MQTT{Topic: "t", QoS: 2, Retained: true}}},
		"snmp.yaml":     {"topic: c\nkind: snmptrap\noptions:\n  trap-oid: 1.3.6\n  data-list:\n  - {oid: 1.3.7, type: s, value: '{{.ID}}'}", TopicHandler{ID: "snmp", Topic: "c", Kind: "snmptrap", options: &handler.SNMPTrap{OID: "1.3.6", Data: []handler.TrapData{{OID: "1.3.7", Type: "s", Value: "{{.ID}}"}}}}},
		"pd2.json":      {`{"topic":"c","kind":"pagerduty2","options":{"routing-key":"k","links":[{"href":"h","text":"t"}]}}`, TopicHandler{ID: "pd2", Topic: "c", Kind: "pagerduty2", options: &handler.PagerDuty2{RoutingKey: "k", Links: []handler.Link{{Href: "h", Text: "t"}}}}},
		"snow.yaml":     {"topic: c\nkind: servicenow\noptions:\n  username: u\n  password: p\n  node: n\n  additional_info: {a: b, c: 1}", TopicHandler{ID: "snow", Topic: "c", Kind: "servicenow", options: &handler.ServiceNow{Node: "n", AdditionalInfo: map[string]any{"a": "b", "c": 1.0}}}},
		"publish.yaml":  {"topic: c\nkind: publish\noptions: {topics: [a, b]}", TopicHandler{ID: "publish", Topic: "c", Kind: "publish", options: &publishOptions{Topics: []string{"a", "b"}}}},
		"aggr.yaml":     {"topic: c\nkind: aggregate\noptions: {id: x, interval: 300000000000, topic: d}", TopicHandler{ID: "aggr", Topic: "c", Kind: "aggregate", options: &aggregateOptions{ID: "x", Interval: 300e9, Topic: "d"}}},
		"aliases.yaml":  {"topic: &t c\nid: *t\nkind: talk\noptions:", TopicHandler{ID: "c", Topic: "c", Kind: "talk", options: &handler.Talk{}}},
		"comments.yaml": {"# a\n---\n# b\ntopic: c\nkind: talk\n...\n", TopicHandler{ID: "comments", Topic: "c", Kind: "talk", options: &handler.Talk{}}},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := readHandlers(name, []byte(c.text))
			require.NoError(t, err)
			require.Len(t, list, 1)
			h := list[0]
			require.Equal(t, c.want, TopicHandler{ID: h.ID, Topic: h.Topic, Kind: h.Kind, Match: h.Match, options: h.options})
		})
	}
	list, err := readHandlers("two.yaml", []byte("topic: a\nid: x\nkind: talk\n---\ntopic: b\nid: x\nkind: talk\n"))
	require.NoError(t, err)
	require.Len(t, list, 2)
}

func TestHandlerFileErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "f.yaml:1:1: no handler: want topic, id, kind and options",
		"- a":                               "f.yaml:1:1: want keys with values, got a list",
		"topic: [a]":                        "f.yaml:1:8: topic: want text, got a list",
		"kind: talk":                        "f.yaml:1:1: topic is missing",
		"topic: a\noptions: {}":             "f.yaml:1:1: kind is missing",
		"topic: a\ntopc: b":                 `f.yaml:2:1: unknown key "topc"; did you mean topic?`,
		"topic: a\nTopic: b":                "f.yaml:2:1: topic stands there twice",
		"topic: a\nkind: slck":              `f.yaml:2:7: unknown handler "slck"; did you mean slack?`,
		"topic: a\nkind: slack\noptions: 5": "f.yaml:3:10: want keys with values, got a number",
		"topic: a\nkind: slack\noptions:\n  chanel: x":                       `f.yaml:4:3: slack: unknown option "chanel"; did you mean channel?`,
		"topic: a\nkind: slack\noptions:\n  channel: 5":                      "f.yaml:4:12: slack: channel: want text, got a number",
		"topic: a\nkind: slack\noptions:\n  channel: [x]":                    "f.yaml:4:12: slack: channel: want text, got a list",
		"topic: a\nkind: smtp\noptions:\n  to: x":                            "f.yaml:4:7: email: to: want a list, got text",
		"topic: a\nkind: smtp\noptions:\n  to: [1]":                          "f.yaml:4:7: email: to: want text, got a number",
		"topic: a\nkind: post\noptions:\n  url: http://x\n  timeout: 10q":    `f.yaml:5:12: post: timeout: want a duration like 10s, got "10q"`,
		"topic: a\nkind: post\noptions:\n  url: http://x\n  timeout: 1.5":    `f.yaml:5:12: post: timeout: want a duration like 10s, got a number`,
		"topic: a\nkind: post\noptions:\n  capture-response: x":              "f.yaml:4:21: post: capture-response: want true or false, got text",
		"topic: a\nkind: post\noptions: {}":                                  "f.yaml:3:10: options: post: want a URL or an endpoint",
		"topic: a\nkind: post\noptions:\n  url: 'http://{{'":                 "f.yaml:4:3: options: ",
		"topic: a\nkind: mqtt\noptions:\n  topic: a\n  qos: often":           "f.yaml:5:8: mqtt: qos: ",
		"topic: a\nkind: pagerduty2\noptions:\n  links: [{hrf: x}]":          `f.yaml:4:10: pagerDuty2: links: unknown field "hrf"`,
		"topic: a b\nkind: talk":                                             `f.yaml:1:8: topic "a b": want letters, digits and -_.: only`,
		"topic: a\nid: b/c\nkind: talk":                                      `f.yaml:2:5: id "b/c": want letters, digits and -_. only`,
		"topic: a\nkind: talk\nmatch: level() >= CRIT":                       "f.yaml:3:19: match: unknown name CRIT; levels are OK, INFO, WARNING and CRITICAL",
		"topic: a\nkind: talk\nmatch: 'lvl() >= CRITICAL'":                   "f.yaml:3:9: match: there is no function lvl",
		"topic: a\nkind: talk\nmatch: |\n  level() >= CRITICAL AND\n    x()": "f.yaml:5:8: match: there is no function x",
		"topic: a\nkind: talk\nmatch: level() > 'x'":                         "f.yaml:3:",
		"topic: a\nkind: talk\nmatch: level()":                               "f.yaml:3:8: match: the result is int, not boolean",
		"topic: a\nkind: talk\nmatch: level() >=":                            "f.yaml:3:",
		"topic: a\n\tkind: talk":                                             "f.yaml:2:2: found a tab character that violates indentation",
		"topic: a\nkind: 'talk":                                              "f.yaml:2:1: found unexpected end of stream",
		"topic: \xff":                                                        "f.yaml:1:",
		"topic: a\nkind: aggregate\noptions: {id: x, interval: 10s}":         `f.yaml:3:10: options: topic "": want letters`,
	} {
		_, err := readHandlers("f.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %v", text, err, want)
			continue
		}
		require.NotContains(t, err.Error(), "\n")
	}
	for text, want := range map[string]string{
		``:                     "f.json:1:1: the file ends in the midst of it",
		"{\n \"topic\": ":      "f.json:2:11: the file ends in the midst of it",
		"{\n \"topic\" \"a\"}": "f.json:2:10: invalid character '\"' after object key",
		`{"topic": "a"} 5`:     "more than one value",
		`[1]`:                  "f.json:1:1: want keys with values, got a list",
		"{\"topic\": \"a\",\n  \"kind\": \"slack\", \"options\": {\"chanel\": \"x\"}}": `f.json:2:32: slack: unknown option "chanel"; did you mean channel?`,
		"{\"topic\": \"a\",\n  \"kind\": \"slack\", \"options\": {\"channel\": 5}}":    `f.json:2:43: slack: channel: want text, got a number`,
		strings.Repeat("[", 1000): "too deep",
	} {
		_, err := readHandlers("f.json", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %v", text, err, want)
			continue
		}
	}
	_, err := readHandlers("f.yaml", make([]byte, maxHandlerFile+1))
	require.ErrorContains(t, err, "f.yaml: larger than")
}

func FuzzHandlerFile(f *testing.F) {
	f.Add(false, []byte("topic: a\nkind: post\noptions:\n  url: http://x\n  headers: {a: b}\n  timeout: 5s\nmatch: level() > OK\n---\n"))
	f.Add(true, []byte(`{"topic": "a", "kind": "pagerduty2", "options": {"links": [{"href": "x"}]}}`))
	f.Fuzz(func(t *testing.T, isJSON bool, text []byte) {
		name := map[bool]string{true: "f.json", false: "f.yaml"}[isJSON]
		if _, err := readHandlers(name, text); err != nil && !strings.HasPrefix(err.Error(), name+":") {
			t.Fatalf("no place in %v", err)
		}
	})
}

// TestHandlerFiles follows a folder while it changes.
func TestHandlerFiles(t *testing.T) {
	dir, outs := t.TempDir(), t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, "handlers", name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path+".tmp", []byte(text), 0o600))
		require.NoError(t, os.Rename(path+".tmp", path))
	}
	toLog := func(topic, name string) string {
		return "topic: " + topic + "\nkind: log\noptions:\n  path: " + filepath.Join(outs, name)
	}
	write("a.yaml", toLog("tp", "one.log"))
	write("b.yaml", "topic: tp\nid: a\nkind: talk")
	write("c.json", `{"topic": "tp", "kind": "lgo"}`)
	write("d.yaml", "topic: x\nkind: publish\noptions: {topics: [y]}")
	write("e.yaml", "topic: y\nkind: publish\noptions: {topics: [x]}")
	write("deep/f.yml", "topic: tp\nkind: slack")
	write("README.md", "nothing")
	log := &logbook{}
	c := config(log, &tallies{})
	c.Files = []string{filepath.Join(dir, "handlers"), filepath.Join(dir, "more*.json")}
	conf, err := readHandlers("conf.yaml", []byte("id: conf\n"+toLog("tp", "out.log")))
	require.NoError(t, err)
	c.Topics = conf
	d, err := New(c)
	require.NoError(t, err)
	require.Len(t, d.Broken(), 4)
	require.NoError(t, d.Start())
	defer d.Close(time.Now())
	at := func(name string) string { return filepath.Join(dir, "handlers", name) }
	errors := strings.Join(log.errors(), "\n")
	for _, want := range []string{
		at("b.yaml") + `:1:1: topic "tp" has a handler "a" already, in ` + at("a.yaml"),
		at("c.json") + `:1:25: unknown handler "lgo"; did you mean log?`,
		at("e.yaml") + ":1:1: events would go in a circle: y → x → y",
		at("deep/f.yml") + ":1:1: slack: not configured: add [outputs.alerter.slack]",
	} {
		require.Contains(t, errors, want)
	}
	require.Len(t, log.errors(), 4)
	n := 0
	got := func(name string, want bool) func() bool {
		return func() bool {
			n++
			d.Events([]*alert.Event{inTopic("a-"+strings.Repeat("x", n), "INFO", "OK")}, nil)
			time.Sleep(20 * time.Millisecond)
			_, err := os.Stat(filepath.Join(outs, name))
			_ = os.Remove(filepath.Join(outs, name))
			return (err == nil) == want
		}
	}
	require.Eventually(t, got("one.log", true), 5*time.Second, time.Millisecond)
	require.True(t, got("out.log", true)(), "handlers of the configuration stay")

	write("a.yaml", "topic: tp\nkind: log\noptions: {pth: x}")
	require.Eventually(t, func() bool {
		return strings.Contains(strings.Join(log.errors(), "\n"), `unknown option "pth"`)
	}, 5*time.Second, 10*time.Millisecond)
	require.Contains(t, strings.Join(log.errors(), "\n"), `did you mean path?; the handler goes on as it was`)
	require.True(t, got("one.log", true)())
	write("a.yaml", toLog("tp", "two.log"))
	require.Eventually(t, got("two.log", true), 5*time.Second, time.Millisecond)
	write("deep/new/g.yaml", toLog("tp", "three.log"))
	require.Eventually(t, got("three.log", true), 5*time.Second, time.Millisecond)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "more1.json"), []byte(`{"topic":"tp","kind":"log","options":{"path":"`+filepath.Join(outs, "four.log")+`"}}`), 0o600))
	require.Eventually(t, got("four.log", true), 5*time.Second, time.Millisecond)
	require.NoError(t, os.Remove(at("a.yaml")))
	require.Eventually(t, got("two.log", false), 5*time.Second, time.Millisecond)
	require.Contains(t, strings.Join(log.errors(), "\n"), at("b.yaml")+":1:1: talk: not configured", "b.yaml may have the id now")
}

// TestHandlerFilesOfAReplay delivers without being started.
func TestHandlerFilesOfAReplay(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.log")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.yaml"), []byte("topic: tp\nkind: log\noptions: {path: "+out+"}"), 0o600))
	c := config(&logbook{}, &tallies{})
	c.Files = []string{dir}
	d, err := New(c)
	require.NoError(t, err)
	require.Empty(t, d.Once(t.Context(), inTopic("a-1", "CRITICAL", "OK")))
	require.FileExists(t, out)
	_, _, err = d.Close(time.Now())
	require.NoError(t, err)

	c.Files = []string{"/x/["}
	_, err = New(c)
	require.ErrorContains(t, err, `handler_files: "/x/[": syntax error in pattern`)
}

// A link to a folder is that folder, and what cannot be read is said to be so.
func TestHandlerFilesOfLinks(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.log")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "real"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "real", "a.yaml"), []byte("topic: tp\nkind: log\noptions: {path: "+out+"}"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "real", ".b.yaml"), []byte("topic"), 0o600))
	require.NoError(t, os.Symlink("/dev/zero", filepath.Join(dir, "real", "zero.json")))
	require.NoError(t, os.Symlink("up", filepath.Join(dir, "real", "up")))
	require.NoError(t, os.Symlink("real", filepath.Join(dir, "link")))
	log := &logbook{}
	c := config(log, &tallies{})
	c.Files = []string{filepath.Join(dir, "link"), filepath.Join(dir, "none"), filepath.Join(dir, "none*")}
	d, err := New(c)
	require.NoError(t, err)
	require.Empty(t, d.Once(t.Context(), inTopic("a-1", "CRITICAL", "OK")))
	require.FileExists(t, out)
	require.Equal(t, []string{
		dir + "/link/zero.json: not a regular file",
		"stat " + dir + "/link/up: too many levels of symbolic links",
	}, slices.Sorted(slices.Values(d.Broken())), "a path without files is none: they may come")
	require.Contains(t, strings.Join(log.warnings(), "\n"), "handler_files: "+filepath.Join(dir, "none")+" does not exist")
	_, _, err = d.Close(time.Now())
	require.NoError(t, err)
}

// A look at files that nobody has touched changes nothing, and forgets nothing.
func TestHandlerFilesUnchanged(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "bad.yaml")
	require.NoError(t, os.WriteFile(good, []byte("topic: tp\nkind: log"), 0o600))
	require.NoError(t, os.WriteFile(bad, []byte("topic: tp"), 0o600))
	f := &handlerFiles{Set: filewatch.Set{Files: filewatch.Files{Patterns: []string{dir}, Is: isHandlerFile, MaxSize: maxHandlerFile}}}
	for i := range 3 {
		if i == 2 {
			later := time.Now().Add(time.Hour)
			require.NoError(t, os.Chtimes(good, later, later))
		}
		changed, missing, wrong := f.read(i > 0)
		require.Equal(t, i == 0, changed)
		require.False(t, missing)
		require.Len(t, wrong, 1)
		require.EqualError(t, wrong[bad], bad+":1:1: kind is missing")
		require.Len(t, f.files[good].handlers, 1)
	}
}
