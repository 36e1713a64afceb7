package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal/journaltest"
)

// lines is a log.
type lines struct {
	mu   sync.Mutex
	list []string
}

func (l *lines) add(level, format string, args []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, level+"! "+fmt.Sprintf(format, args...))
}

func (l *lines) Errorf(format string, args ...any) { l.add("E", format, args) }
func (l *lines) Warnf(format string, args ...any)  { l.add("W", format, args) }
func (l *lines) Infof(format string, args ...any)  { l.add("I", format, args) }
func (l *lines) Debugf(string, ...any)             {}

func (l *lines) of(level string) (list []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range l.list {
		if strings.HasPrefix(x, level) {
			list = append(list, x)
		}
	}
	return list
}

func TestMemory(t *testing.T) {
	s := New(Config{MaxEvents: 3, MaxBytes: 10000})
	put := func(id string, n int) ([]*Item, error) {
		e := &alert.Event{EventID: id, Details: strings.Repeat("x", 2000)}
		list := make([]*Item, n)
		for i := range list {
			list[i] = &Item{}
		}
		return list, s.Put(&Posting{Event: e, Items: list})
	}
	a, err := put("a", 2)
	require.NoError(t, err)
	_, err = put("a", 1)
	require.ErrorIs(t, err, ErrKnown)
	s.Done(a[0], Made)
	s.Done(a[0], Made)
	require.NotZero(t, s.bytes)
	s.Done(a[1], Made)
	s.Done(a[1], Made)
	require.Zero(t, s.bytes)
	_, err = put("a", 1)
	require.ErrorIs(t, err, ErrKnown, "delivered, but not forgotten")
	for i := range 4 {
		require.Equal(t, i > 3, s.Full())
		_, err = put(strconv.Itoa(i), 1)
		require.NoError(t, err)
	}
	require.True(t, s.Full())
	_, err = put("none", 0)
	require.NoError(t, err)
	require.Len(t, s.entries, 4)
	now := time.Now().UnixNano()
	for i := range 3 * maxRecent {
		s.recent.add(hashOf("r"+strconv.Itoa(i)), now)
	}
	require.Len(t, s.recent.seen, maxRecent)
	require.LessOrEqual(t, len(s.recent.order), 2*maxRecent+1)
	_, err = put("0", 1)
	require.ErrorIs(t, err, ErrKnown, "not while it is here")
	s.recent.add(hashOf("later"), now+int64(recentFor)+1)
	require.Len(t, s.recent.seen, 1)
}

// FuzzRecords reads records in a row, as they may follow each other where others cannot be read.
func FuzzRecords(f *testing.F) {
	_, m := scenario(f, 1, nil)
	for _, x := range m.Files {
		var before []byte
		format.Scan(x.Data, func(payload []byte) error { f.Add(before, payload); before = payload; return nil })
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
	list      []*Item
}

var errCrash = errors.New("crash")

type testOptions struct {
	To string `json:"to"`
}

// openTest reads what is in a folder.
func openTest(t testing.TB, dir journal.Folder) (*Spool, []*Entry) {
	t.Helper()
	return openLogged(t, dir, &lines{})
}

func openLogged(t testing.TB, dir journal.Folder, log *lines) (*Spool, []*Entry) {
	t.Helper()
	s := New(Config{MaxEvents: 100, MaxBytes: 1 << 20, Log: log, Folder: dir, Name: "d"})
	list, err := s.load()
	require.NotErrorIs(t, err, journal.ErrLocked)
	return s, list
}

// put stores an event with one delivery.
func put(t *testing.T, s *Spool, e *alert.Event, options string) *Item {
	t.Helper()
	it := newItem(e, "D", options)
	require.NoError(t, s.Put(&Posting{Event: e, Items: []*Item{it}}))
	return it
}

func newItem(e *alert.Event, dest, options string) *Item {
	return &Item{Kind: "x", Dest: dest, Options: []byte(options), Series: SeriesOf(dest, []byte(options), e.ID)}
}

// segments returns the number of the newest segment.
func (s *Spool) segments() uint64 {
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
	chains := map[string][]*Item{}
	for i := range 12 {
		if s.Broken() != nil {
			return w, dir
		}
		for range r.IntN(3) {
			x := &truthEvent{id: fmt.Sprintf("e%d-%d", i, len(w.events)), alert: []string{"a", "b"}[r.IntN(2)]}
			e := &alert.Event{EventID: x.id, ID: x.alert, Message: strings.Repeat("m", r.IntN(80))}
			for _, dest := range []string{"D", "E"}[:1+r.IntN(2)] {
				it := newItem(e, dest, `{"to":"all"}`)
				x.list = append(x.list, it)
				chains[dest+x.alert] = append(chains[dest+x.alert], it)
			}
			w.events = append(w.events, x)
			require.NoError(t, s.Put(&Posting{Event: e, Items: x.list}))
		}
		s.Sync()
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
			j := slices.IndexFunc(w.events, func(x *truthEvent) bool { return slices.Contains(x.list, it) })
			x := w.events[j]
			switch {
			case !drop && r.IntN(3) == 0:
				x.rest[it.index] = w.calls
				s.SetRemainder(it, []byte(`{"to":"rest"}`))
			case drop:
				x.over[it.index], x.dropped[it.index] = w.calls, true
				chains[key] = slices.Delete(chains[key], k, k+1)
				s.Done(it, Dropped)
			default:
				x.over[it.index] = w.calls
				chains[key] = chains[key][1:]
				s.Done(it, Made)
			}
		}
	}
	return w, dir
}

// check compares what a crash has left with what was done. With exact set all calls but the last
// must be there.
func (w *truth) check(t *testing.T, s *Spool, entries []*Entry, exact bool) {
	t.Helper()
	byID := map[string]*Entry{}
	for _, e := range entries {
		byID[e.Event.EventID] = e
	}
	newest := map[string]int{} // by chain: the last event that is over there
	for i, e := range w.events {
		if e.safe {
			require.Contains(t, s.recent.seen, hashOf(e.id), "%s will be recognised", e.id)
		}
		got := byID[e.id]
		for j, it := range e.list {
			open := got != nil && got.Items[j] != nil
			if e.safe && e.over[j] == 0 {
				require.True(t, open, "%s for %s is lost", e.id, it.Dest)
			}
			if exact && e.over[j] > 0 && e.over[j] < w.calls {
				require.False(t, open, "%s for %s is repeated", e.id, it.Dest)
			}
			if open && exact && e.rest[j] > 0 && e.rest[j] < w.calls {
				require.JSONEq(t, `{"To":"","to":"rest"}`, fixJSON(got.Items[j].Remainder))
			}
			if open {
				require.JSONEq(t, `{"to":"all"}`, string(got.Items[j].Options))
				require.Equal(t, e.alert, got.Event.ID)
			}
			chain := chainOf(it.Dest, e.alert)
			if e.safe && !open && !e.dropped[j] {
				newest[chain] = i + 1
			}
		}
	}
	for i, e := range w.events {
		for j, it := range e.list {
			if got := byID[e.id]; got != nil && got.Items[j] != nil {
				require.GreaterOrEqual(t, i+1, newest[chainOf(it.Dest, e.alert)], "%s would come after a later one", e.id)
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
		s, x := openTest(t, dir.Killed())
		whole.calls++ // all must be there
		whole.check(t, s, x, true)
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
					w.check(t, s, x, k == 0)

					// The next process begins with that, and dies as well.
					s.disk.Repair()
					require.NoError(t, s.Broken())
					s, x = openTest(t, image.Unplugged(r))
					w.check(t, s, x, k == 0)
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
	name := segmentName(1)
	f := dir.Files[name]
	type state struct {
		size int
		open []string
	}
	list := []*Item{}
	states := []state{{size: len(f.Data)}}
	note := func() {
		var open []string
		for _, it := range list {
			if it.entry != nil {
				open = append(open, it.entry.Event.EventID)
			}
		}
		states = append(states, state{len(f.Data), open})
	}
	for i := range 10 {
		s.disk.Sync() // what is damaged then takes nothing else with it
		list = append(list, put(t, s, &alert.Event{EventID: "e" + strconv.Itoa(i), ID: "a"}, "{}"))
		note()
		if i%3 == 2 {
			s.Done(list[i/3], Made)
			note()
		}
	}
	loadBytes := func(b []byte) (open []string, log *lines, image *journaltest.Folder) {
		image = journaltest.New()
		image.Put(name, b)
		log = &lines{}
		_, entries := openLogged(t, image, log)
		for _, e := range entries {
			open = append(open, e.Event.EventID)
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
			require.Empty(t, log.of("W"))
		} else if n > states[0].size {
			require.Len(t, log.of("W"), 1)
			require.Len(t, image.Files[name+".bad"].Data, n-want.size)
		}
	}
	all := states[len(states)-1]
	for n := range f.Data {
		b := slices.Clone(f.Data)
		b[n] ^= 0x55
		open, log, _ := loadBytes(b)
		require.Len(t, log.of("W"), 1)
		require.Contains(t, log.of("W")[0], "set aside in spool-0000000001.log.bad")
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
	one := put(t, s, &alert.Event{EventID: "1", ID: "a"}, "")
	name := segmentName(1)
	old := slices.Clone(dir.Files[name].Data)
	dir.SetFail(func(int, string) error { return errCrash }) // the news of what follows are not written there
	two := put(t, s, &alert.Event{EventID: "2", ID: "a"}, "")
	s.Done(one, Made)
	s.Done(two, Made)
	put(t, s, &alert.Event{EventID: "3", ID: "a"}, "")
	dir.SetFail(nil)
	s.disk.Repair()
	require.NotContains(t, dir.Files, name)
	dir = dir.Killed()
	dir.Put(name, old)
	_, x := openTest(t, dir)
	require.Len(t, x, 1, "the alert must not come back after its recovery")
}

// TestOldVersionIsSetAside starts with a spool that an older version has left.
func TestOldVersionIsSetAside(t *testing.T) {
	dir := journaltest.New()
	old := "alerter spool 1\n\xff\xfes1\x01\x00\x00\x00\x3e\x9b\x8e\x1fB"
	dir.Put(segmentName(3), []byte(old))
	log := &lines{}
	s, entries := openLogged(t, dir, log)
	require.Empty(t, entries)
	s.disk.Repair()
	require.Equal(t, []string{
		"W! Spool: 29 bytes of spool-0000000003.log cannot be read, as after a crash while they were written; they are set aside in spool-0000000003.log.bad, all else is kept",
	}, log.list)
	require.Equal(t, old, string(dir.Files[segmentName(3)+".bad"].Data))
	require.Contains(t, dir.Files, segmentName(4))
}
