package spec

import "slices"

// This file keeps the registries of nodes and handlers.

var (
	nodes    = map[string]func() Declarer{}
	handlers = map[string]func() Declarer{}
)

// Register makes a node known by its TICKscript word. It is called from init functions.
func Register(name string, fresh func() Declarer) { register(nodes, "node", name, fresh) }

// RegisterHandler makes an alert handler known by its TICKscript word ("email").
func RegisterHandler(name string, fresh func() Declarer) { register(handlers, "handler", name, fresh) }

func register(m map[string]func() Declarer, what, name string, fresh func() Declarer) {
	if _, ok := m[Canonical(name)]; ok {
		panic("spec: " + what + " " + name + " is registered twice")
	}
	m[Canonical(name)] = fresh
}

// New returns a new node by its word, or nil.
func New(name string) Declarer { return lookup(nodes, name) }

// NewHandler returns a new handler by its word, or nil.
func NewHandler(name string) Declarer { return lookup(handlers, name) }

func lookup(m map[string]func() Declarer, name string) Declarer {
	if name == "" {
		return nil
	}
	if f := m[Canonical(name)]; f != nil {
		return f()
	}
	return nil
}

// Nodes returns the words of the nodes that scripts can name, sorted.
func Nodes() []string { return names(nodes) }

// Handlers returns the words of the handlers, sorted.
func Handlers() []string { return names(handlers) }

func names(m map[string]func() Declarer) []string {
	var out []string
	for name, f := range m {
		s := Of(uncanonical(name), f())
		if !s.hidden {
			out = append(out, uncanonical(name))
		}
	}
	slices.Sort(out)
	return out
}

func uncanonical(name string) string { return string(name[0]|0x20) + name[1:] }
