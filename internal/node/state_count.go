package node

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	spec.Register("stateCount", func() spec.Declarer { return &stateCount{stateTracker{as: "state_count"}} })
}

// stateCount adds for how many points a predicate has been true.
type stateCount struct{ stateTracker }

func (c *stateCount) Declare(s *spec.Spec) {
	s.Kind = "state_count"
	s.Doc("Adds a field that counts the points in a row for which the state, a predicate, holds: 1 at the first one, -1 outside of it. " +
		"A point for which the predicate fails is dropped. In batches it begins anew with each batch.")
	s.Arg(&c.pred, "state", "lambda that yields a boolean")
	s.Prop(&c.as, "as", "name of the field")
	s.Example("stream|from().measurement('m')|stateCount(lambda: \"v\" > 3)",
		"m v=1 0s\nm v=5 1s\nm v=6 3s\nm v=1 4s",
		"m state_count=-1i,v=1 0s\nm state_count=1i,v=5 1s\nm state_count=2i,v=6 3s\nm state_count=-1i,v=1 4s")
}

func (c *stateCount) Start(env spec.Env) error {
	return c.start(env, func(count, _, _ int64) point.Value {
		if count == 0 {
			return point.IntValue(-1)
		}
		return point.IntValue(count)
	})
}
