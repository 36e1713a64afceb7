package alerter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal/journaltest"
)

const watched = `
  [[outputs.alerter.handler]]
    topic = "health"
    kind = "talk"
  [[outputs.alerter.handler]]
    topic = "health"
    kind = "tcp"
    options = {address = "r:1"}
`

// A second is a change of a plugin that adds a handler, talk, which always works.
func second(j *inbox) func(*Alerter) {
	return func(a *Alerter) {
		k := handler.Lookup("talk")
		a.outlets[k] = &outlet{kind: k, sender: &receiver{answer: func(_ context.Context, e *alert.Event, _ int) error {
			j.mu.Lock()
			defer j.mu.Unlock()
			j.events = append(j.events, e)
			return nil
		}}}
		a.HealthTopic, a.HealthAfter = "health", 300e9
		a.stop = make(chan struct{})
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
		open := func() *durable {
			x := startDurable(t, dir, up.Load, withTopics(t, watched), tcp.keep, second(&talk))
			x.startHealth()
			return x
		}
		x := open()
		x.write(t, "a-1", "CRITICAL")
		pass(4 * time.Minute)
		require.Empty(t, talk.take(), "not yet")
		pass(2 * time.Minute)
		got := talk.show(about)
		require.Len(t, got, 1)
		require.Regexp(t, `^HOST:handler:tcp:r:1:CRITICAL<OK Handler tcp:r:1 has failed since .*, 1 deliveries wait: down$`, got[0])
		x.stop(t)
		x = open()
		pass(20 * time.Minute)
		require.Empty(t, talk.take(), "it is known")
		x.write(t, "a-2", "OK")
		up.Store(true)
		pass(2 * time.Minute)
		require.Equal(t, []string{"HOST:handler:tcp:r:1:OK<CRITICAL Handler tcp:r:1 no longer fails"}, talk.show(about))
		require.Equal(t, []string{"a-1:CRITICAL<OK", "a-2:OK<OK"}, tcp.show(levels), "nothing about itself")
		pass(time.Hour)
		require.Empty(t, talk.take())

		// What recovered while the plugin was down is told after the start.
		up.Store(false)
		x.write(t, "a-3", "CRITICAL")
		pass(10 * time.Minute)
		require.Len(t, talk.take(), 1)
		x.stop(t)
		up.Store(true)
		x = open()
		pass(time.Minute)
		require.Equal(t, []string{"HOST:handler:tcp:r:1:OK<CRITICAL Handler tcp:r:1 no longer fails"}, talk.show(about))
		x.stop(t)
	})
}

func TestHealthOfSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		var up atomic.Bool
		var talk inbox
		x := startDurable(t, dir, up.Load, withTopics(t, watched), second(&talk), func(a *Alerter) { a.SpoolMaxEvents, a.HealthAfter = 100, 3600e9 })
		x.startHealth()
		for i := range 89 {
			x.write(t, fmt.Sprintf("a%d-1", i), "CRITICAL")
		}
		pass(time.Minute)
		require.Empty(t, talk.take())
		x.write(t, "b-1", "CRITICAL")
		pass(time.Minute)
		require.Equal(t, []string{"HOST:spool:WARNING<OK The spool is 90 % full; beyond that alerts are lost"}, talk.show(about))
		dir.SetFail(func(int, string) error { return journaltest.ErrTorn })
		x.write(t, "b-2", "OK")
		pass(15 * time.Second)
		require.Equal(t, []string{"HOST:spool:CRITICAL<WARNING The spool cannot be written, alerts are in memory only: no space left on device"}, talk.show(about))
		require.EqualError(t, x.dispatch.sick(time.Now()), "no space left on device")
		dir.SetFail(nil)
		pass(time.Minute)
		require.Equal(t, []string{"HOST:spool:WARNING<CRITICAL The spool is 93 % full; beyond that alerts are lost"}, talk.show(about))
		up.Store(true)
		pass(10 * time.Minute)
		got := talk.take()
		require.Len(t, got, 1)
		require.Equal(t, "HOST:spool:OK<WARNING The spool has room and can be written", about(got[0]))
		require.Greater(t, got[0].Duration, time.Minute)
		x.stop(t)
	})
}

// TestStuckWorker finds a handler that does not heed its limit of time.
func TestStuckWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(spool())
		hang := make(chan struct{})
		o, _ := b.outlet("x", 1, func(context.Context, *alert.Event, int) error {
			<-hang
			return errors.New("enough")
		})
		b.emit("a", o)
		pass(80 * time.Second)
		require.NoError(t, b.sick(time.Now()))
		wrong, unknown := b.conditions(time.Now(), 0, alert.OK)
		require.Empty(t, wrong)
		require.True(t, unknown["handler:x"])
		pass(11 * time.Second)
		require.EqualError(t, b.sick(time.Now()), "handler x hangs")
		wrong, _ = b.conditions(time.Now(), 0, alert.OK)
		require.Contains(t, wrong["handler:x"].text, "Handler x has hung since 2000-01-01T00:00:00Z")
		close(hang)
		synctest.Wait()
		require.NoError(t, b.sick(time.Now()))
		b.close(time.Now())
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
		require.Equal(t, want, label(&queue{outlet: &outlet{kind: post}, key: key}))
	}
}

func TestHeartbeat(t *testing.T) {
	var mu sync.Mutex
	var got []string
	status := http.StatusOK
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		got = append(got, strings.Join([]string{r.Method, r.URL.String(), r.Header.Get("X-A"), r.Header.Get("Authorization"), string(b)}, " "))
		w.WriteHeader(status)
	}))
	defer s.Close()
	a, log := run(t, `
  [outputs.alerter.heartbeat]
    url = "`+s.URL+`/beat?x=1"
    interval = "20ms"
    headers = {X-A = "b"}
    token = "secret"
    body = "{{ .Interval }} {{ .Waiting }}"
`)
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(got)
	}
	eventually(t, func() bool { return count() >= 3 })
	mu.Lock()
	require.Equal(t, "POST /beat?x=1 b Bearer secret 20ms 0", got[0])
	status = http.StatusServiceUnavailable
	mu.Unlock()
	eventually(t, func() bool {
		return strings.Contains(strings.Join(log.Warnings(), "\n"), "heartbeat: post to 127.0.0.1:")
	})
	require.NotContains(t, strings.Join(log.Warnings(), "\n"), "x=1")

	// Without a spool that can be written there is no heartbeat.
	a.dispatch.mu.Lock()
	a.dispatch.spool = brokenSpool{a.dispatch.spool}
	a.dispatch.mu.Unlock()
	eventually(t, func() bool { return strings.Contains(log.LastError(), "heartbeat withheld: disk is gone") })
	time.Sleep(20 * time.Millisecond)
	n := count()
	time.Sleep(100 * time.Millisecond)
	require.Equal(t, n, count())

	for text, want := range map[string]string{
		`interval = "1m"`:                           "heartbeat: url is missing",
		"url = 'http://x'\ninterval = '0s'":         "interval and timeout must be positive",
		"url = 'http://x'\nbody = '{{ .Nope }}'":    "can't evaluate field Nope",
		"url = 'http://x'\ntls_ca = '/nosuch/file'": "heartbeat: ",
	} {
		a, err := load("[outputs.alerter.heartbeat]\n" + text)
		require.NoError(t, err, text)
		require.ErrorContains(t, a.Init(), want)
	}
	_, err := load("[outputs.alerter.heartbeat]\nulr = 'x'")
	require.ErrorContains(t, err, `outputs.alerter.heartbeat: unknown option "ulr"; did you mean url?`)
	a, err = load("health_topic = 'a b'")
	require.NoError(t, err)
	require.ErrorContains(t, a.Init(), `health_topic: topic "a b": want letters`)
}

type brokenSpool struct{ Spool }

func (brokenSpool) Broken() error { return errors.New("disk is gone") }

var _ telegraf.Output = (*Alerter)(nil)
