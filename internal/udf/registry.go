package udf

import (
	"fmt"
	"sync"
)

// A Registry holds the functions that scripts can name. It is where the plugin that configures
// functions and the one that runs scripts meet: the host gives them no other way. The zero value is
// ready to use, and safe for concurrent use.
type Registry struct {
	mu        sync.Mutex
	functions map[string]*Function
	watchers  map[*func()]bool
}

// Functions are those of the process.
var Functions Registry

// Add makes a function known. To add it again does nothing; its name must be its own.
func (r *Registry) Add(f *Function) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if o := r.functions[f.Name]; o != nil && o != f {
		return fmt.Errorf("the function %q is configured twice", f.Name)
	}
	if r.functions == nil {
		r.functions = map[string]*Function{}
	}
	r.functions[f.Name] = f
	return nil
}

// Remove makes a function unknown. Sessions go on.
func (r *Registry) Remove(f *Function) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.functions[f.Name] == f {
		delete(r.functions, f.Name)
	}
}

// Lookup returns a function by its name, or nil.
func (r *Registry) Lookup(name string) *Function {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.functions[name]
}

// Info returns what is known of a function. The error is an [UnknownError] or wraps
// [ErrUnreachable].
func (r *Registry) Info(name string) (Info, error) {
	f := r.Lookup(name)
	if f == nil {
		return Info{}, &UnknownError{Name: name, Known: r.Names()}
	}
	return f.Known()
}

// Names returns the names of the functions, sorted.
func (r *Registry) Names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return sortedKeys(r.functions)
}

// Watch has f called when a function has become reachable, until stop is called. It must not block.
func (r *Registry) Watch(f func()) (stop func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.watchers == nil {
		r.watchers = map[*func()]bool{}
	}
	key := &f
	r.watchers[key] = true
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.watchers, key)
	}
}

// Changed tells the watchers that a function has become reachable.
func (r *Registry) Changed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for f := range r.watchers {
		(*f)()
	}
}
