package alerter

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal/journaltest"
	"github.com/telegraf-tigk/telegraf-tigk/plugins/alertmetric"
)

// withTopics gives a plugin the topic handlers of a configuration.
func withTopics(t *testing.T, text string) func(*Alerter) {
	t.Helper()
	x, err := load(text)
	require.NoError(t, err)
	return func(a *Alerter) { a.topics = x.topics }
}

// inTopic returns an event of an alert in topic tp, without handlers of its own.
func inTopic(eventID, level, previous string) telegraf.Metric {
	return event(eventID, level, previous, "[]")
}

// An inbox has what the receiver of a plugin got.
type inbox struct {
	mu     sync.Mutex
	events []*alert.Event
}

// keep is a change of a plugin that makes its receiver fill the inbox.
func (j *inbox) keep(a *Alerter) {
	for _, o := range a.outlets {
		if r, ok := o.sender.(*receiver); ok {
			answer := r.answer
			r.answer = func(ctx context.Context, e *alert.Event, try int) error {
				err := answer(ctx, e, try)
				if err == nil {
					j.mu.Lock()
					j.events = append(j.events, e)
					j.mu.Unlock()
				}
				return err
			}
		}
	}
}

// take returns what has come since the last call.
func (j *inbox) take() []*alert.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	list := j.events
	j.events = nil
	return list
}

func (j *inbox) show(what func(e *alert.Event) string) (list []string) {
	for _, e := range j.take() {
		list = append(list, what(e))
	}
	return list
}

func message(e *alert.Event) string { return e.Message }

func levels(e *alert.Event) string {
	return fmt.Sprintf("%s:%s<%s", e.EventID, e.Level, e.Previous)
}

const publishing = `
  [[outputs.alerter.handler]]
    topic = "tp"
    kind = "publish"
    match = "level() != WARNING"
    options = {topics = ["a", "b"]}
  [[outputs.alerter.handler]]
    topic = "a"
    kind = "publish"
    options = {topics = ["b"]}
  [[outputs.alerter.handler]]
    topic = "b"
    kind = "tcp"
    match = "changed()"
    options = {address = "r:1"}
`

// TestPublish wants topics to have levels of their own, across restarts, and an event that comes by
// two ways once.
func TestPublish(t *testing.T) {
	for _, kill := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			dir := journaltest.New()
			var j inbox
			start := func() *durable { return startDurable(t, dir, always, withTopics(t, publishing), j.keep) }
			x := start()
			restart := func() {
				if kill {
					next := dir.Killed()
					x.stop(t)
					dir = next
				} else {
					x.stop(t)
				}
				x = start()
			}
			for _, m := range []telegraf.Metric{
				inTopic("x-1", "CRITICAL", "OK"), inTopic("x-2", "CRITICAL", "CRITICAL"), inTopic("x-3", "WARNING", "CRITICAL"),
				inTopic("x-4", "CRITICAL", "WARNING"), inTopic("y-1", "INFO", "OK"), inTopic("x-5", "OK", "CRITICAL"),
				inTopic("x-6", "CRITICAL", "OK"),
			} {
				require.NoError(t, x.Write([]telegraf.Metric{m}))
				synctest.Wait()
				restart()
			}
			require.Equal(t, []string{"x-1:CRITICAL<OK", "y-1:INFO<OK", "x-5:OK<CRITICAL", "x-6:CRITICAL<OK"}, j.show(levels),
				"the warning did not reach topic b, so x-4 changed nothing there")
			for i := range 300 { // so many that there is another segment
				require.NoError(t, x.Write([]telegraf.Metric{inTopic(fmt.Sprintf("%s-%d", strings.Repeat("z", 40000), i), "OK", "OK")}))
			}
			restart()
			require.Greater(t, x.dispatch.spool.(*diskSpool).segments(), uint64(9), "the log has been rewritten")
			require.NoError(t, x.Write([]telegraf.Metric{inTopic("x-7", "OK", "CRITICAL")}))
			synctest.Wait()
			require.Equal(t, []string{"x-7:OK<CRITICAL"}, j.show(levels))
			x.stop(t)
		})
	}
}

const aggregating = `
  [[outputs.alerter.handler]]
    topic = "tp"
    kind = "aggregate"
    options = {id = "sum", interval = "10s", topic = "all"}
  [[outputs.alerter.handler]]
    topic = "all"
    kind = "tcp"
    options = {address = "r:1"}
`

func TestAggregate(t *testing.T) {
	for _, how := range []string{"go on", "stop", "kill"} {
		synctest.Test(t, func(t *testing.T) {
			dir := journaltest.New()
			var j inbox
			x := startDurable(t, dir, always, withTopics(t, aggregating), j.keep)
			require.NoError(t, x.Write([]telegraf.Metric{inTopic("a-1", "WARNING", "OK"), inTopic("b-1", "CRITICAL", "OK")}))
			pass(4 * time.Second)
			if how != "go on" {
				next := dir.Killed()
				x.stop(t)
				if how == "stop" {
					next = dir
				}
				dir = next
				x = startDurable(t, dir, always, withTopics(t, aggregating), j.keep)
			}
			later := inTopic("a-2", "OK", "WARNING")
			later.SetTime(later.Time().Add(time.Minute))
			require.NoError(t, x.Write([]telegraf.Metric{later, inTopic("b-1", "CRITICAL", "OK")}))
			pass(5900 * time.Millisecond)
			require.Empty(t, j.take(), "the interval has not passed")
			pass(200 * time.Millisecond)
			got := j.take()
			require.Len(t, got, 1)
			e := got[0]
			require.Equal(t, "Received 3 events in the last 10s.", e.Message)
			require.Equal(t, "a is WARNING\nb is CRITICAL\na is OK", e.Details)
			require.Equal(t, []any{"sum", alert.Critical, alert.OK, later.Time().UnixNano(), 5 * time.Second, false, ""},
				[]any{e.ID, e.Level, e.Previous, e.Time, e.Duration, e.Recoverable, e.Name})
			require.Equal(t, 3, strings.Count(string(e.Data), `"columns"`))
			pass(time.Hour)
			require.Empty(t, j.take(), "there is nothing more")
			require.NoError(t, x.Write([]telegraf.Metric{inTopic("a-3", "INFO", "OK")}))
			pass(10 * time.Second)
			got = j.take()
			require.Len(t, got, 1)
			require.Equal(t, alert.Critical, got[0].Previous)
			require.Zero(t, x.dispatch.room.len())
			x.stop(t)
			y := startDurable(t, dir, always, withTopics(t, aggregating), j.keep)
			pass(time.Hour)
			require.Empty(t, j.take(), "a restart repeats nothing")
			y.stop(t)
		})
	}
}

// TestAggregateAtStop makes the event early if there is nothing that keeps the others.
func TestAggregateAtStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j inbox
		x := startDurable(t, nil, always, withTopics(t, aggregating), j.keep,
			func(a *Alerter) { a.StateDirectory = "" })
		require.NoError(t, x.Write([]telegraf.Metric{inTopic("a-1", "WARNING", "OK")}))
		x.stop(t)
		require.Equal(t, []string{"Received 1 events in the last 10s."}, j.show(message))
	})
}

// TestAggregateWithinLimits drops what waits longest.
func TestAggregateWithinLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j inbox
		x := startDurable(t, journaltest.New(), always, withTopics(t, aggregating), j.keep,
			func(a *Alerter) { a.SpoolMaxEvents = 50 })
		for i := range 500 {
			require.NoError(t, x.Write([]telegraf.Metric{inTopic(fmt.Sprintf("a%d-%d", i, i), "CRITICAL", "OK")}))
		}
		pass(11 * time.Second)
		require.Equal(t, []string{"Received 50 events in the last 10s."}, j.show(message))
		x.stop(t)
	})
}

func TestTopicHandlersInCircles(t *testing.T) {
	handlers := func(pairs ...string) string {
		var b strings.Builder
		for _, p := range pairs {
			from, to, _ := strings.Cut(p, ">")
			fmt.Fprintf(&b, "[[outputs.alerter.handler]]\ntopic = %q\nkind = \"publish\"\noptions = {topics = [%q]}\n", from, to)
		}
		return b.String()
	}
	for text, want := range map[string]string{
		handlers("a>a"):                      "events would go in a circle: a → a",
		handlers("a>b", "b>c", "c>d", "d>b"): "events would go in a circle: d → b → c → d",
		handlers("a>b", "b>c", "a>c"):        "",
		"[[outputs.alerter.handler]]\ntopic = 'a'\nkind = 'aggregate'\noptions = {id = 'x', interval = '1s', topic = 'a'}":                     "events would go in a circle: a → a",
		"[[outputs.alerter.handler]]\ntopic = 'a'\nkind = 'aggregate'\noptions = {id = 'x', topic = 'b'}":                                      "aggregate: interval must be positive",
		"[[outputs.alerter.handler]]\ntopic = 'a'\nkind = 'aggregate'\noptions = {interval = '1s', topic = 'b'}":                               "aggregate: id, that of the events it makes, is missing",
		"[[outputs.alerter.handler]]\ntopic = 'a'\nkind = 'aggregate'\noptions = {id = 'x', interval = '1s'}":                                  `topic "": want letters`,
		"[[outputs.alerter.handler]]\ntopic = 'a'\nkind = 'aggregate'\noptions = {id = 'x', interval = '1s', topic = 'b', message = '{{'}":     "aggregate: template: message:1",
		"[[outputs.alerter.handler]]\ntopic = 'a'\nkind = 'aggregate'\noptions = {id = 'x', interval = '1s', topic = 'b', message = '{{.X}}'}": "can't evaluate field X",
		"[[outputs.alerter.handler]]\ntopic = 'a'\nkind = 'publish'":                                                                           "publish: topics are missing",
		"[[outputs.alerter.handler]]\ntopic = 'a b'\nkind = 'talk'":                                                                            `topic "a b": want letters`,
		"[[outputs.alerter.handler]]\ntopic = 'a'\nid = 'a:b'\nkind = 'talk'":                                                                  `id "a:b": want letters`,
		"[[outputs.alerter.handler]]\ntopic = 'a'\nid = 'b'\nkind = 'talk'\n[[outputs.alerter.handler]]\ntopic = 'a'\nid = 'b'\nkind = 'talk'": `topic "a" has a handler "b" already, in section 1 of [[outputs.alerter.handler]]`,
		"[[outputs.alerter.handler]]\ntopic = 'a'\nkind = 'post'":                                                                              "post: want a URL or an endpoint",
	} {
		a, err := load(text)
		require.NoError(t, err)
		a.Log, a.stats = nil, newStats(nil)
		err = a.initTopics()
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want)
	}
	_, err := load("[[outputs.alerter.handler]]\ntopic = 'a'\nkind = 'aggregat'")
	require.ErrorContains(t, err, `unknown handler "aggregat"; did you mean aggregate?`)
}

// TestFullSpoolKeepsRecoveries wants those recoveries to stay of which recipients wait, and those to
// go first whose alerts they have not heard of.
func TestFullSpoolKeepsRecoveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		var open atomic.Bool
		open.Store(true)
		x := startDurable(t, dir, open.Load, func(a *Alerter) { a.SpoolMaxEvents = 40 })
		put := func(x *durable, id, level, previous string) {
			require.NoError(t, x.Write([]telegraf.Metric{event(id, level, previous, `[{"kind":"tcp","options":{"address":"r:1"}}]`)}))
		}
		for i := range 20 {
			put(x, fmt.Sprintf("known%d-1", i), "CRITICAL", "OK")
		}
		pass(time.Minute)
		require.Len(t, x.order(), 20)
		x.stop(t)
		open.Store(false)
		x = startDurable(t, dir, open.Load, func(a *Alerter) { a.SpoolMaxEvents = 40 })
		put(x, "first-1", "CRITICAL", "OK") // is tried, and stays for that
		synctest.Wait()
		for i := range 20 {
			put(x, fmt.Sprintf("known%d-2", i), "OK", "CRITICAL")
		}
		for i := range 15 {
			put(x, fmt.Sprintf("live%d-1", i), "CRITICAL", "OK")
		}
		for i := range 100 {
			put(x, fmt.Sprintf("gone%d-1", i), "CRITICAL", "OK")
			put(x, fmt.Sprintf("gone%d-2", i), "OK", "CRITICAL")
		}
		require.Empty(t, x.log.Errors(), "nothing was dropped that matters")
		for i := range 100 {
			put(x, fmt.Sprintf("flood%d-1", i), "CRITICAL", "OK")
		}
		open.Store(true)
		pass(10 * time.Minute)
		n := map[string]int{}
		for _, id := range x.order() {
			n[strings.TrimRight(strings.Split(id, "-")[0], "0123456789")+id[len(id)-2:]]++
		}
		require.Equal(t, 20, n["known-2"], n)
		require.Zero(t, n["gone-2"], n)
		require.Contains(t, x.log.Errors()[0], "spool is full")
		x.stop(t)
	})
}

func TestAggregateIsNothingForAReplay(t *testing.T) {
	a, _ := run(t, aggregating)
	e, err := alertmetric.Event(metric.New("alert", map[string]string{"alert_id": "a", "level": "INFO", "topic": "tp"}, map[string]any{}, time.Now()))
	require.NoError(t, err)
	failures := a.Once(t.Context(), e)
	require.Len(t, failures, 1)
	require.ErrorIs(t, failures[0].Err, ErrUnavailable)
}
