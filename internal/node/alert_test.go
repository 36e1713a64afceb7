package node

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec/spectest"
)

// The tests of this file look at what a task's transcript does not show: topics, handlers, restarts with old
// states. What events come out when is in testdata and the conformance vectors.

// An alertEnv has the events alone of what a node emits.
type alertEnv struct {
	spectest.Env
	events []*alert.Event
}

func newAlertEnv() *alertEnv { return &alertEnv{Env: spectest.Env{Edge: spec.Stream}} }

func (e *alertEnv) Node() string       { return "alert2" }
func (e *alertEnv) Emit(x spec.Effect) { e.events = append(e.events, x.Event) }

// sentLines collects what comes out, as line protocol.
type sentLines struct{ got []string }

func (l *sentLines) Point(p *point.Point) { l.got = append(l.got, string(point.AppendLine(nil, p))) }

func (l *sentLines) Batch(b *point.Batch) {
	l.got = append(l.got, fmt.Sprintf("batch %s %d", b.Group.ID, b.TMax))
	for i := range b.Points {
		l.Point(&b.Points[i])
	}
}

func (l *sentLines) Barrier(g *point.Group, t int64) {
	l.got = append(l.got, fmt.Sprintf("barrier %s %d", g.ID, t))
}
func (l *sentLines) Delete(g *point.Group) { l.got = append(l.got, "delete "+g.ID) }

func (l *sentLines) take() []string {
	got := l.got
	l.got = nil
	return got
}

// declared makes a node and sets properties: name, value, name, value. A value is a scalar's Go
// value, a lambda's text, or a slice of them for a call with several arguments.
func declared(t testing.TB, word string, props ...any) spec.Declarer {
	d := spec.New(word)
	require.NotNil(t, d, word)
	s := spec.Of(word, d)
	for i := 0; i < len(props); i += 2 {
		values, several := props[i+1].([]any)
		if !several {
			values = []any{props[i+1]}
		}
		args := spectest.Args(values...)
		if props[i] == "" {
			require.NoError(t, s.SetArgs(args))
		} else {
			require.NoError(t, s.Set(props[i].(string), args))
		}
	}
	require.NoError(t, s.Validate())
	return d
}

func startedAlert(t testing.TB, env spec.Env, props ...any) *alertNode {
	n := declared(t, "alert", props...).(*alertNode)
	require.NoError(t, n.Start(env))
	return n
}

func (e *alertEnv) group(host string) *point.Group {
	return e.Groups().Get("m", []point.Tag{{Key: "host", Value: host}}, []string{"host"}, false)
}

func (e *alertEnv) point(host string, t int64, v float64) *point.Point {
	return &point.Point{
		Name: "m", Time: t, Group: e.group(host), Tags: []point.Tag{{Key: "host", Value: host}},
		Fields: []point.Field{{Key: "v", Value: point.FloatValue(v)}},
	}
}

func (e *alertEnv) levels() []string {
	var out []string
	for _, ev := range e.events {
		out = append(out, fmt.Sprintf("%d %s %s was %s %d", ev.Time, ev.ID, ev.Level, ev.Previous, int64(ev.Duration)))
	}
	e.events = nil
	return out
}

func TestAlertEvent(t *testing.T) {
	env := newAlertEnv()
	n := startedAlert(t, env, "crit", `lambda: "v" > 5`, "category", "hosts", "topic", "ops", "noRecoveries", []any{})
	var out sentLines
	a := n.Group(env.group("a"), &out)
	p := env.point("a", 7, 9)
	p.Fields = append(p.Fields, point.Field{Key: "x", Value: point.FloatValue(math.NaN())})
	a.Point(p)
	p.Fields[0].Value = point.FloatValue(1)
	a.Point(p)
	require.Equal(t, []string{"m,host=a v=9,x=NaN 7"}, out.take(), "the recovery goes nowhere")
	require.Len(t, env.events, 1)
	e := env.events[0]
	require.Len(t, e.EventID, 32)
	require.JSONEq(t, `{"series":[{"name":"m","tags":{"host":"a"},"columns":["time","v","x"],"values":[["1970-01-01T00:00:00.000000007Z",9,null]]}]}`, string(e.Data))
	require.Contains(t, e.Details, "&#34;v&#34;:9")
	require.Equal(t, 9.0, e.Fields[0].Value.Float(), "the fields are the event's own")
	e.EventID, e.Data, e.Details, e.Fields = "", nil, "", nil
	require.Equal(t, &alert.Event{
		ID: "m:host=a", Message: "m:host=a is CRITICAL", Time: 7, Level: alert.Critical, Topic: "ops", Category: "hosts", Name: "m",
		Task: "t", Node: "alert2", Group: "host=a", GroupTags: p.Tags, Tags: p.Tags, ValueKey: "v",
	}, e)
}

func TestAlertValueKey(t *testing.T) {
	for _, c := range []struct {
		fields string // a point's
		props  []any
		want   string // level and field
	}{
		{"v=9", []any{"crit", `lambda: "v" > 5`}, "CRITICAL v"},
		{"v=9i", []any{"crit", `lambda: "v" > 5`}, "CRITICAL v"},
		{"u=1,v=9", []any{"crit", `lambda: 5 < "v" AND "u" > 0`}, "CRITICAL v"},
		{"s=\"x\",v=9", []any{"crit", `lambda: "s" == 'x' AND "v" > 5`}, "CRITICAL v"},
		{"s=\"x\"", []any{"crit", `lambda: "s" == 'x'`}, "CRITICAL "},
		{"v=9", []any{"crit", `lambda: "host" == 'a'`}, "CRITICAL "},
		{"u=1,v=9", []any{"warn", `lambda: "u" > 0`, "crit", `lambda: "v" > 5`}, "CRITICAL v"},
		{"u=1,v=0", []any{"warn", `lambda: "u" > 0`, "crit", `lambda: "v" > 5`}, "WARNING u"},
		{"u=0,v=0", []any{"warn", `lambda: "u" > 0`, "crit", `lambda: "v" > 5`}, "OK u"},
		{"u=0,v=0", []any{"crit", `lambda: "v" > 5`}, "OK v"},
		{"u=9,v=0", []any{"info", `lambda: "u" > 5`, "crit", `lambda: "host" == 'a'`}, "CRITICAL u"},
	} {
		env := newAlertEnv()
		n := startedAlert(t, env, c.props...)
		a := n.Group(env.group("a"), &sentLines{})
		p := env.point("a", 7, 9)
		p.Fields = nil
		for _, f := range strings.Split(c.fields, ",") {
			key, value, _ := strings.Cut(f, "=")
			v := point.StringValue("x")
			if x, err := strconv.ParseFloat(strings.TrimSuffix(value, "i"), 64); err == nil {
				v = point.FloatValue(x)
				if strings.HasSuffix(value, "i") {
					v = point.IntValue(int64(x))
				}
			}
			p.Fields = append(p.Fields, point.Field{Key: key, Value: v})
		}
		a.(*alertGroup).saved.State.Add(0, alert.Warning, &n.rules) // so that OK is an event
		a.Point(p)
		require.Len(t, env.events, 1)
		require.Equal(t, c.want, env.events[0].Level.String()+" "+env.events[0].ValueKey, c.fields)
	}
}

// The agent rounds times, so several points of a series may have the same one.
func TestAlertsOfOneTimeDiffer(t *testing.T) {
	env := newAlertEnv()
	var out sentLines
	a := startedAlert(t, env, "crit", `lambda: "v" > 5`).Group(env.group("a"), &out)
	for _, v := range []float64{9, 1, 9, 9} {
		a.Point(env.point("a", 7, v))
	}
	a.Point(env.point("a", 8, 9))
	ids := map[string]bool{}
	for _, e := range env.events {
		ids[e.EventID] = true
	}
	require.Len(t, ids, 5)
}

func TestAlertTopics(t *testing.T) {
	env := newAlertEnv()
	env.Topics().Collect("ops", &alert.Event{ID: "m:host=a", Level: alert.Info, Time: 3})
	n := startedAlert(t, env, "crit", `lambda: "v" > 5`, "topic", "ops")
	a := n.Group(env.group("a"), &sentLines{})
	a.Point(env.point("a", 7, 1))
	a.Point(env.point("a", 8, 9))
	require.Equal(t, []string{"7 m:host=a OK was INFO 4", "8 m:host=a CRITICAL was OK 0"}, env.levels())
	require.Equal(t, []alert.TopicInfo{{Name: "main:t:alert2", Level: alert.Critical, Collected: 2}, {Name: "ops", Level: alert.Critical, Collected: 3}}, env.Topics().List())
	require.EqualValues(t, 2, *env.Counter("alerts_triggered"))
	require.EqualValues(t, 1, *env.Counter("oks_triggered"))
	require.EqualValues(t, 1, *env.Counter("crits_triggered"))
	require.Zero(t, *env.Counter("infos_triggered"))

	n.Close()
	require.Len(t, env.Topics().List(), 1, "the node's own topic is gone from the lists")

	// The task starts again without its own state: the topics know.
	n = startedAlert(t, env, "crit", `lambda: "v" > 5`, "topic", "ops")
	a = n.Group(env.group("a"), &sentLines{})
	a.Point(env.point("a", 10, 1))
	require.Equal(t, []string{"10 m:host=a OK was CRITICAL 2"}, env.levels())
}

func TestAlertInhibit(t *testing.T) {
	env := newAlertEnv()
	host := startedAlert(t, env, "crit", `lambda: "v" > 5`, "category", "hosts")
	rack := startedAlert(t, env, "crit", `lambda: "v" > 5`, "inhibit", []any{"hosts", "host", "nosuch"})
	var out sentLines
	ha := host.Group(env.group("a"), &out)
	ra := rack.Group(env.group("a"), &sentLines{})
	ra.Point(env.point("a", 1, 9))
	env.events = nil
	ha.Point(env.point("a", 2, 9))
	require.Empty(t, env.events)
	require.Equal(t, []string{"m,host=a v=9 2"}, out.take(), "the data flows all the same")
	require.EqualValues(t, 1, *env.Counter("alerts_inhibited"))
	hb := host.Group(env.group("b"), &out)
	hb.Point(env.point("b", 2, 9))
	require.Len(t, env.events, 1, "another host")

	rack.Close()
	env.events = nil
	ha.Point(env.point("a", 4, 9))
	require.Len(t, env.events, 1)
}

func TestAlertErrorsAreCheap(t *testing.T) {
	env := newAlertEnv()
	n := startedAlert(t, env, "crit", `lambda: "w" > 5`)
	a := n.Group(env.group("a"), &sentLines{})
	p := env.point("a", 1, 9)
	a.Point(p)
	require.Equal(t, []string{`error evaluating expression for level: left reference value "w" is missing value level=CRITICAL`}, env.Errors)
	env.Errors = make([]string, 0, 1000)
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { a.Point(p) }), 1.0, "the error's text in this test")
}

// A handlerStub stands for any alert handler.
type handlerStub struct{ To string }

func (h *handlerStub) Declare(s *spec.Spec) {
	s.Doc("test")
	s.Arg(&h.To, "to", "test")
	s.Hide()
}

func init() { spec.RegisterHandler("stubForAlertTest", func() spec.Declarer { return &handlerStub{} }) }

func TestAlertHandlers(t *testing.T) {
	env := newAlertEnv()
	n := startedAlert(t, env, "crit", `lambda: TRUE`, "StubForAlertTest", "x", "stubForAlertTest", "y")
	n.Group(env.group("a"), &sentLines{}).Point(env.point("a", 1, 1))
	require.Equal(t, []alert.Handler{
		{Kind: "stubForAlertTest", Options: json.RawMessage(`{"To":"x"}`)},
		{Kind: "stubForAlertTest", Options: json.RawMessage(`{"To":"y"}`)},
	}, env.events[0].Handlers)
}

// restart saves the state of an alert and one group and loads it into new ones.
func restart(t *testing.T, env *alertEnv, old *alertNode, oldGroup point.Sink, out point.Sink, props ...any) (*alertNode, point.Sink) {
	n := startedAlert(t, env, props...)
	a := n.Group(env.group("a"), out)
	saveAndLoad(t, old, n)
	saveAndLoad(t, oldGroup, a)
	return n, a
}

// saveAndLoad copies the state of one node or sink into another as a restart does.
func saveAndLoad(t *testing.T, from, to any) {
	state := from.(spec.Stateful).State()
	if state == nil {
		return
	}
	var b bytes.Buffer
	require.NoError(t, gob.NewEncoder(&b).Encode(state))
	require.NoError(t, gob.NewDecoder(&b).Decode(to.(spec.Stateful).State()))
	if r, ok := to.(spec.Restorer); ok {
		r.Restored()
	}
}

func TestAlertRestored(t *testing.T) {
	env := newAlertEnv()
	props := []any{"crit", `lambda: "v" > 5`, "warn", `lambda: count() > 3 AND "v" > 3`, "stateChangesOnly", []any{}, "inhibit", []any{"hosts", "host"}}
	n := startedAlert(t, env, props...)
	a := n.Group(env.group("a"), &sentLines{})
	a.Point(env.point("a", 1, 9))
	a.Point(env.point("a", 2, 9))
	env.events = nil

	// As it was: no repeat, and the recovery has the whole duration.
	m, b := restart(t, env, n, a, &sentLines{}, props...)
	require.True(t, env.Topics().Inhibitors().Inhibits("hosts", []point.Tag{{Key: "host", Value: "a"}}))
	b.Point(env.point("a", 3, 9))
	require.Empty(t, env.events)
	b.Point(env.point("a", 4, 1))
	require.Equal(t, []string{"4 m:host=a OK was CRITICAL 3"}, env.levels())
	b.Point(env.point("a", 5, 4)) // count: 1 at 4, 2 here
	b.Point(env.point("a", 6, 4))
	require.Empty(t, env.events)

	// The shared count goes on.
	_, b = restart(t, env, m, b, &sentLines{}, props...)
	b.Point(env.point("a", 7, 4))
	require.Equal(t, []string{"7 m:host=a WARNING was OK 0"}, env.levels())

	// The state is from before the event at 8: the recovery at 9 must come, and no second alert.
	saved := startedAlert(t, env, props...)
	savedGroup := saved.Group(env.group("a"), &sentLines{})
	saveAndLoad(t, b, savedGroup)
	b.Point(env.point("a", 8, 9))
	env.events = nil
	var topics alert.Topics // what was written to disk
	topics.Load(env.Topics().Snapshot())
	state := *savedGroup.(*alertGroup).State().(*alertState)
	state.Stored = alert.EventState{Time: 7, Level: alert.Warning}
	env.States = &topics
	c := startedAlert(t, env, props...).Group(env.group("a"), &sentLines{}).(*alertGroup)
	c.saved = state
	c.Restored()
	c.Point(env.point("a", 9, 9))
	require.Empty(t, env.events)
	c.Point(env.point("a", 10, 1))
	require.Equal(t, []string{"10 m:host=a OK was CRITICAL 3"}, env.levels())
}

// TestAlertRestoredBehindEvents has a state that is older than the events: several of them, at the
// level that it knows, and at the same time as the next one.
func TestAlertRestoredBehindEvents(t *testing.T) {
	env := newAlertEnv()
	props := []any{"crit", `lambda: "v" > 5`, "stateChangesOnly", []any{60 * time.Nanosecond}}
	n := startedAlert(t, env, props...)
	a := n.Group(env.group("a"), &sentLines{})
	a.Point(env.point("a", 1, 9))
	old := startedAlert(t, env, props...).Group(env.group("a"), &sentLines{})
	saveAndLoad(t, a, old)
	for _, v := range []float64{1, 9, 1, 9} {
		a.Point(env.point("a", 30, v))
	}
	last := env.events[len(env.events)-1]
	require.Equal(t, 3, last.Nth)
	env.events = nil
	old.(*alertGroup).Restored()
	old.Point(env.point("a", 30, 9))
	old.Point(env.point("a", 70, 9))
	require.Empty(t, env.events, "no repeat: the last event was at 30")
	old.Point(env.point("a", 90, 9))
	old.Point(env.point("a", 91, 1))
	require.Equal(t, []string{"90 m:host=a CRITICAL was CRITICAL 60", "91 m:host=a OK was CRITICAL 61"}, env.levels())

	// A new group, too, gives the next event at that time another ID.
	env.Topics().Update(n.own, last.State())
	env.events = nil
	b := startedAlert(t, env, props...).Group(env.group("a"), &sentLines{})
	b.Point(env.point("a", 30, 1))
	require.Equal(t, 4, env.events[0].Nth)
}

func TestAlertSteadyAllocs(t *testing.T) {
	env := newAlertEnv()
	n := startedAlert(t, env, "crit", `lambda: "v" > 5`, "stateChangesOnly", []any{}, "flapping", []any{0.25, 0.5})
	a := n.Group(env.group("a"), &sentLines{})
	ok, crit := env.point("a", 1, 1), env.point("a", 1, 9)
	a.Point(ok)
	require.Zero(t, testing.AllocsPerRun(100, func() { a.Point(ok) }))
	a.Point(crit)
	require.Zero(t, testing.AllocsPerRun(100, func() { a.Point(crit) }), "unchanged")
}

func BenchmarkAlert(b *testing.B) {
	for _, c := range []struct {
		name  string
		v     float64
		props []any
	}{
		{"steady=crit", 1, nil},
		{"steady=three", 1, []any{"warn", `lambda: "v" > 4`, "info", `lambda: "v" > 3`}},
		{"steady=flapping", 1, []any{"flapping", []any{0.25, 0.5}}},
		{"event", 9, []any{"details", "-"}},
		{"event=details", 9, nil},
	} {
		b.Run(c.name, func(b *testing.B) {
			env := newAlertEnv()
			n := startedAlert(b, env, append(c.props, "crit", `lambda: "v" > 5`)...)
			a := n.Group(env.group("a"), &sentLines{})
			p := env.point("a", 1, c.v)
			a.Point(p)
			b.ReportAllocs()
			for b.Loop() {
				a.Point(p)
				env.events = env.events[:0]
			}
		})
	}
}
