package ticktest

import (
	"bytes"
	"fmt"
	"strings"
	"sync"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// This file makes random scripts out of the declarations of all nodes, and random points.

// Random returns a vector with a random script and random data, without what it should give. The
// bytes of in are the decisions; the same ones give the same vector.
func Random(in []byte) *Vector {
	c := choices(in)
	return &Vector{Name: "random", Script: (&script{choices: &c}).program(), Data: c.data(), Tolerance: 1e-9, Documents: documents}
}

// documents are what sideload finds.
func documents(string) (spec.Documents, []error) {
	return spec.Documents{
		"a.yml":       {"w": point.FloatValue(9), "t": point.StringValue("x"), "n": point.IntValue(3), "b": point.BoolValue(true)},
		"b.yml":       {"w": point.StringValue("1.5"), "s": point.FloatValue(2), "n": point.StringValue("no number"), "h": point.IntValue(1)},
		"default.yml": {"w": point.IntValue(1), "s": {Kind: point.Null}},
	}, nil
}

// Noise returns bytes for [Random] that a seed determines.
func Noise(seed int) []byte {
	in := make([]byte, 800)
	x := uint32(seed*2654435761 + 1)
	for i := range in {
		x = x*1664525 + 1013904223
		in[i] = byte(x >> 24)
	}
	return in
}

// choices turns fuzz input into decisions. When it has run out, every decision is 0.
type choices []byte

func (c *choices) pick(n int) int {
	if len(*c) == 0 || n < 2 {
		return 0
	}
	b := (*c)[0]
	*c = (*c)[1:]
	return int(b) % n
}

func (c *choices) of(words ...string) string { return words[c.pick(len(words))] }

// script writes a random script: as people do, for the most part, and otherwise whatever the declarations
// of the nodes allow.
type script struct {
	*choices
	b      strings.Builder
	vars   bool    // it has the variables
	chains []chain // so far

	// Of the chain at hand:
	edge   spec.Edge // kind of data
	field  string    // that most points have
	last   []string  // properties that the last node may have
	joined int       // nodes that it joins
}

// A chain is a variable with a node.
type chain struct {
	edge  spec.Edge
	field string
}

func (s *script) program() string {
	if s.pick(4) == 1 {
		s.b.WriteString("dbrp \"telegraf\".\"autogen\"\n")
	}
	if s.pick(2) == 1 {
		s.vars = true
		s.b.WriteString(variables)
	}
	for i, n := 0, 1+s.pick(4); i < n; i++ {
		s.chain(i)
		if s.pick(8) == 1 {
			s.b.WriteString(s.of("'a literal'", "5", "c0", "['a', *]", "TRUE", "2s") + "\n")
		}
	}
	return s.b.String()
}

// chain writes the declaration of a variable with a chain, and properties that are set later.
func (s *script) chain(i int) {
	fmt.Fprintf(&s.b, "var c%d = ", i)
	on := "stream"
	var open []int // chains that can go on
	for j, c := range s.chains {
		if c.edge != spec.None {
			open = append(open, j)
		}
	}
	s.edge, s.field, s.last = spec.Stream, "v", nil
	if len(open) > 0 && s.pick(3) == 1 {
		j := open[s.pick(len(open))]
		on, s.edge, s.field = "", s.chains[j].edge, s.chains[j].field
		fmt.Fprintf(&s.b, "c%d", j)
	} else {
		s.b.WriteString("stream")
	}
	if s.pick(8) == 1 && on == "stream" {
		s.links(on, i)
	} else {
		s.usualLinks(on)
	}
	s.b.WriteString("\n")
	s.chains = append(s.chains, chain{s.edge, s.field})
	if len(s.last) > 0 && s.pick(6) == 1 {
		fmt.Fprintf(&s.b, "c%d%s\n", i, s.fill(s.last[s.pick(len(s.last))]))
	}
}

// usualLinks appends links as people write them. on is "stream" or, behind another chain, "".
func (s *script) usualLinks(on string) {
	if on == "stream" {
		s.b.WriteString("|from()" + s.of("", ".measurement('m')", ".measurement('m')", ".measurement('n')") +
			s.of("", ".groupBy('h')", ".groupBy('h')", ".groupBy(*)", ".groupBy('h', 't')", ".groupBy('h', 'missing')", ".groupByMeasurement()", ".groupBy('t').groupByMeasurement()"))
		if s.pick(8) == 1 {
			s.b.WriteString(".where(" + s.condition() + ")")
		}
		if s.pick(8) == 1 {
			s.b.WriteString(s.fill(s.of(".truncate($d)", ".round($d)")))
		}
	}
	for n := 1 + s.pick(5); n > 0; n-- {
		names := behindPoints
		if s.edge == spec.Batch {
			names = behindBatches
		}
		name := names[s.pick(len(names))]
		if d := declared(name); d.Provides != spec.Same {
			s.edge = d.Provides
		}
		s.usual(name)
	}
	if end := s.of("influxDBOut", "influxDBOut", "httpOut", "log", "alert", "kapacitorLoopback", "alert", ""); end != "" {
		s.usual(end)
		if declared(end).Provides == spec.None {
			s.edge = spec.None
		}
	}
}

// declared returns the declaration of a node, which is not to be used for a script.
func declared(name string) *spec.Spec {
	if d, ok := declarations()[name]; ok {
		return d
	}
	return spec.Of(name, spec.New(name))
}

var declarations = sync.OnceValue(func() map[string]*spec.Spec {
	m := map[string]*spec.Spec{}
	for _, name := range spec.Nodes() {
		m[name] = spec.Of(name, spec.New(name))
	}
	return m
})

// links appends random links behind the node called on; earlier chains can be further parents.
func (s *script) links(on string, chain int) {
	for n := 1 + s.pick(5); n > 0; n-- {
		parent := declared(on)
		var can []string
		for _, w := range spec.Nodes() {
			if d := declared(w); d.MayFollow(parent) && (d.Wants == spec.Same || d.Wants == s.edge) {
				can = append(can, w)
			}
		}
		if len(can) == 0 {
			return
		}
		if on = can[s.pick(len(can))]; parent.Name == "stream" && s.pick(16) > 0 {
			on = "from"
		}
		if p := declared(on).Provides; p != spec.Same {
			s.edge = p
		}
		s.node("|", declared(on), chain)
		if on == "deadman" {
			on = "alert"
		}
	}
	if s.pick(8) > 0 && s.edge != spec.None && on != "stream" {
		s.b.WriteString("|influxDBOut()")
		s.edge = spec.None
	}
}

func (s *script) node(mark string, d *spec.Spec, chain int) {
	s.b.WriteString(mark + d.Name)
	s.args(d.Args, chain)
	for n := s.pick(5); n > 0 && len(d.Props) > 0; n-- {
		p := d.Props[s.pick(len(d.Props))]
		s.b.WriteString("." + p.Name)
		s.args(p.Params, chain)
	}
	if needs := required[d.Name]; needs != "" && s.pick(8) > 0 {
		s.b.WriteString(needs)
	}
}

// required are the properties without which a node is never valid, so that most scripts are.
var required = map[string]string{
	"eval": ".as('v')", "window": ".period(3s).every(2s)", "join": ".as('a', 'b')", "combine": ".as('a')", "barrier": ".idle(2s)",
	"alert": ".crit(lambda: \"v\" > 2.0)", "kapacitorLoopback": ".database('x').retentionPolicy('y')", "httpPost": ".endpoint('e')",
}

func (s *script) args(params []*spec.Param, chain int) {
	s.b.WriteByte('(')
	first := true
	for _, p := range params {
		n := 1
		if p.Variadic {
			n = 1 + s.pick(3)/2
		} else if p.Optional && s.pick(2) == 0 {
			n = 0
		}
		for ; n > 0; n-- {
			if !first {
				s.b.WriteString(", ")
			}
			first = false
			s.b.WriteString(s.value(p.Type, chain))
		}
	}
	s.b.WriteByte(')')
}

func (s *script) value(t spec.Type, chain int) string {
	if t == spec.AnyType { // of groupBy and sample
		t = []spec.Type{spec.StringType, spec.StringType, spec.StarType, spec.IntType}[s.pick(4)]
	}
	var kinds []spec.Type
	for k := spec.StringType; k <= spec.NodeType; k <<= 1 {
		if t&k != 0 {
			kinds = append(kinds, k)
		}
	}
	switch kinds[s.pick(len(kinds))] {
	case spec.StringType:
		return s.of("'v'", "'w'", "'h'", "'m'", "'s'", "'v'", "'b'", "'count'", "'emitted'", "'null'", "'{{ .ID }}'", "''")
	case spec.IntType:
		return s.of("1", "2", "3", "2", "3", "0", "-1", "100")
	case spec.FloatType:
		return s.of("1.0", "0.5", "50.0", "0.0", "99.0", "-1.5")
	case spec.BoolType:
		return s.of("TRUE", "FALSE")
	case spec.DurationType:
		return s.of("2s", "1s", "5s", "3s", "10s", "0s", "7s", "1m", "-1s")
	case spec.LambdaType:
		return "lambda: " + s.lambda(s.pick(3))
	case spec.StarType:
		return "*"
	case spec.RegexType:
		return "/a/"
	case spec.NodeType:
		if chain == 0 {
			return "stream|from()"
		}
		return fmt.Sprintf("c%d", s.pick(chain))
	}
	return "'v'"
}

func (s *script) lambda(depth int) string {
	if depth <= 0 {
		return s.of(`"v" > 1`, `"v" > 2.5`, `"v" < 3`, `"v"`, `"w"`, `"h"`, `"s"`, `"b"`, "1", "2.5", "TRUE", "'a'", "3s", `"missing"`)
	}
	switch s.pick(6) {
	case 0:
		return s.lambda(depth-1) + " " + s.of(">", "<=", "==", "!=") + " " + s.lambda(depth-1)
	case 1:
		return "(" + s.lambda(depth-1) + " " + s.of("+", "-", "*", "/", "%") + " " + s.lambda(depth-1) + ")"
	case 2:
		return s.lambda(depth-1) + " " + s.of("AND", "OR") + " " + s.lambda(depth-1)
	case 3:
		return s.of("count()", "isPresent("+s.lambda(0)+")", "float("+s.lambda(0)+")", "string("+s.lambda(0)+")", "sigma(float("+s.lambda(0)+"))", "spread(1.0)", `unixNano("time")`)
	case 4:
		return "!" + s.lambda(depth-1)
	}
	return s.of(`"v"`, `"w"`) + " > " + s.of("2.0", "3", `"w"`)
}

// data writes random points: late, equal and out of order times, gaps, fields that come and go and, in
// some, change their type.
func (c *choices) data() []byte {
	var b bytes.Buffer
	at := Epoch
	step := []int64{1_000_000_000, 1_000_000_000, 500_000_000}[c.pick(3)]
	values := []string{"v=1", "v=2.5", "v=3", "v=-4", "v=2", "v=0"}
	if c.pick(4) == 1 {
		values = []string{"v=1", "v=2.5", "v=3i", "v=-4i", `v="x"`, "u=1"}
	}
	for n := 5 + c.pick(80); n > 0; n-- {
		at += int64([]int{1, 1, 0, 2, -1, 1, 13, -5, 0, 1}[c.pick(10)]) * step
		fmt.Fprintf(&b, "%s%s %s%s%s %d\n", c.of("m", "m", "n"), c.of(",h=a", ",h=b", ",h=a,t=x", "", ",h=c,t=y", ",h=a"),
			values[c.pick(len(values))], c.of("", ",w=7", ",w=0i", ",w=2.5"), c.of("", ",b=true", `,s="abc"`), at)
		switch c.pick(32) {
		case 1, 2:
			b.WriteString("# advance: 7s\n")
		case 3:
			b.WriteString("# advance: 1s\n")
		case 4:
			b.WriteString("# dbrp: other.autogen\n")
		case 5, 6:
			b.WriteString("# dbrp: telegraf.autogen\n")
		}
	}
	return b.Bytes()
}
