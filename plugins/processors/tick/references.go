package tick

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/engine"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// References returns what finds out whether the configuration has what a script refers to, for whoever
// checks scripts without running the plugin. The error is what is wrong with the configuration.
func (t *Tick) References() (func(spec.Reference) error, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	return engine.Referrer(t.endpoints, t.scaler), nil
}
