package node_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
	"github.com/telegraf-tigk/telegraf-tigk/internal/ticktest"
)

// sources are the beginning of most scripts here.
const sources = `
var a = stream|from().measurement('a')
var b = stream|from().measurement('b')
var c = stream|from().measurement('c')
`

// grouped is sources grouped by g.
const grouped = `
var a = stream|from().measurement('a').groupBy('g')
var b = stream|from().measurement('b').groupBy('g')
var c = stream|from().measurement('c').groupBy('g')
`

// A partner that never comes must not fill the memory.
func TestJoinBound(t *testing.T) {
	for _, script := range []string{
		sources + "a|join(b).as('x', 'y')",
		sources + "a|union(b)",
		"var b = stream|from().measurement('b').groupBy('g')\nstream|from().measurement('a')|join(b).as('x', 'y').on('g')",
		"var b = stream|from().measurement('b')\nstream|from().measurement('a').groupBy('g', 'h')|join(b).as('x', 'y').on('g')",
	} {
		tk, err := load(script)
		require.NoError(t, err)
		require.NoError(t, tk.Start(0))
		f := newFeed(t, single, 1)
		errs := 0
		for range 1<<18 + 1000 {
			require.NoError(t, tk.Push(f.next()))
			errs += len(tk.Take())
		}
		require.Equal(t, 1, errs, script)
	}
}

// A twinSet is a set of messages of several parents.
type twinSet map[int]twinMsg

type twinMsg struct {
	name string
	v, w int // fields; w is left out if it is 0
}

// A twin joins as the prose has it, without any thought for speed.
type twin struct {
	parents   int
	tolerance int
	fill      bool
	sets      map[string]map[int][]twinSet
	heads     map[string]map[int]int
	out       []string
}

func (x *twin) round(t int) int {
	if x.tolerance == 0 {
		return t
	}
	return (t + x.tolerance/2 + x.tolerance%2) / x.tolerance * x.tolerance
}

func (x *twin) add(group string, src, t int, m twinMsg) {
	t = x.round(t)
	if x.sets[group] == nil {
		x.sets[group] = map[int][]twinSet{}
		x.heads[group] = map[int]int{}
	}
	x.heads[group][src] = t
	sets := x.sets[group]
	i := slices.IndexFunc(sets[t], func(s twinSet) bool { _, ok := s[src]; return !ok })
	if i < 0 {
		i = len(sets[t])
		sets[t] = append(sets[t], twinSet{})
	}
	sets[t][i][src] = m
	for len(sets) > 0 {
		oldest := slices.Min(slices.Collect(maps.Keys(sets)))
		passed := len(x.heads[group]) == x.parents
		for _, h := range x.heads[group] {
			passed = passed && h > oldest
		}
		for len(sets[oldest]) > 0 && (passed || len(sets[oldest][0]) == x.parents) {
			x.emit(group, oldest, sets[oldest][0])
			sets[oldest] = sets[oldest][1:]
		}
		if len(sets[oldest]) == 0 {
			delete(sets, oldest)
		}
		if !passed {
			return
		}
	}
}

func (x *twin) close() {
	for _, group := range slices.Sorted(maps.Keys(x.sets)) {
		for _, t := range slices.Sorted(maps.Keys(x.sets[group])) {
			for _, s := range x.sets[group][t] {
				x.emit(group, t, s)
			}
		}
	}
}

func (x *twin) emit(group string, t int, s twinSet) {
	if len(s) < x.parents && !x.fill {
		return
	}
	first := s[slices.Min(slices.Collect(maps.Keys(s)))]
	var fields []string
	for src := range x.parents {
		m, ok := s[src]
		if !ok {
			m = twinMsg{v: 0, w: 0}
		}
		fields = append(fields, fmt.Sprintf("p%d.v=%di", src, m.v))
		if ok && m.w != 0 || !ok && first.w != 0 {
			fields = append(fields, fmt.Sprintf("p%d.w=%di", src, m.w))
		}
	}
	x.out = append(x.out, fmt.Sprintf("%s%s %s %s", first.name, group, strings.Join(fields, ","), secs(t)))
}

func secs(t int) string {
	switch {
	case t == 0:
		return "0s"
	case t%60 == 0:
		return fmt.Sprintf("%dm", t/60)
	}
	return fmt.Sprintf("%ds", t)
}

// TestJoinTwin compares joins of random data with the twin, restarts included.
func TestJoinTwin(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	names := []string{"a", "b", "c"}
	for round := range 150 {
		x := &twin{parents: 2 + rnd.IntN(2), tolerance: rnd.IntN(3) * 2, fill: rnd.IntN(2) == 0, sets: map[string]map[int][]twinSet{}, heads: map[string]map[int]int{}}
		script := grouped + "a|join(b).as('p0', 'p1')"
		if x.parents == 3 {
			script = grouped + "a|join(b, c).as('p0', 'p1', 'p2')"
		}
		if x.tolerance > 0 {
			script += fmt.Sprintf(".tolerance(%ds)", x.tolerance)
		}
		if x.fill {
			script += ".fill(0)"
		}
		var in strings.Builder
		groups := 1 + rnd.IntN(3)
		n := 2 + rnd.IntN(60)
		for i := range n {
			src, at := rnd.IntN(x.parents), i/4+rnd.IntN(4)
			if rnd.IntN(10) == 0 {
				at = rnd.IntN(i/4 + 1) // late
			}
			m := twinMsg{name: names[src], v: 1 + rnd.IntN(99), w: rnd.IntN(3)}
			group := fmt.Sprintf(",g=%d", rnd.IntN(groups))
			x.add(group, src, at, m)
			fmt.Fprintf(&in, "%s%s v=%di", m.name, group, m.v)
			if m.w != 0 {
				fmt.Fprintf(&in, ",w=%di", m.w)
			}
			fmt.Fprintf(&in, " %ds\n", at)
		}
		live := len(x.out)
		x.close()
		for _, restart := range []int{0, 1 + rnd.IntN(n)} {
			got, err := ticktest.Play(script+"|influxDBOut()", in.String(), restart)
			require.NoError(t, err)
			if live < len(got) {
				slices.SortStableFunc(got[live:], byGroup) // the order of the groups at the end is not defined
			}
			require.Equal(t, x.out, got, "round %d, restart %d: %s\n%s", round, restart, script, in.String())
		}
	}
}

func byGroup(a, b string) int {
	group := func(s string) string {
		_, s, _ = strings.Cut(s, ",")
		s, _, _ = strings.Cut(s, " ")
		return s
	}
	return strings.Compare(group(a), group(b))
}

// An onTwin hands out data as join.on does, to the groups of a twin.
type onTwin struct {
	twin
	reported          map[int]bool
	marks             map[string]map[int]int
	generic, specific map[string][]onMsg
}

type onMsg struct {
	src, t int
	group  string
	m      twinMsg
}

func (x *onTwin) take(key string, isSpecific bool, e onMsg) {
	x.reported[e.src] = true
	all := len(x.reported) == x.parents
	if x.marks[key] == nil {
		x.marks[key] = map[int]int{}
	}
	x.marks[key][e.src] = e.t
	low, zero := 0, true
	for src := range x.parents {
		if !all {
			break
		}
		m, ok := x.marks[key][src]
		if zero || !ok || m < low {
			low, zero = m, !ok
		}
	}
	before := func(t int) bool { return !zero && t < low }
	for all && len(x.specific[key]) > 0 && before(x.specific[key][0].t) {
		s := x.specific[key][0]
		x.specific[key] = x.specific[key][1:]
		x.add(s.group, s.src, s.t, s.m)
	}
	both := func(s, g onMsg) {
		x.add(s.group, s.src, s.t, s.m)
		x.add(s.group, g.src, g.t, g.m)
	}
	if isSpecific {
		matched, old := false, 0
		for _, g := range x.generic[key] {
			if g.t == e.t {
				both(e, g)
				matched = true
			}
			if !before(g.t) {
				break
			}
			old++
		}
		if all {
			x.generic[key] = x.generic[key][old:]
		}
		switch {
		case matched:
		case all && before(e.t):
			x.add(e.group, e.src, e.t, e.m)
		default:
			x.specific[key] = append(x.specific[key], e)
		}
		return
	}
	x.generic[key] = append(x.generic[key], e)
	for len(x.specific[key]) > 0 && x.specific[key][0].t == e.t {
		both(x.specific[key][0], e)
		x.specific[key] = x.specific[key][1:]
	}
}

// TestJoinOnTwin does the same as TestJoinTwin for joins with on.
func TestJoinOnTwin(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for round := range 150 {
		x := &onTwin{
			twin:     twin{parents: 2, fill: rnd.IntN(2) == 0, sets: map[string]map[int][]twinSet{}, heads: map[string]map[int]int{}},
			reported: map[int]bool{}, marks: map[string]map[int]int{}, generic: map[string][]onMsg{}, specific: map[string][]onMsg{},
		}
		coarse := rnd.IntN(2) // which parent is the generic one
		script := "var a = stream|from().measurement('a').groupBy('g')\nvar b = stream|from().measurement('b').groupBy('g', 'h')\n"
		script += []string{"a|join(b)", "b|join(a)"}[coarse] + ".as('p0', 'p1').on('g')"
		if x.fill {
			script += ".fill(0)"
		}
		var in strings.Builder
		n := 2 + rnd.IntN(60)
		for i := range n {
			at := i/3 + rnd.IntN(3)
			if rnd.IntN(10) == 0 {
				at = rnd.IntN(i/3 + 1)
			}
			g, h := rnd.IntN(2), rnd.IntN(2)
			m := twinMsg{name: "a", v: 1 + rnd.IntN(99)}
			e := onMsg{src: coarse, t: at, m: m}
			tags := fmt.Sprintf(",g=%d", g)
			if rnd.IntN(2) == 0 {
				tags += fmt.Sprintf(",h=%d", h)
				e.src, e.group, e.m.name = 1-coarse, tags, "b"
			}
			x.take(fmt.Sprint(g), e.src != coarse, e)
			fmt.Fprintf(&in, "%s%s v=%di %ds\n", e.m.name, tags, m.v, at)
		}
		live := len(x.out)
		x.close()
		for _, restart := range []int{0, 1 + rnd.IntN(n)} {
			got, err := ticktest.Play(script+"|influxDBOut()", in.String(), restart)
			require.NoError(t, err)
			if live < len(got) {
				slices.SortStableFunc(got[live:], byGroup)
			}
			require.Equal(t, x.out, got, "round %d, restart %d: %s\n%s", round, restart, script, in.String())
		}
	}
}

// TestDeletedGroups sends ever new groups through nodes behind a barrier that deletes them: what
// is saved must not grow, and neither must the memory.
func TestDeletedGroups(t *testing.T) {
	script := `
var a = stream|from().measurement('a').groupBy('g')|barrier().idle(1s).delete(TRUE)
var b = stream|from().measurement('b').groupBy('g')|barrier().idle(1s).delete(TRUE)
a|join(b).as('x', 'y').fill(0.0)
a|join(b).as('x', 'y').on('g')
var h = stream|from().measurement('a').groupBy('g', 'h')|barrier().idle(1s).delete(TRUE)
h|join(b).as('x', 'y').on('g')
var m = stream|from().measurement('b').groupBy('g').groupByMeasurement()|barrier().idle(1s).delete(TRUE)
m|union(b).rename('u')|flatten()
a|combine(lambda: TRUE).as('x')
`
	tk, err := load(script)
	require.NoError(t, err)
	require.NoError(t, tk.Start(ticktest.Epoch))
	size := func() int {
		var buf bytes.Buffer
		require.NoError(t, tk.Save(&buf))
		return buf.Len()
	}
	p := point.Point{DB: "telegraf", RP: "autogen", Fields: []point.Field{{Key: "v", Value: point.FloatValue(1)}}}
	now := ticktest.Epoch
	empty := 0
	for round := range 30 {
		for h := range 100 {
			for _, m := range []string{"a", "b"} {
				p.Name, p.Time = m, now
				p.Tags = []point.Tag{{Key: "g", Value: fmt.Sprintf("%d-%d", round, h)}}
				require.NoError(t, tk.Push(&p))
			}
		}
		tk.Take()
		full := size()
		now += 5 * int64(time.Second)
		require.NoError(t, tk.Tick(now))
		tk.Take()
		if round == 0 {
			empty = size()
			require.Less(t, empty, full/4)
		}
	}
	require.InDelta(t, empty, size(), 200) // times and counts grow in digits
	tk.Stats(func(s task.NodeStats) { require.Zero(t, s.Groups, s.Node) })
}
