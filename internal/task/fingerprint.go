package task

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// This file tells whether a changed script may go on with the state that the old one has left.
//
// It may if the same nodes in the same order work on the same databases and are linked in the same
// way, with the same arguments and properties but for those that a node's declaration sets aside:
// what is said (an alert's message and details), and to whom (handlers, influxDBOut, log …). What
// counts is the values, after variables have been filled in; comments, layout and the order of a
// node's properties do not. Whatever a declaration says nothing about counts.

// fingerprint returns a hash of all that counts. It is made once, from what the nodes have collected.
func (t *Task) fingerprint() [sha256.Size]byte {
	var b strings.Builder
	for _, d := range t.dbrps {
		fmt.Fprintf(&b, "%q.%q ", d.DB, d.RP)
	}
	for _, n := range t.graph.nodes {
		b.WriteString("\n" + n.name())
		for _, p := range n.parents {
			b.WriteString(" < " + p.name())
		}
		slices.Sort(n.made)
		for _, m := range n.made {
			b.WriteString(" " + m)
		}
		n.made = nil
	}
	return sha256.Sum256([]byte(b.String()))
}

// Continues reports whether t, which has another script or other variables, may go on with the state of
// old. That is saved before, and left with [Task.Leave].
func (t *Task) Continues(old *Task) bool { return t.print == old.print }

// Leave gives up what the task shares with others. Unlike with Close, nothing comes out.
func (t *Task) Leave() {
	for _, n := range t.graph.nodes {
		if l, ok := n.decl.(spec.Leaver); ok {
			_ = t.guard(n, l.Leave)
		}
	}
}

// values is what a node's state may depend on if no script has set its arguments and properties.
func values(s *spec.Spec) (made []string) {
	note := func(name string, v spec.Arg, ok bool) {
		if ok && (v.Type != spec.LambdaType || v.Lambda != nil) {
			made = append(made, name+describe([]spec.Arg{v}))
		}
	}
	for i, a := range s.Args {
		if v, ok := a.Value(); s.CountsArg(i) {
			note("", v, ok)
		}
	}
	for _, p := range s.Props {
		if v, ok := p.Value(); s.Counts(p.Name) {
			note("."+spec.Canonical(p.Name), v, ok)
		}
	}
	return made
}

// describe returns arguments as text that tells all values apart.
func describe(args []spec.Arg) string {
	texts := make([]string, len(args))
	for i := range args {
		switch a := &args[i]; a.Type {
		case spec.LambdaType:
			texts[i] = "lambda:" + syntax.FormatExpr(a.Lambda.X)
		case spec.ListType:
			texts[i] = "[" + describe(a.List) + "]"
		case spec.NodeType:
			if n, ok := a.Node.(*node); ok {
				texts[i] = n.name()
			}
		case spec.RegexType, spec.ReferenceType, spec.FuncType, spec.StarType:
			texts[i] = a.Type.String() + strconv.Quote(a.Text)
		default:
			texts[i] = fmt.Sprintf("%d:%x:%q", a.Value.Kind, a.Value.Num, a.Value.Text)
		}
	}
	return "(" + strings.Join(texts, ",") + ")"
}
