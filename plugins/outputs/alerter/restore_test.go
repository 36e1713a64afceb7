package alerter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal/journaltest"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/plugins/alertmetric"
)

// A durable is a plugin with a spool in a folder and a receiver in place of the handler tcp.
type durable struct {
	*Alerter
	log *testutil.CaptureLogger
	*receiver
}

var errDown = errors.New("down")

// startDurable starts a plugin; up says whether its receiver answers.
func startDurable(t *testing.T, dir journal.Folder, up func() bool, change ...func(*Alerter)) *durable {
	t.Helper()
	x, err := tryDurable(dir, up, change...)
	require.NoError(t, err)
	return x
}

func tryDurable(dir journal.Folder, up func() bool, change ...func(*Alerter)) (*durable, error) {
	x := &durable{log: &testutil.CaptureLogger{}}
	x.Alerter = &Alerter{
		Timeout: 30e9, CloseTimeout: 5e9, RetryMinInterval: 1e9, RetryMaxInterval: 60e9, RetryMaxAge: config.Duration(72 * time.Hour),
		SpoolMaxEvents: 20000, SpoolMaxSize: 64 << 20, StateDirectory: "folder", Log: x.log,
	}
	x.receiver = &receiver{start: time.Now(), answer: func(context.Context, *alert.Event, int) error {
		if !up() {
			return errDown
		}
		return nil
	}}
	k := handler.Lookup("tcp")
	x.stats, x.limit = newStats(nil), newLimiter(10*time.Minute, time.Now)
	x.outlets = map[*handler.Kind]*outlet{k: {kind: k, sender: x.receiver}, aggregateKind: {kind: aggregateKind, sender: noSender{}}}
	for _, f := range change {
		f(x.Alerter)
	}
	err := x.initTopics()
	if err != nil {
		return x, err
	}
	x.routing.Lock()
	defer x.routing.Unlock()
	x.dispatch, err = x.openDispatcher(dir)
	return x, err
}

func (x *durable) write(t *testing.T, eventID, level string) {
	t.Helper()
	require.NoError(t, x.Write([]telegraf.Metric{toTCP(eventID, level)}))
}

func toTCP(eventID, level string) telegraf.Metric {
	return event(eventID, level, "OK", `[{"kind":"tcp","options":{"address":"r:1"}}]`)
}

// A sender hands over events as the engine does, and knows which are safe.
type sender struct {
	mu   sync.Mutex
	safe []string
}

func (s *sender) hand(t *testing.T, x *durable, ids ...string) {
	t.Helper()
	var list []*alert.Event
	for _, id := range ids {
		e, err := alertmetric.Event(toTCP(id, "CRITICAL"))
		require.NoError(t, err)
		list = append(list, e)
	}
	x.Events(list, func(list []*alert.Event) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, e := range list {
			s.safe = append(s.safe, e.EventID)
		}
	})
}

func (s *sender) safes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(slices.Values(s.safe))
}

// lines returns what was logged.
func (x *durable) lines() (lines []string) {
	for _, m := range x.log.Messages() {
		lines = append(lines, m.String())
	}
	return lines
}

func always() bool { return true }
func never() bool  { return false }

// stop ends a plugin and checks that its memory of deliveries is consistent.
func (x *durable) stop(t *testing.T) {
	t.Helper()
	d := x.dispatch
	require.NoError(t, x.Alerter.Close())
	n := 0
	for _, q := range d.queues {
		n += q.n
	}
	for _, b := range d.bundles {
		n += len(b.items)
	}
	require.Equal(t, n+len(d.held), d.room.len())
}

func TestRestartDeliversTheRest(t *testing.T) {
	for _, kill := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			dir := journaltest.New()
			x := startDurable(t, dir, never)
			for i := range 10000 {
				x.write(t, fmt.Sprintf("a%d-%d", i%100, i), "CRITICAL")
			}
			next := dir.Killed()
			x.stop(t)
			if !kill {
				require.Contains(t, strings.Join(x.lines(), "\n"), "Closing with 10000 alert deliveries still to be made; they are kept in folder")
				next = dir
			}
			y := startDurable(t, next, always)
			y.write(t, "a5-5", "CRITICAL") // a repeat
			pass(time.Minute)
			require.Contains(t, y.lines()[0], "Resuming 10000 alert deliveries")
			got := y.order()
			require.Len(t, got, 10000)
			last := map[string]int{}
			for _, id := range got {
				a, n, _ := strings.Cut(id, "-")
				i, err := strconv.Atoi(n)
				require.NoError(t, err)
				require.GreaterOrEqual(t, i, last[a])
				last[a] = i
			}
			y.stop(t)
			z := startDurable(t, next, always)
			z.write(t, "a5-5", "CRITICAL")
			pass(time.Minute)
			require.Empty(t, z.order(), "all is delivered and nothing forgotten")
			z.stop(t)
			require.Len(t, next.Files, 1)
		})
	}
}

// TestDiskFails writes to a disk that fails for a while.
func TestDiskFails(t *testing.T) {
	for _, what := range []string{"write", "sync", "create"} {
		synctest.Test(t, func(t *testing.T) {
			dir := journaltest.New()
			var up atomic.Bool
			up.Store(true)
			x := startDurable(t, dir, up.Load)
			x.write(t, "a-1", "CRITICAL")
			if what == "create" {
				s := x.dispatch.spool.(*diskSpool)
				s.disk.Lock()
				s.disk.Limit(1, 1)
				s.disk.Unlock()
			}
			dir.SetFail(func(_ int, op string) error {
				if op == what || op == "create" {
					return journaltest.ErrTorn
				}
				return nil
			})
			var s sender
			var want []string
			for i := range 5 {
				want = append(want, fmt.Sprintf("a-2%d", i))
				s.hand(t, x, want[i])
				x.write(t, fmt.Sprintf("b-%d", i), "CRITICAL")
			}
			pass(time.Hour)
			require.Len(t, x.order(), 11, "delivered all the same")
			require.Len(t, x.log.Errors(), 1, "said once")
			require.Contains(t, x.log.Errors()[0], "Spool: cannot write to folder: no space left on device; alerts are kept in memory")
			require.Equal(t, want, s.safes(), "there is nothing left to deliver of them")
			up.Store(false)
			s.hand(t, x, "c-1")
			pass(time.Hour)
			require.Equal(t, want, s.safes(), "its source keeps what is neither delivered nor on the disk")

			dir.SetFail(nil)
			pass(11 * time.Second)
			require.Equal(t, append(want, "c-1"), s.safes())
			require.Contains(t, strings.Join(x.lines(), "\n"), "Spool: writes to folder again")
			up.Store(true)
			pass(time.Minute)
			y := startDurable(t, dir.Killed(), always)
			for i := range 5 {
				y.write(t, fmt.Sprintf("a-2%d", i), "OK")
			}
			pass(time.Minute)
			require.Empty(t, y.order(), "all of it is known")
			y.stop(t)
			x.stop(t)
			require.Len(t, dir.Files, 1)
		})
	}
}

// TestDiskFailsDuringSync acknowledges nothing that came when the disk failed, though the sync that
// was under way succeeds.
func TestDiskFailsDuringSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		x := startDurable(t, dir, never)
		var full atomic.Bool
		dir.SetFail(func(_ int, op string) error {
			if op == "sync" {
				dir.Mu.Unlock() // others write meanwhile
				time.Sleep(time.Second)
				dir.Mu.Lock()
			} else if full.Load() {
				return journaltest.ErrTorn
			}
			return nil
		})
		var s sender
		s.hand(t, x, "a-1")
		synctest.Wait()
		full.Store(true)
		s.hand(t, x, "a-2")
		pass(5 * time.Second)
		require.NotContains(t, s.safes(), "a-2")
		full.Store(false)
		pass(15 * time.Second)
		require.Equal(t, []string{"a-1", "a-2"}, s.safes())
		x.stop(t)
	})
}

// TestDiskFailsForGood does not hoard events.
func TestDiskFailsForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		x := startDurable(t, dir, never, func(a *Alerter) { a.SpoolMaxEvents = 10 })
		dir.SetFail(func(int, string) error { return journaltest.ErrTorn })
		var s sender
		for i := range 100 {
			s.hand(t, x, fmt.Sprintf("a-%d", i))
			synctest.Wait()
		}
		require.Len(t, s.safes(), 90, "what made room need not be kept elsewhere")
		x.stop(t)
		require.Contains(t, x.log.LastError(), "Closing the spool: no space left on device")
	})
}

// TestFolderAppearsLate starts while the folder cannot be read; an earlier process has left something.
func TestFolderAppearsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		w := startDurable(t, dir, never)
		for _, id := range []string{"a-1", "b-1", "b-2", "c-1"} {
			w.write(t, id, "CRITICAL")
		}
		w.stop(t)
		dir.SetFail(func(int, string) error { return os.ErrPermission })
		var up atomic.Bool
		x := startDurable(t, dir, up.Load)
		require.Len(t, x.log.Errors(), 1)
		x.write(t, "a-2", "OK")
		x.write(t, "d-1", "CRITICAL")
		pass(time.Minute)
		dir.SetFail(nil)
		pass(time.Minute)
		up.Store(true)
		x.write(t, "b-3", "OK")
		pass(5 * time.Minute)
		var b []string
		for _, id := range x.order() {
			require.NotEqual(t, "a-1", id, "the alert must not come after its recovery")
			if id[0] == 'b' {
				b = append(b, id)
			}
		}
		require.Equal(t, []string{"b-1", "b-2", "b-3"}, b)
		require.Len(t, x.order(), 6)
		x.stop(t)
		y := startDurable(t, dir, always)
		pass(time.Minute)
		require.Empty(t, y.order())
		y.stop(t)
	})
}

// TestEventsShareSyncs hands over events one at a time.
func TestEventsShareSyncs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		x := startDurable(t, dir, always)
		before := dir.Syncs
		dir.SetFail(func(_ int, op string) error {
			if op == "sync" {
				dir.Mu.Unlock() // others write meanwhile
				time.Sleep(time.Millisecond)
				dir.Mu.Lock()
			}
			return nil
		})
		s := x.dispatch.spool.(*diskSpool)
		safe := 0
		for i := range 1000 {
			e, err := alertmetric.Event(toTCP(fmt.Sprintf("a-%d", i), "OK"))
			require.NoError(t, err)
			x.Events([]*alert.Event{e}, func(list []*alert.Event) {
				s.disk.Lock()
				_, synced := s.disk.Counts()
				s.disk.Unlock()
				safe += len(list)
				require.Greater(t, synced, uint64(i), "safe when it is on the disk")
			})
			if i%100 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		pass(time.Second)
		require.Equal(t, 1000, safe)
		dir.Mu.Lock()
		require.Less(t, dir.Syncs-before, 30)
		dir.Mu.Unlock()
		x.stop(t)
	})
}

// TestBatchIsOneSync writes many events at a time.
func TestBatchIsOneSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		x := startDurable(t, dir, never)
		before := dir.Syncs
		var batch []telegraf.Metric
		for i := range 1000 {
			batch = append(batch, toTCP(fmt.Sprintf("a-%d", i), "OK"))
		}
		require.NoError(t, x.Write(batch))
		require.Equal(t, 1, dir.Syncs-before)
		x.stop(t)
	})
}

func TestSpoolPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		var up atomic.Bool
		x := startDurable(t, dir, up.Load, func(a *Alerter) { a.SpoolMaxEvents = 20 })
		// Ten alerts go up and down; only the way they went has to be given up.
		for round := range 10 {
			for i := range 10 {
				x.write(t, fmt.Sprintf("a%d-%d", i, round), []string{"CRITICAL", "OK"}[round%2])
			}
		}
		synctest.Wait()
		require.Empty(t, x.log.Errors())
		y := startDurable(t, dir.Killed(), always)
		pass(time.Minute)
		last := map[string]string{}
		for _, id := range y.order() {
			a, n, _ := strings.Cut(id, "-")
			require.Less(t, last[a], n)
			last[a] = n
		}
		require.LessOrEqual(t, len(y.order()), 21)
		require.Len(t, last, 10)
		for a, n := range last {
			require.Equal(t, "9", n, "the recovery of %s", a)
		}
		y.stop(t)

		// Now there is room for the newest state of some only.
		for i := range 30 {
			x.write(t, fmt.Sprintf("b%d-0", i), "CRITICAL")
		}
		synctest.Wait()
		require.Len(t, x.log.Errors(), 1)
		require.Contains(t, x.log.Errors()[0], "spool is full: the alerts that have waited longest are dropped")
		up.Store(true)
		pass(10 * time.Minute)
		require.LessOrEqual(t, len(x.order()), 21)
		require.Contains(t, x.order(), "b29-0")
		x.stop(t)
	})
}

// TestSupersededNeedsSameOptions keeps what goes to other recipients at the same destination.
func TestSupersededNeedsSameOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(newMemorySpool(2, 1<<20))
		var up atomic.Bool
		o, r := b.outlet("x", 1, func(context.Context, *alert.Event, int) error {
			if up.Load() {
				return nil
			}
			return errDown
		})
		put := func(n int, to string) {
			e := &alert.Event{ID: "a", EventID: "a" + strconv.Itoa(n)}
			b.put(e, []delivery{{outlet: o, event: e, options: &testOptions{To: to}}}, nil, nil, nil)
			synctest.Wait()
		}
		put(1, "joe") // is being retried
		put(2, "ann")
		put(3, "joe")
		put(4, "joe")
		up.Store(true)
		pass(5 * time.Minute)
		require.Equal(t, []string{"a2", "a4"}, r.order())
		b.mustClose(t)
	})
}

// TestConfigurationChanges restarts with other handlers.
func TestConfigurationChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		x := startDurable(t, dir, never)
		x.write(t, "a-1", "CRITICAL")
		s := x.dispatch.spool.(*diskSpool)
		for _, it := range []struct{ kind, options string }{{"gone", `{}`}, {"slack", `{}`}, {"tcp", `{"addr":"typo"}`}} {
			e := &alert.Event{EventID: it.kind + it.options, ID: "z"}
			o := &outlet{kind: &handler.Kind{Name: it.kind, Parallel: 1}}
			require.NoError(t, s.Put(&posting{event: e, list: []*delivery{{outlet: o, event: e, origin: []byte(it.options)}}}))
		}
		x.stop(t)
		y := startDurable(t, dir, always)
		all := strings.Join(y.log.Errors(), "\n")
		require.Len(t, y.log.Errors(), 3, all)
		require.Contains(t, all, `gone: alert "z" of task "" dropped: unknown handler "gone"`)
		require.Contains(t, all, `slack: alert "z" of task "" dropped: not configured: add [outputs.alerter.slack]`)
		require.Contains(t, all, `unknown field "addr"`)
		pass(time.Minute)
		require.Equal(t, []string{"a-1"}, y.order())
		y.stop(t)
	})
}

// optionReceiver remembers the options and leaves a rest the first time.
type optionReceiver struct {
	got  []spec.Declarer
	rest spec.Declarer
}

func (r *optionReceiver) Send(_ context.Context, e *alert.Event, o spec.Declarer) error {
	r.got = append(r.got, o)
	if r.rest != nil {
		rest := r.rest
		r.rest = nil
		return &handler.Error{Err: errDown, Rest: rest}
	}
	if e.Previous != alert.Warning {
		return handler.Permanent(errors.New("wrong previous level"))
	}
	return nil
}

func (*optionReceiver) Close() error { return nil }

func TestRestSurvives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		mail := handler.Lookup("email")
		use := func(r *optionReceiver) func(*Alerter) {
			return func(a *Alerter) { a.outlets = map[*handler.Kind]*outlet{mail: {kind: mail, sender: r}} }
		}
		first := &optionReceiver{rest: &handler.Email{To: []string{"b@x"}}}
		x := startDurable(t, dir, always, use(first))
		m := event("a-1", "CRITICAL", "OK", `[{"kind":"email","options":{"to":["a@x","b@x"]}}]`)
		m.AddField("node_previous_level", "WARNING")
		require.NoError(t, x.Write([]telegraf.Metric{m}))
		synctest.Wait()
		require.Equal(t, []spec.Declarer{&handler.Email{To: []string{"a@x", "b@x"}}}, first.got)
		image := dir.Killed()
		x.stop(t)
		second := &optionReceiver{}
		y := startDurable(t, image, always, use(second))
		pass(time.Minute)
		require.Empty(t, y.log.Errors())
		require.Equal(t, []spec.Declarer{&handler.Email{To: []string{"b@x"}}}, second.got, "only who did not get it")
		y.stop(t)
	})
}

// TestAgeGoesOn gives up by the age of the event, not of the process.
func TestAgeGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		x := startDurable(t, dir, never)
		x.write(t, "a-1", "CRITICAL")
		x.stop(t)
		time.Sleep(73 * time.Hour)
		y := startDurable(t, dir, never)
		synctest.Wait()
		require.Equal(t, 1, y.attempts())
		require.Contains(t, y.log.LastError(), "given up after 72h0m0s")
		y.stop(t)
	})
}

// TestFolder uses a real one.
func TestFolder(t *testing.T) {
	name := filepath.Join(t.TempDir(), "new", "state")
	dir := journal.Dir(name)
	x := startDurable(t, dir, never)
	x.write(t, "a-1", "CRITICAL")
	_, err := tryDurable(dir, always, func(a *Alerter) { a.StateDirectory = name })
	require.EqualError(t, err, "state_directory "+name+": "+journal.ErrLocked.Error())
	x.CloseTimeout = 0
	x.stop(t)
	y := startDurable(t, dir, always)
	eventually(t, func() bool { return len(y.order()) == 1 })
	y.stop(t)
	names, err := dir.Names()
	require.NoError(t, err)
	require.Equal(t, []string{spoolFormat.Lock, "spool-0000000002.log"}, names)
	info, err := os.Stat(filepath.Join(name, names[1]))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode(), "alerts may be confidential")
}

// TestFolderIsAFile cannot make its folder, and lives.
func TestFolderIsAFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "state")
	require.NoError(t, os.WriteFile(name, nil, 0o600))
	x := startDurable(t, journal.Dir(name), always)
	x.write(t, "a-1", "CRITICAL")
	eventually(t, func() bool { return len(x.order()) == 1 })
	require.Len(t, x.log.Errors(), 1)
	x.stop(t)
}

// TestSegmentsAreReplaced lets the log grow while one receiver is dead and another is not.
func TestSegmentsAreReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		x := startDurable(t, dir, always)
		s := x.dispatch.spool.(*diskSpool)
		s.disk.Lock()
		s.disk.Limit(50000, 50000)
		s.disk.Unlock()
		most := 0
		for i := range 2000 {
			x.write(t, fmt.Sprintf("a-%d", i), "OK")
			synctest.Wait()
			dir.Mu.Lock()
			n := 0
			for _, f := range dir.Files {
				n += len(f.Data)
			}
			dir.Mu.Unlock()
			most = max(most, n)
		}
		require.Greater(t, s.segments(), uint64(5))
		require.Less(t, most, 300000)
		x.stop(t)
	})
}

// TestOptionsSurvive wants the options of every handler to be the same after a stay in the spool.
func TestOptionsSurvive(t *testing.T) {
	for _, k := range handler.Kinds() {
		o := k.Options()
		fillOptions(t, reflect.ValueOf(o).Elem())
		b, err := json.Marshal(o)
		require.NoError(t, err)
		back, err := k.DecodeOptions(b)
		require.NoError(t, err)
		require.Equal(t, o, back)
	}
}

func fillOptions(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString("s")
	case reflect.Int, reflect.Int64:
		v.SetInt(0o600)
	case reflect.Uint32:
		v.SetUint(0o600)
	case reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillOptions(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fillOptions(t, v.Index(1))
	case reflect.Map:
		x := reflect.New(v.Type().Elem()).Elem()
		fillOptions(t, x)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("k").Convert(v.Type().Key()), x)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fillOptions(t, v.Field(i))
			}
		}
	case reflect.Interface:
		v.Set(reflect.ValueOf("x"))
	default:
		t.Fatalf("options of type %s", v.Type())
	}
}
