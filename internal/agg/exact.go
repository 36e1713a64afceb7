package agg

import "math"

// Exact is a sum of floats from which numbers can be taken away again. Parts that do not overlap
// keep it free of rounding (Shewchuk 1997), so that it never drifts, however long a window slides
// and whatever outliers pass through it. The zero value is the sum of nothing. The fields are
// exported so that saved state can be encoded.
type Exact struct {
	Parts         []float64 // of increasing magnitude
	Huge          []float64 // the same for numbers near the largest, scaled down lest they overflow
	NaN, Inf, Neg int64     // how many NaN, +Inf and -Inf are in the sum
}

const (
	hugeLimit = 0x1p960
	hugeScale = 0x1p-100
)

// Reset makes it the sum of nothing.
func (e *Exact) Reset() { *e = Exact{Parts: e.Parts[:0], Huge: e.Huge[:0]} }

// Add adds x.
func (e *Exact) Add(x float64) { e.add(x, 1) }

// Sub takes x away, which was added before.
func (e *Exact) Sub(x float64) { e.add(x, -1) }

func (e *Exact) add(x float64, sign int64) {
	switch {
	case x != x:
		e.NaN += sign
	case x > math.MaxFloat64:
		e.Inf += sign
	case x < -math.MaxFloat64:
		e.Neg += sign
	case math.Abs(x) >= hugeLimit:
		e.Huge = grow(e.Huge, float64(sign)*x*hugeScale)
	default:
		e.Parts = grow(e.Parts, float64(sign)*x)
	}
}

// addProduct adds the product of x and y, and what rounding it loses.
func (e *Exact) addProduct(x, y float64) {
	p := x * y
	e.Add(p)
	e.Add(math.FMA(x, y, -p))
}

// grow adds x to the number that the parts represent.
func grow(parts []float64, x float64) []float64 {
	n := 0
	for _, y := range parts {
		if math.Abs(x) < math.Abs(y) {
			x, y = y, x
		}
		sum := x + y
		if lost := y - (sum - x); lost != 0 {
			parts[n] = lost
			n++
		}
		x = sum
	}
	if x != 0 {
		return append(parts[:n], x)
	}
	return parts[:n]
}

// Value returns the sum.
func (e *Exact) Value() float64 {
	switch {
	case e.NaN > 0 || e.Inf > 0 && e.Neg > 0:
		return math.NaN()
	case e.Inf > 0:
		return math.Inf(1)
	case e.Neg > 0:
		return math.Inf(-1)
	}
	sum, huge := 0.0, 0.0
	for _, p := range e.Parts {
		sum += p
	}
	for _, p := range e.Huge {
		huge += p
	}
	if huge != 0 {
		return huge/hugeScale + sum
	}
	return sum
}
