package agg

import "github.com/telegraf-tigk/telegraf-tigk/internal/point"

// A Total is all that a [Folder] remembers of a set; each uses what it needs. The fields are
// exported so that saved state can be encoded. The zero value is the empty set.
type Total struct {
	N    int64
	X, Y uint64 // bits of numbers
}

// A Folder computes a function whose sets need not be stored, and for which only the values count.
type Folder interface {
	Push(t *Total, v point.Value)
	// Append appends the results for a set that is not empty.
	Append(t *Total, dst []Result) []Result
}

// folded is a Func made of a Folder.
type folded struct {
	by    Folder
	total Total
}

func (f *folded) Reset()                       { f.total = Total{} }
func (f *folded) Push(_ int, s point.Sample)   { f.by.Push(&f.total, s.Value) }
func (f *folded) Append(dst []Result) []Result { return f.by.Append(&f.total, dst) }

// A popper is a Folder that can take a sample back without loss.
type popper interface {
	Folder
	Pop(t *Total, v point.Value)
}

// slidingTotal is an Evicter made of a popper.
type slidingTotal struct {
	by    popper
	total Total
}

func (f *slidingTotal) Reset()                       { f.total = Total{} }
func (f *slidingTotal) Push(_ int, s point.Sample)   { f.by.Push(&f.total, s.Value) }
func (f *slidingTotal) Evict(_ int, s point.Sample)  { f.by.Pop(&f.total, s.Value) }
func (f *slidingTotal) Append(dst []Result) []Result { return f.by.Append(&f.total, dst) }

// tameLimit keeps squares and their sums in range.
const tameLimit = 0x1p460

// Tame reports whether v may be pushed to an [Evicter]. NaN may not: results of several functions
// on it depend on the order of the samples. Neither may numbers so large that a sum of them or of
// their squares can overflow, which the plain functions do on the way to the result.
func Tame(v point.Value) bool {
	if v.Kind != point.Float {
		return true
	}
	x := v.Float()
	return x > -tameLimit && x < tameLimit
}
