package delivery

import (
	"context"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
)

// A Failure is a delivery that was not made.
type Failure struct {
	Kind string // of the handler
	Err  error
}

// Once delivers e to the handlers that Events would, but in the caller's goroutine: it tries each of
// them once and waits for it. The dispatcher need not be started.
func (d *Dispatcher) Once(ctx context.Context, e *alert.Event) (failures []Failure) {
	d.mu.Lock()
	p := d.route(e, func(kind string, _ *alert.Event, err error) {
		failures = append(failures, Failure{kind, err})
	})
	d.mu.Unlock()
	for _, it := range p.list {
		if err := d.send(ctx, it); err != nil {
			failures = append(failures, Failure{it.to.kind.Name, err})
		}
	}
	return failures
}
