package node_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUnion(t *testing.T) {
	const in = `
		a v=0 0s
		a v=1 1s
		b v=2 2s
		b v=3 3s
		a v=5 5s
		b v=10 10s
		b v=4 4s
		a v=7 7s`
	requireCases(t, []scriptCase{
		{"merges by time", sources + "a|union(b)", in, "a v=0 0s\na v=1 1s\nb v=2 2s\nb v=3 3s\na v=5 5s\na v=7 7s\nb v=10 10s\nb v=4 4s"},
		{"arguments come first", sources + "a|union(b, c)", "a v=1 0s\nb v=2 0s\nc v=3 0s", "b v=2 0s\nc v=3 0s\na v=1 0s"},
		{"waits for all", sources + "a|union(b, c)", "a v=1 0s\nb v=2 1s\na v=3 2s", "a v=1 0s\nb v=2 1s\na v=3 2s"},
		{"rename", sources + "a|union(b).rename('u')", "a v=1 0s\nb v=2 1s", "u v=1 0s\nu v=2 1s"},
		{"rename makes a group", sources + "a|groupBy('g').byMeasurement()|union(b|groupBy('g').byMeasurement()).rename('u')|stateCount(lambda: TRUE)", "a,g=1 v=1 0s\nb,g=1 v=2 1s", "u,g=1 state_count=1i,v=1 0s\nu,g=1 state_count=2i,v=2 1s"},
		{"batches by their end", sources + "a|window().periodCount(2).everyCount(2)|union(b|window().periodCount(1).everyCount(1)).rename('u')|sum('v')", "a v=1 0s\nb v=2 3s\na v=3 5s\nb v=4 6s", "u sum=2 3s\nu sum=4 5s\nu sum=4 6s"},
		{"barriers wait in line", sources + "a|barrier().idle(2s)|union(b)|window().period(1s).every(1s)|count('v')", "a v=1 0s\nb v=2 0s\n# advance: 3s\nb v=3 5s", "b count=2i 1s\nb count=0i 3s\nb count=0i 5s"},
	})
}

// A deletion overtakes what waits, which makes the group anew.
func TestUnionDelete(t *testing.T) {
	script := `
var a = stream|from().measurement('a').groupBy('g')|barrier().idle(2s).delete(TRUE)
var b = stream|from().measurement('b').groupBy('g')
a|union(b)|stateCount(lambda: TRUE).as('n')`
	requireCases(t, []scriptCase{{"waiting", script, "b,g=1 v=1 0s\na,g=1 v=2 1s\na,g=1 v=3 2s\n# advance: 4s\nb,g=1 v=4 10s\na,g=1 v=5 10s", `
		b,g=1 n=1i,v=1 0s
		a,g=1 n=1i,v=2 1s
		a,g=1 n=2i,v=3 2s
		b,g=1 n=3i,v=4 10s
		a,g=1 n=4i,v=5 10s`}})
}

func TestUnionRejected(t *testing.T) {
	requireRejected(t, sources+"a|union(b|window().period(1s).every(1s))", "want the same of all")
	requireRejected(t, sources+"a|union(1)", "want node, got int")
}

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
			require.Equal(t, x.out, play(t, script, in.String(), restart), "round %d, restart %d:\n%s", round, restart, in.String())
		}
	}
}
