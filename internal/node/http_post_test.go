package node_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// What waits for its status code while its group is deleted goes on in the group of those that come
// after it, and in no other.
func TestHTTPPostDeletedMeanwhile(t *testing.T) {
	for _, window := range []string{"", "|window().periodCount(1).everyCount(1)|default().tag('x', 'y')"} {
		tk, err := load(`stream|from().groupBy('h')` + window + `|httpPost('http://x').codeField('code')|barrier().idle(1s).delete(TRUE)|count('v')|stateCount(lambda: TRUE).as('n')|influxDBOut()`)
		require.NoError(t, err)
		require.NoError(t, tk.Start(0))
		var got []string
		var open []uint64
		take := func() {
			for _, e := range tk.Take() {
				switch e.Kind {
				case spec.AskEffect:
					open = append(open, e.Ask.ID)
				case spec.WriteEffect:
					h, _ := e.Point.Tag("h")
					got = append(got, h+strconv.FormatInt(e.Point.Field("n").Int(), 10))
				}
			}
		}
		push := func(h string, at time.Duration) {
			require.NoError(t, tk.Tick(int64(at)))
			require.NoError(t, tk.Push(&point.Point{
				Name: "m", DB: "telegraf", RP: "autogen", Time: int64(at), Tags: []point.Tag{{Key: "h", Value: h}},
				Fields: []point.Field{{Key: "v", Value: point.FloatValue(1)}},
			}))
			take()
		}
		answer := func() {
			require.NoError(t, tk.Answer(open[0], spec.Posted{Status: 200}))
			open = open[1:]
			take()
		}
		push("a", 0)
		answer()
		push("a", time.Second/2)
		push("b", 2*time.Second) // the barrier has deleted a
		push("a", 2*time.Second+1)
		push("b", 2*time.Second+2)
		push("a", 2*time.Second+3)
		push("b", 2*time.Second+4)
		for len(open) > 0 {
			answer()
		}
		require.NoError(t, tk.Close())
		take()
		if window == "" { // count waits for the next time
			require.Equal(t, []string{"a1", "b1", "a2", "b2"}, got)
		} else {
			require.Equal(t, []string{"a1", "a1", "b1", "a2", "b2", "a3", "b3"}, got)
		}
	}
}
