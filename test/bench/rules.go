//go:build linux

package main

// This file holds the rules that are measured.

// A rule is a script with the data that it works on, and the loop that somebody would write who
// needed just that.
type rule struct {
	name   string
	data   string // name of the data set
	script string
	limit  float64 // µs of CPU a point wanted; 0 is none
	loop   func(points) float64
}

// cpu begins most rules. None of their alerts goes off.
const cpu = `stream|from().measurement('cpu').groupBy('host')`

// sixRules is the table of replays.
var sixRules = []rule{
	{"threshold", "million", cpu + `|alert().crit(lambda: "usage" > 1000.0).details('')`, 0, threshold},
	{"eval, alert", "million", cpu + `|eval(lambda: 100.0 - "idle").as('busy')|alert().crit(lambda: "busy" > 1000.0).details('')`, 0, evalAlert},
	{"tumbling mean by host", "million", cpu + `|window().period(10s).every(10s)|mean('usage')`, 0, tumblingMean},
	{"sliding 1 h percentile every 10 s", "million", cpu + `|window().period(1h).every(10s)|percentile('usage', 99.0)`, 0, slidingPercentile},
	{"join of two streams", "pairs", `
var a = stream|from().measurement('cpu').groupBy('host')
var b = stream|from().measurement('mem').groupBy('host')
a|join(b).as('a', 'b')|alert().crit(lambda: "a.usage" + "b.usage" > 1000.0).details('')`, 0, joinTwo},
	{"stateDuration, alert", "million", cpu + `|stateDuration(lambda: "usage" > 50.0)|alert().crit(lambda: "state_duration" > 1000000.0).details('')`, 0, stateDuration},
}

// kapacitorRules are those that Kapacitor was measured with, and what we want to need for them.
var kapacitorRules = []rule{
	{"from().where, nothing passes", "small", `stream|from().measurement('cpu').where(lambda: "usage" > 1000.0)`, 0.10, nil},
	{"groupBy, eval, alert without event", "small", cpu + `|eval(lambda: 100.0 - "idle").as('busy')|alert().crit(lambda: "busy" > 1000.0)`, 0.6, nil},
	{"groupBy, window 60 s every 10 s, mean, alert", "small", cpu + `|window().period(60s).every(10s)|mean('usage')|alert().crit(lambda: "mean" > 1000.0)`, 0.6, nil},
	{"groupBy, window 600 s every 10 s, percentile 99, alert", "small", cpu + `|window().period(600s).every(10s)|percentile('usage', 99.0)|alert().crit(lambda: "percentile" > 1000.0)`, 0.5, nil},
	{"groupBy, two evals joined, eval, alert", "small", `
var src = stream|from().measurement('cpu').groupBy('host')
var a = src|eval(lambda: "usage" * 2.0).as('v')
var b = src|eval(lambda: "idle" * 3.0).as('v')
a|join(b).as('a', 'b')|eval(lambda: "a.v" + "b.v").as('sum')|alert().crit(lambda: "sum" > 1000.0)`, 1.6, nil},
	{"groupBy, stateDuration, alert", "small", cpu + `|stateDuration(lambda: "usage" > 50.0)|alert().crit(lambda: "state_duration" > 1000000.0)`, 0.5, nil},
}

// manyGroups has a window that stays open, so that each group keeps its three points.
var manyGroups = rule{"100 000 groups, windowed mean, 3 points each", "groups", cpu + `|window().period(1h).every(1h)|mean('usage')`, 0, nil}

// nothing wants no point: what a replay with it takes is the reading of the file.
const nothing = `stream|from().measurement('none')`

// A dataSet is a file of points: cpu,host=h,region=eu idle=…,system=…,usage=…
type dataSet struct {
	points, hosts int
	pairs         bool // every second point is of mem
}

var dataSets = map[string]dataSet{
	"million": {1_000_000, 100, false},
	"pairs":   {1_000_000, 100, true},
	"small":   {200_000, 100, false},
	"groups":  {300_000, 100_000, false},
}
