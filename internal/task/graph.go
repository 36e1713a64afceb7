package task

import (
	"slices"
	"strconv"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// This file holds the graph of nodes that a script describes.

// A graph is the nodes of a script in the order of their making; parents come before children.
type graph struct {
	nodes []*node
	ids   int
}

// A node is one node of a script, with its links.
type node struct {
	id       int
	spec     *spec.Spec
	decl     spec.Declarer
	pos      syntax.Pos
	parents  []*node
	children []child
	made     []string // what its state may depend on, as text; nil once the script has been read
	run      running

	behindUDF bool // data comes to it by way of a user-defined function
}

// A child is a link to the i-th input of a node.
type child struct {
	*node
	input int
}

func newNode(s *spec.Spec, d spec.Declarer, pos syntax.Pos) *node {
	return &node{spec: s, decl: d, pos: pos}
}

// add makes a node without parents.
func (g *graph) add(word string, d spec.Declarer, pos syntax.Pos) *node {
	n := newNode(spec.Of(word, d), d, pos)
	n.id = g.ids
	g.ids++
	g.put(n)
	return n
}

// put adds n, which is linked to its parents.
func (g *graph) put(n *node) {
	g.nodes = append(g.nodes, n)
	n.behindUDF = slices.ContainsFunc(n.parents, func(p *node) bool {
		_, ok := p.decl.(spec.Receiver)
		return ok || p.behindUDF
	})
}

// link makes n a child of p. As in Kapacitor every link takes a number, and the last one stays:
// a join of from1 and from2 is join4.
func (g *graph) link(p, n *node) {
	p.children = append(p.children, child{n, len(n.parents)})
	n.parents = append(n.parents, p)
	n.id = g.ids
	g.ids++
}

// name returns the node's name, "window3".
func (n *node) name() string { return n.spec.Kind + strconv.Itoa(n.id) }

// in returns the kind of data that the node gets.
func (n *node) in() spec.Edge {
	if len(n.parents) == 0 {
		return n.spec.Wants
	}
	return n.parents[0].out()
}

// out returns the kind of data that the node provides.
func (n *node) out() spec.Edge {
	if n.spec.Provides != spec.Same {
		return n.spec.Provides
	}
	return n.in()
}

// takes reports whether the node called word can be chained to n.
func (n *node) takes(word string) bool {
	d := spec.New(word)
	return d != nil && spec.Of(word, d).MayFollow(n.spec)
}

// followers returns the words of the nodes that can be chained to n.
func (n *node) followers() []string {
	var out []string
	for _, w := range spec.Nodes() {
		if n.takes(w) {
			out = append(out, w)
		}
	}
	return out
}
