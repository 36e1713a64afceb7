package node

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

func init() { spec.Register("alert", func() spec.Declarer { return newAlert() }) }

// maxHistory bounds the levels that each group of an alert remembers.
const maxHistory = 100_000

// alertNode turns data into alert events. This file declares it; alert_level.go finds levels and
// alert_group.go makes the events. What an event is, package alert decides.
type alertNode struct {
	id, message, details string
	when, reset          [alert.Critical + 1]*syntax.Lambda // by level; none for OK
	history              int64
	rules                alert.Rules
	all, noRecoveries    bool
	inhibits             []inhibition
	category, topic      string
	levelTag, idTag      string
	levelField, idField  string
	messageField         string
	durationField        string
	objects              []handlerObject

	env        spec.Env
	own        string // the node's own topic
	templates  *alert.Templates
	levels     [alert.Critical + 1]level
	low, high  alert.Level // the lowest and highest that has a lambda; low is higher if none has
	shared     alertShared
	handlers   []alert.Handler
	counts     alertCounts
	inhibitors map[*alertGroup]struct{} // groups that have some
	batch      batchBuffer
}

// An inhibition silences alerts of a category that agree in the tags.
type inhibition struct {
	category string
	tags     []string
}

// A handlerObject is a handler as the script declares it.
type handlerObject struct {
	kind    string
	handler spec.Declarer
}

// Configure has the alert behave as if its script said stateChangesOnly, if all alerts are to.
func (n *alertNode) Configure(s *spec.Settings) {
	n.rules.ChangesOnly = n.rules.ChangesOnly || s.ChangesOnly
}

// alertShared is what the groups of a node share: the state of the levels' lambdas.
type alertShared struct {
	When, Reset [alert.Critical + 1]lambda.State
	Private     [][]lambda.State // of lambdas within them
}

type alertCounts struct {
	inhibited, triggered *int64
	levels               [alert.Critical + 1]*int64
}

func newAlert() *alertNode {
	return &alertNode{
		id:      "{{ .Name }}:{{ .Group }}",
		message: "{{ .ID }} is {{ .Level }}",
		details: "{{ json . }}",
		history: 21,
	}
}

func (n *alertNode) Declare(s *spec.Spec) {
	s.Doc("Raises an alert event when a group's level calls for one, hands it to handlers and topics, and passes the data that raised it on. " +
		"A group is at the highest level whose lambda holds, at OK if none does.")
	s.Prop(&n.id, "id", "template of the event's ID: .Name .TaskName .Group .Tags .ServerInfo")
	s.Prop(&n.message, "message", "template of the message: as id, and .ID .Fields .Level .Time .Duration")
	s.Prop(&n.details, "details", "HTML template of the details: as message, and .Message; knows json and jsonCompact")
	s.Aside("message", "details")
	s.Prop(&n.when[alert.Info], "info", "when the level is INFO")
	s.Prop(&n.when[alert.Warning], "warn", "when the level is WARNING")
	s.Prop(&n.when[alert.Critical], "crit", "when the level is CRITICAL")
	s.Prop(&n.reset[alert.Info], "infoReset", "what must hold for a group to leave INFO for a lower level")
	s.Prop(&n.reset[alert.Warning], "warnReset", "what must hold for a group to leave WARNING for a lower level")
	s.Prop(&n.reset[alert.Critical], "critReset", "what must hold for a group to leave CRITICAL for a lower level")
	s.Prop(&n.history, "history", "number of levels that flapping looks back at")
	s.Func("flapping", "raise no events while the level changes too often: from a share of changes above high until it is below low",
		func(low, high float64) error {
			n.rules.DetectFlapping, n.rules.Low, n.rules.High = true, low, high
			return nil
		}, "low", "high")
	s.Prop(&n.rules.Low, "flapLow", "low threshold of flapping, between 0 and 1")
	s.Prop(&n.rules.High, "flapHigh", "high threshold of flapping, between 0 and 1")
	s.Func("stateChangesOnly", "raise events only when the level changes, and if an interval is given once per interval while it does not",
		func(interval ...time.Duration) error {
			if len(interval) > 1 {
				return fmt.Errorf("want at most one interval, got %d", len(interval))
			}
			n.rules.ChangesOnly = true
			if len(interval) == 1 {
				n.rules.MaxInterval = interval[0]
			}
			return nil
		}, "interval")
	s.Prop(&n.rules.MaxInterval, "stateChangesOnlyDuration", "interval of stateChangesOnly")
	s.Flag(&n.noRecoveries, "noRecoveries", "raise no events when the level is OK again")
	s.Flag(&n.all, "all", "the level of a batch is the lowest of its points' instead of the highest")
	s.Func("inhibit", "while a group is not OK, silence alerts of the category that have the same values of the tags, which must be among the groupBy's",
		func(category string, tags ...string) error {
			n.inhibits = append(n.inhibits, inhibition{category, tags})
			return nil
		}, "category", "tag")
	s.Prop(&n.category, "category", "category of this alert, for inhibit")
	s.Prop(&n.topic, "topic", "topic to which the events go, too")
	s.Prop(&n.levelTag, "levelTag", "name of a tag with the level to add to the data passed on")
	s.Prop(&n.idTag, "idTag", "name of a tag with the event's ID")
	s.Prop(&n.levelField, "levelField", "name of a field with the level to add to the data passed on")
	s.Prop(&n.idField, "idField", "name of a field with the event's ID")
	s.Prop(&n.messageField, "messageField", "name of a field with the message")
	s.Prop(&n.durationField, "durationField", "name of a field with the time since the group left OK, in nanoseconds")
	s.Objects(spec.NewHandler, func(kind string, d spec.Declarer) {
		n.objects = append(n.objects, handlerObject{strings.ToLower(kind[:1]) + kind[1:], d})
	})
	s.Check(func() error {
		if n.history > maxHistory {
			return fmt.Errorf("history: want at most %d, got %d", maxHistory, n.history)
		}
		return nil
	})
	s.Example("stream|from().measurement('m').groupBy('h')|alert().crit(lambda: \"v\" > 5).stateChangesOnly().levelField('level')",
		"m,h=a v=1 0s\nm,h=a v=7 1s\nm,h=a v=8 2s\nm,h=a v=2 3s",
		"m,h=a level=\"CRITICAL\",v=7 1s\nm,h=a level=\"OK\",v=2 3s")
	s.Example("stream|from().measurement('m')|alert().id('load').warn(lambda: \"v\" > 5).warnReset(lambda: \"v\" < 3).messageField('msg').durationField('ns')",
		"m v=7 0s\nm v=4 1s\nm v=2 2s",
		"m msg=\"load is WARNING\",ns=0i,v=7 0s\nm msg=\"load is WARNING\",ns=1000000000i,v=4 1s\nm msg=\"load is OK\",ns=2000000000i,v=2 2s")
}

// Start compiles the lambdas and templates, so that a script's mistakes show before the incident.
func (n *alertNode) Start(env spec.Env) error {
	n.env = env
	n.own = alert.NodeTopic(env.Task(), env.Node())
	if r := &n.rules; r.DetectFlapping && (r.Low > 1 || r.High > 1) {
		return fmt.Errorf("flapping: thresholds are between 0 and 1, got %g and %g", r.Low, r.High)
	}
	var err error
	if n.templates, err = alert.ParseTemplates(n.id, n.message, n.details); err != nil {
		return err
	}
	n.low, n.high = alert.Critical+1, alert.OK
	for l := alert.Info; l <= alert.Critical; l++ {
		if err := n.levels[l].compile(l, n.when[l], n.reset[l], env); err != nil {
			return err
		}
		if n.when[l] != nil {
			n.low, n.high = min(n.low, l), l
		}
	}
	for _, o := range n.objects {
		options, err := json.Marshal(o.handler)
		if err != nil {
			return fmt.Errorf("%s: %w", o.kind, err)
		}
		n.handlers = append(n.handlers, alert.Handler{Kind: o.kind, Options: options})
	}
	n.counts.inhibited = env.Counter("alerts_inhibited")
	n.counts.triggered = env.Counter("alerts_triggered")
	for l, name := range [...]string{"oks_triggered", "infos_triggered", "warns_triggered", "crits_triggered"} {
		n.counts.levels[l] = env.Counter(name)
	}
	return nil
}

// Close ends what the alert does to others.
func (n *alertNode) Close() {
	n.Leave()
	n.env.Topics().Close(n.own)
}

// Leave has the alert inhibit nothing any more.
func (n *alertNode) Leave() {
	for g := range n.inhibitors {
		g.inhibit(false)
	}
}

// State returns what the groups share, if there is anything.
func (n *alertNode) State() any {
	stateful := false
	n.shared.Private = n.shared.Private[:0]
	n.eachLambda(func(e *lambda.Expr) {
		private := e.Private()
		stateful = stateful || e.Stateful() || len(private) > 0
		n.shared.Private = append(n.shared.Private, append([]lambda.State(nil), private...))
	})
	if !stateful {
		return nil
	}
	return &n.shared
}

// Restored gives the lambdas back the states that they keep themselves.
func (n *alertNode) Restored() {
	i := 0
	n.eachLambda(func(e *lambda.Expr) {
		if i < len(n.shared.Private) && len(n.shared.Private[i]) == len(e.Private()) {
			copy(e.Private(), n.shared.Private[i])
		}
		i++
	})
}

// Step absorbs the points that leave a group at OK.
func (n *alertNode) Step(*spec.Step) *spec.Step {
	s := &spec.Step{Ends: true, Try: func(to point.Sink, _ *spec.Trial) spec.Verdict {
		if to.(*alertGroup).calm { //nolint:forcetypeassert // of this node
			return spec.Absorb
		}
		return spec.Refuse
	}}
	for l := range n.levels {
		if e := n.levels[l].when; e != nil {
			s.Tests = append(s.Tests, e)
		}
	}
	if slices.ContainsFunc(s.Tests, impure) {
		return nil
	}
	s.Reads = referred(s.Tests...)
	s.Refers = s.Reads
	return s
}

func (n *alertNode) eachLambda(f func(e *lambda.Expr)) {
	for l := range n.levels {
		for _, e := range [...]*lambda.Expr{n.levels[l].when, n.levels[l].reset} {
			if e != nil {
				f(e)
			}
		}
	}
}

func (n *alertNode) Group(g *point.Group, out point.Sink) point.Sink {
	a := &alertGroup{n: n, Forward: spec.Forward{Out: out}, fresh: true}
	a.saved.State = alert.NewState(int(n.history))
	for _, in := range n.inhibits {
		tags := make([]point.Tag, len(in.tags))
		for i, key := range in.tags {
			v, _ := point.Lookup(g.Tags, key)
			tags[i] = point.Tag{Key: key, Value: v}
		}
		a.inhibitors = append(a.inhibitors, n.env.Topics().Inhibitors().New(in.category, tags))
	}
	if len(a.inhibitors) > 0 {
		if n.inhibitors == nil {
			n.inhibitors = make(map[*alertGroup]struct{})
		}
		n.inhibitors[a] = struct{}{}
	}
	return a
}
