package wire

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// whole returns an event in which nothing is unset.
func whole() *alert.Event {
	return &alert.Event{
		EventID: "a-1", Nth: 2, ID: "a", Message: "a is CRITICAL", Details: "<p>a-1</p>", Time: 1767225600000000005, Duration: 5e9,
		Level: alert.Critical, Previous: alert.Warning, NodePrevious: alert.Info, Recoverable: true, Topic: "tp", Category: "c",
		Name: "cpu", Task: "t", Rule: "f00", Node: "alert2", Group: "host=h1", GroupTags: []point.Tag{{Key: "empty"}, {Key: "host", Value: "h1"}},
		Tags: []point.Tag{{Key: "host", Value: "h1"}, {Key: "zone", Value: `"`}},
		Fields: []point.Field{
			{Key: "b", Value: point.BoolValue(true)},
			{Key: "e", Value: point.FloatValue(1e30)},
			{Key: "f", Value: point.FloatValue(3)},
			{Key: "h", Value: point.FloatValue(0.5)},
			{Key: "i", Value: point.IntValue(9007199254740993)},
			{Key: "n", Value: point.NullValue()},
			{Key: "s", Value: point.StringValue("é\n")},
		},
		ValueKey: "f",
		Data:     []byte(`{"series":[{"name":"cpu","columns":["time","v"],"values":[["2026-01-01T00:00:00Z",1]]}]}`),
		Handlers: []alert.Handler{{Kind: "slack", Options: json.RawMessage(`{"channel":"#c"}`)}, {Kind: "email", Options: json.RawMessage(`{}`)}},
	}
}

// strict returns a reader that has handlers of these kinds and nothing to refuse.
func strict(t *testing.T, kinds ...string) *Reader {
	return &Reader{
		Has:     func(k *handler.Kind) bool { return slices.Contains(kinds, k.Name) },
		Refused: func(_ *alert.Event, err error) { t.Error(err) },
	}
}

// TestWhole brings an event through a metric that others have had their hands on.
func TestWhole(t *testing.T) {
	e := whole()
	v := reflect.ValueOf(e).Elem()
	for i := range v.NumField() {
		require.False(t, v.Field(i).IsZero(), "%s is not tested", v.Type().Field(i).Name)
	}
	pass := func(e *alert.Event) *alert.Event {
		m, err := Full(e, "alert")
		require.NoError(t, err)
		require.True(t, IsFull(m))
		m.SetName("other")
		m.AddTag("host", "relay")
		m.RemoveTag("alert_level")
		m.SetTime(time.Unix(0, 0))
		m.RemoveField("message")
		got, err := strict(t, "slack", "email").Event(m)
		require.NoError(t, err)
		return got
	}
	require.Equal(t, e, pass(e))

	copied, full := Metric(e, "alert"), mustFull(t, e)
	require.False(t, IsFull(copied))
	full.RemoveField(fieldEvent)
	testutil.RequireMetricEqual(t, copied, full)

	e.NodePrevious, e.Recoverable, e.Topic, e.Category, e.Handlers, e.ID, e.Data = e.Previous, false, "", "", nil, "", nil
	e.Tags, e.GroupTags, e.Fields = nil, nil, nil
	require.Equal(t, e, pass(e))

	e.Fields = []point.Field{{Key: "d", Value: point.DurationValue(time.Minute)}, {Key: "n", Value: point.FloatValue(math.NaN())}}
	require.Equal(t, []point.Field{{Key: "d", Value: point.StringValue("1m0s")}, {Key: "n", Value: point.NullValue()}}, pass(e).Fields)
}

func mustFull(t *testing.T, e *alert.Event) telegraf.Metric {
	m, err := Full(e, "alert")
	require.NoError(t, err)
	return m
}

// What is secret, or of use here only, does not leave.
func TestFullHandlers(t *testing.T) {
	e := whole()
	e.Handlers = nil
	for kind, options := range map[string]string{
		"exec": `{"prog":"/bin/hunter2"}`, "log": `{"path":"/hunter2"}`, "tcp": `{"address":"hunter2"}`, "post": `{"url":"http://hunter2"}`,
		"pagerDuty2": `{"routing-key":"hunter2"}`, "alerta": `{"token":"hunter2","resource":"{{ .Name }}"}`,
	} {
		e.Handlers = append(e.Handlers, alert.Handler{Kind: kind, Options: json.RawMessage(options)})
	}
	m := mustFull(t, e)
	for _, f := range m.FieldList() {
		require.NotContains(t, fmt.Sprint(f.Value), "hunter2", f.Key)
	}
	got, err := strict(t, "pagerDuty2", "alerta").Event(m)
	require.NoError(t, err)
	require.ElementsMatch(t, []alert.Handler{{Kind: "pagerDuty2", Options: json.RawMessage("{}")}, {Kind: "alerta", Options: json.RawMessage(`{"resource":"cpu"}`)}}, got.Handlers)

	for options, want := range map[string]string{`{"x":1}`: "unknown field", `{`: "unexpected EOF"} {
		e.Handlers = []alert.Handler{{Kind: "email", Options: json.RawMessage(options)}}
		m, err := Full(e, "alert")
		require.ErrorContains(t, err, want)
		testutil.RequireMetricEqual(t, Metric(e, "alert"), m) // history has it all the same
	}
	e.Handlers = []alert.Handler{{Kind: "emial"}}
	_, err = Full(e, "alert")
	require.ErrorContains(t, err, "did you mean email")
}

func TestFullSize(t *testing.T) {
	e := whole()
	e.Data = []byte(`"` + strings.Repeat("x", maxEvent) + `"`)
	got, err := strict(t, "slack", "email").Event(mustFull(t, e))
	require.NoError(t, err)
	e.Data = nil
	require.Equal(t, e, got)
	e.Message = strings.Repeat("x", maxEvent)
	m, err := Full(e, "alert")
	require.EqualError(t, err, "longer than 1048576 bytes, even without its data")
	require.False(t, IsFull(m))
}

// keys returns a JSON object of n keys.
func keys(n int, value string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`"k%d":%s`, i, value)
	}
	return "{" + strings.Join(list, ",") + "}"
}

// TestForeign reads what others may send.
func TestForeign(t *testing.T) {
	read := func(text string) (e *alert.Event, refused string, err error) {
		var list []string
		r := Reader{
			Has:     func(k *handler.Kind) bool { return k.Name != "slack" },
			Refused: func(e *alert.Event, err error) { list = append(list, e.ID+": "+err.Error()) },
		}
		e, err = r.Event(metric.New("x", nil, map[string]any{"alert_event": text}, time.Unix(0, 7)))
		return e, strings.Join(list, "\n"), err
	}
	const least = `{"version":1,"event_id":"e","id":"a","level":"INFO","previous_level":"OK"`
	e, refused, err := read(least + `}`)
	require.NoError(t, err)
	require.Empty(t, refused)
	require.Equal(t, &alert.Event{EventID: "e", ID: "a", Level: alert.Info}, e)

	for text, want := range map[string]string{
		`{"kind":"exec","options":{"prog":"/bin/sh"}}`: "only scripts of the same agent may say where to go",
		`{"kind":"EXEC"}`: "only scripts of the same agent",
		`{"kind":"log"}`:  "only scripts of the same agent",
		`{"kind":"post","options":{"url":"http://x"}}`: "only scripts of the same agent",
		`{"kind":"slack","options":{"channel":"#c"}}`:  "a: slack: not configured here",
		`{"kind":"slcak"}`:                                      "did you mean slack",
		`{"kind":"email","options":{"to":1}}`:                   "cannot unmarshal",
		`{"kind":"email","options":{"cmd":1}}`:                  "unknown field",
		`{"kind":"email","options":"{\"to\":[\"a@x\"]}"}`:       "cannot unmarshal",
		`{"kind":"publish","options":{"topics":["x"]}}`:         "unknown handler",
		`{"options":{"prog":"/bin/sh"}}`:                        "unknown handler",
		`{"kind":"email","options":{"to":["a"]},"prog":"sh"}`:   "",
		`{"kind":"post","options":{"endpoint":"e","url":"x"}}`:  "a: post: options that are not for others to set: url",
		`{"kind":"email","options":{"to-templates":["{{.}}"]}}`: "not for others to set: to-templates",
	} {
		e, refused, err := read(least + `,"handlers":[` + text + `]}`)
		require.NoError(t, err, "the event itself is good")
		if want == "" {
			require.Empty(t, refused)
		} else {
			require.Contains(t, refused, want)
		}
		if strings.Contains(want, "not for others") || want == "" {
			require.Len(t, e.Handlers, 1)
			require.NotContains(t, string(e.Handlers[0].Options), "{{")
			require.NotContains(t, string(e.Handlers[0].Options), "url")
		} else {
			require.Empty(t, e.Handlers, text)
		}
	}

	for text, want := range map[string]string{
		``:                                    "unexpected end of JSON",
		`[]`:                                  "cannot unmarshal array",
		`{}`:                                  "version 0; this program knows version 1",
		`{"version":2}`:                       "version 2",
		`{"version":1}`:                       "event_id is missing",
		`{"version":1,"event_id":"e"}`:        `unknown level ""`,
		least + `,"level":"info"}`:            `unknown level "info"`,
		least + `,"level":"CRIT"}`:            `unknown level "CRIT"`,
		least + `,"previous_level":"x"}`:      `unknown level "x"`,
		least + `,"node_previous_level":"x"}`: `unknown level "x"`,
		least + `,"fields":{"x":[]}}`:         "fields: x: want text, a number, true or false",
		least + `,"fields":{"x":1e999}}`:      "fields: x: number 1e999 is out of range",
		least + `,"fields":7}`:                "fields: json: cannot unmarshal",
		least + `,"fields":` + keys(maxKeys+1, "1") + `}`:             "more than 1000",
		least + `,"tags":` + keys(maxKeys+1, `""`) + `}`:              "more than 1000 tags",
		least + `,"group_tags":` + keys(maxKeys+1, `""`) + `}`:        "more than 1000 tags",
		least + `,"handlers":[` + strings.Repeat("{},", 100) + `{}]}`: "more than 100 handlers",
		least + `,"message":"` + strings.Repeat("x", maxEvent) + `"}`: "longer than 1048576 bytes",
		least + `,"data":` + strings.Repeat("[", 1<<18) + `}`:         "exceeded max depth",
		least + `,"time":"2026-01-01T00:00:00Z"}`:                     "cannot unmarshal string",
	} {
		e, _, err := read(text)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "field alert_event: ")
		require.Nil(t, e)
	}
	_, err = strict(t).Event(metric.New("x", nil, map[string]any{"alert_event": 1}, time.Unix(0, 7)))
	require.EqualError(t, err, "field alert_event: want text, got int64")
}

func FuzzReader(f *testing.F) {
	m, err := Full(whole(), "alert")
	require.NoError(f, err)
	text, _ := m.GetField(fieldEvent)
	f.Add(text.(string))
	f.Add(`{"version":1,"event_id":"e","level":"OK","previous_level":"OK","handlers":[{"kind":"exec","options":{"prog":"x"}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		r := Reader{Has: func(*handler.Kind) bool { return true }, Refused: func(*alert.Event, error) {}}
		e, err := r.event(text)
		if err != nil {
			return
		}
		for _, h := range e.Handlers {
			require.NotContains(t, []string{"exec", "log", "tcp"}, h.Kind)
		}
		m, err := Full(e, "x")
		if err != nil { // grown by escapes
			return
		}
		again, err := strict(t, allKinds()...).Event(m)
		require.NoError(t, err)
		e.Data, again.Data = nil, nil
		require.Equal(t, e, again)
	})
}

func allKinds() (names []string) {
	for _, k := range handler.Kinds() {
		names = append(names, k.Name)
	}
	return names
}
