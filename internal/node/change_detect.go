package node

import (
	"fmt"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() { spec.Register("changeDetect", func() spec.Declarer { return &changeDetect{} }) }

// changeDetect passes on the points at which a field changes.
type changeDetect struct {
	fields []string

	env      spec.Env
	missing  []error       // per field
	previous []point.Value // in the batch at work
	batch    batchBuffer
}

func (c *changeDetect) Declare(s *spec.Spec) {
	s.Doc("Passes on a point if one of the fields differs from the last point passed on, in value or type. Starts anew with each batch.")
	s.Arg(&c.fields, "fields", "fields to watch")
	s.Example("stream|from().measurement('m')|changeDetect('v')", "m v=1 0s\nm v=1 1s\nm v=2 2s\nm v=2i 3s", "m v=1 0s\nm v=2 2s\nm v=2i 3s")
}

func (c *changeDetect) Start(env spec.Env) error {
	c.env = env
	for _, f := range c.fields {
		c.missing = append(c.missing, fmt.Errorf("Invalid field in change detect: expected field %s not found field=%s", f, f)) //nolint:staticcheck // Kapacitor's text
	}
	c.previous = make([]point.Value, len(c.fields))
	return nil
}

func (c *changeDetect) Group(_ *point.Group, out point.Sink) point.Sink {
	return &changeDetectGroup{n: c, Forward: spec.Forward{Out: out}}
}

type changeDetectGroup struct {
	n *changeDetect
	spec.Forward
	state changeDetectState
}

// changeDetectState has the fields of the last point passed on; of an absent one it is Missing.
type changeDetectState struct{ Previous []point.Value }

func (c *changeDetectGroup) State() any { return &c.state }

func (c *changeDetectGroup) Point(p *point.Point) {
	if len(c.state.Previous) != len(c.n.fields) { // new, or saved by another version of the script
		c.state.Previous = make([]point.Value, len(c.n.fields))
	}
	if c.n.changed(p, c.state.Previous) {
		c.Out.Point(p)
	}
}

func (c *changeDetectGroup) Batch(b *point.Batch) {
	c.n.batch.begin(b)
	clear(c.n.previous)
	for i := range b.Points {
		if c.n.changed(&b.Points[i], c.n.previous) {
			c.n.batch.add(&b.Points[i])
		}
	}
	c.Out.Batch(&c.n.batch.batch)
}

// changed reports whether p is to be passed on, and if so puts its values into previous.
func (c *changeDetect) changed(p *point.Point, previous []point.Value) bool {
	for i, f := range c.fields {
		v := p.Field(f)
		if v.Kind == point.Missing {
			c.env.Error(c.missing[i])
			continue
		}
		if v.Kind == point.Null {
			v = point.Value{} // null and absent are one in the last point
		}
		if !v.Equal(previous[i]) {
			for j, f := range c.fields {
				previous[j] = p.Field(f)
				if previous[j].Kind == point.Null {
					previous[j] = point.Value{}
				}
			}
			return true
		}
	}
	return false
}
