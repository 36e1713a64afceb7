package tick

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/replay"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/ticktest"
)

// A live is a plugin with a clock that stands still unless it is moved.
type live struct {
	*Tick
	acc *testutil.Accumulator
	now *atomic.Int64
	mu  sync.Mutex
	out bytes.Buffer
	w   *replay.Transcript
	ask int64 // requests seen
}

func newLive(at int64) *live {
	l := &live{Tick: newTick(), acc: &testutil.Accumulator{}, now: new(atomic.Int64)}
	l.Scripts, l.DatabaseTag, l.RetentionPolicyTag = nil, "database", "retention_policy"
	l.Log = &testutil.CaptureLogger{}
	l.w = replay.NewTranscript(&l.out)
	l.now.Store(at)
	l.clock = l.now.Load
	l.transport = fixedStatus(200)
	l.observe = func(_ string, x *spec.Effect) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.w.Effect(x)
		if x.Kind == spec.PostEffect {
			l.ask++
		}
	}
	return l
}

// fixedStatus answers every request.
type fixedStatus int

func (s fixedStatus) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: int(s), Body: io.NopCloser(strings.NewReader(""))}, nil
}

// settle waits until the tasks have dealt with everything, the answers to requests included.
func (l *live) settle() {
	for {
		l.mu.Lock()
		asked := l.ask
		l.mu.Unlock()
		<-l.engine.each(func(*runner) {})
		l.mu.Lock()
		same := asked == l.ask && l.engine.counters.answers.Load() == asked
		l.mu.Unlock()
		if same {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// tick moves the clock on.
func (l *live) tick(to int64) {
	l.now.Store(to)
	l.engine.each(func(r *runner) {
		if r.next <= to {
			r.tick(to)
		}
	})
	l.settle()
}

func toMetric(p *point.Point) telegraf.Metric {
	tags := map[string]string{"database": p.DB, "retention_policy": p.RP}
	for _, t := range p.Tags {
		tags[t.Key] = t.Value
	}
	fields := map[string]any{}
	for _, f := range p.Fields {
		fields[f.Key] = f.Value.Any()
	}
	return metric.New(p.Name, tags, fields, time.Unix(0, p.Time))
}

// transcript runs a vector through the plugin and returns what a replay of it would write.
func transcript(t *testing.T, v *ticktest.Vector) []string {
	t.Helper()
	task, err := v.Load()
	if err != nil {
		return []string{`{"kind":"error"}`}
	}
	src, err := replay.NewLines(v.Name+".lp", bytes.NewReader(v.Data), task.DBRPs()[0])
	require.NoError(t, err)
	var items []replay.Item
	started := false
	for {
		it, err := src.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if it.Point != nil {
			it.Point = it.Point.Clone()
			started = true
		}
		if started {
			items = append(items, it)
		}
	}
	clock := int64(0)
	if len(items) > 0 {
		clock = items[0].Point.Time
	}
	l := newLive(clock)
	l.Tasks = []*Task{{Name: v.Name, Script: v.Script}}
	l.Strict = true
	if err := l.Init(); err != nil {
		return []string{`{"kind":"error"}`}
	}
	if len(items) == 0 {
		return nil
	}
	require.NoError(t, l.Start(l.acc))
	l.settle()
	last := clock
	for _, it := range items {
		if it.Point == nil {
			clock += int64(it.Advance)
			l.tick(clock)
			continue
		}
		clock, last = max(clock, it.Point.Time), max(last, it.Point.Time)
		l.tick(clock)
		require.NoError(t, l.Add(toMetric(it.Point), l.acc))
		l.settle()
	}
	l.tick(max(clock, last))
	for _, p := range l.engine.places {
		p.r.box.do(func() {
			ran := p.r.task
			if ran == nil {
				return
			}
			p.r.stop()
			if err := ran.Failed(); err != nil {
				l.w.Error(err.Error())
				return
			}
			for _, endpoint := range ran.HTTPOuts() {
				if result, ok := ran.HTTPOut(endpoint); ok {
					l.w.HTTPOut(endpoint, result)
				}
			}
		})
	}
	l.Stop()
	require.NoError(t, l.w.Flush())
	return strings.FieldsFunc(l.out.String(), func(r rune) bool { return r == '\n' })
}

// vectorScripts is how many vectors are scripts with data; the others are of the formatter.
const vectorScripts = 427

// TestLiveConformance runs every vector through the plugin. What comes out must be what a replay
// writes, to the byte, and so what Kapacitor did.
func TestLiveConformance(t *testing.T) {
	files, err := ticktest.Vectors("../../../testdata/conformance")
	require.NoError(t, err)
	ran := 0
	for _, file := range files {
		v, err := ticktest.LoadVector(file)
		require.NoError(t, err)
		if v == nil {
			continue
		}
		ran++
		t.Run(filepath.Base(v.Name), func(t *testing.T) {
			replayed, err := v.Replay()
			require.NoError(t, err)
			got := transcript(t, v)
			require.Empty(t, v.Compare(got))
			if !strings.HasPrefix(v.Name, "reject-") {
				require.Equal(t, strings.Join(replayed, "\n"), strings.Join(got, "\n"))
			}
		})
	}
	require.Equal(t, vectorScripts, ran)
}

// TestLiveRandom runs random scripts through the plugin: what comes out is what a replay writes.
func TestLiveRandom(t *testing.T) {
	ran := 0
	for seed := range 400 {
		v := ticktest.Random(ticktest.Noise(seed))
		tk, err := v.Load()
		if err != nil || tk.Start(0) != nil || strings.Contains(v.Script, "sideload") || strings.Contains(v.Script, "httpPost") || strings.Contains(v.Script, "Autoscale") {
			continue // no task, or one that asks the outside
		}
		ran++
		replayed, err := v.Replay()
		require.NoError(t, err)
		require.Equal(t, strings.Join(replayed, "\n"), strings.Join(transcript(t, v), "\n"), "seed %d\n%s\n%s", seed, v.Script, v.Data)
	}
	require.Greater(t, ran, 80)
}
