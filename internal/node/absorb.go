package node

import (
	"slices"

	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// absorbed is what nodes that compute pure lambdas need to be [spec.Absorbing].
type absorbed struct {
	child spec.Absorbing // what gets all that the node sends; nil if the node is not absorbing
	wants []string
	refs  []string
	next  way
	one   []point.Field // for AbsorbField
}

// fuse notes what the node sends to, and what the node and its lambdas want. If it keeps the fields that
// it gets, those that are wanted behind it come from before it, but for the ones that it makes.
func (a *absorbed) fuse(children []spec.Declarer, keeps bool, makes []string, exprs ...*lambda.Expr) {
	a.child = spec.OnlyAbsorbing(children)
	if slices.ContainsFunc(exprs, func(e *lambda.Expr) bool { return !e.Pure() }) {
		a.child = nil
	}
	if a.child == nil {
		return
	}
	own, wants := referred(exprs...), a.child.Wants()
	a.refs = slices.Concat(own, a.child.Refers())
	if a.wants, a.one = own, nil; wants == nil && keeps {
		a.wants = nil
		return
	}
	for _, name := range wants {
		if keeps && !slices.Contains(makes, name) && !slices.Contains(a.wants, name) {
			a.wants = append(a.wants, name)
		}
	}
	if len(a.wants) == 1 {
		a.one = []point.Field{{Key: a.wants[0]}}
	}
}

// referred returns the names that lambdas refer to, each once. The time is no field.
func referred(exprs ...*lambda.Expr) []string {
	names := []string{}
	for _, e := range exprs {
		for _, name := range e.Refs() {
			if name != "time" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// link notes the sink that the node sends to.
func (a *absorbed) link(out point.Sink) { a.next = wayTo(out) }

// Absorbs reports whether the node can absorb points.
func (a *absorbed) Absorbs() bool { return a.child != nil }

// Wants returns the fields that the node and those behind it look at.
func (a *absorbed) Wants() []string { return a.wants }

// Refers returns what the lambdas here and behind refer to.
func (a *absorbed) Refers() []string { return a.refs }

// field returns v as the only field that is wanted.
func (a *absorbed) field(v point.Value) []point.Field {
	a.one[0].Value = v
	return a.one
}

// A way leads to what absorbs the points that a node sends.
type way struct {
	to    spec.Absorber
	count *int64
}

func wayTo(out point.Sink) way {
	to, _ := out.(spec.Absorber)
	if s, ok := out.(spec.Shortcut); ok {
		if direct, count := s.Shortcut(); direct != nil {
			return way{direct, count}
		}
	}
	return way{to, new(int64)}
}

// Absorb is that of [spec.Absorber].
func (w *way) Absorb(g *point.Group, p *point.Point, fields []point.Field) bool {
	if !w.to.Absorb(g, p, fields) {
		return false
	}
	*w.count++
	return true
}

// AbsorbField is that of [spec.Absorber].
func (w *way) AbsorbField(g *point.Group, p *point.Point, v point.Value) bool {
	if !w.to.AbsorbField(g, p, v) {
		return false
	}
	*w.count++
	return true
}
