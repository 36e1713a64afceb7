package spec

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// A Fuser can spare its children what they do not need, if it knows them. The task calls Fuse once,
// with the nodes that get what it sends, after all of them have been started and before any data.
type Fuser interface{ Fuse(children []Declarer) }

// What follows is the short way for points that nothing comes of: no effect, and no data for the nodes
// behind. Most points of most rules are such. They need not be copied, nor handed from node to node with
// all that a node does then. A from node offers each point to the node behind it, which asks the one
// behind it with the fields that it would send; an alert that stays OK ends it.
//
// A node whose sinks can do that is [Absorbing], its sinks are [Absorber]s. A node that sends its points
// on is so only if they go to one other node, and that is Absorbing as well; [Fuser] tells.

// An Absorbing node has sinks that are [Absorber]s.
type Absorbing interface {
	// Absorbs reports whether Absorb is worth trying. It is asked after Start and Fuse.
	Absorbs() bool
	// Wants returns the names, each once, of the fields that Absorb looks at; it need not be given
	// others. It is nil if Absorb looks at all.
	Wants() []string
	// Refers returns the names that lambdas here and in the nodes behind refer to.
	Refers() []string
}

// A Composer is Absorbing and can compute itself what the node before it would.
type Composer interface {
	// Compose prepares Absorb for points of which the sender would make others that have a single
	// field, x under the given name. It reports false if Absorb must be given the points that the
	// sender makes.
	Compose(name string, x syntax.Expr) bool
}

// An Absorber is a sink that may absorb points. Absorb takes the point of the group g that is p with
// other fields, p.Group being of no meaning, if that leads to nothing but a change of the node's state.
// Otherwise it does nothing and reports false, and the point is to be sent in the ordinary way, by
// Point. No tag of p may have a name that Refers has: so lambdas need not look at the tags.
type Absorber interface {
	Absorb(g *point.Group, p *point.Point, fields []point.Field) bool
	// AbsorbField is Absorb with one field of the value v, if Wants names no other.
	AbsorbField(g *point.Group, p *point.Point, v point.Value) bool
}

// A Shortcut is an Absorber that stands before another one for all groups and counts what that absorbs.
type Shortcut interface {
	// Shortcut returns the other Absorber, nil if there is not one for all groups, and the counter.
	Shortcut() (Absorber, *int64)
}

// A Transparent node can leave it to the node behind it to absorb the points that it gets itself.
type Transparent interface{ Transparent() bool }

// OnlyAbsorbing returns the node that alone gets what another one sends, nil if there is no such node
// or it is not Absorbing.
func OnlyAbsorbing(children []Declarer) Absorbing {
	if len(children) != 1 {
		return nil
	}
	if a, ok := children[0].(Absorbing); ok && a.Absorbs() {
		return a
	}
	return nil
}
