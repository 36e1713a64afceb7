package node

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

func init() { spec.Register("deadman", func() spec.Declarer { return &deadman{} }) }

// deadman is short for an alert on the number of points that the node in front sends.
type deadman struct {
	threshold  float64
	interval   time.Duration
	conditions []*syntax.Lambda
	config     DeadmanConfig
}

// A DeadmanConfig says how deadman alerts speak, and whether every task has one.
type DeadmanConfig struct {
	ID      string // template in which the first NODE_NAME stands for the node in front; "" is DeadmanID
	Message string // template in which the first INTERVAL stands for the interval; "" is DeadmanMessage

	Global    bool // the source of every task has a deadman with these arguments
	Threshold float64
	Interval  time.Duration
}

// What an alert of a deadman says unless the script or the configuration says otherwise.
const (
	DeadmanID      = "{{ .Group }}:NODE_NAME for task '{{ .TaskName }}'"
	DeadmanMessage = `{{ .ID }} is {{ if eq .Level "OK" }}alive{{ else }}dead{{ end }}: {{ index .Fields "emitted" | printf "%0.3f" }} points/INTERVAL.`
)

// Check returns what is wrong with the settings.
func (c *DeadmanConfig) Check() error {
	switch {
	case c.Interval <= 0:
		return errors.New("interval must be positive")
	case math.IsNaN(c.Threshold) || math.IsInf(c.Threshold, 0) || c.Threshold < 0:
		return fmt.Errorf("threshold: want 0.0 or more, got %v", c.Threshold)
	}
	_, err := alert.ParseTemplates(c.id("stream0"), c.message(c.Interval), "")
	return err
}

func (c *DeadmanConfig) id(parent string) string {
	text := c.ID
	if text == "" {
		text = DeadmanID
	}
	return strings.Replace(text, "NODE_NAME", parent, 1)
}

func (c *DeadmanConfig) message(interval time.Duration) string {
	text := c.Message
	if text == "" {
		text = DeadmanMessage
	}
	return strings.Replace(text, "INTERVAL", interval.String(), 1)
}

func (d *deadman) Declare(s *spec.Spec) {
	s.Doc("Alerts when the node in front sends no more than threshold points per interval, for each group: " +
		"stats, derivative and an alert at level CRITICAL, whose properties may follow.")
	s.Edges(spec.Same, spec.Stream)
	s.After("*")
	s.Arg(&d.threshold, "threshold", "number of points that is not enough, 0.0 for none at all")
	s.Arg(&d.interval, "interval", "time over which the points are counted")
	s.Arg(&d.conditions, "condition", "what must hold besides, over the group's tags and the field emitted")
	s.Example("stream|from().measurement('m')|deadman(0.0, 10s)", "m v=1 0s\nm v=1 5s\nm v=1 25s", "stats emitted=0 20s")
}

// Configure gives the texts that the alert begins with. It comes before Expand.
func (d *deadman) Configure(c DeadmanConfig) { d.config = c }

func (d *deadman) Expand(parent string) (script string, vars map[string]spec.Arg) {
	var crit syntax.Expr = &syntax.Binary{Op: syntax.Le, X: &syntax.Reference{Name: "emitted"}, Y: &syntax.Float{Value: d.threshold}, Parens: true}
	for _, c := range d.conditions {
		crit = &syntax.Binary{Op: syntax.And, X: crit, Y: c.X, Parens: true}
	}
	text := func(s string) spec.Arg { return spec.ValueArg(point.StringValue(s), syntax.Pos{}) }
	return "|stats(interval).align()|derivative('emitted').unit(interval).nonNegative()|alert().crit(crit).id(id).message(message)",
		map[string]spec.Arg{
			"interval": spec.ValueArg(point.DurationValue(d.interval), syntax.Pos{}),
			"crit":     {Type: spec.LambdaType, Lambda: &syntax.Lambda{X: crit}},
			"id":       text(d.config.id(parent)),
			"message":  text(d.config.message(d.interval)),
		}
}
