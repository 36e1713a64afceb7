package node_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const joinIn = `
a v=1 0s
b v=2 0s
a v=3 1s
a v=4 2s
b v=5 2s
b v=6 3s
a v=7 4s
b v=8 4s
a v=9 10s
b v=10 12s
`

func TestJoin(t *testing.T) {
	requireCases(t, []scriptCase{
		{"inner", sources + "a|join(b).as('a', 'b')", joinIn, `
			a a.v=1,b.v=2 0s
			a a.v=4,b.v=5 2s
			a a.v=7,b.v=8 4s`},
		{"fill", sources + "a|join(b).as('a', 'b').fill(0.0)", joinIn, `
			a a.v=1,b.v=2 0s
			a a.v=3,b.v=0 1s
			a a.v=4,b.v=5 2s
			b a.v=0,b.v=6 3s
			a a.v=7,b.v=8 4s
			a a.v=9,b.v=0 10s
			b a.v=0,b.v=10 12s`},
		{"fill null", sources + "a|join(b).as('a', 'b').fill('null')", "a v=1 0s\na v=2 1s\nb v=3 1s", "a a.v=1 0s\na a.v=2,b.v=3 1s"},
		{"fill none", sources + "a|join(b).as('a', 'b').fill('none')", "a v=1 0s\na v=2 1s\nb v=3 1s", "a a.v=2,b.v=3 1s"},
		{"fill of another type does nothing", sources + "a|join(b).as('a', 'b').fill(TRUE)", "a v=1 0s\na v=2 1s\nb v=3 1s", "a a.v=2,b.v=3 1s"},
		{"tolerance", sources + "a|join(b).as('a', 'b').tolerance(2s)", joinIn, `
			a a.v=1,b.v=2 0s
			a a.v=3,b.v=5 2s
			a a.v=7,b.v=6 4s`},
		{"duplicates", sources + "a|join(b).as('a', 'b').fill(0.0)", "a v=1 0s\na v=2 0s\na v=3 0s\nb v=11 0s\nb v=12 0s\na v=4 1s\nb v=13 1s", `
			a a.v=1,b.v=11 0s
			a a.v=2,b.v=12 0s
			a a.v=3,b.v=0 0s
			a a.v=4,b.v=13 1s`},
		{"names out of order", sources + "a|join(b, c).as('z', 'm', 'y')", "a v=1,w=2 0s\nb v=3 0s\nc u=4,v=5 0s", "a m.v=3,y.u=4,y.v=5,z.v=1,z.w=2 0s"},
		{"the later of equal names wins", sources + "a|join(b).as('p', 'pq').delimiter('')", "a qv=1,v=2 0s\nb v=3 0s", "a pqv=3,pv=2 0s"},
		{"fields change", sources + "a|join(b).as('x', 'y').fill(0)", "a v=1i 0s\nb w=1i 0s\na u=2i,v=3i 1s\nb v=4i,w=2i 1s\na v=5i 2s\nb v=6i 3s\na v=6i 3s", `
			a x.v=1i,y.w=1i 0s
			a x.u=2i,x.v=3i,y.v=4i,y.w=2i 1s
			a x.v=5i,y.v=0i 2s
			a x.v=6i,y.v=6i 3s`},
		{"group in one parent only", grouped + "a|join(b).as('x', 'y').fill(0.0)", "a,g=1 v=1 0s\na,g=2 v=2 0s\na,g=1 v=3 1s\nb,g=2 v=4 0s", "a,g=2 x.v=2,y.v=4 0s\na,g=1 x.v=1,y.v=0 0s\na,g=1 x.v=3,y.v=0 1s"},
		{"tags are the group's", grouped + "a|join(b).as('x', 'y')", "a,g=1,k=3 v=1 0s\nb,g=1,l=4 v=2 0s", "a,g=1 x.v=1,y.v=2 0s"},
		{"streamName", sources + "a|join(b).as('x', 'y').streamName('both')", "b v=1 0s\na v=2 0s", "both x.v=2,y.v=1 0s"},
		{"streamName makes a group", sources + "var x = a|groupBy('g').byMeasurement()\nx|join(x).as('x', 'y').streamName('both')|alert().id('{{ .Group }}').crit(lambda: TRUE)", "a,g=1 v=1 0s", "alert both/g=1\nboth,g=1 x.v=1,y.v=1 0s"},
		{"late data", sources + "a|join(b).as('x', 'y').fill(0.0)", "a v=1 5s\nb v=2 5s\na v=3 1s\nb v=4 6s\na v=5 7s", "a x.v=1,y.v=2 5s\na x.v=3,y.v=0 1s\nb x.v=0,y.v=4 6s\na x.v=5,y.v=0 7s"},
		{"batches", sources + "a|window().periodCount(3).everyCount(3)|join(b|window().periodCount(3).everyCount(3)).as('x', 'y').fill(0)|trickle()", `
			a v=1i 0s
			a v=2i 2s
			a v=3i 4s
			b v=4i 1s
			b v=5i 2s
			b v=6i 4s`, `
			a x.v=1i,y.v=0i 0s
			a x.v=0i,y.v=4i 1s
			a x.v=2i,y.v=5i 2s
			a x.v=3i,y.v=6i 4s`},
		{"inner join of batches may be empty", sources + "a|window().periodCount(1).everyCount(1)|join(b|window().periodCount(1).everyCount(1)).as('x', 'y')|count('x.v')", "a v=1 0s\na v=2 1s\nb v=3 1s", "a count=0i 0s\na count=1i 1s"},
		{"one with itself", sources + "a|join(a).as('x', 'y')", "a v=1 0s\na v=2 1s", "a x.v=1,y.v=1 0s\na x.v=2,y.v=2 1s"},
		{"barrier", sources + "a|barrier().idle(2s)|join(b|barrier().idle(2s)).as('x', 'y').fill(0.0)", "a v=1 0s\nb v=2 0s\na v=3 1s\n# advance: 5s\na v=4 9s", "a x.v=1,y.v=2 0s\na x.v=3,y.v=0 1s\na x.v=4,y.v=0 9s"},
	})
}

func TestJoinOn(t *testing.T) {
	const coarse = `
var building = stream|from().measurement('building').groupBy('b')
var floor = stream|from().measurement('floor').groupBy('b', 'f')
`
	requireCases(t, []scriptCase{
		{"matches", coarse + "building|join(floor).as('a', 'f').on('b')", `
			building,b=x v=100 0s
			floor,b=x,f=1 v=10 0s
			floor,b=x,f=2 v=20 0s
			building,b=x v=200 1s
			floor,b=x,f=1 v=30 1s
			floor,b=x,f=2 v=40 1s
			building,b=x v=300 2s
			floor,b=x,f=1 v=50 2s`, `
			building,b=x,f=1 a.v=100,f.v=10 0s
			building,b=x,f=2 a.v=100,f.v=20 0s
			building,b=x,f=1 a.v=200,f.v=30 1s
			building,b=x,f=2 a.v=200,f.v=40 1s
			building,b=x,f=1 a.v=300,f.v=50 2s`},
		{
			"specific first", coarse + "floor|join(building).as('f', 'a').on('b')", "floor,b=x,f=1 v=1 0s\nfloor,b=x,f=2 v=2 0s\nfloor,b=y,f=1 v=3 0s\nbuilding,b=x v=100 0s\nbuilding,b=y v=200 0s",
			"floor,b=x,f=1 a.v=100,f.v=1 0s\nfloor,b=x,f=2 a.v=100,f.v=2 0s\nfloor,b=y,f=1 a.v=200,f.v=3 0s",
		},
		{
			"without partner", coarse + "floor|join(building).as('f', 'a').on('b').fill(0.0)", "floor,b=x,f=1 v=1 0s\nfloor,b=x,f=1 v=2 1s\nbuilding,b=x v=100 1s\nfloor,b=x,f=1 v=3 2s\nbuilding,b=x v=7 3s",
			"floor,b=x,f=1 a.v=0,f.v=1 0s\nfloor,b=x,f=1 a.v=100,f.v=2 1s",
		},
		{
			"dimension that is a plain tag", "var all = stream|from().measurement('all')\nvar one = stream|from().measurement('one').groupBy('b', 'f')\none|join(all).as('o', 'a').on('b')", "all,b=x v=1 0s\nall,b=y v=2 0s\none,b=x,f=1 v=3 0s\none,b=y,f=1 v=4 0s",
			"one,b=x,f=1 a.v=1,o.v=3 0s\none,b=y,f=1 a.v=2,o.v=4 0s",
		},
		{
			"batches", coarse + "building|window().periodCount(1).everyCount(1)|join(floor|window().periodCount(1).everyCount(1)).as('a', 'f').on('b')|trickle()", "building,b=x v=100 0s\nfloor,b=x,f=1 v=10 0s\nfloor,b=x,f=2 v=20 0s",
			"building,b=x,f=1 a.v=100,f.v=10 0s\nbuilding,b=x,f=2 a.v=100,f.v=20 0s",
		},
	})
}

// Once a group is deleted by a barrier its data is gone, and its marks with it.
func TestJoinDelete(t *testing.T) {
	script := `
var a = stream|from().measurement('a').groupBy('g')|barrier().idle(2s).delete(TRUE)
var b = stream|from().measurement('b').groupBy('g')
a|join(b).as('x', 'y').fill(0.0)`
	requireCases(t, []scriptCase{
		{"pending data is dropped", script, "a,g=1 v=1 0s\na,g=2 v=1 0s\na,g=2 v=2 1s\nb,g=1 v=3 2s\nb,g=2 v=4 2s", "a,g=2 x.v=1,y.v=0 0s\na,g=2 x.v=2,y.v=0 1s\nb,g=2 x.v=0,y.v=4 2s\nb,g=1 x.v=0,y.v=3 2s"},
		{"on", `
var a = stream|from().measurement('a').groupBy('g')|barrier().idle(2s).delete(TRUE)
var b = stream|from().measurement('b').groupBy('g', 'h')
b|join(a).as('y', 'x').on('g').fill(0.0)`, "a,g=1 v=1 0s\n# advance: 3s\nb,g=1,h=1 v=2 4s\na,g=1 v=3 4s", "b,g=1,h=1 x.v=3,y.v=2 4s"},
	})
}

func TestJoinRejected(t *testing.T) {
	for _, c := range []struct{ script, want string }{
		{"a|join(b)", "as is required: it names a prefix for each of the 2 nodes joined"},
		{"a|join(b).as('x')", "as names 1 prefixes, want one for each of the 2 nodes joined"},
		{"a|join(b, c).as('x', 'y')", "want one for each of the 3 nodes joined"},
		{"a|join(b).as('x', '')", "a prefix must not be empty"},
		{"a|join(b).as('x.y', 'z')", `cannot use name x.y as field prefix, it contains the delimiter "."`},
		{"a|join(b).as('x', 'x')", "the prefix x stands there twice"},
		{"a|join(b).as('x', 'y').fill('linear')", "unexpected fill option linear"},
		{"a|join(b).as('x', 'y').tolerance(-1s)", "tolerance must not be negative"},
		{"a|join(b|window().period(1s).every(1s)).as('x', 'y')", "want the same of all"},
		{"a|join('b').as('x', 'y')", "want node, got string"},
	} {
		requireRejected(t, sources+c.script, c.want)
	}
}

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
		f := newFeed([]string{"a"}, 1)
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
			got := play(t, script+"|influxDBOut()", in.String(), restart)
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
			got := play(t, script+"|influxDBOut()", in.String(), restart)
			if live < len(got) {
				slices.SortStableFunc(got[live:], byGroup)
			}
			require.Equal(t, x.out, got, "round %d, restart %d: %s\n%s", round, restart, script, in.String())
		}
	}
}
