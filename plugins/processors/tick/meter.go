package tick

import (
	"sync"

	"github.com/influxdata/telegraf/selfstat"

	"github.com/telegraf-tigk/telegraf-tigk/internal/engine"
)

// This file shows in inputs.internal, measurement internal_tick, how the engine fares.

// statsName is the measurement, to which the agent adds internal_.
const statsName = "tick"

// A meter shows what the engine counts.
type meter struct {
	mu        sync.Mutex // a collector has none of its own
	collector *selfstat.Collector
}

// Register implements [engine.Meter].
func (m *meter) Register(field string, of engine.Subject) engine.Gauge {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.collector.Register(statsName, field, tags(of))
}

// Unregister implements [engine.Meter].
func (m *meter) Unregister(field string, of engine.Subject) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.collector.Unregister(statsName, field, tags(of))
}

func tags(of engine.Subject) map[string]string {
	switch {
	case of.Task == "":
		return nil
	case of.Node == "":
		return map[string]string{"task": of.Task}
	}
	return map[string]string{"task": of.Task, "node": of.Node, "kind": of.Kind}
}
