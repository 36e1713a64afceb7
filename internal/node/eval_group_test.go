package node_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// A group that a result makes does not expire as long as there is data.
func TestEvalGroupLives(t *testing.T) {
	tk, err := task.Load(task.Config{
		Name: "test", GroupExpiry: time.Minute,
		Script: `stream|from().groupBy('h')|eval(lambda: "h" + 'x').as('h').tags('h')|stateCount(lambda: TRUE).as('n')|influxDBOut()`,
	})
	require.NoError(t, err)
	require.NoError(t, tk.Start(0))
	tags := []point.Tag{{Key: "h", Value: "a"}}
	for i := range 16 {
		at := int64(i) * int64(10*time.Second)
		require.NoError(t, tk.Tick(at))
		require.NoError(t, tk.Push(&point.Point{Name: "m", DB: "telegraf", RP: "autogen", Time: at, Tags: tags}))
		effects := tk.Take()
		require.Equal(t, int64(i+1), effects[0].Point.Field("n").Int())
	}
}
