package engine

import "github.com/telegraf-tigk/telegraf-tigk/internal/spec"

// This file finds the tasks that want a point.

// An index leads from measurements to tasks. It is replaced as a whole when the tasks change; only
// what a route remembers of the fields of its points changes, and that belongs to the goroutine that
// adds points.
type index struct {
	routes map[string]*Route
	every  []target // of the tasks that take all measurements, for names that no task names
	others map[string]*Route

	runners []*runner // of all tasks
}

// maxOthers bounds the routes of measurements that no task names.
const maxOthers = 1 << 14

// A Route is where the points of one measurement go.
type Route struct {
	Name    string // of the measurement
	targets []target
	Fields  Fields // belongs to the goroutine that adds points
}

// Wants reports whether a task wants points of the database and retention policy.
func (r *Route) Wants(db, rp string) bool {
	for i := range r.targets {
		if r.targets[i].wants(db, rp) {
			return true
		}
	}
	return false
}

// A target is a task that wants the measurement.
type target struct {
	r     *runner
	dbrps []spec.DBRP
}

// wants reports whether the task works on the database and retention policy.
func (t *target) wants(db, rp string) bool {
	for i := range t.dbrps {
		if d := &t.dbrps[i]; d.DB == db && d.RP == rp {
			return true
		}
	}
	return false
}

// targets returns where the points of a measurement go.
func (x *index) targets(name string) []target {
	if r := x.routes[name]; r != nil {
		return r.targets
	}
	return x.every
}

// route returns the route of a measurement, or nil if no task wants it.
func (x *index) route(name string) *Route {
	if r := x.routes[name]; r != nil {
		return r
	}
	if len(x.every) == 0 {
		return nil
	}
	r := x.others[name]
	if r == nil {
		if len(x.others) >= maxOthers {
			clear(x.others)
		}
		r = &Route{Name: name, targets: x.every}
		x.others[name] = r
	}
	return r
}

// newIndex returns the index of tasks. A point reaches them in the order of the entries.
func newIndex(entries []entry) *index {
	x := &index{routes: map[string]*Route{}, others: map[string]*Route{}}
	for _, e := range entries {
		for _, name := range e.names {
			if x.routes[name] == nil {
				x.routes[name] = &Route{Name: name}
			}
		}
	}
	for _, e := range entries {
		x.runners = append(x.runners, e.r)
		t := target{e.r, e.dbrps}
		if e.all {
			x.every = append(x.every, t)
			for _, r := range x.routes {
				r.targets = append(r.targets, t)
			}
			continue
		}
		for _, name := range e.names {
			x.routes[name].targets = append(x.routes[name].targets, t)
		}
	}
	return x
}

// An entry is what the index needs to know of a task.
type entry struct {
	r     *runner
	names []string
	all   bool
	dbrps []spec.DBRP
}
