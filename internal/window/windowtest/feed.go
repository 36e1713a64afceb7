// Package windowtest makes points for tests of windows.
package windowtest

import (
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// A Feed makes random points of the measurement m with the tags g and h and the fields v and w: late,
// equal and out-of-order times, gaps, phases of other types, points that lack some of it or have more.
type Feed struct {
	*rand.Rand
	now   int64
	kind  int
	late  bool
	extra bool
}

// Next returns the next point.
func (f *Feed) Next() point.Point {
	switch f.IntN(40) {
	case 0:
		f.now += int64(f.IntN(60))
	case 1, 2:
		f.kind = f.IntN(9)
	case 3:
		f.late = !f.late
	default:
		f.now += int64(f.IntN(3))
	}
	t := f.now
	if f.late && f.IntN(3) == 0 || f.IntN(20) == 0 {
		t -= int64(f.IntN(20))
	}
	p := point.Point{Name: "m", Time: t * int64(time.Second), Tags: []point.Tag{{Key: "g", Value: string(rune('a' + f.IntN(2)))}, {Key: "h", Value: strconv.Itoa(f.IntN(4))}}}
	if v := f.value(); v.Kind != point.Missing {
		p.Fields = append(p.Fields, point.Field{Key: "v", Value: v})
	}
	switch f.IntN(60) {
	case 0:
		p.Tags = nil
	case 1:
		p.Tags = p.Tags[:1]
	case 2:
		f.extra = !f.extra
	}
	if f.extra && f.IntN(2) == 0 {
		p.Fields = append([]point.Field{{Key: "u", Value: point.StringValue(strconv.Itoa(f.IntN(9)))}}, p.Fields...)
	}
	p.Fields = append(p.Fields, point.Field{Key: "w", Value: point.FloatValue(float64(f.IntN(1000)) / 8)})
	return p
}

func (f *Feed) value() point.Value {
	small := f.IntN(6)
	switch {
	case f.kind == 4:
		return point.IntValue(int64(small))
	case f.kind == 5:
		return point.StringValue(string(rune('a' + small)))
	case f.kind == 6:
		return point.BoolValue(small < 3)
	case f.kind == 7 && small == 0:
		return point.Value{}
	case f.kind == 8:
		return []point.Value{{}, point.NullValue(), point.DurationValue(1), point.IntValue(3), point.StringValue("a"), point.FloatValue(2)}[small]
	case f.IntN(300) == 0:
		return point.FloatValue([]float64{math.NaN(), math.Inf(1), 1e200, math.Copysign(0, -1)}[f.IntN(4)])
	case small < 3:
		return point.FloatValue(float64(small))
	}
	return point.FloatValue(f.NormFloat64() * 1000)
}
