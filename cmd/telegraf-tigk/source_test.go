package main

import (
	"testing"
	"time"

	"github.com/influxdata/telegraf/metric"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/plugins/outputs/alerter"
)

// TestAlerterGetsNoMetrics wants no metric to reach outputs.alerter, however it may look and whatever its
// section says, unless it accepts some, and all others to get it, without a copy for those that want none.
func TestAlerterGetsNoMetrics(t *testing.T) {
	src := source{Files: []sourceFile{{Path: "telegraf.conf", Data: []byte(`
[[outputs.discard]]
[[outputs.alerter]]
[[outputs.alerter]]
  accept_metrics = true
  tagpass = {tick = ["alert"]}
[[outputs.alerter]]
  tagpass = {tick = ["alert"]}
[[outputs.discard]]
`)}}}
	c, err := src.load(&options{quiet: true}, true)
	require.NoError(t, err)
	require.Len(t, c.Outputs, 5)
	for _, tags := range []map[string]string{nil, {"tick": "alert", "alert_id": "a", "level": "OK"}} {
		m := metric.New("alert", tags, map[string]any{"handlers": "[]"}, time.Unix(0, 0))
		for i, o := range c.Outputs {
			wanted, err := o.Config.Filter.Select(m)
			require.NoError(t, err)
			deaf := o.Config.Name == "alerter" && !o.Output.(*alerter.Alerter).AcceptMetrics
			require.Equal(t, i < 2, deaf, "those come first")
			require.Equal(t, wanted, o.Config.Name == "discard" || !deaf && tags != nil)
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
