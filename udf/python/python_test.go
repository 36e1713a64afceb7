package python_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/udf"
	"github.com/telegraf-tigk/telegraf-tigk/udf/python/pythontest"
)

// TestAgent runs the tests of the Python package.
func TestAgent(t *testing.T) {
	out, err := pythontest.Command(t, "-W", "error", "test_agent.py").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Regexp(t, `Ran \d\d tests`, string(out))
	t.Logf("%s", out)
}

// A process is a running function in Python.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *udf.Reader
	stderr notes
}

// notes is what a process says, to be read while it goes on.
type notes struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (n *notes) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(b)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: pythontest.Command(t, args...)}
	p.cmd.Stderr = &p.stderr
	var err error
	p.in, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.out = udf.NewReader(out, 0)
	require.NoError(t, p.cmd.Start())
	return p
}

// send writes frames while responses are read.
func (p *process) send(frames []byte) {
	go func() { _, _ = p.in.Write(frames) }()
}

func (p *process) read() *udf.Response {
	p.t.Helper()
	r := new(udf.Response)
	require.NoError(p.t, p.out.Read(r), "%s", p.stderr.String())
	return r
}

// end ends the input and expects the process to end well.
func (p *process) end() {
	p.t.Helper()
	require.NoError(p.t, p.in.Close())
	require.ErrorIs(p.t, p.out.Read(new(udf.Response)), io.EOF)
	require.NoError(p.t, p.cmd.Wait())
}

// TestManagement has a function in Python check what our encoder writes, and our decoder read what
// Python writes.
func TestManagement(t *testing.T) {
	p := start(t, "testdata/mirror.py")
	p.send(udf.AppendInfo(nil))
	require.Equal(t, udf.Info{
		Wants: udf.Batch, Provides: udf.Stream,
		Options: map[string][]udf.ValueType{"mix": {udf.Bool, udf.Int, udf.Double, udf.String, udf.Duration}, "none": nil},
	}, p.read().Info)
	p.send(udf.AppendInit(nil, &udf.Init{Task: "cpu", Node: "mirror2", Options: []udf.Option{
		{Name: "mix", Values: []point.Value{
			point.BoolValue(false), point.IntValue(-1), point.FloatValue(2.5), point.StringValue(""), point.DurationValue(10 * time.Second),
		}},
		{Name: "none"},
	}}))
	r := p.read()
	require.True(t, r.Success, r.Error)
	p.send(udf.AppendInit(nil, &udf.Init{Task: "ö"}))
	r = p.read()
	require.False(t, r.Success)
	require.Contains(t, r.Error, "taskID")
	p.send(udf.AppendRestore(nil, []byte("12\xff")))
	require.True(t, p.read().Success)
	p.send(udf.AppendSnapshot(nil))
	require.Equal(t, "12\xff", string(p.read().Snapshot))
	p.send(udf.AppendKeepalive(nil, math.MinInt64))
	require.Equal(t, int64(math.MinInt64), p.read().Time)
	p.send(udf.AppendPoint(nil, &point.Point{Name: "print"}))
	require.Equal(t, "print", p.read().Point.Name)
	p.end()
	require.Equal(t, "printed\n", p.stderr.String(), "what a script prints goes to the log")
}

// TestData sends random points and batches to a function in Python, which takes them apart, puts them
// together again and sends them back.
func TestData(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		out := make([]rune, 1+random.IntN(4))
		for i := range out {
			out[i] = []rune("ab=,\"é\n世\x00")[random.IntN(9)]
		}
		return strings.Repeat(string(out), 1+random.IntN(2)*random.IntN(60))
	}
	tags := func() (out []point.Tag) {
		for range random.IntN(4) {
			out = point.SetTag(out, text(), text())
		}
		return out
	}
	makePoint := func() point.Point {
		p := point.Point{Time: random.Int64()>>random.IntN(64) - 1000, Tags: tags()}
		for range random.IntN(8) {
			values := []point.Value{
				point.FloatValue(random.NormFloat64()), point.FloatValue(math.Inf(-1)), point.FloatValue(math.Copysign(0, -1)), point.FloatValue(0),
				point.IntValue(-random.Int64()), point.IntValue(random.Int64() >> random.IntN(64)), point.StringValue(text()), point.StringValue(""),
				point.BoolValue(true), point.BoolValue(false),
			}
			p.Fields = point.SetField(p.Fields, text(), values[random.IntN(len(values))])
		}
		return p
	}
	p := start(t, "testdata/mirror.py")
	for range 10 {
		var points []point.Point
		var batches []point.Batch
		var frames []byte
		for range 200 {
			x := makePoint()
			x.Name, x.DB, x.RP = text(), text(), text()
			x.Group = &point.Group{ID: text(), Dims: []string{text(), text()}, ByName: random.IntN(2) == 0}
			points = append(points, x)
			frames = udf.AppendPoint(frames, &x)
		}
		for range 50 {
			b := point.Batch{Name: text(), TMax: random.Int64(), Group: &point.Group{ID: text(), Tags: tags(), ByName: random.IntN(2) == 0}}
			for range random.IntN(5) {
				b.Points = append(b.Points, makePoint())
			}
			batches = append(batches, b)
			frames = udf.AppendBatch(frames, &b)
		}
		p.send(udf.AppendKeepalive(frames, 5))

		for _, want := range points {
			got := p.read()
			require.Equal(t, udf.PointReply, got.Kind)
			require.Equal(t, want.Group.Dims, got.Dims)
			require.Equal(t, want.Group.ByName, got.ByName)
			want.Group = nil
			samePoint(t, &want, &got.Point)
		}
		for _, want := range batches {
			begin := p.read()
			require.Equal(t, udf.BeginReply, begin.Kind)
			require.Equal(t, int64(len(want.Points)), begin.Size)
			require.Equal(t, want.Group.ByName, begin.ByName)
			for i := range want.Points {
				got := p.read()
				require.Equal(t, udf.PointReply, got.Kind)
				samePoint(t, &want.Points[i], &got.Point)
			}
			end := p.read()
			require.Equal(t, udf.EndReply, end.Kind)
			require.Equal(t, want.Name, end.Name)
			require.Equal(t, want.TMax, end.TMax)
			require.Equal(t, fmt.Sprint(want.Group.Tags), fmt.Sprint(end.Tags))
		}
		require.Equal(t, udf.KeepaliveReply, p.read().Kind)
	}
	p.end()
}

// samePoint compares points; an empty list is like none.
func samePoint(t *testing.T, want, got *point.Point) {
	t.Helper()
	require.Equal(t, string(point.AppendLine(nil, want)), string(point.AppendLine(nil, got)))
	require.Equal(t, want.Time, got.Time)
	require.Equal(t, []string{want.Name, want.DB, want.RP}, []string{got.Name, got.DB, got.RP})
	require.Len(t, got.Fields, len(want.Fields))
	for i, f := range want.Fields {
		require.Equal(t, f, got.Fields[i])
	}
	require.Equal(t, fmt.Sprint(want.Tags), fmt.Sprint(got.Tags))
}

// TestException tells the agent what went wrong, the log where, and ends the process.
func TestException(t *testing.T) {
	p := start(t, "testdata/mirror.py")
	p.send(udf.AppendPoint(udf.AppendPoint(nil, &point.Point{Name: "fail"}), &point.Point{Name: "late"}))
	r := p.read()
	require.Equal(t, udf.ErrorReply, r.Kind)
	require.Equal(t, "error processing request of type point: told to fail", r.Error)
	p.end()
	require.Contains(t, p.stderr.String(), "ValueError: told to fail")
}

// TestKilled has the process end in the middle.
func TestKilled(t *testing.T) {
	p := start(t, "testdata/mirror.py")
	p.send(udf.AppendKeepalive(nil, 1))
	p.read()
	require.NoError(t, p.cmd.Process.Kill())
	require.ErrorIs(t, p.out.Read(new(udf.Response)), io.EOF)
	var exit *exec.ExitError
	require.ErrorAs(t, p.cmd.Wait(), &exit)
}

// BenchmarkMirror counts points that go to a process in Python and come back.
func BenchmarkMirror(b *testing.B) {
	cmd := pythontest.Command(b, "testdata/mirror.py")
	in, err := cmd.StdinPipe()
	require.NoError(b, err)
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	frame := udf.AppendPoint(nil, &point.Point{
		Name: "cpu", Time: 1700000000000000000, Tags: []point.Tag{{Key: "cpu", Value: "cpu-total"}, {Key: "host", Value: "a"}},
		Fields: []point.Field{{Key: "usage_idle", Value: point.FloatValue(91.5)}, {Key: "usage_user", Value: point.FloatValue(3)}},
		Group:  &point.Group{ID: "host=a", Dims: []string{"host"}},
	})
	r := udf.NewReader(out, 0)
	b.ResetTimer()
	go func() {
		many := bytes.Repeat(frame, 100)
		for n := b.N; n > 0; n -= 100 {
			_, _ = in.Write(many[:len(frame)*min(n, 100)])
		}
		_ = in.Close()
	}()
	resp := new(udf.Response)
	for range b.N {
		require.NoError(b, r.Read(resp))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "points/s")
	require.NoError(b, cmd.Wait())
}
