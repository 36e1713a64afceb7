//go:build unix

package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A storm of more alerts than the agent's buffer for an output holds, which drops the oldest metrics
// when it is full: all are delivered, in order, and once.
func TestStorm(t *testing.T) {
	t.Parallel()
	t.Run("default buffer", func(t *testing.T) { storm(t, "") }) // metric_buffer_limit is 10000
	t.Run("small buffer", func(t *testing.T) { storm(t, "  metric_buffer_limit = 1000\n") })
}

func storm(t *testing.T, buffer string) {
	const events = 15_000
	hook := startHook(t, nil)
	s := newSetup(t)
	s.state = s.file("state")
	s.tick = `  queue_full = "block"`
	s.alerter = buffer + `  spool_max_events = 100000`
	s.script("storm", feederRule(".post('"+hook.URL+"')"))
	a := s.start()
	f := feeder{ms: 1511323440000}
	points := f.round(events)
	conn := s.dial()
	defer conn.Close()
	begin := time.Now()
	_, err := conn.Write([]byte(points))
	require.NoError(t, err)
	hook.wait(t, events)
	took := time.Since(begin)
	a.stop() // what comes twice has come now
	got, repeats, err := sortOut(posted(t, hook.wait(t, 0)))
	require.NoError(t, err)
	require.Empty(t, repeats)
	require.NoError(t, got.chained())
	require.Equal(t, events, got.size())
	require.Empty(t, a.matches(0, "buffer overflow"))
	t.Logf("%d alerts at once, delivered within %.1fs", events, took.Seconds())
}

// Another output that takes alerts has been down for long: the agent keeps all events for it and emits
// them again after each start, but no receiver gets one twice.
func TestOtherOutputDown(t *testing.T) {
	t.Parallel()
	const rounds, events = 4, 1000
	hook := startHook(t, nil)
	s := newSetup(t)
	s.state = s.file("state")
	s.alerter = `  spool_max_events = 100000`
	s.outputs = `
[[outputs.http]]
  url = "http://` + local(freePort(t)) + `"
  tagpass = {tick = ["alert"]}
`
	s.script("other", feederRule(".post('"+hook.URL+"')"))
	f := feeder{ms: 1511323440000}
	var begins []int
	for i := range rounds {
		begins = append(begins, len(hook.wait(t, i*events)))
		a := s.start()
		s.send(f.round(events))
		hook.wait(t, (i+1)*events)
		if i == 0 {
			a.stop()
		} else {
			a.kill()
		}
		hook.idle(t)
	}
	a := s.start()
	a.wait(`I! \[processors.tick\] Emitting \d+ alert events again`)
	t.Log(a.matches(0, `Emitting \d+ alert events again`)[0])
	s.send(f.round(500)) // behind those
	hook.wait(t, rounds*events+500)
	list := posted(t, hook.wait(t, 0))
	got, repeats, err := sortOut(list)
	require.NoError(t, err)
	require.NoError(t, got.chained())
	require.Equal(t, rounds*events+500, got.size())
	require.NoError(t, once(begins, repeats, list))
	t.Logf("%d alerts over %d starts, %d repeats", got.size(), rounds+1, len(repeats))
}
