package alerter

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
)

func TestTopicHandlers(t *testing.T) {
	for _, c := range []struct{ topic, match, want string }{
		{"tp", "", "a-1 a-2 b-3"},
		{"other", "", ""},
		{"main:cpu:alert2", "", "a-1 a-2 b-3"},
		{"tp", "lambda: level() >= CRITICAL", "a-1 a-2"},
		{"tp", "changed() == TRUE AND level() == OK", "b-3"},
		{"tp", `name() == 'cpu' AND taskName() == 'cpu' AND alertDuration() > 4s AND "zone" == 'z' AND "host" =~ /^h/`, "a-1 a-2 b-3"},
		{"tp", `!changed()`, "a-2"},
		{"tp", `"nope" == 'x'`, ""},
	} {
		t.Run(c.match, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.log")
			a, log := run(t, `
  [[outputs.alerter.handler]]
    topic = "`+c.topic+`"
    kind = "log"
    match = """`+strings.ReplaceAll(c.match, `"`, `\"`)+`"""
    options = {path = "`+path+`", mode = 384}
`)
			a.Events([]*alert.Event{
				event("a-1", "CRITICAL", "OK", ""), event("a-2", "CRITICAL", "CRITICAL", ""), event("b-3", "OK", "CRITICAL", ""),
			}, nil)
			require.NoError(t, a.Close())
			text, _ := os.ReadFile(path)
			var got []string
			for line := range strings.Lines(string(text)) {
				got = append(got, line[strings.Index(line, "003e")+4:][:3])
			}
			require.ElementsMatch(t, strings.Fields(c.want), got)
			if strings.Contains(c.match, "nope") {
				require.Contains(t, log.LastError(), "nope")
			}
		})
	}
}

func TestTopicHandlerOptions(t *testing.T) {
	a, err := load(`
  [[outputs.alerter.handler]]
    topic = "x"
    kind = "post"
    [outputs.alerter.handler.options]
      url = "http://a"
      capture_response = true
      skip-ssl-verification = true
      timeout = "10s"
      headers = {A = "b"}
`)
	require.NoError(t, err)
	require.Equal(t, &handler.Post{
		URL: "http://a", CaptureResponse: true, SkipSSLVerification: true, Timeout: 10e9, Headers: map[string]string{"A": "b"},
	}, a.topics[0].Options())
	a, err = load(`
  [[outputs.alerter.handler]]
    topic = "x"
    kind = "mqtt"
    options = {topic = "t", qos = "exactly-one", broker_name = "b"}
  [[outputs.alerter.handler]]
    topic = "x"
    kind = "kafka"
    options = {topic = "t", disable_partition_by_id = true, partition_algorithm = "murmur2"}
`)
	require.NoError(t, err)
	require.Equal(t, &handler.MQTT{Topic: "t", QoS: 2, BrokerName: "b"}, a.topics[0].Options())
	require.Equal(t, &handler.Kafka{Topic: "t", DisablePartitionByID: true, PartitionAlgorithm: "murmur2"}, a.topics[1].Options())
	const section = "[[outputs.alerter.handler]]\n"
	for want, text := range map[string]string{
		`unknown handler "lgo"; did you mean log?`:          "topic = 't'\nkind = 'lgo'",
		`unknown option "tpoic"; did you mean topic?`:       "tpoic = 't'",
		`options: unknown option "pth"; did you mean path?`: "topic = 't'\nkind = 'log'\noptions = {pth = '/x'}",
		`options: mode`: "topic = 't'\nkind = 'log'\noptions = {mode = 'x'}",
	} {
		_, err := load(section + text)
		require.ErrorContains(t, err, want)
	}
	for want, text := range map[string]string{
		"topic is missing":  "kind = 'log'",
		"match:1:":          "topic = 't'\nkind = 'log'\nmatch = 'level() >='",
		"unknown name CRIT": "topic = 't'\nkind = 'log'\nmatch = 'level() >= CRIT'",
	} {
		a, err := load(section + text)
		require.NoError(t, err)
		a.Log = &testutil.CaptureLogger{}
		require.ErrorContains(t, a.Init(), want)
	}
}
