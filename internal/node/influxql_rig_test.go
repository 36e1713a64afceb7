package node

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec/spectest"
)

// A rig runs one node on data written as text, and writes down what comes out. A line of input is
//
//	m,h=a v=1,n=2i,s="x",b=true,d=5s,z=nil 10s     a point
//	batch m,h=a 10s: v=1 0s; c=x v=2 1s            a batch of group h=a with points, tags in front
//	barrier h=a 10s, delete h=a                    signals
//
// and output looks the same. Errors are lines too, and come where they happen.
type rig struct {
	t     testing.TB
	env   *spectest.Env
	node  spec.Declarer
	dims  []string
	sinks map[*point.Group]point.Sink // of a Grouper; all the same for an Opener
	lines []string
}

// A rigProp is a property that a rig sets.
type rigProp struct {
	name string
	args []any
}

func rigSet(name string, args ...any) rigProp { return rigProp{name, args} }

// rigNode makes a node with its arguments and properties as a script would.
func rigNode(name string, call ...any) (spec.Declarer, error) {
	n := spec.New(name)
	s := spec.Of(name, n)
	var args []any
	for _, c := range call {
		if _, ok := c.(rigProp); !ok {
			args = append(args, c)
		}
	}
	if err := s.SetArgs(spectest.Args(args...)); err != nil {
		return nil, err
	}
	for _, c := range call {
		if p, ok := c.(rigProp); ok {
			if err := s.Set(p.name, spectest.Args(p.args...)); err != nil {
				return nil, err
			}
		}
	}
	return n, s.Validate()
}

// newRig makes a rig whose points are grouped by the tags named in dims, separated by commas.
func newRig(t testing.TB, input spec.Edge, dims, name string, call ...any) *rig {
	t.Helper()
	n, err := rigNode(name, call...)
	require.NoError(t, err)
	r := &rig{t: t, node: n}
	r.env = &spectest.Env{Edge: input, OnError: func(err error) { r.lines = append(r.lines, "error "+err.Error()) }}
	if dims != "" {
		r.dims = strings.Split(dims, ",")
	}
	if s, ok := n.(spec.Starter); ok {
		require.NoError(t, s.Start(r.env))
	}
	r.sinks = map[*point.Group]point.Sink{}
	return r
}

func (r *rig) sink(g *point.Group) point.Sink {
	s := r.sinks[g]
	if s == nil {
		switch n := r.node.(type) {
		case spec.Grouper:
			s = n.Group(g, r)
		case spec.Opener:
			s = n.Open(r)
		}
		r.sinks[g] = s
	}
	return s
}

func (r *rig) group(tags []point.Tag) *point.Group {
	return r.env.Groups().Get("", tags, r.dims, false)
}

// run feeds the lines of in and returns what came out, one line each.
func (r *rig) run(in string) string {
	r.lines = nil
	for line := range strings.Lines(in) {
		line = strings.TrimSpace(line)
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "":
		case "batch":
			b := r.parseBatch(rest)
			r.sink(b.Group).Batch(b)
		case "barrier", "delete":
			key, at, _ := strings.Cut(rest, " ")
			_, tags := r.parseName("m," + key)
			g := r.group(tags)
			if word == "delete" {
				r.sink(g).Delete(g)
				delete(r.sinks, g)
			} else {
				r.sink(g).Barrier(g, r.parseTime(at))
			}
		default:
			p := r.parsePoint(line)
			p.Group = r.group(p.Tags)
			r.sink(p.Group).Point(p)
		}
	}
	return strings.Join(r.lines, "\n")
}

func (r *rig) Point(p *point.Point) {
	line := rigFormat(p)
	if !slices.Equal(p.Group.Dims, r.dims) {
		line = strings.TrimSpace(line + " by " + strings.Join(p.Group.Dims, ","))
	}
	r.lines = append(r.lines, line)
}

func (r *rig) Batch(b *point.Batch) {
	line := "batch " + rigFormat(&point.Point{Name: b.Name, Tags: b.Group.Tags, Time: b.TMax}) + ":"
	for i := range b.Points {
		require.True(r.t, slices.IsSortedFunc(b.Points[i].Fields, func(a, b point.Field) int { return strings.Compare(a.Key, b.Key) }))
		line += " " + strings.TrimLeft(rigFormat(&b.Points[i]), ", ") + ";"
	}
	r.lines = append(r.lines, strings.TrimSuffix(line, ";"))
}

func (r *rig) Barrier(g *point.Group, t int64) {
	r.lines = append(r.lines, fmt.Sprintf("barrier %s %s", g.ID, time.Duration(t)))
}

func (r *rig) Delete(g *point.Group) { r.lines = append(r.lines, "delete "+g.ID) }

func (r *rig) parseBatch(text string) *point.Batch {
	head, rest, ok := strings.Cut(text, ":")
	require.True(r.t, ok, text)
	name, at, _ := strings.Cut(head, " ")
	b := &point.Batch{TMax: r.parseTime(at)}
	var tags []point.Tag
	b.Name, tags = r.parseName(name)
	b.Group = r.group(tags)
	for p := range strings.SplitSeq(rest, ";") {
		if p = strings.TrimSpace(p); p == "" {
			continue
		}
		if strings.Count(p, " ") == 1 { // no tags of its own
			p = " " + p
		} else {
			p = "," + p
		}
		q := r.parsePoint(p)
		for _, t := range tags {
			q.Tags = point.SetTag(q.Tags, t.Key, t.Value)
		}
		b.Points = append(b.Points, *q)
	}
	return b
}

func (r *rig) parsePoint(line string) *point.Point {
	parts := strings.Split(line, " ")
	require.Len(r.t, parts, 3, line)
	p := &point.Point{Time: r.parseTime(parts[2])}
	p.Name, p.Tags = r.parseName(parts[0])
	for f := range strings.SplitSeq(parts[1], ",") {
		k, v, _ := strings.Cut(f, "=")
		p.Fields = point.SetField(p.Fields, k, parseValue(v))
	}
	return p
}

func (r *rig) parseName(text string) (name string, tags []point.Tag) {
	parts := strings.Split(text, ",")
	for _, t := range parts[1:] {
		k, v, _ := strings.Cut(t, "=")
		tags = point.SetTag(tags, k, v)
	}
	return parts[0], tags
}

func (r *rig) parseTime(text string) int64 {
	d, err := time.ParseDuration(text)
	require.NoError(r.t, err)
	return int64(d)
}

func parseValue(v string) point.Value {
	if v == "nil" {
		return point.NullValue()
	}
	if b, err := strconv.ParseBool(v); err == nil && len(v) > 1 {
		return point.BoolValue(b)
	}
	if i, ok := strings.CutSuffix(v, "i"); ok {
		n, _ := strconv.ParseInt(i, 10, 64)
		return point.IntValue(n)
	}
	if strings.HasPrefix(v, `"`) {
		return point.StringValue(strings.Trim(v, `"`))
	}
	if d, err := time.ParseDuration(v); err == nil && v != "0" {
		return point.DurationValue(d)
	}
	f, err := strconv.ParseFloat(v, 64)
	if err != nil {
		panic(v)
	}
	return point.FloatValue(f)
}

func rigFormat(p *point.Point) string {
	var b strings.Builder
	b.WriteString(p.Name)
	for _, t := range p.Tags {
		fmt.Fprintf(&b, ",%s=%s", t.Key, t.Value)
	}
	sep := " "
	for _, f := range p.Fields {
		fmt.Fprintf(&b, "%s%s=", sep, f.Key)
		sep = ","
		switch v := f.Value; v.Kind {
		case point.Float:
			b.WriteString(strconv.FormatFloat(v.Float(), 'g', -1, 64))
		case point.Int:
			fmt.Fprintf(&b, "%di", v.Int())
		case point.Bool:
			fmt.Fprint(&b, v.Bool())
		case point.Duration:
			fmt.Fprint(&b, v.Duration())
		case point.Null:
			b.WriteString("nil")
		default:
			fmt.Fprintf(&b, "%q", v.Text)
		}
	}
	fmt.Fprintf(&b, " %s", time.Duration(p.Time))
	if p.DB != "" {
		b.WriteString(" db=" + p.DB)
	}
	return b.String()
}

// A rigCase is one run of a node.
type rigCase struct {
	name     string
	input    spec.Edge
	dims     string
	call     []any // word, arguments, properties
	in, want string
}

func runCases(t *testing.T, cases []rigCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, c.input, c.dims, c.call[0].(string), c.call[1:]...)
			require.Equal(t, rigLines(c.want), r.run(c.in))
		})
	}
}

func rigLines(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// requireNoAllocs feeds a node the same points again and again, a second later each time.
func requireNoAllocs(t *testing.T, r *rig, lines ...string) {
	t.Helper()
	out := make(nowhere, 1)
	var points []*point.Point
	sinks := map[*point.Group]point.Sink{}
	for _, l := range lines {
		p := r.parsePoint(l)
		p.Group = r.group(p.Tags)
		points = append(points, p)
		if sinks[p.Group] == nil {
			switch n := r.node.(type) {
			case spec.Grouper:
				sinks[p.Group] = n.Group(p.Group, out)
			case spec.Opener:
				sinks[p.Group] = n.Open(out)
			}
		}
	}
	r.env.OnError, r.env.Errors = nil, make([]string, 0, 1<<16)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for _, p := range points {
			p.Time += int64(time.Second)
			sinks[p.Group].Point(p)
		}
	}))
}

// nowhere is a sink that takes everything.
type nowhere []point.Point

func (n nowhere) Point(p *point.Point)      { n[0] = *p }
func (nowhere) Batch(*point.Batch)          {}
func (nowhere) Barrier(*point.Group, int64) {}
func (nowhere) Delete(*point.Group)         {}
