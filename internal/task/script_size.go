package task

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// This file bounds what a script can grow into: lambdas and strings that are made of one another double
// with every line.

const (
	maxParts  = 1 << 15  // of one lambda
	maxValues = 16 << 20 // bytes, about, of the values that the script puts together and uses
	partSize  = 16       // of them a part of a lambda or an item of a list
)

// parts returns the size of l, at most a little more than maxParts. The lambdas in l have been asked for
// before, so it takes no longer than what the script says of l itself.
func (ld *loader) parts(l *syntax.Lambda) int {
	if n, ok := ld.sizes[l]; ok {
		return n
	}
	n := 0
	syntax.Walk(l.X, func(x syntax.Node) bool {
		if inner, ok := x.(*syntax.Lambda); ok {
			n += ld.parts(inner)
			return false
		}
		n++
		return true
	})
	if ld.sizes == nil {
		ld.sizes = map[*syntax.Lambda]int{}
	}
	ld.sizes[l] = n
	return n
}

// spend raises an error when the values that the script uses have become too many.
func (ld *loader) spend(a spec.Arg) {
	ld.spent += ld.size(a)
	if ld.spent > maxValues {
		ld.fail(a.Pos, "the values that the script uses have more than %d bytes in all", maxValues)
	}
}

func (ld *loader) size(a spec.Arg) int {
	switch a.Type {
	case spec.StringType:
		return len(a.Value.Text)
	case spec.LambdaType:
		return ld.parts(a.Lambda) * partSize
	case spec.ListType:
		n := 0
		for _, item := range a.List {
			n += partSize + ld.size(item)
		}
		return n
	}
	return 0
}
