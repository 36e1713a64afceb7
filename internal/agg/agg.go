// Package agg holds the functions that turn a set of samples into results: mean, percentile, top
// and the others that TICKscript takes over from InfluxQL.
//
// One file is one function. It registers a [Def], from which package node makes the TICKscript
// node of the same name. Most functions are a [Func]: push the samples of a set, append the
// results. Transformations (difference, movingAverage …) give a result per sample and are a
// [Transformer].
//
// Windows need not keep their points for all of them. A set of which a [Total] or, by [Def.Better],
// the best sample is enough is never stored. What [Def.Sliding] returns is a second implementation
// of a Func in which the oldest sample can leave again: a window that slides costs O(1) or O(log n)
// per sample. The plain Func is the reference of both.
package agg

import (
	"math"
	"slices"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// NoTime is the Time of a Result that has no time of its own: the caller uses that of the set.
const NoTime = math.MinInt64

// A Result is one value that a function gives.
type Result struct {
	Time  int64 // that of the selected sample, or NoTime
	Index int   // number of the selected sample as it was pushed; -1 if none was
	Value point.Value
}

// A Func computes a function of one set of samples after the other. All samples of a set have the
// kind for which the Func was made. Buffers are kept from set to set: in the steady state nothing
// is allocated.
type Func interface {
	// Reset begins a new, empty set.
	Reset()
	// Push adds a sample. Its number i is greater than that of the sample before.
	Push(i int, s point.Sample)
	// Append appends the results for the set, which has at least one sample, to dst. More samples
	// may be pushed afterwards.
	Append(dst []Result) []Result
}

// An Evicter is a Func over a window that slides. Samples are numbered one by one, and only those
// that are [Tame] may be pushed. Results that stand for a sample may lack its time.
type Evicter interface {
	Func
	// Evict takes the oldest sample out of the set; i and s are what was pushed.
	Evict(i int, s point.Sample)
}

// A Transformer gives at most one result for each sample. What it remembers of a series is in the
// Series, whose zero value is a series without samples.
type Transformer interface {
	Push(st *Series, s point.Sample)
	// Emit returns the result for the sample pushed last. It may be called again without a Push,
	// and does then what Kapacitor does at a point that lacks the field.
	Emit(st *Series) (Result, bool)
}

// A Class is a family of functions whose results look alike.
type Class uint8

// The classes.
const (
	Aggregate      Class = iota // one result
	Selector                    // one result, which stands for a whole sample
	Distinct                    // several results
	Ranking                     // several results, which stand for whole samples
	Forecast                    // several results with times of their own
	Transformation              // a result per sample
)

// Args are the arguments of the functions; each function uses some of them.
type Args struct {
	Field    string
	Percent  float64
	N        int64
	Unit     time.Duration
	Horizon  int64
	Season   int64
	Interval time.Duration
	Tags     []string
}

// A Param is an argument of a function in a script: Bind returns a pointer to its place in Args.
type Param struct {
	Name, Doc string
	Bind      func(*Args) any
}

// Kinds says what kind of value a function gives for each kind that it takes; Missing means that
// it does not take that kind.
type Kinds struct{ Float, Int, String, Bool point.Kind }

// Of returns what the function gives for values of kind k, or Missing.
func (k Kinds) Of(kind point.Kind) point.Kind {
	switch kind {
	case point.Float:
		return k.Float
	case point.Int:
		return k.Int
	case point.String:
		return k.String
	case point.Bool:
		return k.Bool
	}
	return point.Missing
}

var (
	anySame   = Kinds{point.Float, point.Int, point.String, point.Bool}
	anyInt    = Kinds{point.Int, point.Int, point.Int, point.Int}
	numSame   = Kinds{Float: point.Float, Int: point.Int}
	numFloat  = Kinds{Float: point.Float, Int: point.Float}
	fieldArg  = Param{"field", "field to take the values of", func(a *Args) any { return &a.Field }}
	onlyField = []Param{fieldArg}
)

// An Example is a call, behind a from node, with its input and what it gives.
type Example struct{ Chain, In, Want string }

// A Def declares a function.
type Def struct {
	Name    string // TICKscript word
	As      string // default name of the result, and of the node; Name if empty
	Doc     string
	Params  []Param
	Class   Class
	Kinds   Kinds
	Check   func(*Args) error // nil if all arguments are good
	Empty   point.Value       // result for a batch without samples; Missing means no result
	Example Example

	New       func(k point.Kind, a *Args) Func                // of all but transformations
	Fold      func(k point.Kind) Folder                       // nil if a Total is not enough; makes New unless that is set
	Better    func(k point.Kind) func(a, b point.Sample) bool // of selectors of the best sample, of equal ones the first; makes New and Sliding
	Sliding   func(k point.Kind, a *Args) Evicter             // nil if there is none
	Transform func(a *Args) Transformer                       // of transformations
}

// Result returns the default name of the result.
func (d *Def) Result() string {
	if d.As != "" {
		return d.As
	}
	return d.Name
}

// Selects reports whether results stand for whole samples.
func (d *Def) Selects() bool { return d.Class == Selector || d.Class == Ranking }

var defs = map[string]*Def{}

func register(d *Def) {
	if defs[d.Name] != nil {
		panic("agg: " + d.Name + " is registered twice")
	}
	if fold := d.Fold; fold != nil && d.New == nil {
		d.New = func(k point.Kind, _ *Args) Func { return &folded{by: fold(k)} }
	}
	if better := d.Better; better != nil {
		d.New = func(k point.Kind, _ *Args) Func { return &pick{better: better(k)} }
		d.Sliding = func(k point.Kind, _ *Args) Evicter { return &slidingPick{better: better(k)} }
	}
	defs[d.Name] = d
}

// Defs returns all functions, sorted by name.
func Defs() []*Def {
	all := make([]*Def, 0, len(defs))
	for _, d := range defs {
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b *Def) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return all
}

// Lookup returns the function called name, or nil.
func Lookup(name string) *Def { return defs[name] }
