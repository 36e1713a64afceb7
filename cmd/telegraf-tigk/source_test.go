package main

import (
	"testing"
	"time"

	"github.com/influxdata/telegraf/metric"
	"github.com/stretchr/testify/require"
)

// TestAlerterGetsNoMetrics wants no metric to reach outputs.alerter, however it may look and whatever its
// section says, and all others to get it.
func TestAlerterGetsNoMetrics(t *testing.T) {
	src := source{Files: []sourceFile{{Path: "telegraf.conf", Data: []byte(`
[[outputs.alerter]]
[[outputs.alerter]]
  tagpass = {tick = ["alert"]}
[[outputs.discard]]
`)}}}
	c, err := src.load(&options{quiet: true}, true)
	require.NoError(t, err)
	require.Len(t, c.Outputs, 3)
	for _, tags := range []map[string]string{nil, {"tick": "alert", "alert_id": "a", "level": "OK"}} {
		m := metric.New("alert", tags, map[string]any{"handlers": "[]"}, time.Unix(0, 0))
		for _, o := range c.Outputs {
			wanted, err := o.Config.Filter.Select(m)
			require.NoError(t, err)
			require.Equal(t, o.Config.Name == "discard", wanted)
		}
	}
}

// TestMeasured wants processors.tick to show what it counts if there is somebody to read it.
func TestMeasured(t *testing.T) {
	for conf, unmeasured := range map[string]bool{"[[inputs.mem]]\n": true, "[[inputs.mem]]\n[[inputs.internal]]\n": false} {
		conf += "[[processors.tick]]\n  scripts = [\"/nowhere/*.tick\"]\n[[outputs.discard]]\n"
		src := source{Files: []sourceFile{{Path: "telegraf.conf", Data: []byte(conf)}}}
		c, err := src.load(&options{quiet: true}, true)
		require.NoError(t, err)
		all := ticksOf(c)
		require.NotEmpty(t, all)
		for _, x := range all {
			require.Equal(t, unmeasured, x.Unmeasured, conf)
		}
	}
}
