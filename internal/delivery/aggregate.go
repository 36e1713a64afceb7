package delivery

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// This file makes one event of many: the handler aggregate.
//
// An event that waits to be aggregated is a delivery like any other, so that it lies in the spool and
// a restart loses none. The interval begins with the first event that waits. When it is over, one
// posting stores the new event and ends the deliveries of the old ones.

// aggregateKind makes one event of all that come within an interval.
var aggregateKind = &handler.Kind{Name: "aggregate", Parallel: 1, Options: func() spec.Declarer { return &aggregateOptions{} }}

// noSender stands for the sender of that kind, whose deliveries stay here.
type noSender struct{}

func (noSender) Send(context.Context, *alert.Event, spec.Declarer) error {
	return unavailableError("it waits for further events, and here there is no time")
}

func (noSender) Close() error { return nil }

type aggregateOptions struct {
	ID       string        `json:"id"`
	Interval time.Duration `json:"interval"`
	Topic    string        `json:"topic"`
	Message  string        `json:"message,omitempty"`
}

const defaultAggregate = "Received {{ .Count }} events in the last {{.Interval}}."

// An aggregateInfo is what the template of the message sees.
type aggregateInfo struct {
	Count    int
	Interval time.Duration
}

// Declare says what is wrong with the options; no script names them.
func (o *aggregateOptions) Declare(s *spec.Spec) {
	s.Check(func() error {
		switch {
		case o.ID == "":
			return errors.New("aggregate: id, that of the events it makes, is missing")
		case o.Interval <= 0:
			return errors.New("aggregate: interval must be positive")
		case !topicName.MatchString(o.Topic):
			return errTopicName(o.Topic)
		}
		t, err := o.template()
		if err == nil {
			err = t.Execute(io.Discard, aggregateInfo{})
		}
		if err != nil {
			return fmt.Errorf("aggregate: %w", err)
		}
		return nil
	})
}

func (o *aggregateOptions) template() (*template.Template, error) {
	text := o.Message
	if text == "" {
		text = defaultAggregate
	}
	return template.New("message").Parse(text)
}

// Destination tells apart what is aggregated into different events.
func (o *aggregateOptions) Destination() string {
	return fmt.Sprintf("%s %s %s %q", o.Topic, o.ID, o.Interval, o.Message)
}

// A bundle holds the deliveries that one event will be made of.
type bundle struct {
	dest    string
	options *aggregateOptions
	items   []*delivery // oldest first
	timer   *time.Timer
}

func (b *bundle) stop() { b.timer.Stop() }

// waitingBundles returns the destinations of all bundles.
func (d *Dispatcher) waitingBundles() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return sorted(d.bundles)
}

// toBundle adds a delivery to its bundle.
func (d *Dispatcher) toBundle(it *delivery) {
	dest := it.item.Dest
	b := d.bundles[dest]
	if b == nil {
		b = &bundle{dest: dest, options: it.options.(*aggregateOptions)}
		b.timer = time.AfterFunc(time.Until(it.since.Add(b.options.Interval)), func() { d.aggregate(dest) })
		d.bundles[dest] = b
	}
	it.bundle = b
	b.items = append(b.items, it)
}

// unbundle takes a delivery out of its bundle.
func (d *Dispatcher) unbundle(it *delivery) {
	b := it.bundle
	if i := slices.Index(b.items, it); i == 0 { // the usual case
		b.items = b.items[1:]
	} else {
		b.items = slices.Delete(b.items, i, i+1)
	}
	if len(b.items) == 0 {
		b.stop()
		delete(d.bundles, b.dest)
	}
}

// aggregate makes the event that a bundle waits for.
func (d *Dispatcher) aggregate(dest string) {
	d.mu.Lock()
	b := d.bundles[dest]
	if b == nil || !d.takes() {
		d.mu.Unlock()
		return
	}
	e := aggregated(b.options, b.items)
	e.Previous = d.level(b.options.Topic, e.ID)
	p := &plan{event: e, fail: d.fail, from: b}
	d.toTopic(p, b.options.Topic, e)
	d.accept(p)
	s := d.spool
	d.mu.Unlock()
	s.Commit()
}

// aggregated makes one event of many.
func aggregated(o *aggregateOptions, items []*delivery) *alert.Event {
	e := &alert.Event{ID: o.ID, Topic: o.Topic}
	hash := sha256.New()
	fmt.Fprintf(hash, "aggregate %s\n", o.Destination())
	var details strings.Builder
	var series []json.RawMessage
	for i, it := range items {
		x := it.event
		fmt.Fprintln(hash, x.EventID)
		e.Level = max(e.Level, x.Level)
		e.Time = max(e.Time, x.Time)
		e.Duration = max(e.Duration, x.Duration)
		if i > 0 {
			details.WriteByte('\n')
		}
		details.WriteString(x.Message)
		var data struct {
			Series []json.RawMessage `json:"series"`
		}
		if json.Unmarshal(x.Data, &data) == nil {
			series = append(series, data.Series...)
		}
	}
	e.Details = details.String()
	e.EventID = hex.EncodeToString(hash.Sum(nil)[:16])
	var message strings.Builder
	if t, err := o.template(); err == nil {
		_ = t.Execute(&message, aggregateInfo{len(items), o.Interval}) // it was tried out
	}
	e.Message = message.String()
	if len(series) > 0 {
		e.Data, _ = json.Marshal(map[string]any{"series": series}) // it was JSON before
	}
	return e
}
