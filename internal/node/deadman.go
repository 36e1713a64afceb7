package node

import (
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

func init() {
	spec.Register("deadman", func() spec.Declarer { return &deadman{texts: &spec.Deadman{}} })
}

// deadman is short for an alert on the number of points that the node in front sends.
type deadman struct {
	threshold  float64
	interval   time.Duration
	conditions []*syntax.Lambda
	texts      *spec.Deadman
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

// Configure gives the texts that the alert begins with.
func (d *deadman) Configure(s *spec.Settings) { d.texts = &s.Deadman }

// Expand makes the three nodes.
func (d *deadman) Expand(parent string) []spec.Link {
	var crit syntax.Expr = &syntax.Binary{Op: syntax.Le, X: &syntax.Reference{Name: "emitted"}, Y: &syntax.Float{Value: d.threshold}, Parens: true}
	for _, c := range d.conditions {
		crit = &syntax.Binary{Op: syntax.And, X: crit, Y: c.X, Parens: true}
	}
	a := newAlert()
	a.id, a.message = d.texts.AlertID(parent), d.texts.AlertMessage(d.interval)
	a.when[alert.Critical] = &syntax.Lambda{X: crit}
	return []spec.Link{
		{Word: "stats", Node: &stats{interval: d.interval, align: true}},
		{Word: "derivative", Node: &derivative{field: "emitted", unit: d.interval, nonNegative: true}},
		{Word: "alert", Node: a},
	}
}
