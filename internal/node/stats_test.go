package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

const second = int64(time.Second)

func openStats(t testing.TB, env *alertEnv, out point.Sink, props ...any) (*stats, point.Sink) {
	s := declared(t, "stats", append([]any{"", 10 * time.Second}, props...)...).(*stats)
	require.NoError(t, s.Start(env))
	return s, s.Open(out)
}

func TestStats(t *testing.T) {
	env := newAlertEnv()
	var out sentLines
	env.Clock = 3 * second
	_, s := openStats(t, env, &out)
	env.Advance(13 * second)
	require.Equal(t, []string{"stats emitted=0i 13000000000"}, out.take(), "no group yet")

	s.Point(env.point("b", 1, 1))
	s.Point(env.point("a", 1, 1))
	s.Batch(&point.Batch{Group: env.group("a"), Points: make([]point.Point, 3)})
	s.Barrier(env.group("a"), 5)
	env.Advance(23 * second)
	require.Equal(t, []string{"stats,host=b emitted=1i 23000000000", "stats,host=a emitted=4i 23000000000"}, out.take(), "in the order of appearance")

	s.Delete(env.group("b"))
	s.Delete(env.group("nosuch"))
	env.Advance(33 * second)
	s.Point(env.point("b", 1, 1))
	env.Advance(43 * second)
	require.Equal(t, []string{"delete host=b", "stats,host=a emitted=4i 33000000000", "stats,host=a emitted=4i 43000000000", "stats,host=b emitted=1i 43000000000"}, out.take())
}

func TestStatsAlign(t *testing.T) {
	for start, want := range map[int64]string{3: "0", 7: "10000000000", 10: "10000000000"} {
		env := newAlertEnv()
		var out sentLines
		env.Clock = start * second
		openStats(t, env, &out, "align", []any{})
		env.Advance(20 * second)
		require.Equal(t, "stats emitted=0i "+want, out.take()[0], "start at %d", start)
	}
}

func TestStatsRestored(t *testing.T) {
	env := newAlertEnv()
	old, s := openStats(t, env, &sentLines{})
	for range 5 {
		s.Point(env.point("a", 1, 1))
	}
	env.Advance(14 * second)

	for _, c := range []struct {
		name string
		now  int64
		want []string
	}{
		{"at once", 15, []string{"stats,host=a emitted=6i 20000000000", "stats,host=a emitted=6i 30000000000"}},
		{"late", 33, []string{"stats,host=a emitted=1i 40000000000", "stats,host=a emitted=1i 50000000000"}},
		{"on the dot", 20, []string{"stats,host=a emitted=6i 20000000000", "stats,host=a emitted=6i 30000000000"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			env2 := newAlertEnv()
			env2.Clock = c.now * second
			var out sentLines
			again, s := openStats(t, env2, &out)
			saveAndLoad(t, old, again)
			s.Point(env2.point("a", 1, 1))
			env2.Advance((c.now + 17) * second)
			require.Equal(t, c.want, out.take())
		})
	}
}

func TestDeadman(t *testing.T) {
	d := declared(t, "deadman", "", []any{1.0, time.Minute, `lambda: "h" == 'b' OR "h" == 'c'`, `lambda: hour("time") > 8`}).(*deadman)
	links := d.Expand("from1")
	require.Len(t, links, 3)
	for _, l := range links {
		require.NoError(t, spec.Of(l.Word, l.Node).Validate())
		require.IsType(t, spec.New(l.Word), l.Node)
	}
	require.Equal(t, &stats{interval: time.Minute, align: true}, links[0].Node)
	require.Equal(t, &derivative{field: "emitted", unit: time.Minute, nonNegative: true}, links[1].Node)
	a := links[2].Node.(*alertNode)
	require.Equal(t, "{{ .Group }}:from1 for task '{{ .TaskName }}'", a.id)
	require.Contains(t, a.message, `"%0.3f" }} points/1m0s.`)

	// The conditions are joined as wholes: the OR does not escape.
	env := newAlertEnv()
	e, err := predicate(a.when[alert.Critical], env)
	require.NoError(t, err)
	at := time.Date(2024, 1, 1, 12, 0, 0, 0, time.Local).UnixNano()
	for _, c := range []struct {
		host    string
		emitted float64
		want    bool
	}{{"b", 1, true}, {"c", 0, true}, {"c", 2, false}, {"a", 0, false}} {
		p := &point.Point{Time: at, Tags: []point.Tag{{Key: "h", Value: c.host}}, Fields: []point.Field{{Key: "emitted", Value: point.FloatValue(c.emitted)}}}
		got, err := e.Bool(p, nil)
		require.NoError(t, err)
		require.Equal(t, c.want, got, "%+v", c)
	}
}

func TestStatsAllocs(t *testing.T) {
	env := newAlertEnv()
	_, s := openStats(t, env, &sentLines{})
	p := env.point("a", 1, 1)
	s.Point(p)
	require.Zero(t, testing.AllocsPerRun(100, func() { s.Point(p) }))
}

func BenchmarkStats(b *testing.B) {
	env := newAlertEnv()
	_, s := openStats(b, env, &sentLines{})
	p := env.point("a", 1, 1)
	b.ReportAllocs()
	for b.Loop() {
		s.Point(p)
	}
}
