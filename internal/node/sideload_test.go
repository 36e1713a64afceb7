package node_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// answerWith has the loads of r answered with documents and errors.
func (r *remote) answerWith(docs spec.Documents, errs ...error) *remote {
	r.answer = func(e *spec.Effect) { require.NoError(r.t, r.task.AnswerLoad(e.Load, docs, errs)) }
	return r
}

var (
	tFloat  = point.FloatValue
	tInt    = point.IntValue
	tString = point.StringValue
	tBool   = point.BoolValue
)

const limits = `stream|from().measurement('m').groupBy('site')|sideload().source('file:///limits').order('host/{{.host}}.yml', 'default.yml')`

func TestSideload(t *testing.T) {
	docs := spec.Documents{
		"host/a.yml":  {"limit": tFloat(98), "site": tString("north"), "v": tInt(7)},
		"host/b.yml":  {"other": tInt(1), "n": point.NullValue()},
		"host/.yml":   {"limit": tInt(1)},
		"default.yml": {"limit": tFloat(50.5), "n": tInt(3)},
	}
	for _, c := range []struct {
		name, script string
		in, want     []string
	}{
		{
			"the first document that has the key wins", limits + `.field('limit', 0.0)|influxDBOut()`,
			[]string{"m,host=a v=1 0", "m,host=b v=1 1", "m,host=c v=1 2", "m v=1 3", "m,host=a limit=5i,v=1 4"},
			[]string{"m,host=a limit=98,v=1 0", "m,host=b limit=50.5,v=1 1", "m,host=c limit=50.5,v=1 2", "m limit=1,v=1 3", "m,host=a limit=98,v=1 4"},
		}, {
			"tags", limits + `.tag('site', 'none').tag('limit', '0')|influxDBOut()`,
			[]string{"m,host=a,site=south v=1 0", "m,host=b v=1 1"},
			[]string{"m,host=a,limit=98,site=north v=1 0", "m,host=b,limit=50.5,site=none v=1 1"},
		}, {
			"what is no scalar does not fall through to the next document", limits + `.field('n', 5)|influxDBOut()`,
			[]string{"m,host=b v=1 0", "m,host=b v=2 1", "m,host=c v=1 2"},
			[]string{
				`error failed to load key "n": the value is no number, string or boolean`, "m,host=b n=5i,v=1 0",
				`error failed to load key "n": the value is no number, string or boolean`, "m,host=b n=5i,v=2 1", "m,host=c n=3i,v=1 2",
			},
		}, {
			"template", `stream|from()|sideload().source('file:///x').order('{{if eq .host "a"}}{{index .host 99}}{{end}}default.yml').field('limit', 0.0)|influxDBOut()`,
			[]string{"m,host=a v=1 0", "m,host=b v=1 1"},
			[]string{`error order: template: order:1:21: executing "order" at <index .host 99>: error calling index: index out of range: 99`, "m,host=a v=1 0", "m,host=b limit=50.5,v=1 1"},
		}, {
			"long name", `stream|from()|sideload().source('file:///x').order('{{printf "%5000s" .host}}').field('limit', 0.0)|influxDBOut()`,
			[]string{"m,host=a v=1 0"},
			[]string{`error order: '{{printf "%5000s" .host}}' makes a name longer than 4096 bytes`, "m,host=a v=1 0"},
		}, {
			"without order there are defaults", `stream|from()|sideload().source('limits').field('limit', 2)|influxDBOut()`,
			[]string{"m,host=a v=1 0"},
			[]string{"m,host=a limit=2i,v=1 0"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRemote(t, c.script).answerWith(docs).start()
			r.lines = nil
			r.push(c.in...)
			r.want(c.want...)
		})
	}
}

// A loaded tag that is a dimension moves the point to another group; a batch stays in its own.
func TestSideloadGroup(t *testing.T) {
	docs := spec.Documents{"host/a.yml": {"site": tString("north")}}
	r := newRemote(t, limits+`.tag('site', 'none')|stateCount(lambda: TRUE)|influxDBOut()`).answerWith(docs).start()
	r.lines = nil
	r.push("m,host=a,site=south v=1 0", "m,host=a v=1 1", "m,host=x,site=north v=1 2")
	r.want("m,host=a,site=north state_count=1i,v=1 0", "m,host=a,site=north state_count=2i,v=1 1", "m,host=x,site=none state_count=1i,v=1 2")

	r = newRemote(t, `stream|from().groupBy('site')|window().periodCount(2).everyCount(2)|sideload().source('file:///l').order('host/{{.host}}.yml').tag('site', 'none').field('w', 1)|count('w')|influxDBOut()`).answerWith(docs).start()
	r.lines = nil
	r.push("m,host=a,site=south v=1 0", "m,host=x,site=south v=1 1")
	r.want("m,site=south count=2i 1")
}

func TestSideloadConversion(t *testing.T) {
	for _, c := range []struct {
		v    point.Value
		def  string
		want string // of the field; "" is the default, with an error
	}{
		{tInt(3), "0", "3i"},
		{tFloat(3), "0", "3i"},
		{tFloat(3.5), "0", ""},
		{tFloat(1e19), "0", ""},
		{tString("12"), "0", "12i"},
		{tString("1.0"), "0", ""},
		{tString("0x10"), "0", ""},
		{tBool(true), "0", ""},
		{tInt(3), "0.0", "3"},
		{tFloat(3.5), "0.0", "3.5"},
		{tString("1e3"), "0.0", "1000"},
		{tString("x"), "0.0", ""},
		{tBool(true), "0.0", ""},
		{tBool(true), "FALSE", "true"},
		{tString("T"), "FALSE", "true"},
		{tString("yes"), "FALSE", ""},
		{tInt(1), "FALSE", ""},
		{tString("x"), "''", `"x"`},
		{tInt(3), "''", `"3"`},
		{tFloat(2.5), "''", `"2.5"`},
		{tFloat(1e21), "''", `"1000000000000000000000"`},
		{tBool(false), "''", `"false"`},
		{point.NullValue(), "''", ""},
		{point.NullValue(), "0", ""},
	} {
		r := newRemote(t, `stream|from()|sideload().source('s').order('d').field('f', `+c.def+`)|influxDBOut()`).answerWith(spec.Documents{"d": {"f": c.v}}).start()
		r.lines = nil
		r.push("m v=1 0", "m v=1 0")
		if c.want != "" {
			r.want("m f="+c.want+",v=1 0", "m f="+c.want+",v=1 0")
			continue
		}
		require.Len(t, r.lines, 3, "%v: an error is reported once for each tag set", c)
		require.Contains(t, r.lines[0], `error failed to load key "f": `)
	}
}

// Until documents have come there are the defaults; a reload that fails leaves what was there.
func TestSideloadReload(t *testing.T) {
	r := newRemote(t, limits+`.field('limit', 0.0)|influxDBOut()`)
	r.hold = true
	r.start()
	r.want("load file:///limits")
	r.push("m,host=a v=1 0")
	r.want("m,host=a limit=0,v=1 0")
	r.answerWith(spec.Documents{"default.yml": {"limit": tInt(1)}}, errors.New("/limits/x.yml:3: no")).settle()
	r.take()
	r.want("error /limits/x.yml:3: no")
	r.push("m,host=a v=1 1", "m v=1 2")
	r.want("m,host=a limit=1,v=1 1", "m limit=1,v=1 2")

	require.NoError(t, r.task.Reload())
	r.take()
	r.want("load file:///limits")
	r.answerWith(spec.Documents{"default.yml": {"limit": tInt(2)}}).settle()
	r.push("m,host=a v=1 3", "m v=1 4")
	r.want("m,host=a limit=2,v=1 3", "m limit=2,v=1 4")

	require.NoError(t, r.task.Reload())
	r.take()
	r.answerWith(nil, errors.New("source: gone")).settle()
	r.take()
	r.push("m,host=a v=1 5")
	r.want("load file:///limits", "error source: gone", "m,host=a limit=2,v=1 5")
	require.NoError(t, r.task.Close())
}

// An answer that a later one has overtaken is too late.
func TestSideloadOvertaken(t *testing.T) {
	r := newRemote(t, limits+`.field('limit', 0.0)|influxDBOut()`)
	r.hold = true
	r.start()
	require.NoError(t, r.task.Reload())
	r.take()
	require.NoError(t, r.task.AnswerLoad(r.open[1].Load, spec.Documents{"default.yml": {"limit": tInt(2)}}, nil))
	require.NoError(t, r.task.AnswerLoad(r.open[0].Load, spec.Documents{"default.yml": {"limit": tInt(1)}}, nil))
	r.lines = nil
	r.push("m v=1 0")
	r.want("m limit=2,v=1 0")
}

// A restart loads anew: documents are no state.
func TestSideloadRestore(t *testing.T) {
	script := limits + `.field('limit', 0.0)|influxDBOut()`
	r := newRemote(t, script).answerWith(spec.Documents{"default.yml": {"limit": tInt(2)}}).start()
	var b bytes.Buffer
	require.NoError(t, r.task.Save(&b))
	r.task = loadTask(t, script)
	r.start()
	require.NoError(t, r.task.Restore(&b))
	r.lines = nil
	r.push("m v=1 5")
	r.want("m limit=2,v=1 5")
}

func TestSideloadRejects(t *testing.T) {
	for script, want := range map[string]string{
		`sideload().field('f', 1)`:                        "needs a source",
		`sideload().source('file://x/y')`:                 "source: want file:///path",
		`sideload().source('ftp://x/y')`:                  "source: want file:///path",
		`sideload().source('http://')`:                    "source: want file:///path",
		`sideload().source('file:///a%zz')`:               "invalid URL escape",
		`sideload().source('file:/etc')`:                  "source: want file:///path",
		`sideload().source('a').field('f', 1s)`:           `unsupported type time.Duration for field "f"`,
		`sideload().source('a').field('f')`:               "field: want",
		`sideload().source('a').tag('f', 1)`:              "tag: want string, got int",
		`sideload().source('a').order('{{.host')`:         "order: template: order:1: unclosed action",
		`sideload().source('a').order(1)`:                 "order: want string, got int",
		`sideload().source('https://h/p?q').order('x')`:   "",
		`sideload().source('file:///a').order().quiet()`:  "",
		`sideload().source('an endpoint').field('b', '')`: "",
	} {
		_, err := task.Check(task.Config{Name: "t", Script: "stream|from()|" + script})
		if want == "" {
			require.NoError(t, err, script)
			continue
		}
		require.ErrorContains(t, err, want, script)
	}
}

func TestSideloadAllocs(t *testing.T) {
	r := newRemote(t, limits+`.field('limit', 0.0).field('v', 1).tag('site', 'x')`).answerWith(spec.Documents{"host/a.yml": {"limit": tInt(2), "site": tString("s")}}).start()
	tags := [][]point.Tag{{{Key: "host", Value: "a"}}, {{Key: "host", Value: "b"}, {Key: "site", Value: "s"}}, nil}
	p := &point.Point{Name: "m", DB: "telegraf", RP: "autogen", Fields: []point.Field{{Key: "v", Value: tFloat(0)}}}
	push := func() {
		for _, p.Tags = range tags {
			_ = r.task.Push(p)
		}
	}
	push()
	require.Zero(t, testing.AllocsPerRun(100, push))
}

func BenchmarkSideload(b *testing.B) {
	x, err := task.Load(task.Config{Name: "t", Script: limits + `.field('limit', 0.0)`})
	require.NoError(b, err)
	require.NoError(b, x.Start(0))
	for _, e := range x.Take() {
		require.NoError(b, x.AnswerLoad(e.Load, spec.Documents{"host/a.yml": {"limit": tInt(2)}}, nil))
	}
	p := &point.Point{Name: "m", DB: "telegraf", RP: "autogen", Tags: []point.Tag{{Key: "host", Value: "a"}}, Fields: []point.Field{{Key: "v", Value: tFloat(0)}}}
	b.ReportAllocs()
	for b.Loop() {
		_ = x.Push(p)
	}
}
