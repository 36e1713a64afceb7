package alerter

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/influxdata/telegraf"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// An outlet is an opened kind of handler.
type outlet struct {
	kind    *handler.Kind
	configs []any
	sender  handler.Sender
}

// send makes one attempt, within the time that the delivery has.
func (it *delivery) send(ctx context.Context, log telegraf.Logger) (err error) {
	until, cancel := context.WithTimeout(ctx, it.timeout)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			log.Errorf("Handler %s panicked: %v\n%s", it.outlet.kind.Name, r, debug.Stack())
			err = handler.Permanent(fmt.Errorf("panic: %v", r))
		}
	}()
	err = it.outlet.sender.Send(until, it.event, it.options)
	if err != nil && until.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("no answer within %s: %w", it.timeout, err)
	}
	return err
}

// noSender stands for the sender of a kind whose deliveries stay here.
type noSender struct{}

func (noSender) Send(context.Context, *alert.Event, spec.Declarer) error {
	return unavailableError("it waits for further events, and here there is no time")
}

func (noSender) Close() error { return nil }

// section returns the common settings that deliveries with these options have; nil means none.
func (o *outlet) section(options spec.Declarer) *handler.Section {
	for _, c := range o.configs {
		if m, ok := c.(handler.Matcher); ok && !m.Matches(options) {
			continue
		}
		return common(c)
	}
	return nil
}

func common(c any) *handler.Section {
	return c.(interface{ Common() *handler.Section }).Common()
}

// add appends the delivery of e with options to list, unless the section does not want it.
func (o *outlet) add(list []delivery, e *alert.Event, options spec.Declarer) []delivery {
	d := delivery{outlet: o, event: e, options: options}
	if s := o.section(options); s != nil {
		if s.StateChangesOnly && e.Level == e.Previous {
			return list
		}
		d.timeout = s.Timeout
	}
	return append(list, d)
}

// StateChangesOnly reports whether the sections of handlers want all alert nodes to behave as if their
// scripts said stateChangesOnly.
func (a *Alerter) StateChangesOnly() bool {
	for k, sections := range a.configs {
		for _, c := range sections {
			if s := common(c); k.Nodewide && s.Global && s.StateChangesOnly {
				return true
			}
		}
	}
	return false
}

// addGlobal appends the deliveries of e to the sections that take all events.
func (o *outlet) addGlobal(list []delivery, e *alert.Event) []delivery {
	for _, c := range o.configs {
		if !common(c).Global {
			continue
		}
		options := o.kind.Options()
		if g, ok := c.(handler.Globaler); ok {
			options = g.GlobalOptions()
		}
		list = o.add(list, e, options)
	}
	return list
}
