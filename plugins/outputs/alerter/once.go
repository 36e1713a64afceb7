package alerter

import (
	"context"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
)

// A Failure is a delivery that was not made.
type Failure struct {
	Kind string // of the handler
	Err  error
}

// Once delivers e to the handlers that Write would, but in the caller's goroutine: it tries each of
// them once and waits for it. The plugin must have been initialised; it need not be connected.
func (a *Alerter) Once(ctx context.Context, e *alert.Event) (failures []Failure) {
	list := a.route(e, func(kind string, _ *alert.Event, err error) {
		failures = append(failures, Failure{kind, err})
	}).list
	for i := range list {
		it := &list[i]
		if it.timeout <= 0 {
			it.timeout = time.Duration(a.Timeout)
		}
		if err := it.send(ctx, a.Log); err != nil {
			failures = append(failures, Failure{it.outlet.kind.Name, err})
		}
	}
	return failures
}
