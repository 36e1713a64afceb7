package alerter

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal/journaltest"
)

func TestMemorySpool(t *testing.T) {
	s := newMemorySpool(3, 10000)
	put := func(id string, n int) ([]*delivery, error) {
		e := &alert.Event{EventID: id, Details: strings.Repeat("x", 2000)}
		list := make([]*delivery, n)
		for i := range list {
			list[i] = &delivery{event: e}
		}
		return list, s.Put(&posting{event: e, list: list})
	}
	a, err := put("a", 2)
	require.NoError(t, err)
	_, err = put("a", 1)
	require.ErrorIs(t, err, errKnown)
	s.Done(a[0], made)
	s.Done(a[0], made)
	require.NotZero(t, s.bytes)
	s.Done(a[1], made)
	s.Done(a[1], made)
	require.Zero(t, s.bytes)
	_, err = put("a", 1)
	require.ErrorIs(t, err, errKnown, "delivered, but not forgotten")
	for i := range 4 {
		require.Equal(t, i > 3, s.Full())
		_, err = put(strconv.Itoa(i), 1)
		require.NoError(t, err)
	}
	require.True(t, s.Full())
	_, err = put("none", 0)
	require.NoError(t, err)
	require.Len(t, s.events, 4)
	now := time.Now().UnixNano()
	for i := range 3 * remembered {
		s.remember(keyOf("r"+strconv.Itoa(i)), now)
	}
	require.Len(t, s.seen, remembered)
	require.LessOrEqual(t, len(s.order), 2*remembered+1)
	_, err = put("0", 1)
	require.ErrorIs(t, err, errKnown, "not while it is here")
	s.remember(keyOf("later"), now+int64(rememberFor)+1)
	require.Len(t, s.seen, 1)
}

// FuzzRecords reads records in a row, as they may follow each other where others cannot be read.
func FuzzRecords(f *testing.F) {
	_, m := scenario(f, 1, nil)
	for _, x := range m.Files {
		var before []byte
		spoolFormat.Scan(x.Data, func(payload []byte) error { f.Add(before, payload); before = payload; return nil })
	}
	f.Fuzz(func(_ *testing.T, a, b []byte) {
		x := newLoaded()
		for _, payload := range [][]byte{a, b, a} {
			if len(payload) > 0 {
				_ = x.take(payload)
			}
		}
		x.settle()
	})
}

// silent is a log that nobody reads.
type silent struct{ testutil.Logger }

func (silent) Errorf(string, ...any) {}
func (silent) Warnf(string, ...any)  {}
func (silent) Infof(string, ...any)  {}
func (silent) Debugf(string, ...any) {}

// truth is what a test has done to a spool.
type truth struct {
	events []*truthEvent
	calls  int
}

type truthEvent struct {
	id, alert string
	safe      bool   // a commit has returned
	over      [2]int // number of the call that ended a delivery, 0 if none did
	dropped   [2]bool
	rest      [2]int // number of the call
	list      []*delivery
}

var errCrash = errors.New("crash")

func testOutlet() *outlet { return &outlet{kind: &handler.Kind{Name: "x", Parallel: 1}} }

type testOptions struct {
	noOptions
	To string `json:"to"`
}

func openTest(t testing.TB, dir journal.Folder) (*diskSpool, *loaded) {
	t.Helper()
	s, x, err := openSpool("d", dir, newMemorySpool(100, 1<<20), silent{})
	require.NoError(t, err)
	return s, x
}

// segments returns the number of the newest segment.
func (s *diskSpool) segments() uint64 {
	s.disk.Lock()
	defer s.disk.Unlock()
	return s.disk.Segments()
}

func segmentName(n uint64) string { return fmt.Sprintf("spool-%010d.log", n) }

// scenario puts some events into a spool, ends deliveries in the order of their chains, and so on,
// until the folder fails.
func scenario(t testing.TB, seed uint64, fail func(int, string) error) (*truth, *journaltest.Folder) {
	dir := journaltest.New()
	dir.SetFail(fail)
	r := rand.New(rand.NewPCG(seed, 0))
	w := &truth{}
	s, _ := openTest(t, dir)
	s.disk.Limit(0, 700)
	s.disk.Repair()
	chains := map[string][]*delivery{}
	o := testOutlet()
	for i := range 12 {
		if s.Broken() != nil {
			return w, dir
		}
		for range r.IntN(3) {
			x := &truthEvent{id: fmt.Sprintf("e%d-%d", i, len(w.events)), alert: []string{"a", "b"}[r.IntN(2)]}
			e := &alert.Event{EventID: x.id, ID: x.alert, Message: strings.Repeat("m", r.IntN(80))}
			for _, dest := range []string{"D", "E"}[:1+r.IntN(2)] {
				it := &delivery{outlet: o, event: e, dest: dest, options: &testOptions{To: "all"}, origin: []byte(`{"to":"all"}`)}
				x.list = append(x.list, it)
				chains[dest+x.alert] = append(chains[dest+x.alert], it)
			}
			w.events = append(w.events, x)
			require.NoError(t, s.Put(&posting{event: e, list: x.list}))
		}
		s.Commit(true)
		if s.Broken() != nil {
			return w, dir
		}
		for _, x := range w.events {
			x.safe = true
		}
		for range r.IntN(3) {
			key := []string{"Da", "Db", "Ea", "Eb"}[r.IntN(4)]
			if len(chains[key]) == 0 || s.Broken() != nil {
				continue
			}
			w.calls++
			k := 0
			drop := r.IntN(3) == 0
			if drop {
				k = r.IntN(len(chains[key]))
			}
			it := chains[key][k]
			j := slices.IndexFunc(w.events, func(x *truthEvent) bool { return x.id == it.event.EventID })
			x := w.events[j]
			switch {
			case !drop && r.IntN(3) == 0:
				it.options = &testOptions{To: "rest"}
				x.rest[it.index] = w.calls
				s.Rest(it)
			case drop:
				x.over[it.index], x.dropped[it.index] = w.calls, true
				chains[key] = slices.Delete(chains[key], k, k+1)
				s.Done(it, dropped)
			default:
				x.over[it.index] = w.calls
				chains[key] = chains[key][1:]
				s.Done(it, made)
			}
		}
	}
	return w, dir
}

// check compares what a crash has left with what was done. With exact set all calls but the last
// must be there.
func (w *truth) check(t *testing.T, x *loaded, exact bool) {
	t.Helper()
	byID := map[string]*storedEvent{}
	for _, e := range x.events {
		byID[e.event.EventID] = e
	}
	known := map[eventKey]bool{}
	for _, id := range x.ids {
		known[id.key] = true
	}
	newest := map[string]int{} // by chain: the last event that is over there
	for i, e := range w.events {
		require.True(t, !e.safe || known[keyOf(e.id)], "%s will be recognised", e.id)
		got := byID[e.id]
		for j, it := range e.list {
			open := got != nil && got.list[j].open
			if e.safe && e.over[j] == 0 {
				require.True(t, open, "%s for %s is lost", e.id, it.dest)
			}
			if exact && e.over[j] > 0 && e.over[j] < w.calls {
				require.False(t, open, "%s for %s is repeated", e.id, it.dest)
			}
			if open && exact && e.rest[j] > 0 && e.rest[j] < w.calls {
				require.JSONEq(t, `{"To":"","to":"rest"}`, fixJSON(got.list[j].rest))
			}
			if got != nil && got.list[j].open {
				require.JSONEq(t, `{"to":"all"}`, string(got.list[j].options))
				require.Equal(t, e.alert, got.event.ID)
			}
			chain := chainOf(it.dest, e.alert)
			if e.safe && !open && !e.dropped[j] {
				newest[chain] = i + 1
			}
		}
	}
	for i, e := range w.events {
		for j, it := range e.list {
			if got := byID[e.id]; got != nil && got.list[j].open {
				require.GreaterOrEqual(t, i+1, newest[chainOf(it.dest, e.alert)], "%s would come after a later one", e.id)
			}
		}
	}
}

func fixJSON(b []byte) string {
	var o testOptions
	if json.Unmarshal(b, &o) != nil {
		return "?"
	}
	return `{"To":"","to":"` + o.To + `"}`
}

// TestCrashAtEveryStep kills the process and the machine before and in the midst of each change of
// the folder.
func TestCrashAtEveryStep(t *testing.T) {
	steps, images := 0, 0
	for seed := range uint64(20) {
		whole, dir := scenario(t, seed, nil)
		_, x := openTest(t, dir.Killed())
		whole.calls++ // all must be there
		whole.check(t, x, true)
		for at := 1; at <= dir.Ops; at++ {
			steps++
			for _, how := range []error{errCrash, journaltest.ErrTorn} {
				w, broken := scenario(t, seed, func(n int, _ string) error {
					if n >= at {
						return how
					}
					return nil
				})
				r := rand.New(rand.NewPCG(seed, uint64(at)))
				for k := range 5 {
					images++
					image := broken.Killed()
					if k > 0 {
						image = broken.Unplugged(r)
					}
					s, x := openTest(t, image)
					w.check(t, x, k == 0)

					// The next process begins with that, and dies as well.
					for _, e := range x.events {
						list := make([]*delivery, len(e.list))
						for i, from := range e.list {
							if from.open {
								list[i] = &delivery{outlet: testOutlet(), event: e.event, dest: from.dest, origin: from.options, rest: from.rest}
							}
						}
						s.adopt(e, list)
					}
					s.disk.Repair()
					require.NoError(t, s.Broken())
					_, y := openTest(t, image.Unplugged(r))
					w.check(t, y, k == 0)
				}
			}
		}
	}
	t.Logf("%d steps, %d images", steps, images)
}

// TestCutAtEveryByte shortens the log, and damages it, at every byte.
func TestCutAtEveryByte(t *testing.T) {
	dir := journaltest.New()
	s, _ := openTest(t, dir)
	s.disk.Repair()
	o := testOutlet()
	name := segmentName(1)
	f := dir.Files[name]
	type state struct {
		size int
		open []string
	}
	list := []*delivery{}
	states := []state{{size: len(f.Data)}}
	note := func() {
		var open []string
		for _, it := range list {
			if e := s.events[it.seq]; e != nil {
				open = append(open, it.event.EventID)
			}
		}
		states = append(states, state{len(f.Data), open})
	}
	for i := range 10 {
		s.disk.Sync() // what is damaged then takes nothing else with it
		e := &alert.Event{EventID: "e" + strconv.Itoa(i), ID: "a"}
		it := &delivery{outlet: o, event: e, dest: "D", origin: []byte("{}")}
		list = append(list, it)
		require.NoError(t, s.Put(&posting{event: e, list: []*delivery{it}}))
		note()
		if i%3 == 2 {
			s.Done(list[i/3], made)
			note()
		}
	}
	loadBytes := func(b []byte) (open []string, log *testutil.CaptureLogger, image *journaltest.Folder) {
		image = journaltest.New()
		image.Put(name, b)
		log = &testutil.CaptureLogger{}
		_, x, err := openSpool("d", image, newMemorySpool(100, 1<<20), log)
		require.NoError(t, err)
		for _, e := range x.events {
			open = append(open, e.event.EventID)
		}
		slices.Sort(open)
		return open, log, image
	}
	for n := range f.Data {
		open, log, image := loadBytes(slices.Clone(f.Data[:n]))
		var want state
		for _, st := range states {
			if st.size <= n {
				want = st
			}
		}
		slices.Sort(want.open)
		require.Equal(t, want.open, open, n)
		clean := slices.ContainsFunc(states, func(st state) bool { return st.size == n })
		if clean || n == 0 {
			require.Empty(t, log.Warnings())
		} else if n > states[0].size {
			require.Len(t, log.Warnings(), 1)
			require.Len(t, image.Files[name+".bad"].Data, n-want.size)
		}
	}
	all := states[len(states)-1]
	for n := range f.Data {
		b := slices.Clone(f.Data)
		b[n] ^= 0x55
		open, log, _ := loadBytes(b)
		require.Len(t, log.Warnings(), 1)
		require.Contains(t, log.Warnings()[0], "set aside in spool-0000000001.log.bad")
		// One record is missing: an event, or the end of deliveries.
		require.InDelta(t, len(all.open), len(open), 1, n)
	}
}

// TestRemovedSegmentReturns finds a segment that was removed when the machine died, together with
// the one that replaced it.
func TestRemovedSegmentReturns(t *testing.T) {
	dir := journaltest.New()
	s, _ := openTest(t, dir)
	s.disk.Repair()
	put := func(id string) *delivery {
		it := &delivery{outlet: testOutlet(), event: &alert.Event{EventID: id, ID: "a"}, dest: "D"}
		require.NoError(t, s.Put(&posting{event: it.event, list: []*delivery{it}}))
		return it
	}
	one := put("1")
	name := segmentName(1)
	old := slices.Clone(dir.Files[name].Data)
	dir.SetFail(func(int, string) error { return errCrash }) // the news of what follows are not written there
	two := put("2")
	s.Done(one, made)
	s.Done(two, made)
	put("3")
	dir.SetFail(nil)
	s.disk.Repair()
	require.NotContains(t, dir.Files, name)
	dir = dir.Killed()
	dir.Put(name, old)
	_, x := openTest(t, dir)
	require.Len(t, x.events, 1, "the alert must not come back after its recovery")
}

// TestOldVersionIsSetAside starts with a spool that an older version has left.
func TestOldVersionIsSetAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		old := "alerter spool 1\n\xff\xfes1\x01\x00\x00\x00\x3e\x9b\x8e\x1fB"
		dir.Put(segmentName(3), []byte(old))
		x := startDurable(t, dir, always)
		require.Equal(t, []string{
			"W! [] Spool: 29 bytes of spool-0000000003.log cannot be read, as after a crash while they were written; they are set aside in spool-0000000003.log.bad, all else is kept",
		}, x.lines())
		require.Equal(t, old, string(dir.Files[segmentName(3)+".bad"].Data))
		require.Contains(t, dir.Files, segmentName(4))
		x.stop(t)
	})
}
