package delivery

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal/journaltest"
)

const publishing = `
topic: tp
id: one
kind: publish
match: level() != WARNING
options: {topics: [a, b]}
---
topic: a
id: two
kind: publish
options: {topics: [b]}
---
topic: b
id: three
kind: tcp
match: changed()
options: {address: "r:1"}
`

// TestPublish wants topics to have levels of their own, across restarts, and an event that comes by
// two ways once.
func TestPublish(t *testing.T) {
	for _, kill := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			dir := journaltest.New()
			var j inbox
			start := func() *rig { return start(t, dir, always, withTopics(t, publishing), j.keep) }
			x := start()
			restart := func() {
				if kill {
					next := dir.Killed()
					x.close(t)
					dir = next
				} else {
					x.close(t)
				}
				x = start()
			}
			for _, m := range []*alert.Event{
				inTopic("x-1", "CRITICAL", "OK"), inTopic("x-2", "CRITICAL", "CRITICAL"), inTopic("x-3", "WARNING", "CRITICAL"),
				inTopic("x-4", "CRITICAL", "WARNING"), inTopic("y-1", "INFO", "OK"), inTopic("x-5", "OK", "CRITICAL"),
				inTopic("x-6", "CRITICAL", "OK"),
			} {
				x.hand(m)
				synctest.Wait()
				restart()
			}
			require.Equal(t, []string{"x-1:CRITICAL<OK", "y-1:INFO<OK", "x-5:OK<CRITICAL", "x-6:CRITICAL<OK"}, j.show(levels),
				"the warning did not reach topic b, so x-4 changed nothing there")
			for i := range 300 { // so many that there is another segment
				x.hand(inTopic(fmt.Sprintf("%s-%d", strings.Repeat("z", 40000), i), "OK", "OK"))
			}
			restart()
			names, err := dir.Names()
			require.NoError(t, err)
			require.Greater(t, names[len(names)-1], "spool-0000000009.log", "the log has been rewritten")
			x.hand(inTopic("x-7", "OK", "CRITICAL"))
			synctest.Wait()
			require.Equal(t, []string{"x-7:OK<CRITICAL"}, j.show(levels))
			x.close(t)
		})
	}
}

const aggregating = `
topic: tp
kind: aggregate
options: {id: sum, interval: 10s, topic: all}
---
topic: all
kind: tcp
options: {address: "r:1"}
`

func TestAggregate(t *testing.T) {
	for _, how := range []string{"go on", "stop", "kill"} {
		synctest.Test(t, func(t *testing.T) {
			dir := journaltest.New()
			var j inbox
			x := start(t, dir, always, withTopics(t, aggregating), j.keep)
			x.hand(inTopic("a-1", "WARNING", "OK"), inTopic("b-1", "CRITICAL", "OK"))
			pass(4 * time.Second)
			if how != "go on" {
				next := dir.Killed()
				x.close(t)
				if how == "stop" {
					next = dir
				}
				dir = next
				x = start(t, dir, always, withTopics(t, aggregating), j.keep)
			}
			later := inTopic("a-2", "OK", "WARNING")
			later.Time += int64(time.Minute)
			x.hand(later, inTopic("b-1", "CRITICAL", "OK"))
			pass(5900 * time.Millisecond)
			require.Empty(t, j.take(), "the interval has not passed")
			pass(200 * time.Millisecond)
			got := j.take()
			require.Len(t, got, 1)
			e := got[0]
			require.Equal(t, "Received 3 events in the last 10s.", e.Message)
			require.Equal(t, "a is WARNING\nb is CRITICAL\na is OK", e.Details)
			require.Equal(t, []any{"sum", alert.Critical, alert.OK, later.Time, 5 * time.Second, false, ""},
				[]any{e.ID, e.Level, e.Previous, e.Time, e.Duration, e.Recoverable, e.Name})
			require.Equal(t, 3, strings.Count(string(e.Data), `"columns"`))
			pass(time.Hour)
			require.Empty(t, j.take(), "there is nothing more")
			x.hand(inTopic("a-3", "INFO", "OK"))
			pass(10 * time.Second)
			got = j.take()
			require.Len(t, got, 1)
			require.Equal(t, alert.Critical, got[0].Previous)
			require.Zero(t, x.backlog.len())
			x.close(t)
			y := start(t, dir, always, withTopics(t, aggregating), j.keep)
			pass(time.Hour)
			require.Empty(t, j.take(), "a restart repeats nothing")
			y.close(t)
		})
	}
}

// TestAggregateAtStop makes the event early if there is nothing that keeps the others.
func TestAggregateAtStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j inbox
		x := start(t, nil, always, withTopics(t, aggregating), j.keep)
		x.hand(inTopic("a-1", "WARNING", "OK"))
		x.close(t)
		require.Equal(t, []string{"Received 1 events in the last 10s."}, j.show(message))
	})
}

// TestAggregateWithinLimits drops what waits longest.
func TestAggregateWithinLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j inbox
		x := start(t, journaltest.New(), always, withTopics(t, aggregating), j.keep,
			func(d *Dispatcher) { d.c.MaxEvents = 50 })
		for i := range 500 {
			x.hand(inTopic(fmt.Sprintf("a%d-%d", i, i), "CRITICAL", "OK"))
		}
		pass(11 * time.Second)
		require.Equal(t, []string{"Received 50 events in the last 10s."}, j.show(message))
		x.close(t)
	})
}

// TestFullSpoolKeepsRecoveries wants those recoveries to stay of which recipients wait, and those to
// go first whose alerts they have not heard of.
func TestFullSpoolKeepsRecoveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		var open atomic.Bool
		open.Store(true)
		x := start(t, dir, open.Load, func(d *Dispatcher) { d.c.MaxEvents = 40 })
		put := func(x *rig, id, level, previous string) {
			x.hand(event(id, level, previous, `[{"kind":"tcp","options":{"address":"r:1"}}]`))
		}
		for i := range 20 {
			put(x, fmt.Sprintf("known%d-1", i), "CRITICAL", "OK")
		}
		pass(time.Minute)
		require.Len(t, x.order(), 20)
		x.close(t)
		open.Store(false)
		x = start(t, dir, open.Load, func(d *Dispatcher) { d.c.MaxEvents = 40 })
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
		require.Empty(t, x.log.errors(), "nothing was dropped that matters")
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
		require.Contains(t, x.log.errors()[0], "spool is full")
		x.close(t)
	})
}

func TestAggregateIsNothingForAReplay(t *testing.T) {
	x := start(t, nil, always, withTopics(t, aggregating))
	failures := x.Once(t.Context(), inTopic("a-1", "INFO", "OK"))
	require.Len(t, failures, 1)
	require.ErrorIs(t, failures[0].Err, ErrUnavailable)
	x.close(t)
}
