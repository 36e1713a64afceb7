package node_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/ticktest"
)

// A unionTwin merges as the prose has it.
type unionTwin struct {
	queues [][]unionMsg
	marks  []int
	seen   []bool
	out    []string
}

type unionMsg struct {
	t    int
	line string
}

func (x *unionTwin) add(src int, m unionMsg) {
	x.queues[src] = append(x.queues[src], m)
	x.seen[src] = true
	for !slices.Contains(x.seen, false) {
		for i, q := range x.queues {
			if len(q) > 0 {
				x.marks[i] = q[0].t
			}
		}
		if !x.send(slices.Min(x.marks)) {
			return
		}
	}
}

func (x *unionTwin) send(upTo int) bool {
	sent := false
	for i := range x.queues {
		for len(x.queues[i]) > 0 && x.queues[i][0].t <= upTo {
			x.marks[i] = x.queues[i][0].t
			x.out = append(x.out, x.queues[i][0].line)
			x.queues[i] = x.queues[i][1:]
			sent = true
		}
	}
	return sent
}

func (x *unionTwin) close() {
	for {
		first := 1 << 30
		for _, q := range x.queues {
			if len(q) > 0 {
				first = min(first, q[0].t)
			}
		}
		if !x.send(first) {
			return
		}
	}
}

// TestUnionTwin compares unions of random data with the twin, restarts included.
func TestUnionTwin(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for round := range 200 {
		parents := 2 + rnd.IntN(2)
		x := &unionTwin{queues: make([][]unionMsg, parents), marks: make([]int, parents), seen: make([]bool, parents)}
		script := sources + []string{"a|union(b)", "a|union(b, c)"}[parents-2] + "|influxDBOut()"
		var in strings.Builder
		n := 2 + rnd.IntN(60)
		for i := range n {
			src, at := rnd.IntN(parents), max(0, i/3-2+rnd.IntN(5))
			line := fmt.Sprintf("%s,k=%d v=%di %s", []string{"a", "b", "c"}[src], rnd.IntN(2), i, secs(at))
			fmt.Fprintln(&in, line)
			x.add((src+parents-1)%parents, unionMsg{at, line}) // the arguments come first
		}
		x.close()
		for _, restart := range []int{0, 1 + rnd.IntN(n)} {
			got, err := ticktest.Play(script, in.String(), restart)
			require.NoError(t, err)
			require.Equal(t, x.out, got, "round %d, restart %d:\n%s", round, restart, in.String())
		}
	}
}
