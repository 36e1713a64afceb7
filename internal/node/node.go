// Package node holds the TICKscript nodes, one file each. A node declares itself with package spec
// and is found by its word; nothing else lists it.
//
// To add a node: write one file with a type that has a Declare method and one of Group, Open or
// Input, and register it in an init function.
package node

import (
	"fmt"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// A prefixed wraps errors with a text in front. Lambdas return the same error value again for the
// same cause, so the last one wrapped is kept: a stream of points that lack a field allocates nothing.
type prefixed struct {
	prefix string
	cause  error
	err    error
}

func (p *prefixed) wrap(cause error) error {
	if cause != p.cause { //nolint:errorlint // identity is meant: the same value again
		p.cause, p.err = cause, fmt.Errorf("%s: %w", p.prefix, cause)
	}
	return p.err
}

// A batchBuffer builds a batch out of points that a node changes. Its buffers are used again for
// the next batch.
type batchBuffer struct {
	batch  point.Batch
	fields []point.Field
}

// begin starts a batch like b, without its points.
func (w *batchBuffer) begin(b *point.Batch) {
	w.batch.Name, w.batch.TMax, w.batch.Group = b.Name, b.TMax, b.Group
	w.batch.Points = w.batch.Points[:0]
	w.fields = w.fields[:0]
}

// add appends p; its fields are copied.
func (w *batchBuffer) add(p *point.Point) {
	from := len(w.fields)
	w.fields = append(w.fields, p.Fields...)
	w.batch.Points = append(w.batch.Points, *p)
	w.batch.Points[len(w.batch.Points)-1].Fields = w.fields[from:len(w.fields):len(w.fields)]
}

// A memo remembers what became of a cause, a tag set or a fault, so that points of a steady series share
// one result and cost no allocation. It is bounded: a full one is emptied.
type memo[K comparable, V any] struct{ m map[K]V }

const memoSize = 1 << 14

// get returns what has been made of k, or makes it.
func (m *memo[K, V]) get(k K, fresh func() V) V {
	if v, ok := m.m[k]; ok {
		return v
	}
	if m.m == nil || len(m.m) >= memoSize {
		m.m = make(map[K]V)
	}
	v := fresh()
	m.m[k] = v
	return v
}

// A tagKey identifies a tag set: these are immutable, so the address of the first tag and their number do.
type tagKey struct {
	first *point.Tag
	n     int
}

func keyOf(tags []point.Tag) tagKey {
	if len(tags) == 0 {
		return tagKey{}
	}
	return tagKey{&tags[0], len(tags)}
}

// A tagMemo is a memo of changed tag sets.
type tagMemo struct{ memo[tagKey, []point.Tag] }

func (m *tagMemo) get(tags []point.Tag, change func([]point.Tag) []point.Tag) []point.Tag {
	return m.memo.get(keyOf(tags), func() []point.Tag { return change(tags) })
}
