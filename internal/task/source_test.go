package task_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// archive is a source of batches, and fetch the node behind it that asks for them, now and then.
type archive struct{}

type fetch struct {
	question string
	env      spec.Env
	out      point.Sink
}

// fetched is the question and fetchedBatch its reply.
type (
	fetched      struct{ Question string }
	fetchedBatch struct{ Values []float64 }
)

func init() {
	spec.Register("archive", func() spec.Declarer { return &archive{} })
	spec.Register("fetch", func() spec.Declarer { return &fetch{} })
	spec.RegisterAsk("fetched", fetched{}, fetchedBatch{})
}

func (*archive) Declare(s *spec.Spec) {
	s.Doc("Data that is asked for.")
	s.Edges(spec.Batch, spec.Batch)
	s.Source()
}

func (*archive) Routes(_, _ []spec.Declarer) spec.Routes { return spec.Routes{} }

func (f *fetch) Declare(s *spec.Spec) {
	s.Doc("Asks the archive every second.")
	s.Edges(spec.Batch, spec.Batch)
	s.After("archive")
	s.Arg(&f.question, "question", "what to ask")
}

func (f *fetch) Start(env spec.Env) error {
	f.env = env
	env.At(1e9, 0, f.ask)
	return nil
}

func (f *fetch) ask() {
	f.env.Ask(fetched{f.question})
	f.env.At(f.env.Now()+1e9, 0, f.ask)
}

func (f *fetch) Open(out point.Sink) point.Sink {
	f.out = out
	return &spec.Forward{Out: out}
}

func (f *fetch) Answer(_ uint64, r spec.Reply) {
	b := point.Batch{Name: "m", TMax: f.env.Now(), Group: f.env.Groups().Get("", nil, nil, false)}
	for _, v := range r.(fetchedBatch).Values {
		b.Points = append(b.Points, point.Point{Time: b.TMax, Fields: []point.Field{{Key: "v", Value: point.FloatValue(v)}}})
	}
	f.out.Batch(&b)
}

func (fetched) Likely() spec.Reply { return fetchedBatch{} }

// TestSource has a source of another kind than stream bring data, with no more than two nodes: it is pushed no points,
// and what comes in are answers.
func TestSource(t *testing.T) {
	x, err := task.Load(task.Config{Name: "t", Script: "var hot = archive|fetch('heat')|mean('v')\nhot|alert().crit(lambda: \"mean\" > 2.0)"})
	require.NoError(t, err)
	names, all := x.Measurements()
	require.Empty(t, names)
	require.False(t, all)
	require.NoError(t, x.Start(0))
	require.NoError(t, x.Push(&point.Point{Name: "m", DB: "telegraf", RP: "autogen"}))
	require.Empty(t, x.Take())
	for i, values := range [][]float64{{1, 2}, {3, 4}} {
		require.NoError(t, x.Tick(int64(i+1)*1e9))
		asks := x.Take()
		require.Len(t, asks, 1)
		require.Equal(t, fetched{"heat"}, asks[0].Ask.Body)
		require.NoError(t, x.Answer(asks[0].Ask.ID, fetchedBatch{values}))
		require.Len(t, x.Take(), i, "only the second mean is high")
	}
	x.Stats(func(s task.NodeStats) {
		if s.Kind == "fetch" {
			require.Zero(t, s.In)
			require.EqualValues(t, 4, s.Out)
		}
	})
}

// TestOneSource rejects scripts that mix sources, or follow one with the nodes of another.
func TestOneSource(t *testing.T) {
	for script, want := range map[string]string{
		"stream|from()|log()\narchive|fetch('a')|log()": "t:2:1: archive: the script begins with stream above; a task has one source of data",
		"archive|from()":                          "cannot follow archive",
		"stream|fetch('a')":                       "cannot follow stream",
		"var x = archive|fetch('a')\nx|stream()":  "stream cannot follow fetch",
		"archive|fetch('a')\nstream|from()|log()": "t:2:1: stream: the script begins with archive above",
		"archive|mean('v')":                       "cannot follow archive",
		"archive|fetch('a')|window().period(1s)":  "wants points",
	} {
		_, err := task.Load(task.Config{Name: "t", Script: script})
		require.ErrorContains(t, err, want, script)
	}
}
