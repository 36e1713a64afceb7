package main

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStockConfigs takes configurations written for Telegraf through all the
// ways to run them once.
func TestStockConfigs(t *testing.T) {
	files, err := filepath.Glob("testdata/stock/*.conf")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	want := map[string]string{
		"host.conf":     "> internal_agent,",
		"pipeline.conf": "> room_climate,host=stock,room=lab temp=21.5",
		"legacy.conf":   "> mem,",
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			out, err := exec.Command("telegraf-tigk", "--config", file, "--test").CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Contains(t, string(out), want[filepath.Base(file)])

			out, err = exec.Command("telegraf-tigk", "--config", file, "--once").CombinedOutput()
			require.NoError(t, err, "%s", out)

			out, err = exec.Command("telegraf-tigk", "config", "check", "--config", file).CombinedOutput()
			require.NoError(t, err, "%s", out)
		})
	}
}
