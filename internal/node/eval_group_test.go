package node_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// The group that a result makes is looked up again when it has been deleted behind.
func TestEvalGroupDeletedBehind(t *testing.T) {
	const script = `stream|from().groupBy('h')|eval(lambda: "h" + 'x', lambda: "v").as('h','v').tags('h')|barrier().idle(1s).delete(TRUE)|stateCount(lambda: TRUE)|influxDBOut()`
	const in = "m,h=a v=1 0s\nm,h=b v=1 0s\nm,h=c v=1 5s\nm,h=a v=1 5100ms\nm,h=b v=1 5100ms\nm,h=c v=1 5200ms\nm,h=a v=1 5300ms\nm,h=b v=1 5300ms"
	require.Equal(t, []string{
		"m,h=ax state_count=1i,v=1 0s", "m,h=bx state_count=1i,v=1 0s",
		"m,h=cx state_count=1i,v=1 5s", "m,h=ax state_count=1i,v=1 5100ms", "m,h=bx state_count=1i,v=1 5100ms",
		"m,h=cx state_count=2i,v=1 5200ms", "m,h=ax state_count=2i,v=1 5300ms", "m,h=bx state_count=2i,v=1 5300ms",
	}, play(t, script, in, 0))
}

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
