package ticktest

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// This file makes random scripts out of the declarations of all nodes, and random points.

// Random returns a vector with a random script and random data, without what it should give. The
// bytes of in are the decisions; the same ones give the same vector.
func Random(in []byte) *Vector {
	c := choices(in)
	return &Vector{Name: "random", Script: (&script{choices: &c}).program(), Data: c.data(), Tolerance: 1e-9}
}

// Noise returns bytes for [Random] that a seed determines.
func Noise(seed int) []byte {
	in := make([]byte, 400)
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

// script writes a random script out of the declarations of all nodes.
type script struct {
	*choices
	b strings.Builder
}

func (s *script) program() string {
	chains := 1 + s.pick(3)
	for i := range chains {
		fmt.Fprintf(&s.b, "var c%d = stream", i)
		s.links("stream", i)
		s.b.WriteString("\n")
	}
	return s.b.String()
}

// links appends random links behind the node called on; earlier chains can be further parents.
func (s *script) links(on string, chain int) {
	edge := spec.Stream
	for n := 1 + s.pick(5); n > 0; n-- {
		parent := spec.Of(on, spec.New(on))
		var can []string
		for _, w := range spec.Nodes() {
			if d := spec.Of(w, spec.New(w)); d.MayFollow(parent) && (d.Wants == spec.Same || d.Wants == edge) {
				can = append(can, w)
			}
		}
		if len(can) == 0 {
			return
		}
		if on = can[s.pick(len(can))]; parent.Name == "stream" && s.pick(16) > 0 {
			on = "from"
		}
		if p := spec.Of(on, spec.New(on)).Provides; p != spec.Same {
			edge = p
		}
		s.node("|", spec.Of(on, spec.New(on)), chain)
		if on == "deadman" {
			on = "alert"
		}
	}
	if s.pick(8) > 0 && spec.Of(on, spec.New(on)).Provides != spec.None && on != "stream" {
		s.b.WriteString("|influxDBOut()")
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

// data writes random points: late, equal and out of order times, gaps, fields that come and go and
// change their type.
func (c *choices) data() []byte {
	var b bytes.Buffer
	at := Epoch
	for n := 5 + c.pick(60); n > 0; n-- {
		at += int64([]int{1, 1, 0, 2, -1, 1, 13, -5}[c.pick(8)]) * 1_000_000_000
		fmt.Fprintf(&b, "%s%s %s%s%s %d\n", c.of("m", "m", "n"), c.of(",h=a", ",h=b", ",h=a,v=x", ""),
			c.of("v=1", "v=2.5", "v=3i", "v=-4i", `v="x"`, "u=1"), c.of("", ",w=7", ",w=0i", `,w="1"`), c.of("", ",b=true", `,s="abc"`), at)
		if c.pick(16) == 1 {
			b.WriteString("# advance: 7s\n")
		}
	}
	return b.Bytes()
}
