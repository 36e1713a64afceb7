package alerter

import (
	"context"
	"fmt"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
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
		if err := a.try(ctx, &list[i]); err != nil {
			failures = append(failures, Failure{list[i].outlet.kind.Name, err})
		}
	}
	return failures
}

func (a *Alerter) try(ctx context.Context, it *delivery) (err error) {
	timeout := time.Duration(a.Timeout)
	if it.timeout > 0 {
		timeout = it.timeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			err = handler.Permanent(fmt.Errorf("panic: %v", r))
		}
	}()
	return it.outlet.sender.Send(ctx, it.event, it.options)
}
