package syntax

import "fmt"

// This file defines Walk.

// Walk calls f for n and everything in it, a parent before its parts and the parts in the order of
// the source. It leaves out the parts of a node for which f returns false.
func Walk(n Node, f func(Node) bool) {
	if c, ok := n.(*Chain); ok {
		walkChain(c, f)
		return
	}
	if !f(n) {
		return
	}
	switch n := n.(type) {
	case *Program:
		for _, s := range n.Stmts {
			Walk(s, f)
		}
	case *Var:
		Walk(n.Name, f)
		if n.Value != nil {
			Walk(n.Value, f)
		}
		if n.Type != nil {
			Walk(n.Type, f)
		}
	case *DBRP:
		Walk(n.DB, f)
		Walk(n.RP, f)
	case *ExprStmt:
		Walk(n.X, f)
	case *Ident, *Int, *Float, *String, *Bool, *Duration, *Regex, *Star, *Reference:
	case *Unary:
		Walk(n.X, f)
	case *Binary:
		Walk(n.X, f)
		Walk(n.Y, f)
	case *Call:
		for _, a := range n.Args {
			Walk(a, f)
		}
	case *Lambda:
		Walk(n.X, f)
	case *List:
		for _, x := range n.Items {
			Walk(x, f)
		}
	default:
		panic(fmt.Sprintf("unexpected node %T", n))
	}
}

// walkChain walks c without recursion along its links, which may be many.
func walkChain(c *Chain, f func(Node) bool) {
	links, first := splitChain(c, f)
	if first != nil {
		Walk(first, f)
	}
	for i := len(links) - 1; i >= 0; i-- {
		Walk(links[i].Member, f)
	}
}

// splitChain returns the links of c, the last one first, and what the chain starts with. It stops
// at a link for which f returns false; first is nil then.
func splitChain(c *Chain, f func(Node) bool) (links []*Chain, first Expr) {
	for {
		if !f(c) {
			return links, nil
		}
		links = append(links, c)
		left, ok := c.Left.(*Chain)
		if !ok {
			return links, c.Left
		}
		c = left
	}
}
