package point

import (
	"math/bits"
	"time"
)

// A Grid is the set of multiples of a step, counted from 1 January of year 1 UTC, a Monday, as
// Go's Time.Truncate and Kapacitor do. The zero Grid changes nothing.
type Grid struct {
	step  int64
	epoch int64 // distance of the Unix epoch from the multiple of step before it
}

// secondsToEpoch are the seconds from year 1 to the Unix epoch.
const secondsToEpoch = 62135596800

// NewGrid returns the grid of step. A step that is not positive changes nothing.
func NewGrid(step time.Duration) Grid {
	if step <= 0 {
		return Grid{}
	}
	hi, lo := bits.Mul64(secondsToEpoch, uint64(time.Second))
	_, rem := bits.Div64(hi%uint64(step), lo, uint64(step))
	return Grid{step: int64(step), epoch: int64(rem)}
}

// past returns how far t, in nanoseconds since the Unix epoch, is behind the multiple before it.
func (g Grid) past(t int64) int64 {
	r := t % g.step
	if r < 0 {
		r += g.step
	}
	r += g.epoch // both are below step: no overflow for steps below 146 years
	if r >= g.step || r < 0 {
		r -= g.step
	}
	return r
}

// Truncate returns the last multiple that is not after t.
func (g Grid) Truncate(t int64) int64 {
	if g.step == 0 {
		return t
	}
	return t - g.past(t)
}

// Round returns the multiple nearest to t; halfway values round up.
func (g Grid) Round(t int64) int64 {
	if g.step == 0 {
		return t
	}
	r := g.past(t)
	if r+r < g.step {
		return t - r
	}
	return t + (g.step - r)
}
