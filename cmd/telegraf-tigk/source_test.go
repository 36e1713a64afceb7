package main

import (
	"testing"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/outputs"
	"github.com/stretchr/testify/require"
)

// deaf stands in for outputs.alerter.
type deaf struct{}

func (*deaf) SampleConfig() string          { return "" }
func (*deaf) Connect() error                { return nil }
func (*deaf) Close() error                  { return nil }
func (*deaf) Write([]telegraf.Metric) error { return nil }

func TestAlertsAreWrittenAtOnce(t *testing.T) {
	original, registered := outputs.Outputs["alerter"]
	outputs.Outputs["alerter"] = func() telegraf.Output { return &deaf{} }
	t.Cleanup(func() {
		delete(outputs.Outputs, "alerter")
		if registered {
			outputs.Outputs["alerter"] = original
		}
	})

	tests := map[string]struct {
		conf string
		want int
	}{
		"default":            {"[[outputs.alerter]]\n", 1},
		"set to the default": {"[[outputs.alerter]]\n  metric_batch_size = 1000\n", 1000},
		"set":                {"[[outputs.alerter]]\n  metric_batch_size = 50\n", 50},
		"agent's":            {"[agent]\n  metric_batch_size = 500\n[[outputs.alerter]]\n", 1},
		"another output":     {"[[outputs.discard]]\n", 1000},
		"another, agent's":   {"[agent]\n  metric_batch_size = 500\n[[outputs.discard]]\n", 500},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			src := source{Files: []sourceFile{{Path: "telegraf.conf", Data: []byte(tt.conf)}}}
			c, err := src.load(&options{quiet: true}, true)
			require.NoError(t, err)
			require.Len(t, c.Outputs, 1)
			require.Equal(t, tt.want, c.Outputs[0].MetricBatchSize)
		})
	}
}
