package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

const second = int64(time.Second)

func openStats(t testing.TB, env *alertEnv, out point.Sink, props ...any) (*stats, point.Sink) {
	s := declared(t, "stats", append([]any{"", 10 * time.Second}, props...)...).(*stats)
	require.NoError(t, s.Start(env))
	return s, s.Open(out)
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
