package task_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file makes random rules that mostly have a short way, and points that mostly have nothing come of them.

// A theme is what a random rule has more of than others.
type theme int

const (
	usual     theme = iota
	names           // tags, fields and results with the same names
	retag           // results that become tags, and other groups with them
	stats           // joins by measurement, of points that have another name
	disorder        // joins of points that come out of order, so that several sets wait
	dimension       // tests of dimensions, which joined points have all of
	themes
)

// A ruleWriter writes one rule.
type ruleWriter struct {
	*rand.Rand
	theme  theme
	fields []string // that a point has by now, those with numbers
}

// one returns one of the words.
func (w *ruleWriter) one(words ...string) string { return words[w.IntN(len(words))] }

// rarely returns the text one time in n, or else "".
func (w *ruleWriter) rarely(n int, text string) string {
	if w.IntN(n) > 0 {
		return ""
	}
	return text
}

// randomRule writes a rule: chains, joined if there are several, and an alert at the end.
func randomRule(r *rand.Rand, th theme) string {
	w := &ruleWriter{Rand: r, theme: th}
	groupBy := w.one(".groupBy('h')", ".groupBy('h')", ".groupBy('h')", "", ".groupBy('h', 'i')", ".groupBy(*)", ".groupBy('i')", ".groupBy('h', 'v')")
	byName := w.IntN(8) == 0
	parents := 1 + w.IntN(2)
	switch th {
	case retag:
		groupBy, parents = ".groupBy('h')", 1
	case stats:
		groupBy, byName, parents = w.one("", ".groupBy('h')"), true, 2
	case disorder:
		parents = 2 + w.IntN(6)/5
	case dimension:
		groupBy, parents = w.one(".groupBy('h', 'i')", ".groupBy('h', 'i')", ".groupBy('h', 'x')"), 2
	}
	if byName {
		groupBy += ".groupByMeasurement()"
	}
	var b strings.Builder
	chains, delimiter := []string{"a", "b", "c"}[:parents], "."
	if w.IntN(8) == 0 {
		delimiter = "_"
	}
	var all []string
	for i, name := range chains {
		w.fields = []string{"v", "w"}
		fmt.Fprintf(&b, "var %s = %s\n", name, w.chain(i, groupBy, byName))
		for _, f := range w.fields {
			all = append(all, name+delimiter+f)
		}
	}
	b.WriteString("var j = a")
	if parents > 1 {
		b.WriteString("|join(" + strings.Join(chains[1:], ", ") + ").as('" + strings.Join(chains, "', '") + "')")
		w.fields = all
		if delimiter != "." {
			b.WriteString(".delimiter('" + delimiter + "')")
		}
		fill := w.one("", "", "", ".fill(0.0)", ".fill(9.0)", ".fill('null')")
		if th == stats {
			fill = ".fill(9.0)"
		}
		b.WriteString(fill)
		if th == usual || th == names {
			b.WriteString(w.one("", ".tolerance(2s)", ".tolerance(5s)") + w.rarely(4, w.one(".streamName('a')", ".streamName('j')")) + w.rarely(12, ".on('h')"))
		}
	}
	for n := w.IntN(3); n > 0 && (th != disorder || n == 2); n-- {
		b.WriteString(w.link())
	}
	b.WriteString("\nj" + w.alert())
	if w.IntN(12) == 0 {
		fmt.Fprintf(&b, "\n%s|alert().crit(lambda: \"v\" > 7.0)", w.one("j", "a"))
	}
	return b.String()
}

// chain returns the i-th source with a few nodes.
func (w *ruleWriter) chain(i int, groupBy string, byName bool) string {
	measurement := w.one(".measurement('a')", ".measurement('b')")
	switch {
	case byName: // else they have no groups in common
		measurement = ".measurement('a')"
	case w.theme == disorder: // else they have all points in common
		measurement = []string{".measurement('a')", ".measurement('b')", ""}[i]
	}
	text := "stream|from()" + measurement + groupBy + w.rarely(8, ".where("+w.predicate()+")") + w.rarely(20, w.one(".truncate(2s)", ".round(3s)"))
	if w.theme == stats && i == 0 || w.theme == usual && w.IntN(16) == 0 {
		w.fields = []string{"emitted"}
		return text + "|stats(1s)"
	}
	for n := w.IntN(3); n > 0 && w.theme < stats; n-- {
		text += w.link()
	}
	if w.theme == retag {
		text += "|eval(" + w.host() + ").as('h').tags('h')" + w.one("", ".keep()", ".keep()")
	}
	return text
}

// host returns a lambda that yields the name of a host that there is.
func (w *ruleWriter) host() string {
	return fmt.Sprintf(`lambda: if("%s" > 2.0, 'a', 'b')`, w.field())
}

// link returns a node that passes points on, mostly in a way that can be tried.
func (w *ruleWriter) link() string {
	switch w.IntN(10) {
	case 0, 1:
		return "|where(" + w.predicate() + w.one("", " OR TRUE", " OR TRUE") + ")"
	case 2, 3, 4:
		return "|stateCount(" + w.predicate() + ")" + w.as("state_count")
	case 5:
		return "|stateDuration(" + w.predicate() + ")" + w.as("state_duration")
	case 6:
		a, b := w.name(), w.name()
		text := fmt.Sprintf("|eval(%s, %s).as('%s', '%s')", w.calculation(), w.calculation(), a, b) + w.rarely(2, ".keep()")
		if !strings.Contains(text, "keep") {
			w.fields = nil
		}
		w.make(a)
		w.make(b)
		return text
	}
	name, text := w.name(), w.calculation()
	tag := w.IntN(12) == 0 || w.theme == names && w.IntN(3) == 0
	if tag {
		text = "lambda: string(" + strings.TrimPrefix(text, "lambda: ") + ")"
		if w.IntN(4) == 0 {
			name, text = "h", w.host()
		}
	}
	text = fmt.Sprintf("|eval(%s).as('%s')", text, name)
	if tag {
		text += fmt.Sprintf(".tags('%s')", name)
	}
	switch k := w.IntN(4); {
	case k == 0:
		text += fmt.Sprintf(".keep('%s', '%s')", name, w.field())
	case k == 1 || tag:
		text += ".keep()"
	default:
		w.fields = nil
	}
	if !tag || w.IntN(4) == 0 {
		w.make(name)
	}
	return text
}

func (w *ruleWriter) as(name string) string {
	text := ""
	if w.IntN(2) == 0 {
		name = w.name()
		text = ".as('" + name + "')"
	}
	w.make(name)
	return text
}

// make notes that points have a field.
func (w *ruleWriter) make(name string) {
	w.fields = append(w.fields, name, name) // what has been made is mostly looked at
}

// name returns a name for what a node makes; some are those of tags, or of other fields.
func (w *ruleWriter) name() string {
	if w.theme == names && w.IntN(2) == 0 || w.IntN(6) == 0 {
		return w.one("v", "w", "h", "i", "a.v", "time", "state_count")
	}
	return w.one("x", "y", "n")
}

// field returns a name to refer to, that most points have.
func (w *ruleWriter) field() string {
	if len(w.fields) == 0 || w.IntN(16) == 0 {
		return w.one("v", "h", "i", "time", "s", "a.v", "missing")
	}
	return w.fields[w.IntN(len(w.fields))]
}

func (w *ruleWriter) predicate() string {
	f := `"` + w.field() + `"`
	limit := w.one("1.0", "2.0", "3.0", "5", "4", "0.5", "-1.0")
	switch w.IntN(16) {
	case 0:
		return fmt.Sprintf(`lambda: %s + "%s" > %s`, f, w.field(), limit)
	case 1:
		return fmt.Sprintf(`lambda: %s > %s AND "%s" < 9.0`, f, limit, w.field())
	case 2:
		return fmt.Sprintf(`lambda: isPresent("%s") AND %s > %s`, w.one("h", "i", "s", "x"), f, limit)
	case 3:
		return fmt.Sprintf(`lambda: %s > %s OR "%s" == 'a'`, f, limit, w.one("h", "i", "x", "s"))
	case 4:
		return w.one(`lambda: count() % 5 == 0`, `lambda: "w" > 3.0`, `lambda: "v" < 3.0`, `lambda: unixNano("time") / 1000000000 % 7 == 0`, `lambda: "s" == 'x'`, "lambda: FALSE", `lambda: "h" == ''`)
	case 5:
		return fmt.Sprintf("lambda: %s < %s", limit, f)
	}
	return fmt.Sprintf("lambda: %s %s %s", f, w.one(">", ">", ">", "<", "=="), limit)
}

func (w *ruleWriter) calculation() string {
	f := `"` + w.field() + `"`
	return "lambda: " + w.one(f+" * 2.0", "10.0 - "+f, f+" + 1", f, f+` + "`+w.field()+`"`, "float("+f+")", f+" / 3.0", f+" - 1.0", f, w.one(`"s" + 'x'`, "5.0", "float(rand(1))"))
}

// alert returns an alert, with properties that show more of what comes to it.
func (w *ruleWriter) alert() string {
	text := "|alert().crit(" + w.high() + ")"
	if w.IntN(3) == 0 {
		text += ".warn(" + w.high() + ")" + w.rarely(2, ".warnReset("+w.predicate()+")")
	}
	if w.theme == stats || w.theme == disorder {
		return text // what is missing or late is to show
	}
	for _, p := range []string{".stateChangesOnly()", ".flapping(0.2, 0.6)", ".history(3)", ".noRecoveries()", ".critReset(" + w.predicate() + ")", ".id('{{ .Name }} {{ .Group }}')", ".message('{{ .Fields }}')", ".stateChangesOnly(3s)"} {
		text += w.rarely(6, p)
	}
	return text
}

// high returns a predicate that mostly does not hold.
func (w *ruleWriter) high() string {
	field, tag := `"`+w.field()+`"`, w.one("h", "i", "x", "s")
	limit := w.one("3.0", "5.0", "8.0", "9.0", "9", "12.0", "20.0")
	if w.theme == stats || w.theme == disorder {
		limit = "2.0"
	}
	switch k := w.IntN(12); {
	case k == 0:
		return w.predicate()
	case k == 1 || k < 4 && w.theme == names:
		return fmt.Sprintf(`lambda: %s > %s OR "%s" == 'c'`, field, limit, w.one(tag, w.field()))
	case k == 2 || k < 7 && w.theme == dimension:
		return fmt.Sprintf(`lambda: %s > %s AND isPresent("%s")`, field, w.one("2.0", limit), tag)
	}
	return fmt.Sprintf("lambda: %s > %s", field, limit)
}

// randomStream returns points of a few series, two measurements in turn. How much they come out of order, and how
// different they are, is the same for all.
func randomStream(r *rand.Rand, th theme) func(r *rand.Rand, n int) *point.Point {
	late, odd, series := r.IntN(2) == 0, 4+r.IntN(40), 1+r.IntN(4)
	switch th {
	case stats, disorder:
		late = false
	case dimension:
		series = 4
	}
	order := []int{0, 1, 2, 3}
	return func(r *rand.Rand, n int) *point.Point {
		p := &point.Point{Name: "a", DB: "telegraf", RP: "autogen", Time: int64(n/(2*series)) * int64(time.Second), Tags: tagSets[n/2%series]}
		if n%2 == 1 {
			p.Name = "b"
		}
		if th == disorder { // two points of each measurement in any order, series by series
			if n%4 == 0 {
				r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			}
			i := order[n%4]
			p.Name = []string{"a", "b"}[i%2]
			p.Time = int64(n/(4*series)*2+i/2) * int64(time.Second)
			p.Tags = tagSets[n/4%series]
		}
		if late && r.IntN(15) == 0 {
			p.Time -= int64(r.IntN(4)) * int64(time.Second)
		}
		if r.IntN(odd) == 0 {
			p.Tags = tagSets[r.IntN(len(tagSets))]
		}
		v, w := point.FloatValue(float64(r.IntN(4))), point.FloatValue(float64(r.IntN(8)))
		if n/60%3 == 1 {
			v = point.FloatValue(float64(r.IntN(9)))
		}
		if r.IntN(odd) == 0 {
			v = []point.Value{point.IntValue(int64(r.IntN(9))), point.StringValue("x"), point.NullValue(), {}}[r.IntN(4)]
		}
		for _, f := range []point.Field{{Key: "s", Value: point.StringValue(string(rune('w' + r.IntN(2))))}, {Key: "v", Value: v}, {Key: "w", Value: w}} {
			if f.Value.Kind != point.Missing && r.IntN(2*odd) > 0 {
				p.Fields = append(p.Fields, f)
			}
		}
		if r.IntN(odd) == 0 { // which some tags have as their name
			p.Fields = point.SetField(p.Fields, []string{"a.v", "h", "i", "x", "y"}[r.IntN(5)], w)
		}
		return p
	}
}
