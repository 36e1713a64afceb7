package node

import (
	"errors"
	"fmt"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	spec.Register("derivative", func() spec.Declarer { return &derivative{unit: time.Second} })
}

// derivative emits the rate of change of one field per unit of time.
type derivative struct {
	field, as   string
	unit        time.Duration
	nonNegative bool

	env      spec.Env
	faults   memo[point.Kind, error]
	previous derivativeState
	point    point.Point
	fields   []point.Field
	batch    batchBuffer
}

// derivativeState is the last valid value of a group.
type derivativeState struct {
	Valid bool
	Value float64
	Time  int64
}

var errNoTimeElapsed = errors.New("cannot perform derivative: elaspsed time was 0")

func (d *derivative) Declare(s *spec.Spec) {
	s.Doc("Rate of change of one field. The first point of a group, or of each batch, emits nothing.")
	s.Arg(&d.field, "field", "field to differentiate")
	s.Prop(&d.as, "as", "name of the result; the field's own name if unset")
	s.Prop(&d.unit, "unit", "time unit of the result")
	s.Flag(&d.nonNegative, "nonNegative", "drop points at which the value has become smaller")
	s.Check(func() error {
		if d.unit == 0 {
			return errors.New("unit must not be 0")
		}
		return nil
	})
	s.Example("stream|from().measurement('net')|derivative('rx')", "net rx=10 0s\nnet rx=40 10s", "net rx=3 10s")
}

func (d *derivative) Start(env spec.Env) error {
	d.env = env
	if d.as == "" {
		d.as = d.field
	}
	return nil
}

func (d *derivative) Group(_ *point.Group, out point.Sink) point.Sink {
	return &derivativeGroup{n: d, Forward: spec.Forward{Out: out}}
}

type derivativeGroup struct {
	n *derivative
	spec.Forward
	state derivativeState
}

func (d *derivativeGroup) State() any { return &d.state }

func (d *derivativeGroup) Point(p *point.Point) {
	if rate, ok := d.n.next(p, &d.state); ok {
		d.Out.Point(d.n.with(p, rate))
	}
}

func (d *derivativeGroup) Batch(b *point.Batch) {
	d.n.batch.begin(b)
	d.n.previous = derivativeState{}
	for i := range b.Points {
		if rate, ok := d.n.next(&b.Points[i], &d.n.previous); ok {
			d.n.batch.add(d.n.with(&b.Points[i], rate))
		}
	}
	d.Out.Batch(&d.n.batch.batch)
}

// next returns the rate of change since the point before, whose place p takes.
func (d *derivative) next(p *point.Point, last *derivativeState) (float64, bool) {
	v := p.Field(d.field)
	x, ok := v.Number()
	if !ok {
		d.env.Error(d.typeError(v.Kind))
		return 0, false
	}
	was := *last
	*last = derivativeState{true, x, p.Time}
	switch {
	case !was.Valid:
		return 0, false
	case p.Time == was.Time:
		d.env.Error(errNoTimeElapsed)
		return 0, false
	case d.nonNegative && x-was.Value < 0:
		return 0, false
	}
	return (x - was.Value) / (float64(p.Time-was.Time) / float64(d.unit)), true
}

// with returns a copy of p with the result, which is valid until the next one.
func (d *derivative) with(p *point.Point, rate float64) *point.Point {
	d.point = *p
	d.fields = point.SetField(p.AppendFields(d.fields[:0]), d.as, point.FloatValue(rate))
	d.point.Fields = d.fields
	return &d.point
}

func (d *derivative) typeError(k point.Kind) error {
	return d.faults.get(k, func() error {
		return fmt.Errorf("cannot perform derivative: field is the wrong type field=%s type=%s", d.field, goType(k))
	})
}
