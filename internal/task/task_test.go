package task_test

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// buggy is a node that panics at a point with the field bug.
type buggy struct{}

func init() { spec.Register("buggy", func() spec.Declarer { return buggy{} }) }

func (buggy) Declare(s *spec.Spec) { s.Doc("Has a bug.") }

func (buggy) Open(out point.Sink) point.Sink { return &buggySink{spec.Forward{Out: out}} }

type buggySink struct{ spec.Forward }

func (b *buggySink) Point(p *point.Point) {
	if p.Field("bug").Kind != point.Missing {
		var none []int
		_ = none[len(p.Fields)]
	}
	b.Out.Point(p)
}

func newPoint(field string) *point.Point {
	return &point.Point{Name: "m", DB: "telegraf", RP: "autogen", Fields: []point.Field{{Key: field, Value: point.IntValue(1)}}}
}

// TestBorder wants a panic in a node to stop its task with a named error, and nothing else.
func TestBorder(t *testing.T) {
	tk, err := task.Load(task.Config{Name: "b", Script: `stream|from()|buggy()|where(lambda: TRUE)|influxDBOut()`})
	require.NoError(t, err)
	require.NoError(t, tk.Start(0))
	require.NoError(t, tk.Push(newPoint("v")))
	require.Len(t, tk.Take(), 1)

	err = tk.Push(newPoint("bug"))
	var bug runtime.Error
	require.ErrorAs(t, err, &bug)
	require.ErrorContains(t, err, "b: buggy2: internal error: ")
	require.Contains(t, string(tk.Stack()), "buggySink")
	require.Equal(t, err, tk.Push(newPoint("v")), "a task that has failed takes no more points")
	require.Equal(t, err, tk.Tick(1))
	require.Equal(t, err, tk.Close())
	require.Empty(t, tk.Take())
}

// TestDispatch wants a task to get the points of its databases and measurements.
func TestDispatch(t *testing.T) {
	for _, c := range []struct {
		script string
		names  []string
		all    bool
		writes int // of one point m in telegraf.autogen
	}{
		{`stream|from().measurement('m')|influxDBOut()`, []string{"m"}, false, 1},
		{`stream|from().measurement('x')|influxDBOut()`, []string{"x"}, false, 0},
		{`stream|from()|influxDBOut()`, nil, true, 1},
		{`stream|from().measurement('m')|influxDBOut()
		  stream|from()|influxDBOut()`, []string{"m"}, true, 4}, // as in Kapacitor
		{`dbrp "other"."autogen" stream|from()|influxDBOut()`, nil, true, 0},
		{`stream|from().database('other')|influxDBOut()`, nil, true, 0},
		{`stream|from().retentionPolicy('autogen')|influxDBOut()`, nil, true, 1},
	} {
		tk, err := task.Load(task.Config{Name: "d", Script: c.script})
		require.NoError(t, err)
		require.NoError(t, tk.Start(0))
		names, all := tk.Measurements()
		require.Equal(t, c.names, names)
		require.Equal(t, c.all, all)
		require.NoError(t, tk.Push(newPoint("v")))
		require.Len(t, tk.Take(), c.writes, c.script)
	}
}

// TestEffects wants the effects of one call to stay whole until the next, however many there are.
func TestEffects(t *testing.T) {
	tk, err := task.Load(task.Config{Name: "e", Script: `stream|from()|window().period(1h).every(1h)|influxDBOut().database('d')`})
	require.NoError(t, err)
	require.NoError(t, tk.Start(0))
	const n = 1000
	for i := range n {
		p := newPoint("v")
		p.Time = int64(i)
		p.Fields[0].Value = point.IntValue(int64(i))
		require.NoError(t, tk.Push(p))
	}
	last := newPoint("v")
	last.Time = int64(time.Hour)
	require.NoError(t, tk.Push(last))
	effects := tk.Take()
	require.Len(t, effects, n)
	for i, e := range effects {
		require.Equal(t, int64(i), e.Point.Time)
		require.Equal(t, int64(i), e.Point.Field("v").Int())
	}
}

// TestRestoreRefuses wants a snapshot of another script, or a broken one, to be refused.
func TestRestoreRefuses(t *testing.T) {
	start := func(script string) *task.Task {
		tk, err := task.Load(task.Config{Name: "r", Script: script})
		require.NoError(t, err)
		require.NoError(t, tk.Start(0))
		return tk
	}
	a := start(`stream|from()|stateCount(lambda: TRUE)|influxDBOut()`)
	require.NoError(t, a.Push(newPoint("v")))
	var buf bytes.Buffer
	require.NoError(t, a.Save(&buf))
	saved := buf.Bytes()

	require.NoError(t, start(`stream|from()|stateCount(lambda: TRUE)|influxDBOut()`).Restore(bytes.NewReader(saved)))
	require.ErrorIs(t, start(`stream|from()|stateDuration(lambda: TRUE)|influxDBOut()`).Restore(bytes.NewReader(saved)), task.ErrMismatch)
	for n := range saved {
		require.Error(t, start(`stream|from()|stateCount(lambda: TRUE)|influxDBOut()`).Restore(bytes.NewReader(saved[:n])))
	}
}

// TestSnapshotSize wants a snapshot to grow with the state, not with what has been seen.
func TestSnapshotSize(t *testing.T) {
	size := func(points int) int {
		tk, err := task.Load(task.Config{Name: "s", Script: `stream|from()|window().period(10s).every(10s)|influxDBOut()`})
		require.NoError(t, err)
		require.NoError(t, tk.Start(0))
		for i := range points {
			p := newPoint("v")
			p.Time = int64(i) * int64(time.Second)
			require.NoError(t, tk.Push(p))
			tk.Take()
		}
		var buf bytes.Buffer
		require.NoError(t, tk.Save(&buf))
		return buf.Len()
	}
	require.InDelta(t, size(30), size(3000), 100)
}
