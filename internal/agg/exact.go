package agg

import "math"

// Exact is a sum of floats from which numbers can be taken away again. Parts that do not overlap
// keep it free of rounding (Shewchuk 1997), so that it never drifts, however long a window slides
// and whatever outliers pass through it. The zero value is the sum of nothing. The fields are
// exported so that saved state can be encoded.
type Exact struct {
	Parts []float64 // of increasing magnitude
	Rare  *Rare     // nil as long as there was none of it
}

// Rare is what an [Exact] has of numbers that do not fit into its parts.
type Rare struct {
	Huge          []float64 // like the parts, for numbers near the largest, scaled down lest they overflow
	NaN, Inf, Neg int64     // how many NaN, +Inf and -Inf are in the sum
}

const (
	hugeLimit = 0x1p960
	hugeScale = 0x1p-100
)

// Reset makes it the sum of nothing.
func (e *Exact) Reset() {
	e.Parts = e.Parts[:0]
	if r := e.Rare; r != nil {
		*r = Rare{Huge: r.Huge[:0]}
	}
}

// Add adds x.
func (e *Exact) Add(x float64) { e.add(x, 1) }

// Sub takes x away, which was added before.
func (e *Exact) Sub(x float64) { e.add(x, -1) }

func (e *Exact) add(x float64, sign int64) {
	if math.Abs(x) < hugeLimit {
		e.Parts = grow(e.Parts, float64(sign)*x)
		return
	}
	if e.Rare == nil {
		e.Rare = new(Rare)
	}
	switch r := e.Rare; {
	case x != x:
		r.NaN += sign
	case x > math.MaxFloat64:
		r.Inf += sign
	case x < -math.MaxFloat64:
		r.Neg += sign
	default:
		r.Huge = grow(r.Huge, float64(sign)*x*hugeScale)
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
	sum := 0.0
	for _, p := range e.Parts {
		sum += p
	}
	if e.Rare != nil {
		return e.Rare.value(sum)
	}
	return sum
}

// value returns what it makes of the sum of the rest.
func (r *Rare) value(sum float64) float64 {
	switch {
	case r.NaN > 0 || r.Inf > 0 && r.Neg > 0:
		return math.NaN()
	case r.Inf > 0:
		return math.Inf(1)
	case r.Neg > 0:
		return math.Inf(-1)
	}
	huge := 0.0
	for _, p := range r.Huge {
		huge += p
	}
	if huge != 0 {
		return huge/hugeScale + sum
	}
	return sum
}
