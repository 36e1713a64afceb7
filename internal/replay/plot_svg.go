package replay

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
)

// This file draws a Plot: from top to bottom the title, the numbers, the lanes and the time axis.
// Lengths are in pixels.

const (
	pictureWidth = 1000
	margin       = 20
	plotLeft     = 230
	plotRight    = pictureWidth - margin
	plotWidth    = plotRight - plotLeft
	panelHeight  = 58
	panelGap     = 14
	laneHeight   = 18
	laneGap      = 6
	labelWidth   = plotLeft - margin - 10
	shortest     = 3  // of a stretch that is not OK: none goes unseen
	maxDots      = 80 // of a line; more would be a smear
)

type style struct{ fill, text string }

var levelStyles = [alert.Critical + 1]style{
	alert.OK:       {"#a9d8b4", "#1e5a2e"},
	alert.Info:     {"#6ea8dc", "#0d2c47"},
	alert.Warning:  {"#f5b942", "#4a3200"},
	alert.Critical: {"#d64541", "#ffffff"},
}

const (
	ink       = "#24292f"
	softInk   = "#656d76"
	gridInk   = "#e3e6ea"
	trackFill = "#eceff2" // of a lane before the first event
	lineInk   = "#3b5b7c"
)

// A drawing is a picture in the making. Its height is known at its end.
type drawing struct {
	*Plot
	body  bytes.Buffer
	y     float64
	top   float64 // where the grid begins
	scale timeScale
}

func newDrawing(p *Plot) *drawing {
	return &drawing{Plot: p, scale: newTimeScale(p.start, p.end, plotLeft, plotWidth)}
}

func (d *drawing) writeTo(w io.Writer) error {
	height := math.Ceil(d.y)
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%g" viewBox="0 0 %d %g" role="img" font-family="system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="12" fill="%s">
<title>%s</title>
<rect width="%d" height="%g" fill="#ffffff"/>
%s</svg>
`, pictureWidth, height, pictureWidth, height, ink, escape("Alerts of "+d.Task), pictureWidth, height, d.body.Bytes())
	return err
}

// text writes a line of text; attrs are further attributes.
func (d *drawing) text(x, y float64, attrs, s string) {
	if attrs != "" {
		attrs = " " + attrs
	}
	fmt.Fprintf(&d.body, `<text x="%s" y="%s"%s>%s</text>`+"\n", px(x), px(y), attrs, escape(s))
}

func (d *drawing) rect(x, y, w, h float64, fill string) {
	fmt.Fprintf(&d.body, `<rect x="%s" y="%s" width="%s" height="%s" fill="%s"/>`+"\n", px(x), px(y), px(w), px(h), fill)
}

func (d *drawing) line(x1, y1, x2, y2 float64, stroke string) {
	fmt.Fprintf(&d.body, `<path d="M%s %sL%s %s" stroke="%s"/>`+"\n", px(x1), px(y1), px(x2), px(y2), stroke)
}

// soft is the look of what explains.
const soft = `font-size="11" fill="` + softInk + `"`

func (d *drawing) title() {
	d.text(margin, 34, `font-size="18" font-weight="600"`, fit(d.Task, 18, pictureWidth-2*margin))
	times := "no data"
	if d.started {
		times = clockRange(d.start, d.end)
	}
	d.text(margin, 54, `fill="`+softInk+`"`, fit(d.File, 12, 420)+" · "+times)

	total := 0
	for _, n := range d.counts {
		total += n
	}
	sum := fmt.Sprintf("%s of %s", count(total, "event"), count(len(d.Plot.lanes)+len(d.others), "alert"))
	d.text(margin, 78, "", sum)
	x := max(plotLeft, margin+textWidth(sum, 12)+24)
	for l, n := range d.counts {
		label := alert.Level(l).String() + " " + strconv.Itoa(n)
		d.rect(x, 68, 12, 12, levelStyles[l].fill)
		d.text(x+18, 78, "", label)
		x += 18 + textWidth(label, 12) + 22
	}
	d.rect(x, 68, 12, 12, trackFill)
	d.text(x+18, 78, "", "no event yet")
	d.y, d.top = 96, 96
}

// panels draws the numbers that the events carry, each series on a scale of its own.
func (d *drawing) panels() {
	if len(d.series) == 0 {
		return
	}
	d.heading("Fields of the alert data at the events", len(d.bySeries)-len(d.series))
	for _, s := range d.series {
		d.panel(s)
		d.y += panelHeight + panelGap
	}
}

// heading writes what follows, and how much of it is left out.
func (d *drawing) heading(text string, hidden int) {
	if hidden > 0 {
		text += fmt.Sprintf("; %d more series not shown", hidden)
	}
	d.text(margin, d.y+12, soft, text)
	d.y += 22
}

func (d *drawing) panel(s *series) {
	low, high := s.samples[0].value, s.samples[0].value
	for _, x := range s.samples {
		low, high = min(low, x.value), max(high, x.value)
	}
	const pad = 6
	place := func(v float64) float64 {
		if low == high {
			return d.y + panelHeight/2
		}
		share := (v/2 - low/2) / (high/2 - low/2) // halves, as the difference may not fit
		return d.y + panelHeight - pad - share*(panelHeight-2*pad)
	}
	d.rect(plotLeft, d.y, plotWidth, panelHeight, "#fafbfc")
	for _, v := range distinct(high, low) {
		d.line(plotLeft, place(v), plotRight, place(v), gridInk)
		d.text(plotLeft-8, place(v)+4, `text-anchor="end" `+soft, number(v))
	}
	const room = labelWidth - 50
	d.text(margin, d.y+panelHeight/2-3, `font-weight="600"`, fit(s.field, 12, room))
	d.text(margin, d.y+panelHeight/2+13, soft, fit(s.id, 11, room))

	var path strings.Builder
	for i, x := range d.thin(s.samples) {
		if i == 0 {
			path.WriteByte('M')
		} else {
			path.WriteByte('L')
		}
		fmt.Fprintf(&path, "%s %s", px(d.scale.x(x.at)), px(place(x.value)))
	}
	fmt.Fprintf(&d.body, `<path d="%s" fill="none" stroke="%s" stroke-width="1.5" stroke-linejoin="round"/>`+"\n", path.String(), lineInk)
	if len(s.samples) > maxDots {
		return
	}
	for _, x := range s.samples {
		fmt.Fprintf(&d.body, `<circle cx="%s" cy="%s" r="3.5" fill="%s" stroke="%s"/>`+"\n",
			px(d.scale.x(x.at)), px(place(x.value)), levelStyles[x.level].fill, lineInk)
	}
}

// thin leaves of the samples within one pixel the first, the lowest, the highest and the last.
func (d *drawing) thin(all []sample) []sample {
	if len(all) <= plotWidth {
		return all
	}
	var kept []sample
	for from := 0; from < len(all); {
		column := math.Floor(d.scale.x(all[from].at))
		to, low, high := from, from, from
		for ; to < len(all) && math.Floor(d.scale.x(all[to].at)) == column; to++ {
			if all[to].value < all[low].value {
				low = to
			}
			if all[to].value > all[high].value {
				high = to
			}
		}
		last := -1
		for _, i := range []int{from, min(low, high), max(low, high), to - 1} {
			if i > last {
				kept = append(kept, all[i])
				last = i
			}
		}
		from = to
	}
	return kept
}

func (d *drawing) lanes(lanes []*lane) {
	if len(lanes) == 0 {
		d.rect(plotLeft, d.y, plotWidth, 2*laneHeight, trackFill)
		d.text(plotLeft+plotWidth/2, d.y+laneHeight+4, `text-anchor="middle" fill="`+softInk+`"`, "no alert event")
		d.y += 2*laneHeight + laneGap
		return
	}
	d.heading("Level of each alert", 0)
	for _, l := range lanes {
		d.lane(l)
		d.y += laneHeight + laneGap
	}
	if n := len(d.others); n > 0 {
		d.text(margin, d.y+13, soft, fmt.Sprintf("and %s with %s, not shown", count(n, "more alert"), count(d.otherCount, "event")))
		d.y += laneHeight
	}
}

func (d *drawing) lane(l *lane) {
	fmt.Fprintf(&d.body, "<g><title>%s</title>\n", escape(l.id+": "+count(l.events, "event")))
	d.text(margin, d.y+laneHeight/2+4, "", fit(l.id, 12, labelWidth))
	d.rect(plotLeft, d.y, plotWidth, laneHeight, trackFill)
	for _, s := range d.stretches(l) {
		d.rect(s.from, d.y, s.to-s.from, laneHeight, levelStyles[s.level].fill)
		if name := s.level.String(); s.to-s.from > textWidth(name, 10)+8 {
			d.text(s.from+5, d.y+laneHeight/2+3.5, `font-size="10" fill="`+levelStyles[s.level].text+`"`, name)
		}
	}
	d.body.WriteString("</g>\n")
}

// A stretch is a part of a lane with one level.
type stretch struct {
	from, to float64
	level    alert.Level
}

// stretches returns the parts of a lane: as they are, or, where some are too short to be seen, as
// the highest level of every pixel.
func (d *drawing) stretches(l *lane) []stretch {
	exact := make([]stretch, 0, len(l.changes))
	tiny := false
	for i, c := range l.changes {
		to := float64(plotRight)
		if i+1 < len(l.changes) {
			to = d.scale.x(l.changes[i+1].at)
		}
		from := d.scale.x(c.at)
		exact = append(exact, stretch{from, to, c.level})
		tiny = tiny || to-from < shortest
	}
	if !tiny {
		return exact
	}
	var columns [plotWidth]int // level + 1, 0 before the first event
	for _, s := range exact {
		from, to := int(s.from-plotLeft), int(math.Ceil(s.to-plotLeft))
		if s.level != alert.OK {
			to = max(to, from+shortest)
		} else {
			to = max(to, from+1)
		}
		if to > plotWidth {
			from, to = max(0, from-(to-plotWidth)), plotWidth
		}
		for i := from; i < to; i++ {
			columns[i] = max(columns[i], int(s.level)+1)
		}
	}
	var seen []stretch
	for i, c := range columns {
		x := float64(plotLeft + i)
		switch n := len(seen); {
		case c == 0:
		case n > 0 && seen[n-1].to == x && int(seen[n-1].level)+1 == c:
			seen[n-1].to = x + 1
		default:
			seen = append(seen, stretch{x, x + 1, alert.Level(c - 1)})
		}
	}
	return seen
}

func (d *drawing) axis() {
	if !d.started {
		d.y += margin
		return
	}
	d.line(plotLeft, d.y+2, plotRight, d.y+2, softInk)
	d.text(margin, d.y+20, soft, "UTC")
	at, step := d.scale.ticks()
	for i, t := range at {
		x := d.scale.x(t)
		fmt.Fprintf(&d.body, `<path d="M%s %sV%s" stroke="%s" stroke-opacity="0.12"/>`+"\n", px(x), px(d.top), px(d.y+2), ink)
		d.line(x, d.y+2, x, d.y+7, softInk)
		var before *int64
		if i > 0 {
			before = &at[i-1]
		}
		clock, date := tickLabel(t, step, before)
		anchor := "middle"
		if w := textWidth(clock, 11) / 2; x+w > pictureWidth-4 {
			anchor = "end"
		}
		d.text(x, d.y+20, `text-anchor="`+anchor+`" `+soft, clock)
		if date != "" {
			d.text(x, d.y+34, `text-anchor="`+anchor+`" `+soft, date)
		}
	}
	d.y += 34 + margin
}

// clockRange returns the days and times of a range, the second day only if it is another one.
func clockRange(start, end int64) string {
	a, b := time.Unix(0, start).UTC(), time.Unix(0, end).UTC()
	layout := "15:04:05"
	if span(start, end) < uint64(10*time.Second) {
		layout = "15:04:05.999999999"
	}
	till := b.Format(layout)
	if b.Format(time.DateOnly) != a.Format(time.DateOnly) {
		till = b.Format(time.DateOnly + " " + layout)
	}
	text := a.Format(time.DateOnly+" "+layout) + " – " + till + " UTC"
	if n := span(start, end); n <= math.MaxInt64 {
		text += " (" + time.Duration(n).String() + ")"
	}
	return text
}

// px writes a length with two digits behind the point at the most, so that pictures do not depend
// on the last bits.
func px(v float64) string {
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
}

// number writes a value for people: 1.5k, 105M.
func number(v float64) string {
	unit := ""
	for _, u := range []string{"k", "M", "G", "T", "P"} {
		if math.Abs(v) < 10_000 && unit == "" || math.Abs(v) < 1000 {
			break
		}
		v, unit = v/1000, u
	}
	return strconv.FormatFloat(v, 'g', 4, 64) + unit
}

func distinct(a, b float64) []float64 {
	if a == b {
		return []float64{a}
	}
	return []float64{a, b}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// textWidth estimates the width of s. It is too wide for most fonts.
func textWidth(s string, size float64) float64 {
	em := 0.0
	for _, r := range s {
		em += runeWidth(r)
	}
	return em * size
}

func runeWidth(r rune) float64 {
	switch {
	case r >= 0x1100: // East Asian letters and symbols
		return 1
	case strings.ContainsRune("ijlI.,:;'|! ", r):
		return 0.36
	case r >= 'A' && r <= 'Z' || r == 'm' || r == 'w':
		return 0.75
	}
	return 0.62
}

// fit cuts the middle out of a text that is too wide: beginning and end tell more.
func fit(s string, size, width float64) string {
	if textWidth(s, size) <= width {
		return s
	}
	r := []rune(s)
	head, tail := 0, len(r)
	for used := size; ; { // of the ellipsis
		if used += runeWidth(r[head]) * size; used > width {
			break
		}
		head++
		if used += runeWidth(r[tail-1]) * size; used > width {
			break
		}
		tail--
	}
	return string(r[:head]) + "…" + string(r[tail:])
}

// escape makes s text of an XML document.
func escape(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}
