package spec

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file is how nodes describe the short way of points that nothing comes of: no effect, and no data for the nodes
// behind. Most points of most rules are such. They need not be copied, nor handed from node to node with all that a
// node does then: the task tries what each node would do with one, and only if all agree has them do it.

// An Offerer offers each point to the short way before it sends it.
type Offerer interface {
	// Offer is called before any data, if there is a short way. Only points are to be offered whose tags, and the
	// dimensions of whose group, have none of the names that lambdas refer to: these do not look at tags.
	Offer(refers []string, way Absorber)
}

// An Absorber takes points that nothing comes of.
type Absorber interface {
	// Absorb reports whether it has taken p as a point of g, so that there is nothing left to do. What p.Group is
	// has no meaning.
	Absorb(g *point.Group, p *point.Point) bool
}

// A Stepper is a node that may be part of a short way.
type Stepper interface {
	// Step is called once, after all nodes have started and before any data. Behind is the step of the one node
	// that gets what this one sends; nil if that has none, or there are several. The result is nil if points must
	// go the ordinary way.
	Step(behind *Step) *Step
}

// A Step is what a node does with points on the short way.
type Step struct {
	Reads  []string // the fields that are looked at, here or behind: others may be left out; nil if none may
	Refers []string // the names that lambdas refer to, here or behind

	// Try says what becomes of a point and, if it ends here, does that. It is given the node's sink for the point.
	Try func(s point.Sink, x *Trial) Verdict
	// Commit does what Try has left to do for the point that it passed on last, when that has been absorbed. It may
	// be nil.
	Commit func()

	// Ends says that no point is passed on. Then there may be Tests: that Try says [Absorb] holds only if none of
	// these predicates does, and Try does nothing else.
	Ends  bool
	Tests []*lambda.Expr
	// Value is set if Try does nothing but pass on a single field, and says how that is computed.
	Value *Value
}

// A Value is a field and the lambda that computes it.
type Value struct {
	Name string
	Expr *lambda.Expr
}

// A Trial is a point on the short way.
type Trial struct {
	Group *point.Group
	Point *point.Point // as it was offered, with tags; what its Group is has no meaning
	View  point.Point  // as lambdas see it: it has a time and fields; whoever passes other ones on sets these
}

// A Verdict says what becomes of a point on the short way.
type Verdict uint8

// The verdicts.
const (
	Refuse Verdict = iota // it is to go the ordinary way; nothing has happened
	Pass                  // the node behind gets what the view is now
	Absorb                // it ends here
)
