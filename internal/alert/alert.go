// Package alert holds the alert machine: levels, state changes, flapping, topics and events.
package alert

import (
	"encoding/json"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// A Level is how bad it is.
type Level uint8

// The levels, in order.
const (
	OK Level = iota
	Info
	Warning
	Critical
)

func (l Level) String() string { return [...]string{"OK", "INFO", "WARNING", "CRITICAL"}[l] }

// An Event is what handlers get. Data is the series as InfluxDB result JSON: {"series":[…]}.
type Event struct {
	EventID     string // stable: the same event has the same one after a restart
	ID          string
	Message     string
	Details     string
	Time        int64 // nanoseconds since the Unix epoch
	Duration    time.Duration
	Level       Level
	Previous    Level
	Recoverable bool
	Topic       string // named topic, if any
	Category    string
	Name        string // measurement
	Task, Node  string
	Group       string // ID of the group, "" if ungrouped
	GroupTags   []point.Tag
	Tags        []point.Tag
	Fields      []point.Field
	Data        []byte
	Handlers    []Handler // those that the script names
}

// A Handler names a handler and the options that the script gave it.
type Handler struct {
	Kind    string          `json:"kind"`
	Options json.RawMessage `json:"options,omitempty"`
}

// Topics holds the event states of topics. It may be shared by tasks that run in parallel.
type Topics struct{}
