package task_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// shortened are what comes behind from nodes that may have a short way.
var shortened = []string{
	`a|alert().crit(lambda: "v" > 5.0)`,
	`a|alert().info(lambda: "v" > 3).warn(lambda: "v" > 5).warnReset(lambda: "v" < 2).crit(lambda: "v" + "w" > 9.0).stateChangesOnly()`,
	`a|alert().crit(lambda: "v" > 5.0 AND "s" == 'x').flapping(0.2, 0.6)`,
	`a|alert().crit(lambda: unixNano("time") / 1000000000 % 7 == 0)`,
	`a|alert().crit(lambda: "v" > 1 AND rand(1) == 0)`,
	`a|alert().crit(lambda: count() % 5 == 0)`,
	`a|alert().crit(lambda: sigma("v") > 1.0)`,
	`a|alert().crit(lambda: "h" == 'b')`,
	`a|alert()`,
	`a|where(lambda: "v" > 3)|alert().crit(lambda: "w" > 5)`,
	`a|where(lambda: "v" > 3.0)|where(lambda: "s" != 'x')|alert().crit(lambda: "v" > 5)`,
	`a|where(lambda: "v" / ("w" - 3) > 1)|alert().crit(lambda: TRUE)`,
	`a|eval(lambda: 10.0 - "v").as('x')|alert().crit(lambda: "x" < 4.0)`,
	`a|eval(lambda: "v" * 2).as('x')|alert().warn(lambda: 8 < "x").crit(lambda: "x" > -1.5)`,
	`a|eval(lambda: "s" + 'x').as('x')|alert().crit(lambda: "x" == 'xx')`,
	`a|eval(lambda: "time").as('x')|alert().crit(lambda: hour("x") > 20)`,
	`a|eval(lambda: "v" > 3.0).as('x')|alert().crit(lambda: FALSE AND "x")`,
	`a|eval(lambda: "v" + 1.0).as('w')|alert().crit(lambda: 5.0 - "w" < "w")`,
	`a|eval(lambda: "v" + 1.0).as('w')|alert().crit(lambda: "w" > 5.0 - "w")`,
	`a|eval(lambda: hour("time")).as('x')|alert().crit(lambda: "x" > 20)`,
	`a|eval(lambda: "v").as('h')|alert().crit(lambda: "h" > 5.0)`,
	`a|eval(lambda: "v").as('v')|alert().crit(lambda: "v" > 5.0)`,
	`a|eval(lambda: "v" + 1.0).as('time')|alert().crit(lambda: unixNano("time") > 0)`,
	`a|eval(lambda: "v" + 1.0, lambda: "x" * 2.0).as('x', 'y')|alert().crit(lambda: "x" > 5.0)`,
	`a|eval(lambda: "v" + 1.0).as('x').keep()|alert().crit(lambda: "x" > 5.0 OR "w" > 8.0)`,
	`a|eval(lambda: "v" + 1.0).as('x').keep('x', 'w')|alert().crit(lambda: "x" > 5.0 OR "w" > 8.0)`,
	`a|eval(lambda: string("v")).as('x').tags('x')|alert().crit(lambda: "x" == '5')`,
	`a|eval(lambda: "v" + 1.0).as('x')|eval(lambda: "x" * 2.0).as('y')|alert().crit(lambda: "y" > 11.0)`,
	`a|eval(lambda: "v" + 1.0).as('x')|where(lambda: "x" > 2.0)|alert().crit(lambda: "x" > 5.0)`,
	`a|where(lambda: "v" > 2.0)|eval(lambda: "v" + 1.0).as('x')|alert().crit(lambda: "x" > 5.0)`,
	`a|eval(lambda: rand(1)).as('x')|alert().crit(lambda: "x" == 0)`,
	`a|eval(lambda: count()).as('x')|alert().crit(lambda: "x" % 3 == 0)`,
	`a|stateDuration(lambda: "v" > 5)|alert().crit(lambda: "state_duration" > 2).stateChangesOnly()`,
	`a|stateCount(lambda: "v" > 5).as('n')|alert().info(lambda: "n" > 1).crit(lambda: "n" > 3).critReset(lambda: "n" < 0).message('{{ .Fields }}')`,
	`a|stateCount(lambda: "v" > 5).as('v')|alert().crit(lambda: "v" > 1).levelField('level')`,
	`a|stateCount(lambda: "v" > 5).as('n')|alert().crit(lambda: "n" > 0 AND "v" > 7)`,
	`a|stateCount(lambda: "v" > 5).as('h')|alert().crit(lambda: "h" > 0)`,
	`a|stateCount(lambda: "v" > 5)|alert()`,
	`a|stateCount(lambda: "v" > 2).as('n')|eval(lambda: "n" * 2).as('x')|alert().crit(lambda: "x" > 4)`,
	`a|stateCount(lambda: "v" > 2).as('n')|where(lambda: "n" > 1)|stateDuration(lambda: "n" > 2)|alert().crit(lambda: "state_duration" > 1)`,
	`a|window().period(3s).every(3s)|mean('v')|alert().crit(lambda: "mean" > 2.0)`,
	`a|where(lambda: "v" > 1.0)|window().period(3s).every(4s).align()|sum('w')|alert().crit(lambda: "sum" > 12.0)`,
	`a|eval(lambda: "v" * 2.0).as('x')|window().period(2s).every(2s).fillPeriod()|stddev('x')|alert().crit(lambda: "stddev" > 2.0)`,
	`var w = a|stateCount(lambda: "v" > 1).as('n')|window().period(5s).every(5s)
	w|count('n')|alert().crit(lambda: "count" > 9)
	w|sum('n').as('s')|alert().crit(lambda: "s" > 9)`,
	`a|window().period(3s).every(3s)|max('v')|alert().crit(lambda: "max" > 3.0)`,
	`a|window().periodCount(3).everyCount(3)|sum('w')|alert().crit(lambda: "sum" > 12.0)`,
	`a|join(b).as('a', 'b')|window().period(3s).every(3s)|mean('a.v')|alert().crit(lambda: "mean" > 2.0)`,
	`a|join(b).as('a', 'b')|alert().crit(lambda: "a.v" + "b.v" > 12.0)`,
	`a|join(b).as('a', 'b')|alert().crit(lambda: "a.v" > 5 OR "b.s" == 'x').message('{{ .Fields }}')`,
	`a|join(b).as('a', 'b').tolerance(2s)|alert().crit(lambda: unixNano("time") / 1000000000 % 10 == 0)`,
	`a|join(b).as('a', 'b').fill(0.0)|eval(lambda: "a.v" - "b.v").as('x')|alert().crit(lambda: "x" > 3.0)`,
	`a|join(b).as('a', 'ab').delimiter('')|alert().crit(lambda: "abv" > 5.0)`,
	`a|eval(lambda: 9.0 - "v").as('bv')|join(b|eval(lambda: "v" + 0.0).as('v')).as('a', 'ab').delimiter('')|alert().crit(lambda: "abv" > 6.0)`,
	`a|join(b, a).as('a', 'b', 'c').delimiter('_')|stateCount(lambda: "a_v" > 2).as('n')|alert().crit(lambda: "n" > 1)`,
	`a|join(b).as('a', 'b')|stateDuration(lambda: "a.v" > 2)|alert().crit(lambda: "b.v" > 4)`,
	`a|eval(lambda: "v").as('v')|join(b|eval(lambda: "w").as('v')).as('a', 'b')|alert().crit(lambda: "a.v" + "b.v" > 12.0)`,
	`a|stateCount(lambda: "v" > 2).as('n')|join(b).as('a', 'b')|alert().crit(lambda: "a.n" > 2)`,
	`a|where(lambda: "v" > 2)|join(b|where(lambda: "w" > 2)).as('a', 'b').fill('null')|alert().crit(lambda: "a.v" + "b.w" > 12.0)`,
	`a|join(b).as('a', 'b')|alert().crit(lambda: "b.v" > 100.0 OR isPresent("a.v"))`,
	`a|join(b).as('a', 'b')|alert().crit(lambda: "b.w" - "a.w" > 4.0)`,
	`a|join().as('a')|alert().crit(lambda: "a.v" > 5.0)`,
	`a|join(b).as('a', 'b').tolerance(9s)|alert().crit(lambda: "a.w" > 3.0 AND isPresent("h"))`,
	`a|eval(lambda: "v").as('x').keep()|stateCount(lambda: "x" > 1.0).as('')|join(b).as('a', 'b')|alert().crit(lambda: "a.w" > 5.0)`,
}

// TestShort compares tasks that have short ways with others that do not, restarts included.
func TestShort(t *testing.T) {
	for _, from := range []string{
		"var a = stream|from().measurement('a').groupBy('h')\nvar b = stream|from().measurement('b').groupBy('h')\n",
		"var a = stream|from().measurement('a')\nvar b = stream|from().measurement('b')\n",
		"var a = stream|from().measurement('a').groupBy('h').groupByMeasurement()\nvar b = stream|from().measurement('b').groupBy('h').groupByMeasurement()\n",
		"var a = stream|from().groupBy('h', 'i').where(lambda: \"v\" > 0)\nvar b = stream|from().measurement('b').groupBy('h', 'i').truncate(2s)\n",
	} {
		for i, script := range shortened {
			t.Run(fmt.Sprint(i, script), func(t *testing.T) {
				r := rand.New(rand.NewPCG(1, uint64(i)))
				compareWays(t, from+script, r, 500, randomPoint)
			})
		}
	}
}

// compareWays brings n points to a task with short ways and to one without, and returns how many points took one;
// -1 if there are none.
func compareWays(t *testing.T, script string, r *rand.Rand, n int, next func(r *rand.Rand, i int) *point.Point) (absorbed int) {
	t.Helper()
	short := &fed{cfg: task.Config{Name: "t", Script: script, Topics: new(alert.Topics)}, absorbed: &absorbed}
	long := &fed{cfg: task.Config{Name: "t", Script: script, Topics: new(alert.Topics), Long: true}}
	if short.load(t); short.ways == 0 {
		return -1
	}
	long.load(t)
	for i := range n {
		p := next(r, i)
		before := p.Clone()
		require.Equal(t, long.push(t, p), short.push(t, p), "%s\n%d: %v", script, i, p)
		require.Equal(t, before, p)
		if r.IntN(200) == 0 {
			short.restart(t)
			long.restart(t)
		}
	}
	require.Equal(t, long.stats(), short.stats(), script)
	require.NoError(t, long.task.Close())
	require.NoError(t, short.task.Close())
	require.Equal(t, long.take(), short.take(), script)
	return absorbed
}

// TestShortRandom does the same with random rules.
func TestShortRandom(t *testing.T) {
	const rules, points = 600, 300
	total := 0
	for seed, done := uint64(0), 0; done < rules; seed++ {
		r, th := rand.New(rand.NewPCG(2, seed)), theme(seed%uint64(themes))
		if n := compareWays(t, randomRule(r, th), r, points, randomStream(r, th)); n >= 0 {
			total += n
			done++
		}
	}
	t.Logf("%d of %d points took the short way", total, rules*points)
	require.Greater(t, total, rules*points/10)
}

// TestShortRefused restores more groups than a task may have any longer.
func TestShortRefused(t *testing.T) {
	for _, script := range []string{
		"a|alert().crit(lambda: \"v\" > 5.0)",
		"a|where(lambda: \"v\" > 5.0)|alert()",
		"a|eval(lambda: \"v\" + 1.0).as('x')|alert().crit(lambda: \"x\" > 5.0)",
	} {
		x := feed(t, "var a = stream|from().groupBy('h')\n"+script)
		at := func(host string) *point.Point {
			return &point.Point{Name: "a", DB: "telegraf", RP: "autogen", Tags: []point.Tag{{Key: "h", Value: host}}, Fields: []point.Field{{Key: "v", Value: point.FloatValue(1)}}}
		}
		for _, host := range []string{"a", "b", "c"} {
			require.Empty(t, x.push(t, at(host)))
		}
		x.cfg.MaxGroups = 1
		x.restart(t)
		require.Empty(t, x.push(t, at("a")))
		require.Len(t, x.push(t, at("b")), 1)
		x.push(t, at("c"))
		require.EqualValues(t, 2, x.task.Refused())
		x.cfg.MaxGroups = 0
		x.restart(t)
		require.Equal(t, 1, x.task.Groups())
	}
}

// A fed is a task that is fed.
type fed struct {
	cfg      task.Config
	task     *task.Task
	now      int64
	absorbed *int // counts them, if it is set
	ways     int
}

func feed(t *testing.T, script string) *fed {
	x := &fed{cfg: task.Config{Name: "t", Script: script, Topics: new(alert.Topics)}}
	x.load(t)
	return x
}

func (x *fed) load(t *testing.T) {
	tk, err := task.Load(x.cfg)
	require.NoError(t, err)
	require.NoError(t, tk.Start(x.now))
	x.task = tk
	if x.absorbed != nil {
		x.ways = tk.CountAbsorbed(x.absorbed)
	}
}

func (x *fed) push(t *testing.T, p *point.Point) []string {
	x.now = max(x.now, p.Time)
	require.NoError(t, x.task.Tick(x.now))
	require.NoError(t, x.task.Push(p))
	return x.take()
}

func (x *fed) take() (out []string) {
	for _, e := range x.task.Take() {
		switch e.Kind {
		case spec.AlertEffect:
			out = append(out, fmt.Sprint(e.Event.Time, e.Event.Level, e.Event.Previous, e.Event.Message, e.Event.Fields, string(e.Event.Data)))
		default:
			out = append(out, e.Node+e.Text)
		}
	}
	return out
}

func (x *fed) restart(t *testing.T) {
	var state bytes.Buffer
	require.NoError(t, x.task.Save(&state))
	x.load(t)
	require.NoError(t, x.task.Restore(&state))
}

// stats returns what the nodes of both tasks have counted.
func (x *fed) stats() (all []task.NodeStats) {
	x.task.Stats(func(s task.NodeStats) {
		own := s.Own
		s.Own = nil
		for _, c := range own {
			s.Node += fmt.Sprint(" ", c.Name, *c.N)
		}
		all = append(all, s)
	})
	return all
}

// randomPoint returns the n-th of a stream of points that mostly look alike and leave alerts calm.
func randomPoint(r *rand.Rand, n int) *point.Point {
	p := &point.Point{Name: "a", DB: "telegraf", RP: "autogen", Time: int64(n/8) * int64(time.Second)}
	if n%2 == 1 {
		p.Name = "b"
	}
	if r.IntN(15) == 0 {
		p.Time -= int64(r.IntN(4)) * int64(time.Second)
	}
	p.Tags = tagSets[n/2%4]
	if r.IntN(10) == 0 {
		p.Tags = tagSets[r.IntN(len(tagSets))]
	}
	v := point.FloatValue(float64(r.IntN(4)))
	if n/100%2 == 1 {
		v = point.FloatValue(float64(r.IntN(9)))
	}
	switch r.IntN(40) {
	case 0:
		v = point.IntValue(int64(r.IntN(9)))
	case 1:
		v = point.StringValue("x")
	case 2:
		v = point.FloatValue(math.Inf(1))
	}
	if r.IntN(20) > 0 {
		p.Fields = append(p.Fields, point.Field{Key: "s", Value: point.StringValue(string(rune('w' + r.IntN(2))))})
	}
	if r.IntN(40) > 0 {
		p.Fields = append(p.Fields, point.Field{Key: "v", Value: v})
	}
	return &point.Point{Name: p.Name, DB: p.DB, RP: p.RP, Time: p.Time, Tags: p.Tags, Fields: append(p.Fields, point.Field{Key: "w", Value: point.FloatValue(float64(r.IntN(8)))})}
}

// tagSets are what points have; some have a tag with the name of a field.
var tagSets = [][]point.Tag{
	{{Key: "h", Value: "a"}, {Key: "i", Value: "1"}},
	{{Key: "h", Value: "b"}, {Key: "i", Value: "1"}},
	{{Key: "h", Value: "a"}, {Key: "i", Value: "2"}},
	{{Key: "h", Value: "c"}},
	{{Key: "i", Value: "1"}},
	nil,
	{{Key: "h", Value: "a"}, {Key: "i", Value: "1"}, {Key: "x", Value: "t"}},
	{{Key: "h", Value: "b"}, {Key: "v", Value: "t"}},
	{{Key: "a.v", Value: "t"}, {Key: "h", Value: "b"}},
	{{Key: "h", Value: "b"}, {Key: "state_duration", Value: "t"}},
}
