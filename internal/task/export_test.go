package task

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// CountAbsorbed has n count the points that the short ways of a started task absorb. It returns how many ways there are.
func (t *Task) CountAbsorbed(n *int) (ways int) {
	for _, x := range t.graph.nodes {
		if w := x.run.short; w != nil {
			x.decl.(spec.Offerer).Offer(w.refers, &counted{w, n})
			ways++
		}
	}
	return ways
}

type counted struct {
	spec.Absorber
	n *int
}

func (c *counted) Absorb(g *point.Group, p *point.Point) bool {
	if !c.Absorber.Absorb(g, p) {
		return false
	}
	*c.n++
	return true
}
