package spec

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
)

// This file defines what an agent's configuration says about all scripts.

// Settings are what a node may know of the configuration.
type Settings struct {
	ChangesOnly bool // alerts behave as if they said stateChangesOnly
	Deadman     Deadman
}

// A Configured node looks at the settings: a [Macro] before it is expanded, another node before it is
// checked, when it has its properties.
type Configured interface{ Configure(s *Settings) }

// Deadman says how deadman alerts speak, and whether every task has one.
type Deadman struct {
	ID      string // template in which the first NODE_NAME stands for the node in front; "" is DeadmanID
	Message string // template in which the first INTERVAL stands for the interval; "" is DeadmanMessage

	Global    bool // the source of every task has a deadman with these arguments
	Threshold float64
	Interval  time.Duration
}

// What an alert of a deadman says unless the script or the configuration says otherwise.
const (
	DeadmanID      = "{{ .Group }}:NODE_NAME for task '{{ .TaskName }}'"
	DeadmanMessage = `{{ .ID }} is {{ if eq .Level "OK" }}alive{{ else }}dead{{ end }}: {{ index .Fields "emitted" | printf "%0.3f" }} points/INTERVAL.`
)

// Check returns what is wrong with the settings.
func (d *Deadman) Check() error {
	switch {
	case d.Interval <= 0:
		return errors.New("interval must be positive")
	case math.IsNaN(d.Threshold) || math.IsInf(d.Threshold, 0) || d.Threshold < 0:
		return fmt.Errorf("threshold: want 0.0 or more, got %v", d.Threshold)
	}
	_, err := alert.ParseTemplates(d.AlertID("stream0"), d.AlertMessage(d.Interval), "")
	return err
}

// AlertID returns the template of the ID for a deadman behind the node called parent.
func (d *Deadman) AlertID(parent string) string {
	text := d.ID
	if text == "" {
		text = DeadmanID
	}
	return strings.Replace(text, "NODE_NAME", parent, 1)
}

// AlertMessage returns the template of the message for an interval.
func (d *Deadman) AlertMessage(interval time.Duration) string {
	text := d.Message
	if text == "" {
		text = DeadmanMessage
	}
	return strings.Replace(text, "INTERVAL", interval.String(), 1)
}
