package node_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// As in Kapacitor a level that is not known, WARN among them, is INFO.
func TestLogLevel(t *testing.T) {
	for level, want := range map[string]string{"DEBUG": "DEBUG", "info": "INFO", "WARN": "INFO", "ERROR": "ERROR", "loud": "INFO", "": "INFO"} {
		tk, err := load("stream|from()|log().level('" + level + "')")
		require.NoError(t, err)
		require.NoError(t, tk.Start(0))
		require.NoError(t, tk.Push(&point.Point{Name: "m", DB: "telegraf", RP: "autogen", Fields: []point.Field{{Key: "v", Value: point.IntValue(1)}}}))
		effects := tk.Take()
		require.Len(t, effects, 1)
		require.Equal(t, want, effects[0].Level, level)
	}
}
