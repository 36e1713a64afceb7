package delivery

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal/journaltest"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func TestOrderUnderRetry(t *testing.T) {
	for _, parallel := range []int{1, 4} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			o, r := b.handler("x", parallel, func(_ context.Context, e *alert.Event, try int) error {
				time.Sleep(10 * time.Millisecond)
				if e.ID == "a" && try < 4 {
					return errors.New("not now")
				}
				return nil
			})
			for range 5 {
				b.emit("a", o)
				b.emit("b", o)
			}
			pass(5 * time.Minute)
			var a, rest []string
			for _, id := range r.order() {
				if id[0] == 'a' {
					a = append(a, id)
				} else {
					rest = append(rest, id)
				}
			}
			require.Equal(t, []string{"a1", "a3", "a5", "a7", "a9"}, a)
			require.Equal(t, []string{"b2", "b4", "b6", "b8", "b10"}, rest)
			require.Zero(t, b.mustClose(t))
			require.Empty(t, b.queues)
			require.Zero(t, b.backlog.len())
		})
	}
}

func (b *bench) mustClose(t *testing.T) int {
	t.Helper()
	left, clean := b.finish(time.Now().Add(5 * time.Second))
	require.True(t, clean)
	b.consistent(t)
	return left
}

func TestFailingAlertLetsOthersPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		o, r := b.handler("x", 1, func(_ context.Context, e *alert.Event, _ int) error {
			if e.ID == "a" {
				return errors.New("not this one")
			}
			return nil
		})
		b.emit("a", o)
		for range 20 {
			b.emit("b", o)
			b.emit("c", o)
		}
		pass(time.Minute)
		require.Len(t, r.order(), 40, "one alert that is refused must not hold back the others")
		require.Less(t, r.attempts(), 60)
		require.Equal(t, 1, b.mustClose(t))
	})
}

func TestDeadDestinationDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		dead, rd := b.handler("dead", 2, func(ctx context.Context, _ *alert.Event, _ int) error {
			<-ctx.Done()
			return ctx.Err()
		})
		good, rg := b.handler("good", 1, nil)
		for range 10 {
			b.emit("a", dead, good)
			b.emit("b", dead, good)
		}
		synctest.Wait()
		require.Len(t, rg.order(), 20, "at once")
		pass(10 * time.Minute)
		require.Empty(t, rd.order())
		// Attempts take 30 s, the pauses between them grow to a minute.
		require.InDelta(t, 10, rd.attempts(), 5, "a dead destination is not hammered")
		start := time.Now()
		require.Equal(t, 20, b.mustClose(t))
		require.LessOrEqual(t, time.Since(start), 7*time.Second)
	})
}

func TestDestinationsOfOneKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		o, r := b.handler("x", 1, nil)
		r.answer = func(ctx context.Context, e *alert.Event, _ int) error {
			if e.ID == "dead" {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		for i, id := range []string{"dead", "a", "dead", "b"} {
			e := &alert.Event{ID: id, EventID: strconv.Itoa(i)}
			b.put(e, &noOptions{To: id}, o)
		}
		synctest.Wait()
		require.ElementsMatch(t, []string{"1", "3"}, r.order())
		b.mustClose(t)
	})
}

func TestRecoveryFlushesQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		up := time.Now().Add(2 * time.Hour)
		b.c.MaxAge = 72 * time.Hour
		o, r := b.handler("x", 4, func(context.Context, *alert.Event, int) error {
			if time.Now().Before(up) {
				return errors.New("down")
			}
			return nil
		})
		for i := range 100 {
			b.emit(string(rune('a'+i%10)), o)
		}
		pass(time.Until(up) + 61*time.Second)
		require.Len(t, r.order(), 100)
		require.LessOrEqual(t, len(b.log.warnings()), 130, "about one line a minute")
		require.Zero(t, b.mustClose(t))
	})
}

func TestPermanentFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		o, r := b.handler("x", 1, func(context.Context, *alert.Event, int) error {
			return handler.Permanent(errors.New("no such user"))
		})
		for range 50 {
			b.emit("a", o)
		}
		synctest.Wait()
		require.Equal(t, 50, r.attempts(), "each is tried once")
		require.Equal(t, []string{`E! x: alert "a" of task "t" dropped: no such user`}, b.log.errors(), "one line per cause")
		require.Zero(t, b.mustClose(t))
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		o, r := b.handler("x", 1, func(_ context.Context, _ *alert.Event, try int) error {
			if try == 1 {
				return &handler.Error{Err: errors.New("429"), After: 100 * time.Second}
			}
			return nil
		})
		b.emit("a", o)
		pass(99 * time.Second)
		require.Equal(t, 1, r.attempts())
		pass(2 * time.Second)
		require.Equal(t, []string{"a1@1m40s"}, r.got)
		b.mustClose(t)
	})
}

func TestMaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		o, r := b.handler("x", 1, func(context.Context, *alert.Event, int) error { return errors.New("down") })
		b.emit("a", o)
		pass(2 * time.Hour)
		n := r.attempts()
		require.Contains(t, b.log.lastError(), "given up after 1h0m0s")
		pass(time.Hour)
		require.Equal(t, n, r.attempts())
		require.Zero(t, b.mustClose(t))
	})
}

func TestPartialDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		rest := &noOptions{To: "rest"}
		r := &restReceiver{rest: rest}
		o := &integration{kind: &handler.Kind{Name: "x", Parallel: 1}, sender: r}
		b.emit("a", o)
		pass(time.Minute)
		require.Equal(t, []spec.Declarer{&noOptions{}, rest}, r.got)
		b.mustClose(t)
	})
}

type restReceiver struct {
	rest *noOptions
	got  []spec.Declarer
}

func (r *restReceiver) Send(_ context.Context, _ *alert.Event, o spec.Declarer) error {
	r.got = append(r.got, o)
	if len(r.got) == 1 {
		return &handler.Error{Err: errors.New("some are busy"), Rest: r.rest}
	}
	return nil
}

func (r *restReceiver) Close() error { return nil }

func TestPanicStopsOneDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		o, r := b.handler("x", 1, func(_ context.Context, e *alert.Event, _ int) error {
			if e.ID == "a" {
				panic("oops")
			}
			return nil
		})
		b.emit("a", o)
		b.emit("b", o)
		synctest.Wait()
		require.Equal(t, []string{"b2"}, r.order())
		require.Contains(t, strings.Join(b.log.errors(), "\n"), "oops")
		b.mustClose(t)
	})
}

func TestSpoolBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(d *Dispatcher) { d.c.MaxEvents = 10 })
		var up atomic.Bool
		o, r := b.handler("x", 1, func(context.Context, *alert.Event, int) error {
			if !up.Load() {
				return errors.New("down")
			}
			return nil
		})
		for range 50 {
			b.emit("a", o)
		}
		synctest.Wait()
		b.mu.Lock()
		waiting := b.backlog.len()
		b.mu.Unlock()
		require.LessOrEqual(t, b.queued(), 11, "a queue lets go of what the spool has dropped")
		require.LessOrEqual(t, waiting, 11)
		up.Store(true)
		pass(2 * time.Minute)
		require.Equal(t, []string{"a41", "a42", "a43", "a44", "a45", "a46", "a47", "a48", "a49", "a50"}, r.order()[len(r.order())-10:])
		require.LessOrEqual(t, len(r.order()), 11, "the oldest were dropped")
		require.Zero(t, b.mustClose(t))
	})
}

func TestCloseTriesOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		var up atomic.Bool
		o, r := b.handler("x", 1, func(context.Context, *alert.Event, int) error {
			if !up.Load() {
				return errors.New("down")
			}
			return nil
		})
		for range 5 {
			b.emit("a", o)
		}
		pass(10 * time.Minute)
		up.Store(true)
		require.Zero(t, b.mustClose(t))
		require.Len(t, r.order(), 5)
	})
}

func TestCloseGivesUpOnTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		release := make(chan struct{})
		o, _ := b.handler("x", 1, func(context.Context, *alert.Event, int) error { <-release; return nil })
		b.emit("a", o)
		start := time.Now()
		left, clean := b.finish(start.Add(5 * time.Second))
		require.Equal(t, 1, left)
		require.False(t, clean)
		require.Equal(t, 6*time.Second, time.Since(start))
		close(release)
	})
}

// TestCloseCutsNothingOff ends while there is much to deliver.
func TestCloseCutsNothingOff(t *testing.T) {
	for _, keeps := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			if keeps {
				b.c.Folder = journaltest.New() // it looks no further
			}
			cut := 0
			o, r := b.handler("x", 1, func(ctx context.Context, _ *alert.Event, _ int) error {
				select {
				case <-time.After(900 * time.Millisecond):
					return nil
				case <-ctx.Done():
					cut++
					return ctx.Err()
				}
			})
			for i := range 10 {
				b.emit(strconv.Itoa(i), o)
			}
			start := time.Now()
			left, clean := b.finish(start.Add(4 * time.Second))
			require.True(t, clean)
			require.Equal(t, 6, left)
			require.Len(t, r.order(), 4)
			if keeps {
				require.Zero(t, cut)
				require.Equal(t, 3600*time.Millisecond, time.Since(start), "the last one began before 3 s")
			} else {
				require.Equal(t, 1, cut)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	for n, want := range map[int]time.Duration{1: 1, 2: 2, 3: 4, 7: 60, 1000: 60} {
		for range 100 {
			d := Backoff(n, time.Second, time.Minute)
			require.LessOrEqual(t, d, want*time.Second)
			require.GreaterOrEqual(t, d, want*time.Second/2)
		}
	}
}

// TestStorm keeps the order of many alerts over failing parallel workers.
func TestStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(d *Dispatcher) { d.c.MaxEvents, d.c.MaxBytes = 100000, 1<<30 })
		n := 0
		var mu sync.Mutex
		o, r := b.handler("x", 4, func(context.Context, *alert.Event, int) error {
			time.Sleep(time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			if n++; n%7 == 0 {
				return errors.New("hiccup")
			}
			return nil
		})
		for i := range 3000 {
			b.emit("id"+strconv.Itoa(i%50)+"-", o)
		}
		pass(6 * time.Hour)
		require.Len(t, r.order(), 3000)
		last := map[string]int{}
		for _, g := range r.order() {
			id, num, _ := strings.Cut(g, "-")
			k, err := strconv.Atoi(num)
			require.NoError(t, err)
			require.Greater(t, k, last[id])
			last[id] = k
		}
		require.Zero(t, b.mustClose(t))
	})
}

// TestFullSpoolWaitsForWhoWorks fills the spool with what a dead handler does not take, faster than a
// handler that works gets its events: none of these makes room.
func TestFullSpoolWaitsForWhoWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hang atomic.Bool
		slow := &receiver{answer: func(ctx context.Context, _ *alert.Event, _ int) error {
			time.Sleep(time.Millisecond)
			if hang.Load() {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}}
		x := start(t, nil, never, withTopics(t, "topic: tp\nkind: talk"), func(d *Dispatcher) {
			d.c.MaxEvents = 200
			k := handler.Lookup("talk")
			d.handlers[k] = &integration{kind: k, sender: slow}
		})
		for i := range 1000 {
			x.write(fmt.Sprintf("a%d-%d", i%10, i), []string{"CRITICAL", "WARNING"}[i/10%2])
		}
		pass(time.Second)
		require.Len(t, slow.order(), 1000)
		require.Zero(t, x.counts.get("dropped", "talk"))
		require.Empty(t, x.log.errors())

		// One that hangs does not hold up the others for long.
		hang.Store(true)
		begin := time.Now()
		for i := range 1000 {
			x.write(fmt.Sprintf("b%d-%d", i%10, i), []string{"CRITICAL", "WARNING"}[i/10%2])
		}
		require.Less(t, time.Since(begin), 100*time.Second)
		require.Positive(t, x.counts.get("dropped", "talk"))
		x.close(t)
	})
}
