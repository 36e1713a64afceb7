package engine

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/replay"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/ticktest"
)

// A live is a rig with a clock that stands still unless it is moved.
type live struct {
	*rig
	now *atomic.Int64
	mu  sync.Mutex
	out bytes.Buffer
	w   *replay.Transcript
}

func newLive(at int64) *live {
	l := &live{rig: newRig(), now: new(atomic.Int64)}
	l.w = replay.NewTranscript(&l.out)
	l.now.Store(at)
	l.conf.Clock = l.now.Load
	l.conf.Host, _ = os.Hostname() // a replay has it, too
	l.transport = fixedStatus(200)
	l.observe = func(_ string, x *spec.Effect) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.w.Effect(x)
	}
	return l
}

// fixedStatus answers every request.
type fixedStatus int

func (s fixedStatus) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: int(s), Body: io.NopCloser(strings.NewReader(""))}, nil
}

// tick moves the clock on.
func (l *live) tick(to int64) {
	l.now.Store(to)
	l.each(func(r *runner) {
		if r.next <= to {
			r.tick(to)
		}
	})
	synctest.Wait()
}

// transcript runs a vector through the engine and returns what a replay of it would write.
func transcript(t *testing.T, v *ticktest.Vector) (out []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { out = bubbled(t, v) })
	return out
}

func bubbled(t *testing.T, v *ticktest.Vector) []string {
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
	l.conf.Scripts.Tasks = []Script{{Name: v.Name, Text: v.Script}}
	if len(l.init()) > 0 {
		return []string{`{"kind":"error"}`}
	}
	if len(items) == 0 {
		return nil
	}
	l.open(t)
	l.Run()
	synctest.Wait()
	last := clock
	for _, it := range items {
		if it.Point == nil {
			clock += int64(it.Advance)
			l.tick(clock)
			continue
		}
		clock, last = max(clock, it.Point.Time), max(last, it.Point.Time)
		l.tick(clock)
		l.Add(it.Point)
		synctest.Wait()
	}
	l.tick(max(clock, last))
	for _, p := range l.places {
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

// TestLiveConformance runs every vector through the engine. What comes out must be what a replay
// writes, to the byte, and so what Kapacitor did.
func TestLiveConformance(t *testing.T) {
	files, err := ticktest.Vectors("../../testdata/conformance")
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

// TestLiveRandom runs random scripts through the engine: what comes out is what a replay writes.
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
