package delivery

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTopicErrors(t *testing.T) {
	publish := func(pairs ...string) string {
		var list []string
		for i, p := range pairs {
			from, to, _ := strings.Cut(p, ">")
			list = append(list, "topic: "+from+"\nid: h"+string(rune('0'+i))+"\nkind: publish\noptions: {topics: ["+to+"]}\n")
		}
		return strings.Join(list, "---\n")
	}
	for text, want := range map[string]string{
		publish("a>a"):                      "events would go in a circle: a → a",
		publish("a>b", "b>c", "c>d", "d>b"): "events would go in a circle: d → b → c → d",
		publish("a>b", "b>c", "a>c"):        "",
		"topic: a\nkind: aggregate\noptions: {id: x, interval: 1s, topic: a}":                    "events would go in a circle: a → a",
		"topic: a\nkind: aggregate\noptions: {id: x, topic: b}":                                  "aggregate: interval must be positive",
		"topic: a\nkind: aggregate\noptions: {interval: 1s, topic: b}":                           "aggregate: id, that of the events it makes, is missing",
		"topic: a\nkind: aggregate\noptions: {id: x, interval: 1s}":                              `topic "": want letters`,
		"topic: a\nkind: aggregate\noptions: {id: x, interval: 1s, topic: b, message: '{{'}":     "aggregate: template: message:1",
		"topic: a\nkind: aggregate\noptions: {id: x, interval: 1s, topic: b, message: '{{.X}}'}": "can't evaluate field X",
		"topic: a\nkind: publish":                                       "publish: topics are missing",
		"topic: a b\nkind: talk":                                        `topic "a b": want letters`,
		"topic: a\nid: 'a:b'\nkind: talk":                               `id "a:b": want letters`,
		"topic: a\nid: b\nkind: talk\n---\ntopic: a\nid: b\nkind: talk": `topic "a" has a handler "b" already, in f.yaml`,
		"topic: a\nkind: post":                                          "post: want a URL or an endpoint",
		"topic: a\nkind: aggregat":                                      `unknown handler "aggregat"; did you mean aggregate?`,
	} {
		list, err := readHandlers("f.yaml", []byte(text))
		if err == nil {
			_, err = newTopics(list)
		}
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want, text)
	}
}
