package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"

	"github.com/influxdata/telegraf/logger"
	"github.com/influxdata/telegraf/plugins/outputs"

	"github.com/telegraf-tigk/telegraf-tigk/internal/delivery"
	"github.com/telegraf-tigk/telegraf-tigk/internal/engine"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/replay"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/plugins/outputs/alerter"
	"github.com/telegraf-tigk/telegraf-tigk/plugins/processors/tick"
)

// A courier carries out what a replay decides, with the settings that an agent would have: it
// hands alert events to their handlers and makes the requests of httpPost nodes, in their order,
// each once.
type courier struct {
	alerter   *alerter.Alerter
	endpoints engine.Endpoints
	client    *http.Client
	before    func() error // is called before each delivery
	stderr    io.Writer
	hint      string // where settings would come from
	failed    int
	idle      map[string]bool // kinds of handlers that were found to lack settings
}

// maxComplaints bounds the lines about deliveries that failed.
const maxComplaints = 10

// newCourier reads the sections of the plugins in the agent's configuration file, if there is one.
func newCourier(file string, stderr io.Writer) (*courier, error) {
	c := &courier{client: &http.Client{}, stderr: stderr, idle: map[string]bool{}}
	var posts []*tick.HTTPPost
	if file == "" {
		c.hint = " to the agent's configuration, and give it with -config"
	}
	if file != "" {
		conf, err := loadAgent(file)
		if err != nil {
			return nil, err
		}
		c.alerter = alerterOf(conf)
		for _, p := range conf.Processors {
			if t, ok := p.Processor.(*tick.Tick); ok {
				posts = append(posts, t.HTTPPost...)
			}
		}
	}
	if c.alerter == nil {
		c.alerter = outputs.Outputs["alerter"]().(*alerter.Alerter)
		c.alerter.Log = logger.New("outputs", "alerter", "")
	}
	if err := c.alerter.Init(); err != nil {
		return nil, fmt.Errorf("%s: outputs.alerter: %w", filepath.Base(file), err)
	}
	var err error
	if c.endpoints, err = tick.NewEndpoints(posts); err != nil {
		return nil, fmt.Errorf("%s: processors.tick: %w", filepath.Base(file), err)
	}
	return c, nil
}

// answer makes the requests that the task asks for. Other questions are answered as in any replay.
func (c *courier) answer(a spec.Ask) spec.Reply {
	p, ok := a.Body.(spec.Post)
	if !ok {
		return replay.Likely(a)
	}
	if err := c.before(); err != nil {
		return spec.Posted{} // nobody reads the transcript any more
	}
	status, err := c.endpoints.Post(context.Background(), c.client, &p) // it has its own limit of time
	if err != nil {
		c.fail(fmt.Sprintf("httpPost: %v", err))
	}
	return spec.Posted{Status: status}
}

// deliver hands an alert event to its handlers.
func (c *courier) deliver(e *spec.Effect) {
	ctx := context.Background() // each delivery has its own limit of time
	if e.Kind != spec.AlertEffect {
		return
	}
	if err := c.before(); err != nil {
		return // nobody reads the transcript any more
	}
	for _, f := range c.alerter.Once(ctx, e.Event) {
		if !errors.Is(f.Err, delivery.ErrUnavailable) {
			c.fail(fmt.Sprintf("%s: alert %q not delivered: %v", f.Kind, e.Event.ID, f.Err))
			continue
		}
		if !c.idle[f.Kind] {
			c.idle[f.Kind] = true
			hint := ""
			if k := handler.Lookup(f.Kind); k != nil && k.Open != nil {
				hint = c.hint
			}
			fmt.Fprintf(c.stderr, "%s: no alerts delivered: %v%s\n", f.Kind, f.Err, hint)
		}
	}
}

func (c *courier) fail(text string) {
	c.failed++
	if c.failed <= maxComplaints {
		fmt.Fprintln(c.stderr, text)
	}
}

// close frees what deliveries kept, and reports whether all were made.
func (c *courier) close() (ok bool) {
	c.client.CloseIdleConnections()
	_ = c.alerter.Close() // it has nothing left to write
	if more := c.failed - maxComplaints; more > 0 {
		fmt.Fprintf(c.stderr, "and %d more deliveries failed\n", more)
	}
	return c.failed == 0
}
