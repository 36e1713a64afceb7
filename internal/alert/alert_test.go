package alert_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

var t0 = time.Date(2017, 11, 22, 4, 4, 57, 995389341, time.UTC).UnixNano()

func TestParseLevel(t *testing.T) {
	for in, want := range map[string]alert.Level{
		"": alert.OK, "O": alert.OK, "ok": alert.OK, "i": alert.Info, "W": alert.Warning, "WARN": alert.Warning, "crit": alert.Critical, "CRITICAL": alert.Critical,
	} {
		got, err := alert.ParseLevel(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got, in)
	}
	for _, in := range []string{"x", "OKAY", "critical!"} {
		_, err := alert.ParseLevel(in)
		require.ErrorContains(t, err, "unknown alert level '", in)
	}
	b, err := json.Marshal([]alert.Level{alert.OK, alert.Critical})
	require.NoError(t, err)
	require.Equal(t, `["OK","CRITICAL"]`, string(b))
	var back []alert.Level
	require.NoError(t, json.Unmarshal([]byte(`["ok","crit"]`), &back))
	require.Equal(t, []alert.Level{alert.OK, alert.Critical}, back)
	require.Equal(t, "Level(9)", alert.Level(9).String())
}

func TestEventJSON(t *testing.T) {
	e := alert.Event{
		ID: "cpu:host=a", Message: "a < b", Details: "<b>", Time: t0, Duration: 11995389341, Level: alert.Critical, Recoverable: true,
		Data: []byte(`{"series":[{"name":"cpu"}]}`),
	}
	require.Equal(t, `{"id":"cpu:host=a","message":"a \u003c b","details":"\u003cb\u003e","time":"2017-11-22T04:04:57.995389341Z",`+
		`"duration":11995389341,"level":"CRITICAL","data":{"series":[{"name":"cpu"}]},"previousLevel":"OK","recoverable":true}`, string(e.AppendJSON(nil)))
	e.Data = nil
	require.True(t, json.Valid(e.AppendJSON(nil)))
}

func TestEventID(t *testing.T) {
	base := func() alert.Event {
		return alert.Event{Task: "t", Node: "alert2", ID: "x", Group: "h=a", Time: 7, Level: alert.Info, Tags: []point.Tag{{Key: "h", Value: "a"}}}
	}
	seen := map[string]bool{}
	for _, change := range []func(*alert.Event){
		func(*alert.Event) {},
		func(e *alert.Event) { e.Task = "ta" },
		func(e *alert.Event) { e.Task, e.Node = "ta", "lert2" },
		func(e *alert.Event) { e.Node = "alert3" },
		func(e *alert.Event) { e.ID = "y" },
		func(e *alert.Event) { e.Group = "h=b" },
		func(e *alert.Event) { e.Time = 8 },
		func(e *alert.Event) { e.Level = alert.OK },
		func(e *alert.Event) { e.Tags = nil },
		func(e *alert.Event) { e.Nth = 1 },
	} {
		e := base()
		change(&e)
		e.SetEventID()
		require.Len(t, e.EventID, 32)
		require.False(t, seen[e.EventID], "%+v", e)
		seen[e.EventID] = true
	}
	e := base()
	e.Message, e.Previous, e.Duration = "m", alert.Critical, 5
	e.SetEventID()
	require.True(t, seen[e.EventID], "what is told of an event does not make it another one")
	require.Equal(t, "7486fe77825166740b7ad8fa33f472b1", e.EventID, "must stay the same in later versions")
}

func TestTemplates(t *testing.T) {
	src := &alert.Source{Name: "m", Task: "t", Tags: []point.Tag{{Key: "h", Value: "a<b>"}}, Host: "box"}
	event := func() *alert.Event {
		return &alert.Event{
			Time: 1704067201500000000, Duration: 10 * time.Second, Level: alert.Warning,
			Fields: []point.Field{{Key: "f", Value: point.FloatValue(35.125)}, {Key: "n", Value: point.FloatValue(math.NaN())}, {Key: "o", Value: point.FloatValue(math.Inf(1))}, {Key: "p", Value: point.FloatValue(math.Inf(-1))}},
		}
	}
	for _, c := range []struct{ name, id, message, details, want string }{
		{"defaults", "{{ .Name }}:{{ .Group }}", "{{ .ID }} is {{ .Level }}", "{{ json . }}", "m:nil\nm:nil is WARNING\n" +
			`{&#34;Name&#34;:&#34;m&#34;,&#34;TaskName&#34;:&#34;t&#34;,&#34;Group&#34;:&#34;nil&#34;,&#34;Tags&#34;:{&#34;h&#34;:&#34;a\u003cb\u003e&#34;},` +
			`&#34;ServerInfo&#34;:{&#34;Hostname&#34;:&#34;box&#34;,&#34;ClusterID&#34;:&#34;&#34;,&#34;ServerID&#34;:&#34;&#34;},&#34;ID&#34;:&#34;m:nil&#34;,` +
			`&#34;Fields&#34;:{&#34;f&#34;:35.125,&#34;n&#34;:null,&#34;o&#34;:null,&#34;p&#34;:null},&#34;Level&#34;:&#34;WARNING&#34;,&#34;Time&#34;:&#34;2024-01-01T00:00:01.5Z&#34;,` +
			`&#34;Duration&#34;:10000000000,&#34;Message&#34;:&#34;m:nil is WARNING&#34;}` + "\n"},
		{
			"values", `{{ index .Tags "h" }}{{ .Tags.none }}`, `{{ .Time }} {{ .Duration }} {{ .Fields.f | printf "%.1f" }} {{ .Fields.x }}`, `{{ .Tags.h }} {{ .Message }}`,
			"a<b><no value>\n2024-01-01 00:00:01.5 +0000 UTC 10s 35.1 <no value>\na&lt;b&gt; 2024-01-01 00:00:01.5 &#43;0000 UTC 10s 35.1 &lt;no value&gt;",
		},
		{"compact", "x", "-", "{{ jsonCompact .Tags }}{{ .ServerInfo.Hostname }}", "x\n-\n{&#34;h&#34;:&#34;a\\u003cb\\u003e&#34;}box"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tmpl, err := alert.ParseTemplates(c.id, c.message, c.details)
			require.NoError(t, err)
			e := event()
			require.NoError(t, tmpl.Render(src, e))
			require.Equal(t, c.want, e.ID+"\n"+e.Message+"\n"+e.Details)
			id, err := tmpl.ID(src)
			require.NoError(t, err)
			require.Equal(t, e.ID, id)
		})
	}

	for _, c := range []struct{ id, message, details, want string }{
		{"", "{{ json .Fields }}", "", `message: function "json" not defined, only details can use it`},
		{"", "{{ .ID ", "", "message: unclosed action"},
		{"\n\n{{ end }}", "", "", "id: line 3: unexpected {{end}}"},
		{"", "", "{{ upper . }}", `details: function "upper" not defined`},
		{"", "", "<a href='{{ if true }}'{{ end }}>{{ .ID }}", "details: {{if}} branches end in different contexts"},
	} {
		_, err := alert.ParseTemplates(c.id, c.message, c.details)
		require.ErrorContains(t, err, c.want)
	}

	for _, c := range []struct{ id, message, details, want string }{
		{"x", "{{ .Nope }}", "", `template: message:1:3: executing "message" at <.Nope>: can't evaluate field Nope in type alert.messageInfo`},
		{"{{ .Level }}", "", "", `template: id:1:3: executing "id" at <.Level>: can't evaluate field Level in type alert.idInfo`},
		{"", "", "{{ .Foo.Bar }}", `template: details:1:7: executing "details" at <.Foo.Bar>: can't evaluate field Foo in type alert.detailsInfo`},
		{"", "{{ range 100000000 }}0123456789{{ end }}", "", "longer than 4194304 bytes"},
	} {
		tmpl, err := alert.ParseTemplates(c.id, c.message, c.details)
		require.NoError(t, err)
		require.ErrorContains(t, tmpl.Render(src, event()), c.want)
	}
}

// A duration that no Duration can hold is the longest one.
func TestDurationOverflows(t *testing.T) {
	for _, c := range []struct {
		first, last int64
		want        time.Duration
	}{
		{7, 10, 3},
		{-math.MaxInt64, math.MaxInt64, math.MaxInt64},
		{math.MaxInt64, -math.MaxInt64, math.MinInt64},
		{math.MaxInt64, math.MaxInt64, 0},
	} {
		s := alert.NewState(5)
		var r alert.Rules
		s.Add(c.first, alert.Critical, &r)
		s.Trigger(c.first)
		s.Add(c.last, alert.Warning, &r)
		s.Trigger(c.last)
		require.Equal(t, c.want, s.Duration())
	}
}

func TestStateIsSaved(t *testing.T) {
	s := alert.NewState(5)
	var r alert.Rules
	s.Add(1, alert.Critical, &r)
	s.Trigger(1)
	s.Add(2, alert.Warning, &r)
	var b bytes.Buffer
	require.NoError(t, gob.NewEncoder(&b).Encode(&s))
	got := alert.NewState(5)
	require.NoError(t, gob.NewDecoder(&b).Decode(&got))
	require.Equal(t, s, got)

	got.Repair(3)
	require.Equal(t, []alert.Level{alert.OK, alert.Critical, alert.Warning}, got.History)
	require.Equal(t, alert.Warning, got.Level())
	got.Repair(4)
	require.Equal(t, []alert.Level{alert.OK, alert.OK, alert.Critical, alert.Warning}, got.History)
	for _, broken := range []alert.State{{}, {History: make([]alert.Level, 3), Newest: 3}, {History: make([]alert.Level, 3), Newest: -1}, {History: []alert.Level{1, 9}}} {
		broken.Repair(3)
		require.Equal(t, alert.NewState(3), broken)
	}
}

func TestInhibitors(t *testing.T) {
	var all alert.Inhibitors
	tags := func(kv ...string) (out []point.Tag) {
		for i := 0; i < len(kv); i += 2 {
			out = append(out, point.Tag{Key: kv[i], Value: kv[i+1]})
		}
		return out
	}
	i, j := all.New("hosts", tags("rack", "r1")), all.New("hosts", tags("dc", ""))
	require.False(t, all.Inhibits("hosts", tags("rack", "r1")), "not active yet")
	i.Set(true)
	i.Set(true)
	require.True(t, all.Inhibits("hosts", tags("host", "a", "rack", "r1")))
	require.False(t, all.Inhibits("hosts", tags("rack", "r2")))
	require.False(t, all.Inhibits("disks", tags("rack", "r1")))
	require.False(t, all.Inhibits("", tags("rack", "r1")))
	j.Set(true)
	require.True(t, all.Inhibits("hosts", tags("rack", "r2")), "an absent tag counts as empty")
	require.False(t, all.Inhibits("hosts", tags("dc", "x", "rack", "r2")))
	i.Set(false)
	i.Set(false)
	j.Set(false)
	require.False(t, all.Inhibits("hosts", tags("rack", "r1")))
}
