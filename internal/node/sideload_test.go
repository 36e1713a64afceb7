package node_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// answerWith has the loads of r answered with documents and errors.
func (r *remote) answerWith(docs spec.Documents, errs ...string) *remote {
	r.answer = func(spec.Body) spec.Reply { return spec.Loaded{Documents: docs, Errors: errs} }
	return r
}

var (
	tFloat  = point.FloatValue
	tInt    = point.IntValue
	tString = point.StringValue
)

const limits = `stream|from().measurement('m').groupBy('site')|sideload().source('file:///limits').order('host/{{.host}}.yml', 'default.yml')`

// Until documents have come there are the defaults; a reload that fails leaves what was there.
func TestSideloadReload(t *testing.T) {
	r := newRemote(t, limits+`.field('limit', 0.0)|influxDBOut()`)
	r.hold = true
	r.start()
	r.want("load file:///limits")
	r.push("m,host=a v=1 0")
	r.want("m,host=a limit=0,v=1 0")
	r.answerWith(spec.Documents{"default.yml": {"limit": tInt(1)}}, "/limits/x.yml:3: no").settle()
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
	r.answerWith(nil, "source: gone").settle()
	r.take()
	r.push("m,host=a v=1 5")
	r.want("load file:///limits", "error source: gone", "m,host=a limit=2,v=1 5")
	require.NoError(t, r.task.Close())
}

// A node that waits for documents does not ask for them again.
func TestSideloadWaits(t *testing.T) {
	r := newRemote(t, limits+`.field('limit', 0.0)|influxDBOut()`)
	r.hold = true
	r.start()
	require.NoError(t, r.task.Reload())
	r.take()
	r.want("load file:///limits")
	r.reply(0, spec.Loaded{Documents: spec.Documents{"default.yml": {"limit": tInt(2)}}})
	require.NoError(t, r.task.Reload())
	r.take()
	r.push("m v=1 0")
	r.want("load file:///limits", "m limit=2,v=1 0")
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
		require.NoError(b, x.Answer(e.Ask.ID, spec.Loaded{Documents: spec.Documents{"host/a.yml": {"limit": tInt(2)}}}))
	}
	p := &point.Point{Name: "m", DB: "telegraf", RP: "autogen", Tags: []point.Tag{{Key: "host", Value: "a"}}, Fields: []point.Field{{Key: "v", Value: tFloat(0)}}}
	b.ReportAllocs()
	for b.Loop() {
		_ = x.Push(p)
	}
}
