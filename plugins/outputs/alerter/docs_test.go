package alerter

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

var (
	heading = regexp.MustCompile(`(?m)^## (\w+)\n`)
	fence   = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```\n")
)

// TestAlertsPage loads every configuration and every script of docs/alerts.md, wants each script's
// handlers to be configured by what stands beside it, and no handler to be without an entry.
func TestAlertsPage(t *testing.T) {
	b, err := os.ReadFile("../../../docs/alerts.md")
	require.NoError(t, err)
	page := string(b)
	at := heading.FindAllStringSubmatchIndex(page, -1)
	require.NotEmpty(t, at)
	for _, block := range fence.FindAllStringSubmatch(page[:at[0][0]], -1) {
		require.Equal(t, "toml", block[1])
		_, err := load(strings.TrimPrefix(block[2], "[[outputs.alerter]]\n"))
		require.NoError(t, err)
	}
	described := map[string]bool{}
	for i, m := range at {
		end := len(page)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		name, text := page[m[2]:m[3]], page[m[1]:end]
		t.Run(name, func(t *testing.T) {
			blocks := fence.FindAllStringSubmatch(text, -1)
			require.Len(t, blocks, 2, "a configuration and a script")
			require.Equal(t, "toml", blocks[0][1])
			a, err := load(blocks[0][2])
			require.NoError(t, err)
			a.Log = &testutil.CaptureLogger{}
			require.NoError(t, a.Init())
			require.Equal(t, "tick", blocks[1][1])
			script, err := task.Load(task.Config{Name: name, Script: blocks[1][2]})
			require.NoError(t, err)
			require.NotNil(t, script)
			if name == "Topics" || name == "Mutes" || name == "Health" {
				require.NoError(t, a.Close())
				return
			}
			k := handler.Lookup(name)
			require.NotNil(t, k)
			require.Equal(t, name, k.Name)
			require.NotEmpty(t, a.configs[k], "the configuration is of this handler")
			require.Contains(t, blocks[1][2], "."+name+"(", "the script names this handler")
			require.Contains(t, page, "| [`."+name+"()`](#"+strings.ToLower(name)+") |", "the table of contents has it")
			described[name] = true
			require.NoError(t, a.Close())
		})
	}
	for _, k := range handler.Kinds() {
		require.True(t, described[k.Name], "docs/alerts.md says nothing of %s", k.Name)
	}
}
