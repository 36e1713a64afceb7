package ticktest

import (
	"strconv"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// This file makes the parts of random scripts that people write: a script of properties drawn at random
// is seldom valid, and if it is, mostly does nothing.

// A usage is how a node is written. Its texts have words that are replaced: $f is the field at hand as a
// string, $F its name, $d a duration, $i an integer, $x a float, $l a condition, $e a calculation, $n further
// nodes and $a as many names and one more.
type usage struct {
	words []string // alternatives: arguments and properties that are needed
	more  []string // properties that may follow
	field string   // that a point has after it, "" if that stays the same
}

// usages has the nodes that have properties or arguments of their own; those of InfluxQL are added.
var usages = withFunctions(map[string]usage{
	"alert": {
		words: []string{"().crit($l)", "().warn($l).crit($l)", "().info($l).warn($l).crit($l)", "().info($l).critReset($l).crit($l)"},
		more: []string{
			".stateChangesOnly()", ".stateChangesOnly($d)", ".flapping(0.2, 0.5)", ".history(5)", ".noRecoveries()", ".all()",
			".id('{{ .Name }}/{{ .Group }}')", ".id('{{ index .Tags \"h\" }}')", ".message('{{ .ID }} {{ .Level }} {{ index .Fields \"$F\" }}')",
			".message('{{ .Time.Local.Format \"15:04\" }}')", ".details('{{ json . }}')", ".infoReset($l)", ".warnReset($l)", ".critReset($l)",
			".idTag('i')", ".levelTag('l')", ".idField('i')", ".levelField('l')", ".durationField('d')", ".messageField('t')",
			".topic('t')", ".category('c')", ".inhibit('c', 'h')", ".log('/tmp/x').mode(0600)", ".email('a@b.example')", ".exec('/bin/true', 'a')",
			".post('http://localhost/')", ".flapLow(0.2).flapHigh(0.5)", ".stateChangesOnlyDuration($d)",
		},
	},
	"barrier": {
		words: []string{"().idle($d)", "().period($d)", "().idle($d).delete(TRUE)", "().period($d).delete(TRUE)"},
	},
	"changeDetect": {words: []string{"($f)", "($f, 'w')", "('b', 's')"}},
	"combine": {
		words: []string{"($l).as('a')", "($l, $l).as('a', 'b')", "(lambda: TRUE, lambda: TRUE).as('a', 'b')", "(lambda: TRUE, $l, lambda: TRUE).as('a', 'b', 'c')"},
		more:  []string{".delimiter('#')", ".tolerance($d)", ".max(1000)"},
		field: "a.$F",
	},
	"deadman": {
		words: []string{"($x, $d)", "(0.0, $d)", "(2.0, $d, $l)"},
		more:  []string{".id('{{ .Group }}')", ".message('{{ .Level }}')", ".stateChangesOnly()"},
	},
	"default": {
		words: []string{"().field('v', 1.0)", "().field('w', 5)", "().tag('h', 'x')", "().field('q', 'x').tag('u', 'y')"},
		more:  []string{".tag('t', 'z')", ".field($f, 0.0)"},
	},
	"delete":     {words: []string{"().field('w')", "().tag('h')", "().field('b').field('s')", "().tag('t').field($f)"}},
	"derivative": {words: []string{"($f)", "($f)", "('w')"}, more: []string{".unit($d)", ".nonNegative()", ".as('v')"}},
	"ec2Autoscale": {
		words: []string{"().groupName('g').min(1).replicas($c)", "().groupNameTag('h').min(1).replicas($c)"},
		more:  []string{".max(5)", ".increaseCooldown($d)", ".decreaseCooldown($d)", ".currentField('w')", ".outputGroupNameTag('o')", ".cluster('c')"},
	},
	"eval": {
		words: []string{"($e).as($f)", "($e, $e).as($f, 'w')", "($e, $e, $l).as('p', $f, 'b')", "(lambda: string($r), $e).as('t', $f).tags('t')"},
		more:  []string{".keep()", ".keep($f)", ".keep($f, 'w')"},
	},
	"flatten": {
		words: []string{"()", "().on('h')", "().on('h')", "().on('h', 't')"},
		more:  []string{".tolerance($d)", ".delimiter('#')", ".dropOriginalFieldName()", ".dropOriginalFieldName(FALSE)"},
		field: "a.$F",
	},
	"groupBy": {
		words: []string{"('h')", "('t')", "('h', 't')", "()", "(*)", "(['t', 'h'])", "(*).exclude('t')"},
		more:  []string{".byMeasurement()"},
	},
	"httpOut":  {words: []string{"('o')", "('p')"}},
	"httpPost": {words: []string{"('http://localhost/')", "().endpoint('e')"}, more: []string{".header('k', 'v')", ".codeField('w')", ".captureResponse()", ".timeout($d)"}},
	"influxDBOut": {
		words: []string{"()", "().database('d')"},
		more: []string{
			".retentionPolicy('r')", ".measurement('x')", ".tag('k', 'v')", ".precision('s')", ".create()", ".buffer(10)", ".flushInterval($d)",
			".cluster('c')", ".writeConsistency('any')",
		},
	},
	"join": {
		words: []string{"($n).as($a)"},
		more: []string{
			".fill(0.0)", ".fill(0)", ".fill('null')", ".fill('none')", ".tolerance($d)", ".on('h')", ".on('t')", ".delimiter('#')",
			".streamName('j')", ".deleteAll(TRUE)",
		},
		field: "a.$F",
	},
	"k8sAutoscale": {
		words: []string{"().resourceName('r').min(1).replicas($c)", "().resourceNameTag('h').min(1).replicas($c)"},
		more: []string{
			".max(5)", ".increaseCooldown($d)", ".decreaseCooldown($d)", ".currentField('w')", ".kind('deployments')", ".namespace('n')",
			".cluster('c')", ".kindTag('o')", ".namespaceTag('p')", ".resourceTag('q')",
		},
	},
	"kapacitorLoopback": {words: []string{"().database('x').retentionPolicy('y')"}, more: []string{".measurement('z')", ".tag('k', 'v')"}},
	"log":               {words: []string{"()"}, more: []string{".level('ERROR')", ".prefix('p')"}},
	"sample":            {words: []string{"(2)", "(3)", "($d)"}},
	"shift":             {words: []string{"($d)", "(-1s)", "(-5s)"}},
	"sideload": {
		words: []string{"().source('file:///docs').order('{{.h}}.yml', 'default.yml').field('w', 1.0)", "().source('file:///docs').order('{{.t}}.yml').tag('t', 'x').field('n', 0)"},
		more:  []string{".field('s', 'none')", ".tag('h', 'y')", ".field('b', FALSE)"},
	},
	"stateCount":    {words: []string{"($l)"}, more: []string{".as($f)"}},
	"stateDuration": {words: []string{"($l)"}, more: []string{".as($f)", ".unit($d)"}},
	"stats":         {words: []string{"($d)"}, more: []string{".align()"}, field: "emitted"},
	"swarmAutoscale": {
		words: []string{"().serviceName('g').min(1).replicas($c)", "().serviceNameTag('h').min(1).replicas($c)"},
		more:  []string{".max(5)", ".increaseCooldown($d)", ".decreaseCooldown($d)", ".currentField('w')", ".cluster('c')", ".outputServiceNameTag('o')"},
	},
	"trickle": {words: []string{"()"}},
	"union":   {words: []string{"($n)", "($n)", "()"}, more: []string{".rename('u')"}},
	"where":   {words: []string{"($l)"}},
	"window": {
		words: []string{
			"().period($d).every($d)", "().period($d).every($d)", "().period(5s).every(2s)", "().period($d)",
			"().periodCount($i).everyCount($i)", "().periodCount(3).everyCount(1)",
		},
		more: []string{".align()", ".fillPeriod()"},
	},
})

// withFunctions adds the nodes of InfluxQL. Their results have their name unless they are given one.
func withFunctions(m map[string]usage) map[string]usage {
	for name, args := range map[string]string{
		"count": "", "distinct": "", "first": "", "last": "", "max": "", "mean": "", "median": "", "min": "", "mode": "", "spread": "", "stddev": "", "sum": "",
		"cumulativeSum": "", "difference": "", "elapsed": ", $d", "movingAverage": ", $i", "percentile": ", $p", "holtWinters": ", 3, 2, $d", "holtWintersWithFit": ", 2, 0, $d",
	} {
		m[name] = usage{words: []string{"($f" + args + ")"}, more: []string{".as('v')", ".as('v')", ".usePointTimes()"}, field: name}
	}
	for _, name := range []string{"top", "bottom"} {
		m[name] = usage{words: []string{"($i, $f)", "(2, $f, 'h')"}, more: []string{".as('v')", ".usePointTimes()"}, field: name}
	}
	return m
}

// What people put behind points and behind batches. What stands there more than once is usual.
var (
	behindPoints = strings.Fields(`window window window window window alert alert alert eval eval eval where where join join join union union combine
		flatten groupBy groupBy derivative changeDetect stateDuration stateCount sample shift default delete barrier barrier barrier sideload
		stats deadman count mean max sum elapsed difference movingAverage cumulativeSum distinct log httpOut httpPost ec2Autoscale k8sAutoscale swarmAutoscale`)
	behindBatches = strings.Fields(`mean mean max percentile count sum sum first last min spread stddev median mode distinct top bottom elapsed
		difference movingAverage cumulativeSum holtWinters holtWintersWithFit groupBy groupBy trickle trickle where eval flatten flatten combine
		join join join union alert alert barrier barrier sideload sample shift changeDetect derivative stateCount stateDuration default delete
		stats deadman log httpOut httpPost`)
)

// usual writes a node as people do and notes what comes out of it.
func (s *script) usual(name string) {
	u := usages[name]
	text := u.words[s.pick(len(u.words))]
	for n := s.pick(4); n > 0 && len(u.more) > 0; n-- {
		if p := u.more[s.pick(len(u.more))]; !strings.Contains(text, p[:strings.IndexByte(p, '(')]) {
			text += p
		}
	}
	if s.pick(16) == 1 {
		text += ".quiet()"
	}
	s.b.WriteString("|" + name + s.fill(text))
	s.last = u.more
	switch {
	case strings.Contains(text, ".as('v')"):
		s.field = "v"
	case u.field != "":
		s.field = strings.ReplaceAll(u.field, "$F", s.field)
		if len(s.field) > 20 { // of joins of joins
			s.field = "v"
		}
	}
	if strings.Contains(text, ".delimiter('#')") {
		s.field = strings.Replace(s.field, ".", "#", 1)
	}
}

// fill replaces the words of a usage.
func (s *script) fill(text string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(text, '$')
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:i])
		b.WriteString(s.word(text[i+1]))
		text = text[i+2:]
	}
}

func (s *script) word(c byte) string {
	switch c {
	case 'f':
		return s.of("'"+s.field+"'", "'"+s.field+"'", "'"+s.field+"'", s.named("field", "'v'"))
	case 'F':
		return s.field
	case 'r':
		return `"` + s.field + `"`
	case 'd':
		return s.of("2s", "1s", "5s", "3s", "10s", "500ms", "7s", s.named("length", "4s"))
	case 'i':
		return s.of("2", "3", "1", "5", s.named("number", "4"))
	case 'x':
		return s.of("1.0", "2.0", "0.5", s.named("limit", "3.0"))
	case 'p':
		return s.of("50.0", "99.0", "0.0", "100.0", "10.0")
	case 'l':
		return s.condition()
	case 'e':
		return s.calculation()
	case 'c':
		return s.of("lambda: 2", `lambda: int("`+s.field+`")`, "lambda: count()", `lambda: int("w")`)
	case 'n':
		s.joined = 1 + s.pick(6)*s.pick(2)/2 // one in most cases, up to three
		others := make([]string, s.joined)
		for i := range others {
			others[i] = s.other()
		}
		return strings.Join(others, ", ")
	case 'a':
		names := make([]string, s.joined+1)
		for i := range names {
			names[i] = "'" + string(rune('a'+i)) + "'"
		}
		return strings.Join(names, ", ")
	}
	panic("ticktest: unknown word $" + string(c))
}

// named returns the name of a variable if the script has them, else the text.
func (s *script) named(name, text string) string {
	if s.vars {
		return name
	}
	return text
}

// variables are what named stands for.
const variables = `var field = 'v'
var length = 2s * 2
var number = -(-4)
var limit = float(number) - 1.0
var often = lambda: count() % 2 == 0
var high = lambda: "v" > limit
`

// other returns a node that has the same kind of data as the chain at hand.
func (s *script) other() string {
	var fit []string
	for i, c := range s.chains {
		if c.edge == s.edge {
			fit = append(fit, "c"+strconv.Itoa(i))
		}
	}
	if len(fit) > 0 && s.pick(4) > 0 {
		return fit[s.pick(len(fit))]
	}
	text := "stream|from()" + s.of(".measurement('n')", ".measurement('m')", "") + s.of(".groupBy('h')", "", ".groupBy(*)")
	if s.edge == spec.Batch {
		text += s.of("|window().period(4s).every(2s)", "|window().periodCount(3).everyCount(2)")
	}
	return text
}

// condition returns a lambda that yields a boolean, on most points.
func (s *script) condition() string {
	if s.vars && s.pick(4) == 1 {
		return s.of("high", "often", "lambda: often OR high", "lambda: !often AND high")
	}
	if s.pick(8) == 1 {
		return "lambda: " + s.lambda(2)
	}
	v := `"` + s.field + `"`
	text := "lambda: " + s.of(v+" > 2.0", v+" > 1.0", v+" >= 2.5", v+" < 2", v+" > 0.5 AND "+v+" < 3.0", `"w" > 3.0 OR `+v+" > 2.0",
		`isPresent("w") AND "w" == 7.0`, "count() % 2 == 0", "sigma("+v+") > 0.5", "spread("+v+") > 1.0", `"h" == 'a'`, `"h" =~ /a|c/`, `"s" == 'abc'`, `"b"`, "!("+v+" == 1.0)",
		`hour("time") >= 0`, `!isPresent("w")`, `if(`+v+` > 1.0, TRUE, FALSE)`, "TRUE")
	return text
}

// calculation returns a lambda that yields a number, on most points.
func (s *script) calculation() string {
	if s.pick(8) == 1 {
		return "lambda: " + s.lambda(2)
	}
	v := `"` + s.field + `"`
	text := "lambda: " + s.of(v+" * 2.0", v+" + 1.0", "1.5 - "+v, v+" / 3.0", "count()", "spread("+v+")", "float("+v+") + 1.0", "sigma(float("+v+"))", "max("+v+", 2.0)",
		`unixNano("time") / 1000000000`, `"w"`, "if("+v+" > 1.0, 1.0, 0.0)", "int("+v+") % 3", v, "2s * 2", "string("+v+")", `strLength("s")`, "-"+v)
	return text
}
