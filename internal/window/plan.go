// Package window holds what windows keep of their points and what functions read of it, for every node
// that collects points: those whose windows slide and those whose windows tumble, by time or by number.
// When a window begins and ends is the node's business.
//
// # Parts
//
// A [Plan] says what is to be kept; the windows of all groups of a node share it. A [Content] is what one
// of them keeps, which is either
//
//   - a [Ring], whose oldest points can go at any time. It has times, a column for each field that a
//     function takes, and the points as a whole only if somebody wants them. If the window slides, the
//     ring feeds each point that comes or goes to an [agg.Evicter] for each function; or
//   - [Folds], if no point is in two windows, and totals or single points are enough.
//
// A node hands points to [Content.Add] or [Content.Push], lets go of them by [Content.Drop],
// [Content.DropBefore] or [Content.DropOlder], and sends what is there by [Content.Emit]. If the plan is
// one for functions, the batch lists no points: its Digest is the *Ring or the *Folds, in which a function
// finds its share under the number that it has in the plan.
//
// # Lifetime
//
// A content copies what it keeps. What it hands out, the batch of Emit included, is valid until the next
// call of a method of any content of the plan. All of a plan belongs to one goroutine.
//
// # Costs
//
// In the steady state nothing is allocated. A point costs O(1) to add, and to drop, and what the evicters
// of its functions take, O(1) or O(log n); a result is O(1) then. Without evicters, and as long as a
// window has a value that they cannot take (missing, of another kind, NaN), a function is computed from
// the samples, O(n). A number takes 9 bytes in a column. A ring grows to twice its size and never shrinks.
//
// # State
//
// A [Content] is saved with gob and needs [Content.Restored] afterwards. It is of use only to a plan with
// the same [Plan.String] as the one that it was made by.
package window

import (
	"fmt"
	"slices"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/agg"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// A Plan says what the windows of a node keep of their points.
type Plan struct {
	calls  []call
	fields []string // that the calls take, each once
	listed bool     // for nodes that take batches with points
	rows   bool     // whole points are kept
	texts  bool     // some of the calls give strings
	folds  bool
	slides bool

	batch point.Batch   // that is sent
	buf   []point.Field // of the points of batch, or of one that a function selected
}

// A Call is a function that reads a window, and its arguments. It is no [agg.Transformation].
type Call struct {
	Def  *agg.Def
	Args *agg.Args
}

// A call is a Call with what it needs in order to be computed, for each kind of values.
type call struct {
	Call
	column  int // in rings
	field   point.FieldName
	folders [kinds]agg.Folder
	betters [kinds]func(a, b point.Sample) bool
}

// kinds is the number of kinds of values.
const kinds = point.Null + 1

// Points returns the plan of windows whose batches list their points.
func Points() *Plan { return &Plan{listed: true, rows: true} }

// For returns the plan of windows that are read by nothing but the given functions. If the windows tumble,
// no point is in two of them.
func For(calls []Call, tumble bool) *Plan {
	p := &Plan{folds: tumble, slides: !tumble}
	for _, c := range calls {
		d, column := c.Def, slices.Index(p.fields, c.Args.Field)
		if column < 0 {
			column = len(p.fields)
			p.fields = append(p.fields, c.Args.Field)
		}
		p.calls = append(p.calls, call{Call: c, column: column, field: point.NewFieldName(c.Args.Field)})
		p.rows = p.rows || d.Selects()
		p.texts = p.texts || d.Class != agg.Aggregate
		p.folds = p.folds && (d.Fold != nil || d.Better != nil)
	}
	return p
}

// String tells what contents consist of: those of plans for which it tells the same can take each other's
// place.
func (p *Plan) String() string {
	var b strings.Builder
	for i := range p.calls {
		if p.folds {
			fmt.Fprintf(&b, "%s ", p.calls[i].Def.Name)
		}
		fmt.Fprintf(&b, "%q ", p.fields[p.calls[i].column])
	}
	if p.rows {
		b.WriteString("rows")
	}
	return b.String()
}

// New returns the content of an empty window.
func (p *Plan) New() Content {
	if p.folds {
		return Content{Folds: &Folds{plan: p, Calls: make([]fold, len(p.calls))}}
	}
	r := &Ring{plan: p, Columns: make([]column, len(p.fields))}
	if p.slides {
		r.slides = make([]slide, len(p.calls))
	}
	if p.rows {
		r.Rows = new(rows)
	}
	return Content{Ring: r}
}

// folder returns what folds values of a kind.
func (c *call) folder(kind point.Kind) agg.Folder {
	f := c.folders[kind]
	if f == nil {
		f = c.Def.Fold(kind)
		c.folders[kind] = f
	}
	return f
}

// better returns the order by which values of a kind are selected.
func (c *call) better(kind point.Kind) func(a, b point.Sample) bool {
	f := c.betters[kind]
	if f == nil {
		f = c.Def.Better(kind)
		c.betters[kind] = f
	}
	return f
}

// A Content is what one window has of its points. As in all that windows keep, the fields are exported to
// be saved.
type Content struct {
	Ring  *Ring
	Folds *Folds // if Ring is nil
}

// Add takes p in as the newest point, whatever its time.
func (c *Content) Add(p *point.Point) {
	if c.Folds != nil {
		c.Folds.add(p)
	} else {
		c.Ring.push(p)
	}
}

// Push takes p in as the newest point of a window that begins at from as far as is known, and is to be
// ended by [Content.DropBefore] and [Content.Emit].
func (c *Content) Push(p *point.Point, from int64) {
	if c.Folds != nil {
		c.Folds.push(p, from)
	} else {
		c.Ring.push(p)
	}
}

// Len returns the number of points.
func (c *Content) Len() int {
	if c.Folds != nil {
		return c.Folds.Len()
	}
	return c.Ring.Len()
}

// Drop forgets the n oldest points, none if n is negative. Folds forget only by Emit.
func (c *Content) Drop(n int) {
	if c.Ring != nil && n > 0 {
		c.Ring.drop(n)
	}
}

// DropOlder forgets all points before t, in whatever order they came. It looks at all of them; while points
// come in the order of their times, DropBefore does the same at less cost. Folds forget only by Emit.
func (c *Content) DropOlder(t int64) {
	if c.Ring != nil {
		c.Ring.dropOlder(t)
	}
}

// DropBefore forgets the oldest points, as Kapacitor does it, up to the first that came with the time t or
// later. Points that came late may stay behind that one. If the ring wraps around its end and the point
// in the last place is too old, all points up to there go.
func (c *Content) DropBefore(t int64) {
	if c.Folds != nil {
		c.Folds.dropBefore(t)
	} else {
		c.Ring.dropBefore(t)
	}
}

// Emit sends the points as a batch. Folds begin a new window then.
func (c *Content) Emit(name string, g *point.Group, tmax int64, out point.Sink) {
	if f := c.Folds; f != nil {
		out.Batch(f.plan.begin(name, g, tmax, f))
		f.reset()
		return
	}
	r := c.Ring
	if !r.plan.listed {
		out.Batch(r.plan.begin(name, g, tmax, r))
		return
	}
	b := r.plan.begin(name, g, tmax, nil)
	b.Points, r.plan.buf = r.list(b.Points, r.plan.buf[:0])
	out.Batch(b)
}

// begin returns the batch that is sent, without points.
func (p *Plan) begin(name string, g *point.Group, tmax int64, d point.Digest) *point.Batch {
	b := &p.batch
	b.Name, b.TMax, b.Group, b.Points, b.Digest = name, tmax, g, b.Points[:0], d
	return b
}

// Restored computes what is not saved.
func (c *Content) Restored() {
	if c.Ring != nil {
		c.Ring.restored()
	}
}
