package delivery

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
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal/journaltest"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spool"
)

func TestRestartDeliversTheRest(t *testing.T) {
	for _, kill := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			dir := journaltest.New()
			x := start(t, dir, never)
			for i := range 10000 {
				x.write(fmt.Sprintf("a%d-%d", i%100, i), "CRITICAL")
			}
			next := dir.Killed()
			left, kept := x.close(t)
			require.Equal(t, 10000, left)
			require.True(t, kept)
			if !kill {
				next = dir
			}
			y := start(t, next, always)
			y.write("a5-5", "CRITICAL") // a repeat
			pass(time.Minute)
			require.Contains(t, y.log.all()[0], "Resuming 10000 alert deliveries")
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
			y.close(t)
			z := start(t, next, always)
			z.write("a5-5", "CRITICAL")
			pass(time.Minute)
			require.Empty(t, z.order(), "all is delivered and nothing forgotten")
			z.close(t)
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
			x := start(t, dir, up.Load, func(d *Dispatcher) {
				if what == "create" {
					d.c.Growth = 1
				}
			})
			x.write("a-1", "CRITICAL")
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
				s.hand(x, want[i])
				x.write(fmt.Sprintf("b-%d", i), "CRITICAL")
			}
			pass(time.Hour)
			require.Len(t, x.order(), 11, "delivered all the same")
			require.Len(t, x.log.errors(), 1, "said once")
			require.Contains(t, x.log.errors()[0], "Spool: cannot write to folder: no space left on device; alerts are kept in memory")
			require.Equal(t, want, slices.Sorted(slices.Values(s.list)), "there is nothing left to deliver of them")
			up.Store(false)
			s.hand(x, "c-1")
			pass(time.Hour)
			require.Equal(t, want, slices.Sorted(slices.Values(s.list)), "its source keeps what is neither delivered nor on the disk")

			dir.SetFail(nil)
			pass(11 * time.Second)
			require.Equal(t, append(want, "c-1"), slices.Sorted(slices.Values(s.list)))
			require.Contains(t, strings.Join(x.log.all(), "\n"), "Spool: writes to folder again")
			up.Store(true)
			pass(time.Minute)
			y := start(t, dir.Killed(), always)
			for i := range 5 {
				y.write(fmt.Sprintf("a-2%d", i), "OK")
			}
			pass(time.Minute)
			require.Empty(t, y.order(), "all of it is known")
			y.close(t)
			x.close(t)
			require.Len(t, dir.Files, 1)
		})
	}
}

// TestDiskFailsDuringSync acknowledges nothing that came when the disk failed, though the sync that
// was under way succeeds.
func TestDiskFailsDuringSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		x := start(t, dir, never)
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
		s.hand(x, "a-1")
		synctest.Wait()
		full.Store(true)
		s.hand(x, "a-2")
		pass(5 * time.Second)
		require.NotContains(t, slices.Sorted(slices.Values(s.list)), "a-2")
		full.Store(false)
		pass(15 * time.Second)
		require.Equal(t, []string{"a-1", "a-2"}, slices.Sorted(slices.Values(s.list)))
		x.close(t)
	})
}

// TestDiskFailsForGood does not hoard events.
func TestDiskFailsForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		x := start(t, dir, never, func(d *Dispatcher) { d.c.MaxEvents = 10 })
		dir.SetFail(func(int, string) error { return journaltest.ErrTorn })
		var s sender
		for i := range 100 {
			s.hand(x, fmt.Sprintf("a-%d", i))
			synctest.Wait()
		}
		require.Len(t, slices.Sorted(slices.Values(s.list)), 90, "what made room need not be kept elsewhere")
		x.close(t)
	})
}

// TestFolderAppearsLate starts while the folder cannot be read; an earlier process has left something.
func TestFolderAppearsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		w := start(t, dir, never)
		for _, id := range []string{"a-1", "b-1", "b-2", "c-1"} {
			w.write(id, "CRITICAL")
		}
		w.close(t)
		dir.SetFail(func(int, string) error { return os.ErrPermission })
		var up atomic.Bool
		x := start(t, dir, up.Load)
		require.Len(t, x.log.errors(), 1)
		x.write("a-2", "OK")
		x.write("d-1", "CRITICAL")
		pass(time.Minute)
		dir.SetFail(nil)
		pass(time.Minute)
		up.Store(true)
		x.write("b-3", "OK")
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
		x.close(t)
		y := start(t, dir, always)
		pass(time.Minute)
		require.Empty(t, y.order())
		y.close(t)
	})
}

// TestEventsShareSyncs hands over events one at a time.
func TestEventsShareSyncs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		x := start(t, dir, always)
		before := dir.Syncs
		dir.SetFail(func(_ int, op string) error {
			if op == "sync" {
				dir.Mu.Unlock() // others write meanwhile
				time.Sleep(time.Millisecond)
				dir.Mu.Lock()
			}
			return nil
		})
		safe := 0
		for i := range 1000 {
			x.Events([]*alert.Event{toTCP(fmt.Sprintf("a-%d", i), "OK")}, func(list []*alert.Event) {
				safe += len(list)
				dir.Mu.Lock()
				require.Greater(t, dir.Syncs, before, "safe when it is on the disk")
				dir.Mu.Unlock()
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
		x.close(t)
	})
}

// TestBatchIsOneSync writes many events at a time.
func TestBatchIsOneSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		x := start(t, dir, never)
		before := dir.Syncs
		var batch []*alert.Event
		for i := range 1000 {
			batch = append(batch, toTCP(fmt.Sprintf("a-%d", i), "OK"))
		}
		x.hand(batch...)
		require.LessOrEqual(t, dir.Syncs-before, 2)
		x.close(t)
	})
}

func TestSpoolPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		var up atomic.Bool
		x := start(t, dir, up.Load, func(d *Dispatcher) { d.c.MaxEvents = 20 })
		// Ten alerts go up and down; only the way they went has to be given up.
		for round := range 10 {
			for i := range 10 {
				x.write(fmt.Sprintf("a%d-%d", i, round), []string{"CRITICAL", "OK"}[round%2])
			}
		}
		synctest.Wait()
		require.Empty(t, x.log.errors())
		y := start(t, dir.Killed(), always)
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
		y.close(t)

		// Now there is room for the newest state of some only.
		for i := range 30 {
			x.write(fmt.Sprintf("b%d-0", i), "CRITICAL")
		}
		synctest.Wait()
		require.Len(t, x.log.errors(), 1)
		require.Contains(t, x.log.errors()[0], "spool is full: the alerts that have waited longest are dropped")
		up.Store(true)
		pass(10 * time.Minute)
		require.LessOrEqual(t, len(x.order()), 21)
		require.Contains(t, x.order(), "b29-0")
		x.close(t)
	})
}

// TestSupersededNeedsSameOptions keeps what goes to other recipients at the same destination.
func TestSupersededNeedsSameOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(d *Dispatcher) { d.c.MaxEvents = 2 })
		var up atomic.Bool
		o, r := b.handler("x", 1, func(context.Context, *alert.Event, int) error {
			if up.Load() {
				return nil
			}
			return errDown
		})
		put := func(n int, to string) {
			e := &alert.Event{ID: "a", EventID: "a" + strconv.Itoa(n)}
			b.put(e, &recipients{To: to}, o)
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
		x := start(t, dir, never)
		x.write("a-1", "CRITICAL")
		s := x.spool
		for _, it := range []struct{ kind, options string }{{"gone", `{}`}, {"slack", `{}`}, {"tcp", `{"addr":"typo"}`}} {
			e := &alert.Event{EventID: it.kind + it.options, ID: "z"}
			require.NoError(t, s.Put(&spool.Posting{Event: e, Items: []*spool.Item{{Kind: it.kind, Options: []byte(it.options)}}}))
		}
		x.close(t)
		y := start(t, dir, always)
		all := strings.Join(y.log.errors(), "\n")
		require.Len(t, y.log.errors(), 3, all)
		require.Contains(t, all, `gone: alert "z" of task "" dropped: unknown handler "gone"`)
		require.Contains(t, all, `slack: alert "z" of task "" dropped: not configured: add [outputs.alerter.slack]`)
		require.Contains(t, all, `unknown field "addr"`)
		pass(time.Minute)
		require.Equal(t, []string{"a-1"}, y.order())
		y.close(t)
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
		use := func(r *optionReceiver) func(*Dispatcher) {
			return func(d *Dispatcher) { d.handlers = map[*handler.Kind]*integration{mail: {kind: mail, sender: r}} }
		}
		first := &optionReceiver{rest: &handler.Email{To: []string{"b@x"}}}
		x := start(t, dir, always, use(first))
		e := event("a-1", "CRITICAL", "OK", `[{"kind":"email","options":{"to":["a@x","b@x"]}}]`)
		e.NodePrevious = alert.Warning
		x.hand(e)
		synctest.Wait()
		require.Equal(t, []spec.Declarer{&handler.Email{To: []string{"a@x", "b@x"}}}, first.got)
		image := dir.Killed()
		x.close(t)
		second := &optionReceiver{}
		y := start(t, image, always, use(second))
		pass(time.Minute)
		require.Empty(t, y.log.errors())
		require.Equal(t, []spec.Declarer{&handler.Email{To: []string{"b@x"}}}, second.got, "only who did not get it")
		y.close(t)
	})
}

// TestAgeGoesOn gives up by the age of the event, not of the process.
func TestAgeGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		x := start(t, dir, never)
		x.write("a-1", "CRITICAL")
		x.close(t)
		time.Sleep(73 * time.Hour)
		y := start(t, dir, never)
		synctest.Wait()
		require.Equal(t, 1, y.receiver.attempts())
		require.Contains(t, y.log.lastError(), "given up after 72h0m0s")
		y.close(t)
	})
}

// TestFolder uses a real one.
func TestFolder(t *testing.T) {
	name := filepath.Join(t.TempDir(), "new", "state")
	dir := journal.Dir(name)
	x := start(t, dir, never)
	x.write("a-1", "CRITICAL")
	_, err := tryStart(t, dir, always, func(d *Dispatcher) { d.c.Directory = name })
	require.EqualError(t, err, "state_directory "+name+": "+journal.ErrLocked.Error())
	_, _, err = x.Close(time.Now())
	require.NoError(t, err)
	y := start(t, dir, always)
	eventually(t, func() bool { return len(y.order()) == 1 })
	y.close(t)
	names, err := dir.Names()
	require.NoError(t, err)
	require.Equal(t, []string{"alerter.lock", "spool-0000000002.log"}, names)
	info, err := os.Stat(filepath.Join(name, names[1]))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode(), "alerts may be confidential")
}

// TestFolderIsAFile cannot make its folder, and lives.
func TestFolderIsAFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "state")
	require.NoError(t, os.WriteFile(name, nil, 0o600))
	x := start(t, journal.Dir(name), always)
	x.write("a-1", "CRITICAL")
	eventually(t, func() bool { return len(x.order()) == 1 })
	require.Len(t, x.log.errors(), 1)
	x.close(t)
}

// TestSegmentsAreReplaced lets the log grow while one receiver is dead and another is not.
func TestSegmentsAreReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		x := start(t, dir, always, func(d *Dispatcher) { d.c.Growth = 50000 })
		most := 0
		for i := range 2000 {
			x.write(fmt.Sprintf("a-%d", i), "OK")
			synctest.Wait()
			dir.Mu.Lock()
			n := 0
			for _, f := range dir.Files {
				n += len(f.Data)
			}
			dir.Mu.Unlock()
			most = max(most, n)
		}
		names, err := dir.Names()
		require.NoError(t, err)
		require.Greater(t, names[len(names)-1], "spool-0000000005.log")
		require.Less(t, most, 300000)
		x.close(t)
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
