package agg

import "github.com/telegraf-tigk/telegraf-tigk/internal/point"

// A Series is what the transformations remember of one series; each uses what it needs. The fields
// are exported so that saved state can be encoded.
type Series struct {
	N          int64 // samples pushed
	Prev, Curr point.Sample
	Fresh      bool     // Curr has not been used by Emit
	Last       []uint64 // bits of the last numbers, a ring
	Next       int      // place in Last of the next number
	Int        int64    // sum of ints
	Float      Exact    // sum of floats
}

// Reset begins a new series.
func (s *Series) Reset() {
	last, sum := s.Last[:0], s.Float
	sum.Reset()
	*s = Series{Last: last, Float: sum}
}

func (s *Series) advance(p point.Sample) {
	s.Prev, s.Curr, s.Fresh = s.Curr, p, true
	s.N++
}

func (s *Series) result(v point.Value) Result {
	return Result{Time: s.Curr.Time, Index: -1, Value: v}
}
