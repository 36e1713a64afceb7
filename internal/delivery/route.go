package delivery

import (
	"errors"
	"fmt"
	"slices"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spool"
)

// This file finds the handlers that get an event.

// An integration is a kind of handler that the configuration allows to be used.
type integration struct {
	kind    *handler.Kind
	configs []any
	sender  handler.Sender
}

// A plan is what is to be delivered of an event.
type plan struct {
	event  *alert.Event
	list   []*delivery
	levels []spool.TopicLevel // of the alert in topics that it reached by way of a handler
	from   *bundle            // of which the event is made, if it is
	batch  *spool.Batch       // with which it was handed over, if it was

	visited []string // topics
	fail    failFunc
}

// A failFunc hears of a delivery that can never be made.
type failFunc func(kind string, e *alert.Event, err error)

// ErrUnavailable is what the error for a handler without its section is.
var ErrUnavailable = errors.New("unavailable")

type unavailableError string

func (e unavailableError) Error() string      { return string(e) }
func (unavailableError) Is(target error) bool { return target == ErrUnavailable }

func (d *Dispatcher) unavailable(k *handler.Kind) error {
	section := "[" + d.c.Name + "." + k.Section + "]"
	if d.c.Off[k] {
		return unavailableError("not enabled: " + section + " has enabled = false")
	}
	return unavailableError("not configured: add " + section)
}

// fail counts a delivery that can never be made, and reports its cause now and then.
func (d *Dispatcher) fail(kind string, e *alert.Event, err error) {
	d.stats.get(kind).failed.Incr(1)
	d.causes.Log(d.log.Errorf, kind+" "+err.Error(), fmt.Errorf("%s: alert %q of task %q dropped: %w", kind, e.ID, e.Task, err))
}

// route finds the deliveries of e: to the handlers of its topics, those that its script names, and
// the global ones of other kinds. What can never be delivered goes to fail. The lock is held.
func (d *Dispatcher) route(e *alert.Event, fail failFunc) *plan {
	p := &plan{event: e, fail: fail}
	d.toTopic(p, e.Topic, e)
	// A script's handlers hang on its alert node: the level before is the one of the node's topic.
	if e.Previous != e.NodePrevious {
		own := *e
		own.Previous = e.NodePrevious
		e = &own
	}
	if e.Node != "" {
		d.toTopic(p, alert.NodeTopic(e.Task, e.Node), e)
	}
	named := map[*handler.Kind]bool{}
	for _, h := range e.Handlers {
		if k := handler.Lookup(h.Kind); k != nil {
			named[k] = true
		}
		d.toNamed(p, e, h)
	}
	for _, to := range d.handlers {
		if !named[to.kind] {
			d.toGlobal(p, to, e)
		}
	}
	return p
}

// toTopic adds the deliveries to the handlers of a topic; e is the event as seen from there.
func (d *Dispatcher) toTopic(p *plan, name string, e *alert.Event) {
	if name == "" || slices.Contains(p.visited, name) {
		return
	}
	p.visited = append(p.visited, name)
	if d.topics.fed[name] {
		p.levels = append(p.levels, spool.TopicLevel{Topic: name, ID: e.ID, Level: e.Level})
	}
	for _, h := range d.topics.byName[name] {
		ok, err := h.match.matches(e)
		if err != nil {
			d.stats.get(h.kind.Name).failed.Incr(1)
			d.causes.Log(d.log.Errorf, "match "+h.Match, fmt.Errorf("handler of topic %q: match: %w", h.Topic, err))
		}
		if !ok {
			continue
		}
		if o, ok := h.options.(*publishOptions); ok {
			for _, t := range o.Topics {
				seen := *e
				seen.Previous = d.level(t, e.ID)
				d.toTopic(p, t, &seen)
			}
			continue
		}
		if to := d.handlers[h.kind]; to != nil {
			d.add(p, to, e, h.options)
		} else {
			p.fail(h.kind.Name, e, d.unavailable(h.kind))
		}
	}
}

// level returns the level that an alert has in a topic that events reach by way of handlers.
func (d *Dispatcher) level(topic, id string) alert.Level {
	if d.spool == nil { // of a replay
		return alert.OK
	}
	return d.spool.Level(topic, id)
}

// toNamed adds the delivery to a handler that the script names.
func (d *Dispatcher) toNamed(p *plan, e *alert.Event, h alert.Handler) {
	k := handler.Lookup(h.Kind)
	if k == nil {
		p.fail(h.Kind, e, handler.ErrUnknown(h.Kind))
		return
	}
	to := d.handlers[k]
	if to == nil {
		p.fail(k.Name, e, d.unavailable(k))
		return
	}
	options, err := k.DecodeOptions(h.Options)
	if err != nil {
		p.fail(k.Name, e, err)
		return
	}
	d.add(p, to, e, options)
}

// toGlobal adds the deliveries to the sections that get all events.
func (d *Dispatcher) toGlobal(p *plan, to *integration, e *alert.Event) {
	for _, c := range to.configs {
		if !common(c).Global {
			continue
		}
		options := to.kind.Options()
		if g, ok := c.(handler.Globaler); ok {
			options = g.GlobalOptions()
		}
		d.add(p, to, e, options)
	}
}

// add adds a delivery, unless its section does not want it.
func (d *Dispatcher) add(p *plan, to *integration, e *alert.Event, options spec.Declarer) {
	if s := to.section(options); s != nil && s.StateChangesOnly && e.Level == e.Previous {
		return
	}
	p.list = append(p.list, d.newDelivery(to, e, options))
}

func (d *Dispatcher) newDelivery(to *integration, e *alert.Event, options spec.Declarer) *delivery {
	it := &delivery{event: e, to: to, options: options, timeout: d.c.Timeout}
	if s := to.section(options); s != nil && s.Timeout > 0 {
		it.timeout = s.Timeout
	}
	return it
}

// section returns the common settings that deliveries with these options have; nil means none.
func (to *integration) section(options spec.Declarer) *handler.Section {
	for _, c := range to.configs {
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

// destination returns what deliveries must have in common to wait in one queue.
func (it *delivery) destination() string {
	if o, ok := it.options.(handler.Destiner); ok {
		return it.to.kind.Name + " " + o.Destination()
	}
	return it.to.kind.Name
}

// StateChangesOnly reports whether sections of handlers want all alert nodes to behave as if their scripts
// said stateChangesOnly.
func StateChangesOnly(sections map[*handler.Kind][]any) bool {
	for k, list := range sections {
		for _, c := range list {
			if s := common(c); k.Nodewide && s.Global && s.StateChangesOnly {
				return true
			}
		}
	}
	return false
}

// Off reports whether a section of handlers is switched off.
func Off(config any) bool { return common(config).Off() }
