package node

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// autoscale is what k8sAutoscale, swarmAutoscale and ec2Autoscale have in common.
//
// A resource's number of replicas is asked for when its first point comes, and again after a
// restart; from then on the node knows it. Question and change are effects. While one of a resource
// is under way, the resource's points wait, in their order, so that each is judged by the number
// that its predecessor led to. If the call fails they are dropped with it, and so is what comes
// within scaleRetry: a cluster that is down is not asked for each point.
type autoscale struct {
	cluster, currentField              string
	min, max                           int64
	replicas                           *syntax.Lambda
	increaseCooldown, decreaseCooldown time.Duration
	cloud                              cloud

	env       spec.Env
	expr      *lambda.Expr
	scope     *lambda.Scope
	fault     prefixed
	badKind   [point.Null + 1]error // of a result that is no int
	known     scaleState
	calls     map[uint64]scaleCall // under way, by the IDs of their questions
	increases *int64
	decreases *int64
	cooled    *int64
	dropped   *int64
}

// A cloud is what the autoscale nodes differ in.
type cloud interface {
	system() string
	// resource returns what the point with the tags is about; it must not allocate.
	resource(tags []point.Tag) (spec.Resource, error)
	// label returns tags with those that name the resource.
	label(tags []point.Tag, r spec.Resource) []point.Tag
}

const (
	maxScaled  = 10_000           // resources of a node
	maxScaling = 1_000            // points of a resource that wait; of more, the oldest go
	scaleRetry = 10 * time.Second // after a call that failed
)

// scaleState is what an autoscale node knows of its resources.
type scaleState struct{ Resources map[spec.Resource]*scaled }

// scaled is one resource.
type scaled struct {
	Current                  int64
	Increased, Decreased     bool  // at least once
	IncreasedAt, DecreasedAt int64 // the last time

	known   bool // Current has been asked for since the start
	busy    bool // a call is under way
	waiting []scaling
	retry   int64 // before that nothing is tried
}

// A scaling is a point that waits.
type scaling struct {
	point *point.Point
	group *autoscaleGroup
}

// A scaleCall is what the node has asked for, and why.
type scaleCall struct {
	*autoscaleGroup
	scaled   *scaled
	resource spec.Resource

	// Of the point because of which the number is set to want:
	set  bool
	want int64
	name string
	at   int64
	of   *point.Group
}

func newAutoscale(c cloud) autoscale {
	return autoscale{cloud: c, min: 1, calls: map[uint64]scaleCall{}}
}

func (a *autoscale) declare(s *spec.Spec) {
	s.Edges(spec.Same, spec.Stream)
	s.Prop(&a.cluster, "cluster", "name of the configured cluster; the default one if unset")
	s.Prop(&a.currentField, "currentField", "name by which the lambda can use the current number of replicas")
	s.Prop(&a.min, "min", "least number of replicas")
	s.Prop(&a.max, "max", "largest number of replicas; 0 is no limit")
	s.Prop(&a.replicas, "replicas", "lambda that yields the wanted number of replicas as an int")
	s.Prop(&a.increaseCooldown, "increaseCooldown", "least time between two increases of a resource")
	s.Prop(&a.decreaseCooldown, "decreaseCooldown", "least time between two decreases of a resource")
}

// check finds what is wrong with the common properties, and with those that name the resource.
func (a *autoscale) check(property, name, tag string) error {
	switch {
	case (name == "") == (tag == ""):
		return fmt.Errorf("must specify exactly one of %s and %sTag", property, property)
	case a.min < 1:
		return fmt.Errorf("min: must be 1 or more, got %d", a.min)
	case a.max < 0:
		return fmt.Errorf("max: must not be negative, got %d", a.max)
	case a.max > 0 && a.max < a.min:
		return fmt.Errorf("max: must not be less than min, %d, got %d", a.min, a.max)
	case a.replicas == nil:
		return errors.New("needs the number of replicas: write .replicas(lambda: int(ceil(\"requests\" / 100.0)))")
	case a.increaseCooldown < 0 || a.decreaseCooldown < 0:
		return errors.New("a cooldown must not be negative")
	}
	return nil
}

// Refers returns the cluster.
func (a *autoscale) Refers() spec.Reference {
	return spec.Reference{Kind: a.cloud.system(), Name: a.cluster}
}

// Start compiles the lambda.
func (a *autoscale) Start(env spec.Env) (err error) {
	a.env = env
	a.fault.prefix = "error handling point"
	a.increases, a.decreases = env.Counter("increase_events"), env.Counter("decrease_events")
	a.cooled, a.dropped = env.Counter("cooldown_drops"), env.Counter("points_dropped")
	a.known.Resources = map[spec.Resource]*scaled{}
	if a.currentField != "" {
		a.scope = &lambda.Scope{Names: []string{a.currentField}, Values: make([]point.Value, 1)}
	}
	a.expr, err = compileIn(a.scope, a.replicas, env)
	return err
}

// State returns what the node knows of its resources.
func (a *autoscale) State() any { return &a.known }

// Group returns the sink of a group; a resource may have points of several groups.
func (a *autoscale) Group(_ *point.Group, out point.Sink) point.Sink {
	return &autoscaleGroup{autoscale: a, Forward: spec.Forward{Out: out}, state: newState(a.expr)}
}

type autoscaleGroup struct {
	*autoscale
	spec.Forward
	state *lambda.State
	point point.Point // of a batch
}

func (g *autoscaleGroup) State() any {
	if g.state == nil {
		return nil
	}
	return g.state
}

func (g *autoscaleGroup) Batch(b *point.Batch) {
	for i := range b.Points {
		g.point = b.Points[i]
		g.point.Name, g.point.Group = b.Name, b.Group
		g.Point(&g.point)
	}
}

func (g *autoscaleGroup) Point(p *point.Point) {
	r, err := g.cloud.resource(p.Tags)
	if err != nil {
		g.env.Error(g.fault.wrap(err))
		return
	}
	s := g.scaled(r)
	switch {
	case s == nil:
	case s.busy:
		g.wait(s, p)
	case s.retry > g.env.Now():
		*g.dropped++
	case !s.known:
		g.wait(s, p)
		g.ask(s, r)
	default:
		g.decide(s, r, p)
	}
}

// scaled returns what is known of a resource, nil if there are too many.
func (a *autoscale) scaled(r spec.Resource) *scaled {
	s := a.known.Resources[r]
	if s != nil {
		return s
	}
	if len(a.known.Resources) >= maxScaled {
		a.env.Error(a.fault.wrap(errTooManyScaled))
		return nil
	}
	s = &scaled{}
	a.known.Resources[r] = s
	return s
}

var errTooManyScaled = fmt.Errorf("more than %d resources", maxScaled)

func (g *autoscaleGroup) wait(s *scaled, p *point.Point) {
	if len(s.waiting) >= maxScaling {
		s.waiting = append(s.waiting[:0], s.waiting[1:]...)
		*g.dropped++
	}
	s.waiting = append(s.waiting, scaling{p.Clone(), g})
}

// ask has the number of replicas read. The answer of a replay is the best guess that there is: what
// the point says, or what was known before.
func (g *autoscaleGroup) ask(s *scaled, r spec.Resource) {
	guess := max(s.Current, g.min)
	if v := s.waiting[0].point.Field(g.currentField); g.currentField != "" && v.Kind == point.Int {
		guess = v.Int()
	}
	g.call(scaleCall{scaled: s, resource: r}, spec.Scale{Replicas: guess})
}

// call asks the cluster. What the answer is for is in c.
func (g *autoscaleGroup) call(c scaleCall, x spec.Scale) {
	c.autoscaleGroup, c.scaled.busy = g, true
	x.System, x.Cluster, x.Resource = g.cloud.system(), g.cluster, c.resource
	g.calls[g.env.Ask(x)] = c
}

// Answer takes the number of replicas that there are, or the news that it has been changed.
func (a *autoscale) Answer(id uint64, r spec.Reply) {
	c, x := a.calls[id], r.(spec.Scaled) //nolint:forcetypeassert // the task has checked it
	delete(a.calls, id)
	c.scaled.busy = false
	switch {
	case x.Error != "" && c.set:
		a.failed(c.scaled, fmt.Errorf("could not set the replicas of %q to %d: %s", c.resource, c.want, x.Error))
		return
	case x.Error != "":
		a.failed(c.scaled, fmt.Errorf("could not determine initial scale for %q: %s", c.resource, x.Error))
		return
	case c.set:
		c.changed()
	default:
		c.scaled.known, c.scaled.Current = true, x.Replicas
	}
	a.drain(c.scaled, c.resource)
}

// failed reports a call that failed and drops what waited for it.
func (a *autoscale) failed(s *scaled, err error) {
	a.env.Error(fmt.Errorf("%s: %w", a.fault.prefix, err))
	*a.dropped += int64(len(s.waiting))
	s.waiting = nil
	s.retry = a.env.Now() + int64(scaleRetry)
}

// drain decides about the points that wait, as far as the next call.
func (a *autoscale) drain(s *scaled, r spec.Resource) {
	for len(s.waiting) > 0 && !s.busy {
		w := s.waiting[0]
		s.waiting[0] = scaling{}
		s.waiting = s.waiting[1:]
		w.group.decide(s, r, w.point)
	}
	if len(s.waiting) == 0 {
		s.waiting = nil
	}
}

// decide changes the number of replicas if p wants another one and no cooldown forbids it.
func (g *autoscaleGroup) decide(s *scaled, r spec.Resource, p *point.Point) {
	want, err := g.want(s.Current, p)
	if err != nil {
		g.env.Error(g.fault.wrap(err))
		return
	}
	switch {
	case want == s.Current:
	case want > s.Current && s.Increased && cooling(p.Time, s.IncreasedAt, g.increaseCooldown),
		want < s.Current && s.Decreased && cooling(p.Time, s.DecreasedAt, g.decreaseCooldown):
		*g.cooled++
	default:
		g.change(s, r, p, want)
	}
}

func cooling(t, last int64, d time.Duration) bool {
	return t < last || t-last < int64(d)
}

// want returns the number of replicas that p leads to.
func (g *autoscaleGroup) want(current int64, p *point.Point) (int64, error) {
	if g.scope != nil {
		g.scope.Values[0] = point.IntValue(current)
	}
	v, err := g.expr.Eval(p, g.state)
	if err != nil {
		return 0, err
	}
	if v.Kind != point.Int {
		return 0, g.noInt(v.Kind)
	}
	upper := g.max
	if upper == 0 {
		upper = math.MaxInt64
	}
	return max(g.min, min(v.Int(), upper)), nil
}

// noInt returns the error for a lambda that yields something else than an int.
func (a *autoscale) noInt(k point.Kind) error {
	if a.badKind[k] == nil {
		a.badKind[k] = fmt.Errorf("expression returned unexpected type %s, expected int; see int()", k)
	}
	return a.badKind[k]
}

// change has the number of replicas set.
func (g *autoscaleGroup) change(s *scaled, r spec.Resource, p *point.Point, want int64) {
	g.call(scaleCall{scaled: s, resource: r, set: true, want: want, name: p.Name, at: p.Time, of: p.Group},
		spec.Scale{Set: true, Old: s.Current, Replicas: want})
}

// changed notes a change that has worked, and a point says so.
func (c *scaleCall) changed() {
	s, old := c.scaled, c.scaled.Current
	s.Current = c.want
	if c.want > old {
		s.Increased, s.IncreasedAt = true, c.at
		*c.increases++
	} else {
		s.Decreased, s.DecreasedAt = true, c.at
		*c.decreases++
	}
	c.emit(c.resource, &point.Point{Name: c.name, Time: c.at, Group: c.of, Fields: []point.Field{
		{Key: "new", Value: point.IntValue(c.want)}, {Key: "old", Value: point.IntValue(old)},
	}})
}

// emit sends on p with the tags of its group and of the resource.
func (g *autoscaleGroup) emit(r spec.Resource, p *point.Point) {
	p.Tags = g.cloud.label(p.Group.Tags, r)
	p.Group = g.env.Groups().Get(p.Name, p.Tags, p.Group.Dims, p.Group.ByName)
	g.Out.Point(p)
}

// label sets a tag unless its key is empty.
func label(tags []point.Tag, key, value string) []point.Tag {
	if key == "" {
		return tags
	}
	return point.SetTag(tags, key, value)
}

// named returns the name of a resource: a fixed one, or that in a tag.
func named(name, tag string, tags []point.Tag) (string, error) {
	if name == "" {
		name, _ = point.Lookup(tags, tag)
	}
	if name == "" {
		return "", errUnnamed
	}
	return name, nil
}

var errUnnamed = errors.New("could not determine the name of the resource: the point lacks the tag")
