//go:build linux

package main

import (
	"math"
	"slices"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file holds the loops that do what the six rules do, and nothing else: points are picked by
// measurement, fields found by name, hosts in a map. Their results are returned so that they have to
// be computed.

func field(p *point.Point, key string) float64 {
	for i := range p.Fields {
		if p.Fields[i].Key == key {
			return p.Fields[i].Value.Float()
		}
	}
	return math.NaN()
}

// byHost returns the host's state, a new one at first.
func byHost[T any](m map[string]*T, p *point.Point) *T {
	host, _ := p.Tag("host")
	s := m[host]
	if s == nil {
		s = new(T)
		m[host] = s
	}
	return s
}

// An alarm counts the changes of a level.
type alarm struct{ critical bool }

func (a *alarm) set(critical bool) float64 {
	if a.critical == critical {
		return 0
	}
	a.critical = critical
	return 1
}

func threshold(ps points) (sum float64) {
	hosts := map[string]*alarm{}
	for i := range ps {
		if p := &ps[i]; p.Name == "cpu" {
			sum += byHost(hosts, p).set(field(p, "usage") > 1000)
		}
	}
	return sum
}

func evalAlert(ps points) (sum float64) {
	hosts := map[string]*alarm{}
	for i := range ps {
		if p := &ps[i]; p.Name == "cpu" {
			sum += byHost(hosts, p).set(100-field(p, "idle") > 1000)
		}
	}
	return sum
}

// second is one, in nanoseconds.
const second = 1_000_000_000

func tumblingMean(ps points) (sum float64) {
	type window struct {
		end    int64
		sum, n float64
	}
	hosts := map[string]*window{}
	for i := range ps {
		p := &ps[i]
		if p.Name != "cpu" {
			continue
		}
		w := byHost(hosts, p)
		if p.Time >= w.end {
			if w.n > 0 {
				sum += w.sum / w.n
			}
			*w = window{end: p.Time - p.Time%(10*second) + 10*second}
		}
		w.sum += field(p, "usage")
		w.n++
	}
	return sum
}

// slidingPercentile keeps the values of the last hour in the order of their times, and sorted.
func slidingPercentile(ps points) (sum float64) {
	type window struct {
		times          []int64
		values, sorted []float64
		next           int64
	}
	hosts := map[string]*window{}
	for i := range ps {
		p := &ps[i]
		if p.Name != "cpu" {
			continue
		}
		w := byHost(hosts, p)
		if p.Time >= w.next {
			for len(w.times) > 0 && w.times[0] < p.Time-3600*second {
				at, _ := slices.BinarySearch(w.sorted, w.values[0])
				w.sorted = slices.Delete(w.sorted, at, at+1)
				w.times, w.values = w.times[1:], w.values[1:]
			}
			if n := len(w.sorted); n > 0 {
				sum += w.sorted[max(int(math.Floor(float64(n)*0.99+0.5))-1, 0)]
			}
			w.next = p.Time - p.Time%(10*second) + 10*second
		}
		v := field(p, "usage")
		at, _ := slices.BinarySearch(w.sorted, v)
		w.sorted = slices.Insert(w.sorted, at, v)
		w.times, w.values = append(w.times, p.Time), append(w.values, v)
	}
	return sum
}

// joinTwo joins points of one host and time, of which that of cpu comes first.
func joinTwo(ps points) (sum float64) {
	type pair struct {
		alarm
		time  int64
		usage float64
	}
	hosts := map[string]*pair{}
	for i := range ps {
		p := &ps[i]
		switch p.Name {
		case "cpu":
			s := byHost(hosts, p)
			s.time, s.usage = p.Time, field(p, "usage")
		case "mem":
			if s := byHost(hosts, p); s.time == p.Time {
				sum += s.set(s.usage+field(p, "usage") > 1000)
			}
		}
	}
	return sum
}

func stateDuration(ps points) (sum float64) {
	type state struct {
		alarm
		since int64
	}
	hosts := map[string]*state{}
	for i := range ps {
		p := &ps[i]
		if p.Name != "cpu" {
			continue
		}
		s := byHost(hosts, p)
		d := -1.0
		switch in := field(p, "usage") > 50; {
		case !in:
			s.since = 0
		case s.since == 0:
			s.since, d = p.Time, 0
		default:
			d = float64(p.Time-s.since) / second
		}
		sum += s.set(d > 1000000)
	}
	return sum
}
