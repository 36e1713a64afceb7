package replay

import (
	"cmp"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// A Plot collects the alert events of a replay and draws them: a lane for each alert, coloured by
// level from event to event, and the numbers that the events carry. What it keeps grows with the
// changes of level, not with the points.
type Plot struct {
	Task string
	File string // the data's

	started    bool
	start, end int64
	counts     [alert.Critical + 1]int
	lanes      []*lane
	byID       map[string]*lane
	others     map[string]bool // alerts beyond maxLanes
	otherCount int             // events of those
	series     []*series
	bySeries   map[seriesKey]*series // nil for those beyond maxSeries
}

const (
	maxLanes  = 40
	maxSeries = 4
)

// A lane is the history of one alert.
type lane struct {
	id      string
	events  int
	changes []change // in order of time
}

type change struct {
	at    int64
	level alert.Level
}

type seriesKey struct{ id, field string }

// A series is one field of one alert's events.
type series struct {
	seriesKey
	samples []sample // in order of time
}

type sample struct {
	at    int64
	value float64
	level alert.Level
}

// clock tells the time. The picture spans all times that it was told.
func (p *Plot) clock(now int64) {
	if p == nil {
		return
	}
	if !p.started {
		p.started, p.start, p.end = true, now, now
	}
	p.start, p.end = min(p.start, now), max(p.end, now)
}

// effect takes note of an alert event.
func (p *Plot) effect(e *spec.Effect) {
	if p == nil || e.Kind != spec.AlertEffect || e.Event.Level > alert.Critical {
		return
	}
	ev := e.Event
	p.clock(ev.Time)
	p.counts[ev.Level]++
	l := p.lane(ev.ID)
	if l == nil {
		p.otherCount++
		return
	}
	l.events++
	l.add(ev.Time, ev.Level)
	for i := range ev.Fields {
		f := &ev.Fields[i]
		v, ok := f.Value.Number()
		if f.Value.Kind == point.Duration {
			v, ok = f.Value.Duration().Seconds(), true
		}
		if !ok || math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		if s := p.seriesOf(seriesKey{ev.ID, f.Key}); s != nil {
			s.samples = append(s.samples, sample{ev.Time, v, ev.Level})
		}
	}
}

// lane returns the lane of an alert, nil if there are too many.
func (p *Plot) lane(id string) *lane {
	if l := p.byID[id]; l != nil {
		return l
	}
	if len(p.lanes) == maxLanes {
		if p.others == nil {
			p.others = map[string]bool{}
		}
		p.others[id] = true
		return nil
	}
	if p.byID == nil {
		p.byID = map[string]*lane{}
	}
	l := &lane{id: id}
	p.lanes = append(p.lanes, l)
	p.byID[id] = l
	return l
}

// add keeps an event that changes the level. Events are in the order of their making, which for
// one alert is that of time but for late data; a later one overrules an earlier one.
func (l *lane) add(at int64, level alert.Level) {
	n := len(l.changes)
	for n > 0 && l.changes[n-1].at >= at {
		n--
	}
	l.changes = l.changes[:n]
	if n == 0 || l.changes[n-1].level != level {
		l.changes = append(l.changes, change{at, level})
	}
}

func (p *Plot) seriesOf(k seriesKey) *series {
	s, ok := p.bySeries[k]
	if ok {
		return s
	}
	if p.bySeries == nil {
		p.bySeries = map[seriesKey]*series{}
	}
	if len(p.series) < maxSeries {
		s = &series{seriesKey: k}
		p.series = append(p.series, s)
	}
	p.bySeries[k] = s
	return s
}

// Draw writes the picture as SVG. The same replay gives the same bytes.
func (p *Plot) Draw(w io.Writer) error {
	for _, s := range p.series {
		slices.SortStableFunc(s.samples, func(a, b sample) int { return cmp.Compare(a.at, b.at) })
	}
	lanes := slices.Clone(p.lanes)
	slices.SortStableFunc(lanes, func(a, b *lane) int { return cmp.Compare(a.changes[0].at, b.changes[0].at) })
	d := newDrawing(p)
	d.title()
	d.panels()
	d.lanes(lanes)
	d.axis()
	return d.writeTo(w)
}

// A timeScale places times on the picture.
type timeScale struct {
	start, end  int64
	left, width float64
}

// newTimeScale makes a second of a single instant, so that it has a place too.
func newTimeScale(start, end int64, left, width float64) timeScale {
	if start == end {
		if start > math.MaxInt64-int64(time.Second) {
			start -= int64(time.Second)
		}
		end = start + int64(time.Second)
	}
	return timeScale{start, end, left, width}
}

// span is end - start, which may not fit an int64.
func span(start, end int64) uint64 { return uint64(end) - uint64(start) }

func (s timeScale) x(t int64) float64 {
	return s.left + s.width*float64(span(s.start, t))/float64(span(s.start, s.end))
}

// Labels with nanoseconds need more room.
const (
	maxTicks     = 7
	maxFineTicks = 4
)

// tickSteps are the distances that ticks may have, up to a day.
var tickSteps = func() (steps []uint64) {
	for unit := time.Duration(1); unit < time.Second; unit *= 10 {
		steps = append(steps, uint64(unit), uint64(2*unit), uint64(5*unit))
	}
	for _, d := range []time.Duration{1, 2, 5, 10, 15, 30} {
		steps = append(steps, uint64(d*time.Second))
	}
	for _, d := range []time.Duration{1, 2, 5, 10, 15, 30} {
		steps = append(steps, uint64(d*time.Minute))
	}
	for _, d := range []time.Duration{1, 2, 3, 6, 12} {
		steps = append(steps, uint64(d*time.Hour))
	}
	return steps
}()

const day = uint64(24 * time.Hour)

// ticks returns the round times of the scale and their distance.
func (s timeScale) ticks() (at []int64, step uint64) {
	most := span(s.start, s.end) / maxTicks
	if most < uint64(time.Millisecond) {
		most = span(s.start, s.end) / maxFineTicks
	}
	i, _ := slices.BinarySearch(tickSteps, most)
	if i < len(tickSteps) {
		step = tickSteps[i]
	} else {
		step = day
		for _, f := range []uint64{2, 7, 14, 28, 56} {
			if step < most {
				step = f * day
			}
		}
		for step < most {
			step *= 2
		}
	}
	first := s.start
	if r := s.start % int64(step); r > 0 {
		first += int64(step) - r
	} else {
		first -= r
	}
	for t := first; t >= s.start && t <= s.end; t += int64(step) {
		at = append(at, t)
		if t > math.MaxInt64-int64(step) {
			break
		}
	}
	return at, step
}

// tickLabel returns the time of day of a tick, and its date if it is another day than that of the
// tick before.
func tickLabel(t int64, step uint64, before *int64) (clock, date string) {
	at := time.Unix(0, t).UTC()
	layout := "15:04"
	switch {
	case step >= day:
		return at.Format(time.DateOnly), ""
	case step < uint64(time.Second):
		digits := 3
		for unit := uint64(time.Millisecond); step%unit != 0; unit /= 1000 {
			digits += 3
		}
		layout = "15:04:05." + strings.Repeat("0", digits)
	case step < uint64(time.Minute):
		layout = "15:04:05"
	}
	clock = at.Format(layout)
	if date = at.Format(time.DateOnly); before != nil && time.Unix(0, *before).UTC().Format(time.DateOnly) == date {
		date = ""
	}
	return clock, date
}
