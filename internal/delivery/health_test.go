package delivery

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal/journaltest"
)

const watched = `
topic: health
id: one
kind: talk
---
topic: health
id: two
kind: tcp
options: {address: "r:1"}
`

// second is a change of a dispatcher that adds a handler, talk, which always works.
func second(j *inbox) func(*Dispatcher) {
	return func(d *Dispatcher) {
		k := handler.Lookup("talk")
		d.handlers[k] = &integration{kind: k, sender: &receiver{answer: func(_ context.Context, e *alert.Event, _ int) error {
			j.mu.Lock()
			defer j.mu.Unlock()
			j.events = append(j.events, e)
			return nil
		}}}
		d.c.HealthTopic, d.c.HealthAfter = "health", 5*time.Minute
	}
}

func about(e *alert.Event) string {
	host, _ := os.Hostname()
	return fmt.Sprintf("%s:%s<%s %s", strings.Replace(e.ID, host+":", "HOST:", 1), e.Level, e.Previous, e.Message)
}

// TestHealthOfHandlers lets a handler fail, across restarts, and wants the other one to hear of it.
func TestHealthOfHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		var up atomic.Bool
		var tcp, talk inbox
		open := func() *rig { return start(t, dir, up.Load, withTopics(t, watched), tcp.keep, second(&talk)) }
		x := open()
		x.write("a-1", "CRITICAL")
		pass(4 * time.Minute)
		require.Empty(t, talk.take(), "not yet")
		pass(2 * time.Minute)
		got := talk.show(about)
		require.Len(t, got, 1)
		require.Regexp(t, `^HOST:handler:tcp:r:1:CRITICAL<OK Handler tcp:r:1 has failed since .*, 1 deliveries wait: down$`, got[0])
		x.close(t)
		x = open()
		pass(20 * time.Minute)
		require.Empty(t, talk.take(), "it is known")
		x.write("a-2", "OK")
		up.Store(true)
		pass(2 * time.Minute)
		require.Equal(t, []string{"HOST:handler:tcp:r:1:OK<CRITICAL Handler tcp:r:1 no longer fails"}, talk.show(about))
		require.Equal(t, []string{"a-1:CRITICAL<OK", "a-2:OK<OK"}, tcp.show(levels), "nothing about itself")
		pass(time.Hour)
		require.Empty(t, talk.take())

		// What recovered while the plugin was down is told after the start.
		up.Store(false)
		x.write("a-3", "CRITICAL")
		pass(10 * time.Minute)
		require.Len(t, talk.take(), 1)
		x.close(t)
		up.Store(true)
		x = open()
		pass(time.Minute)
		require.Equal(t, []string{"HOST:handler:tcp:r:1:OK<CRITICAL Handler tcp:r:1 no longer fails"}, talk.show(about))
		x.close(t)
	})
}

func TestHealthOfSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		var up atomic.Bool
		var talk inbox
		x := start(t, dir, up.Load, withTopics(t, watched), second(&talk), func(d *Dispatcher) { d.c.MaxEvents, d.c.HealthAfter = 100, time.Hour })
		for i := range 89 {
			x.write(fmt.Sprintf("a%d-1", i), "CRITICAL")
		}
		pass(time.Minute)
		require.Empty(t, talk.take())
		x.write("b-1", "CRITICAL")
		pass(time.Minute)
		require.Equal(t, []string{"HOST:spool:WARNING<OK The spool is 90 % full; beyond that alerts are lost"}, talk.show(about))
		dir.SetFail(func(int, string) error { return journaltest.ErrTorn })
		x.write("b-2", "OK")
		pass(15 * time.Second)
		require.Equal(t, []string{"HOST:spool:CRITICAL<WARNING The spool cannot be written, alerts are in memory only: no space left on device"}, talk.show(about))
		require.EqualError(t, x.isBroken(), "no space left on device")
		dir.SetFail(nil)
		pass(time.Minute)
		require.Equal(t, []string{"HOST:spool:WARNING<CRITICAL The spool is 93 % full; beyond that alerts are lost"}, talk.show(about))
		up.Store(true)
		pass(10 * time.Minute)
		got := talk.take()
		require.Len(t, got, 1)
		require.Equal(t, "HOST:spool:OK<WARNING The spool has room and can be written", about(got[0]))
		require.Greater(t, got[0].Duration, time.Minute)
		x.close(t)
	})
}

// TestStuckWorker finds a handler that does not heed its limit of time.
func TestStuckWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		hang := make(chan struct{})
		o, _ := b.handler("x", 1, func(context.Context, *alert.Event, int) error {
			<-hang
			return errors.New("enough")
		})
		b.emit("a", o)
		pass(80 * time.Second)
		require.NoError(t, b.isBroken())
		wrong, unknown := b.look()
		require.Empty(t, wrong)
		require.True(t, unknown["handler:x"])
		pass(11 * time.Second)
		require.EqualError(t, b.isBroken(), "handler x hangs")
		wrong, _ = b.look()
		require.Contains(t, wrong["handler:x"].text, "Handler x has hung since 2000-01-01T00:00:00Z")
		close(hang)
		synctest.Wait()
		require.NoError(t, b.isBroken())
		b.mustClose(t)
	})
}

// TestLabels keeps secrets out of the names of handlers.
func TestLabels(t *testing.T) {
	post := handler.Lookup("post")
	for key, want := range map[string]string{
		"post":                                 "post",
		"post ops":                             "post:ops",
		"post http://h:1/?token":               "post:h:1",
		"post https://user:secret@h/{{ .ID }}": "post:h",
		"post https://h?secret":                "post:h",
	} {
		require.Equal(t, want, label(&integration{kind: post}, key))
	}
}

// TestHeartbeatNeedsSpool wants no heartbeat while the spool cannot be written.
func TestHeartbeatNeedsSpool(t *testing.T) {
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer server.Close()
	dir := journaltest.New()
	x := start(t, dir, always, func(d *Dispatcher) {
		var err error
		d.heartbeat, err = handler.NewHeartbeat(&handler.HeartbeatConfig{URL: handler.TextSecret(server.URL), Interval: time.Millisecond, Timeout: time.Minute})
		require.NoError(t, err)
	})
	eventually(t, func() bool { return calls.Load() > 2 })
	dir.SetFail(func(int, string) error { return journaltest.ErrTorn })
	x.write("a-1", "CRITICAL")
	eventually(t, func() bool { return x.counts.get("heartbeats_withheld", "") > 2 })
	require.Contains(t, x.log.lastError(), "heartbeat withheld: no space left on device")
	before := calls.Load()
	n := x.counts.get("heartbeats_withheld", "")
	eventually(t, func() bool { return x.counts.get("heartbeats_withheld", "") > n+5 })
	require.Equal(t, before, calls.Load())
	require.Equal(t, before, x.counts.get("heartbeats", ""))
	x.close(t)
}

func (d *Dispatcher) isBroken() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.broken(time.Now())
}

// look returns what is wrong with handlers, however short a time.
func (d *Dispatcher) look() (wrong map[string]condition, unknown map[string]bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.conditions(time.Now(), 0, alert.OK)
}
