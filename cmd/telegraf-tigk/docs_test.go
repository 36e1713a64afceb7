package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/influxdata/telegraf/config"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/plugins/outputs/alerter"
)

var tomlBlock = regexp.MustCompile("(?ms)^```toml[^\n]*\n(.*?)^```$")

// TestConfigurationsInDocs loads every configuration that users may copy: those in the text of a page, and
// files. What stands beside outputs.alerter must not look as if metrics had to get there.
func TestConfigurationsInDocs(t *testing.T) {
	const root = "../.."
	plain := config.NewConfig()
	plain.TestMode = true
	require.NoError(t, plain.LoadConfigData([]byte("[[outputs.alerter]]"), ""))
	n := 0
	check := func(place, text string) {
		if strings.HasPrefix(strings.TrimLeft(text, " "), "[outputs.alerter.") || strings.HasPrefix(text, "  ") {
			text = "[[outputs.alerter]]\n" + text // the part of a section that a handler is about
		}
		c := config.NewConfig()
		c.TestMode = true
		require.NoError(t, c.LoadConfigData([]byte(text), place), place)
		for _, o := range c.Outputs {
			if a, ok := o.Output.(*alerter.Alerter); ok && !a.AcceptMetrics {
				own := *plain.Outputs[0].Config
				own.Source, own.ID = o.Config.Source, o.Config.ID
				require.Equal(t, own, *o.Config, "%s: outputs.alerter needs no setting of the agent", place)
			}
		}
		n++
	}
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != root && strings.HasPrefix(name, ".") || name == "testdata" || name == "bin" || name == "dist" {
				return fs.SkipDir
			}
			return nil
		}
		if ext := filepath.Ext(name); ext != ".md" && ext != ".conf" {
			return nil
		}
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		if strings.HasSuffix(name, ".conf") {
			check(path, string(b))
			return nil
		}
		for _, m := range tomlBlock.FindAllStringSubmatch(string(b), -1) {
			check(path, m[1])
		}
		return nil
	}))
	require.Greater(t, n, 40)
}
