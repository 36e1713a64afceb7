package task_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
	"github.com/telegraf-tigk/telegraf-tigk/internal/udf"
)

var udfs = map[string]udf.Info{
	"mirror": {Options: map[string][]udf.ValueType{
		"field": {udf.String, udf.Double}, "size": {udf.Int}, "on": {udf.Bool}, "per": {udf.Duration}, "nothing": nil,
		"quiet": {udf.Int}, "mix": {udf.Bool, udf.Int, udf.Double, udf.String, udf.Duration},
	}},
	"batches": {Wants: udf.Batch, Provides: udf.Batch},
	"fold":    {Wants: udf.Batch},
	"collect": {Provides: udf.Batch},
}

func lookup(b spec.Body) spec.Reply {
	if f, ok := b.(spec.Function); ok {
		return spec.Described(infoOf(f.Name))
	}
	return b.Likely()
}

func infoOf(name string) (udf.Info, error) {
	if name == "down" {
		return udf.Info{}, fmt.Errorf("%w: no socket", udf.ErrUnreachable)
	}
	x, ok := udfs[name]
	if !ok {
		return x, &udf.UnknownError{Name: name, Known: []string{"mirror", "batches", "fold", "collect", "down"}}
	}
	return x, nil
}

func loadUDF(script string) (*task.Task, error) {
	return task.Load(task.Config{Name: "t", File: "t.tick", Script: script, Ask: lookup})
}

func TestUDFErrors(t *testing.T) {
	for _, c := range []struct{ script, want string }{
		{`stream|from()@mirror().fild('a', 1.0)`, `1:24: @mirror: no property fild; did you mean field?`},
		{`stream|from()@mirror().Field('a', 1.0)`, `1:24: @mirror: no property Field; did you mean field?`},
		{`stream|from()@mirror().field('a', 42)`, `1:35: @mirror: field: want float, got int; write 42.0`},
		{`stream|from()@mirror().field('a')`, `1:24: @mirror: field: want string value, float value, got string`},
		{`stream|from()@mirror().size(1, 2)`, `1:24: @mirror: size: want int value, got int, int`},
		{`stream|from()@mirror().size(2.5)`, `1:29: @mirror: size: want int, got float`},
		{`stream|from()@mirror().per(10)`, `1:28: @mirror: per: want duration, got int; write 10s`},
		{`stream|from()@mirror().on('TRUE')`, `1:27: @mirror: on: want boolean, got string`},
		{`stream|from()@mirror().nothing(1)`, `1:24: @mirror: nothing: want no argument, got int`},
		{`stream|from()@mirror().quiet()`, `1:24: @mirror: quiet: want int value, got none`},
		{`stream|from()@mirror()|field('a', 1.0)`, `1:24: @mirror: field is a property, not a node; write .field(…)`},
		{`stream|from()@mirror(nosuch)`, `1:22: name "nosuch" is undefined; names in scope are stream`},
		{`stream|from()@miror()`, `1:15: @miror: there is no user-defined function of that name; did you mean @mirror?`},
		{`stream|from()@xyz()`, `1:15: @xyz: there is no user-defined function of that name; it needs a section [[inputs.udfsock]] with name = "xyz"`},
		{`stream|from()|mirror()`, `1:15: from: no node mirror; user-defined functions are chained with @`},
		{`stream|from().mirror()`, `1:15: from: no property mirror; user-defined functions are chained with @`},
		{`stream@mirror()`, `1:8: @mirror cannot follow stream; want a node that gives data: write stream|from()@mirror()`},
		{`stream|from()|influxDBOut().database('d')@mirror()`, `1:43: influxDBOut ends its chain: no node can follow; chain @mirror to the node before it`},
		{`stream|from()@batches()`, `1:15: @batches wants batches, but from1 gives points; put a window in between`},
		{`stream|from()|window().period(1s).every(1s)@mirror()`, `1:45: @mirror wants points, but window2 gives batches; put an aggregate in between`},
		{`stream|from()@collect()|window().period(1s).every(1s)`, `1:25: window wants points, but collect2 gives batches; put an aggregate in between`},
		{`stream|from()@down()`, `1:15: @down: function cannot be reached: no socket`},
		{`stream|from()@mirror().field.size(1)`, `1:24: @mirror: no property field that can be read`},
	} {
		t.Run(c.script, func(t *testing.T) {
			_, err := loadUDF(c.script)
			require.EqualError(t, err, "t.tick:"+c.want)
		})
	}
	_, err := task.Load(task.Config{Name: "t", Script: `stream|from()@mirror()`})
	require.ErrorContains(t, err, "there is no user-defined function of that name")
	_, err = loadUDF(`stream|from()@down()`)
	require.ErrorIs(t, err, udf.ErrUnreachable)
}

func TestUDFInit(t *testing.T) {
	script := `
		var n = 7
		var f = 'mycustom_field'
		var m = stream|from().measurement('m')@mirror(1, 'ignored', n).field(f, 42.0).field('b', -1.5).size(n).nothing().mix(TRUE, 1, 2.5, 'x', 10s).Quiet()
		m|window().period(1s).every(1s)@batches()@fold()|log()
	`
	x, err := loadUDF(script)
	require.NoError(t, err)
	require.NoError(t, x.Start(0))
	var got []string
	for _, u := range x.UDFs() {
		got = append(got, u.Node+" "+u.Function)
		require.Nil(t, u.Snapshot)
	}
	require.Equal(t, []string{"mirror2 mirror", "batches4 batches", "fold5 fold"}, got)
	want := udf.AppendInit(nil, &udf.Init{Task: "t", Node: "mirror2", Options: []udf.Option{
		{Name: "field", Values: []point.Value{point.StringValue("mycustom_field"), point.FloatValue(42)}},
		{Name: "field", Values: []point.Value{point.StringValue("b"), point.FloatValue(-1.5)}},
		{Name: "size", Values: []point.Value{point.IntValue(7)}},
		{Name: "nothing", Values: []point.Value{}},
		{Name: "mix", Values: []point.Value{point.BoolValue(true), point.IntValue(1), point.FloatValue(2.5), point.StringValue("x"), point.DurationValue(1e10)}},
	}})
	require.Equal(t, want, x.UDFs()[0].Init)
	require.Equal(t, udf.AppendInit(nil, &udf.Init{Task: "t", Node: "batches4"}), x.UDFs()[1].Init)
}

// TestCheckUnreachable checks all of a script but what its function says about itself.
func TestCheckUnreachable(t *testing.T) {
	check := func(script string) ([]*syntax.Error, error) {
		return task.Check(task.Config{Name: "t", File: "t.tick", Script: script, Ask: lookup})
	}
	for _, script := range []string{
		`stream|from()@down().anything(1, 'a').quiet()|window().period(1s).every(1s)|mean('v')`,
		`stream|from()|window().period(1s).every(1s)@down()|mean('v')|log()|influxDBOut().database('d')`,
		`var d = stream|from()@down() stream|from()|join(d).as('a', 'b')`,
	} {
		warnings, err := check(script)
		require.NoError(t, err, script)
		require.Len(t, warnings, 1, script)
		require.Contains(t, warnings[0].Error(), `@down: function cannot be reached: no socket; its options, and what it wants and provides, are not checked`)
		require.True(t, warnings[0].Pos.IsValid())
	}
	_, err := check(`stream|from()@down()|nosuch()`)
	require.ErrorContains(t, err, "no node nosuch")
	_, err = check(`stream|from()@nosuch()`)
	require.ErrorContains(t, err, "there is no user-defined function of that name")
}

// A run is a started task and what it has done.
type run struct {
	*testing.T
	*task.Task
}

func startUDF(t *testing.T, script string) run {
	t.Helper()
	x, err := loadUDF(script)
	require.NoError(t, err)
	require.NoError(t, x.Start(0))
	return run{t, x}
}

func (r run) push(fields ...point.Field) {
	r.Helper()
	tags := []point.Tag{{Key: "h", Value: "a"}, {Key: "i", Value: "b"}}
	require.NoError(r, r.Push(&point.Point{Name: "m", DB: "telegraf", RP: "autogen", Time: 1, Tags: tags, Fields: fields}))
}

// effects returns what the task has done since: frames as responses, points written as lines.
func (r run) effects() []string {
	r.Helper()
	var out []string
	for _, e := range r.Take() {
		switch e.Kind {
		case spec.UDFEffect:
			in := udf.NewReader(bytes.NewReader(e.UDF.Frames), 0) // data is the same in both directions
			var resp udf.Response
			var kinds []string
			for in.Read(&resp) == nil {
				kinds = append(kinds, fmt.Sprintf("%s(%d)", resp.Kind, len(resp.Point.Fields)))
			}
			out = append(out, fmt.Sprintf("%s %d: %s", e.Node, e.UDF.Points, strings.Join(kinds, " ")))
		case spec.WriteEffect, spec.LoopbackEffect:
			out = append(out, string(point.AppendLine(nil, e.Point)))
		case spec.ErrorEffect:
			out = append(out, e.Node+": "+e.Text)
		case spec.LogEffect:
			out = append(out, e.Text)
		}
	}
	return out
}

func (r run) receive(node string, resp ...udf.Response) {
	r.Helper()
	for i := range resp {
		require.NoError(r, r.Receive(node, &resp[i]))
	}
}

func reply(line string, dims ...string) udf.Response {
	p, err := parseLine(line)
	if err != nil {
		panic(err)
	}
	return udf.Response{Kind: udf.PointReply, Point: *p, Dims: dims}
}

// parseLine reads "name,tag=value field=1 time" with floats.
func parseLine(line string) (*point.Point, error) {
	var p point.Point
	var series, fields string
	if _, err := fmt.Sscanf(line, "%s %s %d", &series, &fields, &p.Time); err != nil {
		return nil, err
	}
	parts := strings.Split(series, ",")
	p.Name = parts[0]
	for _, kv := range parts[1:] {
		k, v, _ := strings.Cut(kv, "=")
		p.Tags = append(p.Tags, point.Tag{Key: k, Value: v})
	}
	for _, kv := range strings.Split(fields, ",") {
		k, v, _ := strings.Cut(kv, "=")
		var f float64
		if _, err := fmt.Sscan(v, &f); err != nil {
			return nil, err
		}
		p.Fields = append(p.Fields, point.Field{Key: k, Value: point.FloatValue(f)})
	}
	return &p, nil
}

var (
	begin = udf.Response{Kind: udf.BeginReply}
	end   = udf.Response{Kind: udf.EndReply, Name: "m", TMax: 9, Tags: []point.Tag{{Key: "h", Value: "a"}}}
)

const out = `|influxDBOut().database('d').retentionPolicy('r')`

func TestUDFStream(t *testing.T) {
	x := startUDF(t, `stream|from().measurement('m').groupBy('h')@mirror()`+out)
	f := point.Field{Key: "v", Value: point.FloatValue(1)}
	x.push(f)
	x.push(f, point.Field{Key: "w", Value: point.IntValue(1)})
	require.Equal(t, []string{"mirror2 2: point(1) point(2)"}, x.effects())

	x.push(f, point.Field{Key: "w", Value: point.DurationValue(1)})
	x.push(point.Field{Key: "w", Value: point.TimeValue(1)})
	x.push(f, point.Field{Key: "w", Value: point.NullValue()})
	x.push()
	require.Equal(t, []string{
		`mirror2: field "w" is a duration, which a user-defined function cannot take; the point is dropped`,
		`mirror2: field "w" is a time, which a user-defined function cannot take; the point is dropped`,
		`mirror2 2: point(1) point(0)`,
	}, x.effects())

	x.receive("mirror2", reply("m,h=a v=1 5"), reply("other v=2 6"))
	x.receive("nosuch", reply("m,h=a v=1 5"))
	require.Equal(t, []string{"m,h=a v=1 5", "other v=2 6"}, x.effects())

	// A batch where points were promised goes on as far as it can.
	x.receive("mirror2", begin, reply("x,h=a,i=b v=1 5"), reply("x,h=a v=2 6"), end, reply("m v=3 7"))
	require.Equal(t, []string{"m,h=a,i=b v=1 5", "m,h=a v=2 6", "m v=3 7"}, x.effects())

	x.receive("mirror2", end)
	x.receive("mirror2", begin, reply("x v=1 5"), begin, reply("x v=2 6"), end)
	require.Equal(t, []string{
		"mirror2: the function ends a batch that it has not begun",
		"mirror2: the function begins a batch before it has ended the last one, which is dropped",
		"m v=2 6",
	}, x.effects())
	x.receive("mirror2", begin, reply("x v=1 5"))
	x.Restarted("mirror2")
	x.receive("mirror2", reply("m v=3 7"))
	require.Equal(t, []string{"m v=3 7"}, x.effects())
}

func TestUDFBatch(t *testing.T) {
	x := startUDF(t, `stream|from().measurement('m').groupBy('h')|window().periodCount(2).everyCount(2)@batches()`+out)
	f := point.Field{Key: "v", Value: point.FloatValue(1)}
	x.push(f)
	x.push(point.Field{Key: "d", Value: point.DurationValue(1)}, f)
	require.Equal(t, []string{
		`batches3: field "d" is a duration, which a user-defined function cannot take; the point is dropped`,
		`batches3 1: begin(0) point(1) end(0)`,
	}, x.effects())
	x.receive("batches3", begin, reply("x,h=a,i=b v=1 5"), end, reply("m v=3 7"))
	require.Equal(t, []string{"m,h=a,i=b v=1 5", "m v=3 7"}, x.effects())
}

// TestUDFGroups checks how groups are found, and that barriers and deletions end at a function.
func TestUDFGroups(t *testing.T) {
	x := startUDF(t, `stream|from().measurement('m').groupBy('h')|barrier().period(1s).delete(TRUE)@mirror()|stateCount(lambda: TRUE)|log()`)
	x.receive("mirror3", reply("m,h=a,i=1 v=1 5", "h"), reply("m,h=b,i=1 v=1 5", "h"), reply("m,h=a,i=2 v=1 5", "h"), reply("m,h=a,i=1 v=1 5", "h", "i"))
	byName := reply("m,h=a v=1 5")
	byName.ByName = true
	x.receive("mirror3", byName)
	got := x.effects()
	require.Len(t, got, 5)
	for i, want := range []string{"h=a", "h=b", "h=a", "h=a,i=1", "m"} {
		require.Contains(t, got[i], " group="+want+" ")
		require.Contains(t, got[i], fmt.Sprintf("state_count=%d ", []int{1, 1, 2, 1, 1}[i]))
	}
	x.push(point.Field{Key: "v", Value: point.FloatValue(1)})
	require.NoError(t, x.Tick(3e9))
	require.Equal(t, []string{"mirror3 1: point(1)"}, x.effects())
	x.receive("mirror3", reply("m,h=a,i=1 v=1 5", "h"))
	require.Contains(t, x.effects()[0], "state_count=3 ", "the barrier's deletion went no further")
}

func TestUDFMaxGroups(t *testing.T) {
	x, err := task.Load(task.Config{Name: "t", Script: `stream|from()@mirror()` + out, Ask: lookup, MaxGroups: 1})
	require.NoError(t, err)
	require.NoError(t, x.Start(0))
	r := run{t, x}
	r.receive("mirror2", reply("m,h=a v=1 5", "h"), reply("m,h=b v=2 5", "h"), reply("m,h=a v=3 5", "h"))
	got := r.effects()
	require.Len(t, got, 3)
	require.Equal(t, []string{"m,h=a v=1 5", "m,h=a v=3 5"}, []string{got[0], got[2]})
	require.Contains(t, got[1], "the task has 1 groups, as many as max_groups allows")
}

// TestUDFLargeBatch checks the bound of a batch.
func TestUDFLargeBatch(t *testing.T) {
	x := startUDF(t, `stream|from()@collect()`+out)
	p := reply("m v=1 5")
	x.receive("collect2", begin)
	for range 1<<18 + 5 {
		x.receive("collect2", p)
	}
	x.receive("collect2", end, begin, p, end)
	require.Equal(t, []string{"collect2: the function gives a batch of more than 262144 points, which is dropped", "m v=1 5"}, x.effects())
}

// TestUDFOtherKind lets every node have data of the kind that its parent, a function, does not provide.
// None stops the task.
func TestUDFOtherKind(t *testing.T) {
	for _, word := range spec.Nodes() {
		for _, x := range spec.Of(word, spec.New(word)).Examples {
			i := strings.LastIndex(x.Script, "|"+word+"(")
			if i < 0 || word == "from" || word == "stream" {
				continue
			}
			for _, f := range []string{"mirror", "collect"} {
				s := "var s = stream|from()\nvar a = s\nvar b = s\nvar cpu = s\nvar mem = s\ns@" + f + "()" + x.Script[i:]
				r, err := loadUDF(s)
				if err != nil {
					continue // the node wants another kind
				}
				t.Run(f+"|"+word, func(t *testing.T) {
					require.NoError(t, r.Start(0))
					x := run{t, r}
					node := r.UDFs()[0].Node
					for range 3 {
						x.receive(node, begin, reply("m,h=a v=1 5"), reply("m,h=a v=2 6"), end, reply("m,h=a v=3 7", "h"))
						require.NoError(t, r.Tick(r.Now()+10e9))
						r.Take()
					}
					require.NoError(t, r.Close())
				})
			}
		}
	}
	x := startUDF(t, `stream|from()@mirror()|window().periodCount(1).everyCount(1)|count('v')`+out)
	x.receive("mirror2", begin, reply("m v=1 5"), end, reply("m v=2 6"))
	require.Equal(t, []string{
		"window3: got a batch, want points: a user-defined function provides points by its own account, but gives batches",
		"m count=1i 6",
	}, x.effects())
	x = startUDF(t, `stream|from()@collect()|where(lambda: TRUE)|mean('v')`+out)
	x.receive("collect2", reply("m v=2 6"), begin, reply("m v=1 5"), end)
	require.Equal(t, []string{
		"mean4: got a point, want batches: a user-defined function provides batches by its own account, but gives points",
		"m,h=a mean=1 9",
	}, x.effects())
}

// TestUDFSave saves a task while its function is about to give a batch: the function's state is kept,
// and the batch is to be begun again.
func TestUDFSave(t *testing.T) {
	script := `stream|from()@collect()|where(lambda: TRUE)` + out
	x := startUDF(t, script)
	x.receive("collect2", begin, reply("m,h=a v=1 5"))
	x.KeepSnapshot("collect2", []byte("state"))
	x.KeepSnapshot("nosuch", []byte("other"))
	var saved bytes.Buffer
	require.NoError(t, x.Save(&saved))

	y := startUDF(t, script)
	require.NoError(t, y.Restore(&saved))
	require.Equal(t, []byte("state"), y.UDFs()[0].Snapshot)
	y.receive("collect2", begin, reply("m,h=a v=2 6"), end)
	require.Equal(t, []string{"m,h=a v=2 6"}, y.effects())
}

// TestUDFFinish ends a script with two functions one behind the other: each gets what the nodes before
// it hold back.
func TestUDFFinish(t *testing.T) {
	x := startUDF(t, `
		var a = stream|from().measurement('m')
		var b = stream|from().measurement('n')
		var j = a|join(b).as('a', 'b').fill('null')@mirror()
		j|groupBy('h')@collect()|groupBy('h')`+out+`
		j|log()
	`)
	ended, err := x.Finish()
	require.NoError(t, err)
	require.Equal(t, []string{"mirror5"}, ended)
	x.effects()
	x.receive("mirror5", reply("m,h=a v=1 5"))
	require.Equal(t, "collect7 1: point(1)", x.effects()[0])
	ended, err = x.Finish()
	require.NoError(t, err)
	require.Equal(t, []string{"collect7"}, ended)
	ended, err = x.Finish()
	require.NoError(t, err)
	require.Empty(t, ended)
	require.NoError(t, x.Close())
}

// TestUDFFailed checks that a bug behind a function stops the task and nobody else.
func TestUDFFailed(t *testing.T) {
	x := startUDF(t, `stream|from()@mirror()`+out)
	require.NoError(t, x.Receive("mirror2", &udf.Response{}), "a response that is no data is ignored")
	require.Empty(t, x.effects())
	require.NotPanics(t, func() { require.Error(t, x.Receive("mirror2", nil)) })
	require.Error(t, x.Receive("mirror2", &begin))
	require.ErrorContains(t, x.Failed(), "mirror2: internal error")
}

func TestUDFAllocates(t *testing.T) {
	x := startUDF(t, `stream|from().measurement('m').groupBy('h')@mirror()|eval(lambda: "v" * 2.0).as('w')`)
	p := &point.Point{
		Name: "m", DB: "telegraf", RP: "autogen", Time: 1, Tags: []point.Tag{{Key: "h", Value: "a"}, {Key: "i", Value: "b"}},
		Fields: []point.Field{{Key: "v", Value: point.FloatValue(1)}},
	}
	back := reply("m,h=a,i=b v=1 5", "h")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if x.Push(p) != nil || x.Receive("mirror2", &back) != nil || len(x.Take()) != 1 {
			t.Fatal("does not work")
		}
	}))
}

func BenchmarkUDF(b *testing.B) {
	x, err := loadUDF(`stream|from().measurement('m').groupBy('h')@mirror()|eval(lambda: "v" * 2.0).as('w')`)
	require.NoError(b, err)
	require.NoError(b, x.Start(0))
	p := &point.Point{
		Name: "m", DB: "telegraf", RP: "autogen", Time: 1, Tags: []point.Tag{{Key: "h", Value: "a"}, {Key: "i", Value: "b"}},
		Fields: []point.Field{{Key: "v", Value: point.FloatValue(1)}},
	}
	back := reply("m,h=a,i=b v=1 5", "h")
	b.ReportAllocs()
	for b.Loop() {
		if x.Push(p) != nil || x.Receive("mirror2", &back) != nil || len(x.Take()) != 1 {
			b.Fatal("does not work")
		}
	}
}
