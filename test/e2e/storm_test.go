//go:build unix

package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A storm of more alerts than the outbox and the agent's buffers hold: all are delivered, in order, and
// once.
func TestStorm(t *testing.T) {
	t.Parallel()
	t.Run("default", func(t *testing.T) { storm(t, "") }) // outbox_max_events is 10000
	t.Run("small outbox", func(t *testing.T) { storm(t, "  outbox_max_events = 500\n") })
}

func storm(t *testing.T, tick string) {
	const events = 15_000
	hook := startHook(t, nil)
	s := newSetup(t)
	s.state = s.file("state")
	s.tick = tick + `  queue_full = "block"`
	s.alerter = `  spool_max_events = 100000`
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
	require.Empty(t, a.matches(0, "buffer overflow|W! .*Outbox"))
	t.Logf("%d alerts at once, delivered within %.1fs", events, took.Seconds())
}

// Another output has been down for long: that is nothing to alerts, over several starts and kills.
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
	s.start()
	s.send(f.round(500))
	hook.wait(t, rounds*events+500)
	list := posted(t, hook.wait(t, 0))
	got, repeats, err := sortOut(list)
	require.NoError(t, err)
	require.NoError(t, got.chained())
	require.Equal(t, rounds*events+500, got.size())
	require.NoError(t, once(begins, repeats, list))
	require.Less(t, len(repeats), events, "the output that is down keeps none of them in the outbox")
	t.Logf("%d alerts over %d starts, %d repeats", got.size(), rounds+1, len(repeats))
}
