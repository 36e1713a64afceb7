package task

import (
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// This file saves a running task's state and loads it into another one of the same script.
//
// A snapshot is one gob stream: a header with the version, the script's fingerprint and the groups;
// then for every node its shared states and those of its groups, in the header's order. What a node
// saves is what its State method returns. Counters of statistics are not saved.

// snapshotVersion changes when old snapshots cannot be read any more.
const snapshotVersion = 3

// ErrMismatch is wrapped by the error of Restore if the snapshot is of another script or version.
var ErrMismatch = errors.New("the snapshot is of another script or version")

type header struct {
	Version int
	Now     int64
	Print   [sha256.Size]byte
	Groups  []point.Group
}

// entry announces a state: of the group with that place in the header, or with -1 one that all
// groups of the node share; end closes the node. A bare one has no state: a node passes on the
// deletion of a group only if it knows the group.
type entry struct {
	Group int
	Bare  bool
	End   bool
}

const shared = -1

// Save writes the task's state. The task must be between two calls.
func (t *Task) Save(w io.Writer) error {
	var err error
	if e := t.guard(nil, func() { err = t.save(w) }); e != nil {
		return e
	}
	return err
}

func (t *Task) save(w io.Writer) error {
	enc := gob.NewEncoder(w)
	h := header{Version: snapshotVersion, Now: t.now, Print: t.print}
	place := map[*point.Group]int{}
	for _, n := range t.graph.nodes {
		for _, s := range n.run.slots() {
			if _, ok := place[s.group]; !ok {
				place[s.group] = len(h.Groups)
				h.Groups = append(h.Groups, *s.group)
			}
		}
	}
	if err := enc.Encode(h); err != nil {
		return err
	}
	for _, n := range t.graph.nodes {
		t.at = n
		for _, state := range n.run.shared(n) {
			if err := encode(enc, entry{Group: shared}, state); err != nil {
				return fmt.Errorf("%s: %w", n.name(), err)
			}
		}
		for _, s := range n.run.slots() {
			if err := encode(enc, entry{Group: place[s.group]}, stateOf(s.sink)); err != nil {
				return fmt.Errorf("%s: %w", n.name(), err)
			}
		}
		if err := enc.Encode(entry{End: true}); err != nil {
			return err
		}
	}
	return nil
}

func encode(enc *gob.Encoder, e entry, state any) error {
	e.Bare = state == nil
	if err := enc.Encode(e); err != nil || e.Bare {
		return err
	}
	return enc.EncodeValue(reflect.ValueOf(state))
}

// Restore loads a snapshot into a task of the same script that has been started and has had no
// data. On an error the task must be thrown away.
func (t *Task) Restore(r io.Reader) (err error) {
	e := t.guard(nil, func() { err = t.restore(gob.NewDecoder(r)) })
	return errors.Join(e, err)
}

func (t *Task) restore(dec *gob.Decoder) error {
	var h header
	if err := dec.Decode(&h); err != nil {
		return err
	}
	if h.Version != snapshotVersion || h.Print != t.print {
		return ErrMismatch
	}
	t.setNow(h.Now)
	groups := make([]*point.Group, len(h.Groups))
	for i, g := range h.Groups {
		groups[i] = t.groups.Get(g.Name, g.Tags, g.Dims, g.ByName)
	}
	for _, n := range t.graph.nodes {
		t.at = n
		if err := n.restore(dec, groups); err != nil {
			return fmt.Errorf("%s: %w", n.name(), err)
		}
	}
	return nil
}

func (n *node) restore(dec *gob.Decoder, groups []*point.Group) error {
	all := n.run.shared(n)
	for {
		var e entry
		if err := dec.Decode(&e); err != nil {
			return err
		}
		if e.End {
			restored(n.decl)
			return nil
		}
		var state any
		var owner any
		switch {
		case e.Group == shared && len(all) > 0:
			state, all = all[0], all[1:]
		case e.Group >= 0 && e.Group < len(groups) && groups[e.Group].Refused: // there may be fewer than before
			if !e.Bare {
				if err := dec.DecodeValue(reflect.Value{}); err != nil {
					return err
				}
			}
			continue
		case e.Group >= 0 && e.Group < len(groups) && n.run.grouped():
			owner = n.run.inputs[0].sink(groups[e.Group])
			if e.Bare {
				continue
			}
			state = stateOf(owner)
		}
		if state == nil {
			return ErrMismatch
		}
		v := reflect.ValueOf(state)
		blank(v.Elem())
		if err := dec.DecodeValue(v); err != nil {
			return err
		}
		restored(owner)
	}
}

// blank sets numbers, strings and truths of a new state to zero: gob leaves those out that were zero when
// they were saved, and what a new state begins with must not stand in for them.
func blank(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				blank(v.Field(i))
			}
		}
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Array, reflect.Interface, reflect.Func, reflect.Chan, reflect.UnsafePointer:
	default:
		v.SetZero()
	}
}

func restored(owner any) {
	if r, ok := owner.(spec.Restorer); ok {
		r.Restored()
	}
}

func stateOf(owner any) any {
	if s, ok := owner.(spec.Stateful); ok {
		return s.State()
	}
	return nil
}

// shared returns the states that all groups of n share.
func (r *running) shared(n *node) []any {
	out := slices.Clone(r.kept)
	if s := stateOf(n.decl); s != nil {
		out = append(out, s)
	}
	return out
}

// grouped reports whether the node has state per group.
func (r *running) grouped() bool { return r.inputs[0].grouper != nil }

// slots returns the groups' states that exist.
func (r *running) slots() []slot {
	var out []slot
	for _, s := range r.inputs[0].slots {
		if s.group != nil {
			out = append(out, s)
		}
	}
	return out
}
