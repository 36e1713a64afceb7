package tick

import (
	"time"

	"github.com/influxdata/telegraf/config"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// Deadman are the settings of deadman alerts.
type Deadman struct {
	Interval  config.Duration `toml:"interval"`
	Threshold float64         `toml:"threshold"`
	ID        string          `toml:"id"`
	Message   string          `toml:"message"`
	Global    bool            `toml:"global"`
}

// DeadmanConfig returns the settings of deadman alerts as tasks take them.
func (t *Tick) DeadmanConfig() spec.Deadman {
	d := &t.Deadman
	return spec.Deadman{ID: d.ID, Message: d.Message, Global: d.Global, Threshold: d.Threshold, Interval: time.Duration(d.Interval)}
}
