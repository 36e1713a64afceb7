package node

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// TestGroupingMemo compares what the memo says with what the table does, while groups come and go
// and some are refused.
func TestGroupingMemo(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var sets [][]point.Tag
	for i := range 300 {
		sets = append(sets, []point.Tag{{Key: "a", Value: fmt.Sprint(i % 50)}, {Key: "b", Value: fmt.Sprint(i)}})
	}
	for _, dims := range []spec.Dims{{Names: []string{"a"}}, {Star: true}} {
		groups := &point.Groups{Max: 40}
		g := newGrouping(dims, []string{"none"}, false)
		var held []*point.Group
		for range 20_000 {
			tags := sets[rnd.IntN(len(sets))]
			groups.Now++
			got, _ := g.of(groups, "m", tags, false)
			require.Same(t, g.find(groups, "m", tags, false), got)
			if !got.Refused && rnd.IntN(4) == 0 {
				groups.Hold(got)
				held = append(held, got)
			}
			if len(held) > 0 && rnd.IntN(4) == 0 {
				i := rnd.IntN(len(held))
				groups.Release(held[i])
				held[i] = held[len(held)-1]
				held = held[:len(held)-1]
			}
		}
		require.LessOrEqual(t, len(g.memo), maxMemo)
	}
}

// A group may have many series: there is room for them, too.
func TestGroupingSeries(t *testing.T) {
	var groups point.Groups
	g := newGrouping(spec.Dims{Names: []string{"host"}}, nil, false)
	var sets [][]point.Tag
	for i := range 100 {
		sets = append(sets, []point.Tag{{Key: "core", Value: fmt.Sprint(i)}, {Key: "host", Value: "h"}})
	}
	for range 10 {
		for _, tags := range sets {
			g.of(&groups, "cpu", tags, false)
		}
	}
	kept := 0
	for _, m := range g.memo {
		if m.tags != nil {
			kept++
		}
	}
	require.Equal(t, len(sets), kept)
	require.LessOrEqual(t, len(g.memo), maxMemo)
}
