package alerter

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
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

// TestEventCodec fills in every field there is.
func TestEventCodec(t *testing.T) {
	var e alert.Event
	n := 0
	var fill func(v reflect.Value)
	fill = func(v reflect.Value) {
		n++
		switch v.Kind() {
		case reflect.String:
			v.SetString("s" + strconv.Itoa(n))
		case reflect.Int, reflect.Int64:
			v.SetInt(int64(-n))
		case reflect.Uint8:
			v.SetUint(uint64(n % 4))
		case reflect.Uint64:
			v.SetUint(1<<63 + uint64(n))
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 3, 3))
			for i := range 3 {
				fill(v.Index(i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				fill(v.Field(i))
			}
		default:
			t.Fatalf("the spool does not know fields of type %s", v.Type())
		}
	}
	fill(reflect.ValueOf(&e).Elem())
	e.Fields = append(e.Fields, point.Field{Key: "nan", Value: point.FloatValue(0)})
	var enc encoder
	enc.event(&e)
	d := decoder{b: enc.b}
	require.Equal(t, &e, d.event())
	require.NoError(t, d.err())
	for i := range enc.b {
		d := decoder{b: enc.b[:i]}
		d.event()
		require.Error(t, d.err())
	}
}

func FuzzSegment(f *testing.F) {
	_, m := scenario(1, nil)
	for _, x := range m.files {
		f.Add(x.data)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x := newLoaded()
		n := 0
		for _, bad := range scan(b, x.take) {
			n += len(bad)
		}
		require.LessOrEqual(t, n, len(b))
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

// scenario puts some events into a spool, ends deliveries in the order of their chains, and so on,
// until the folder fails.
func scenario(seed uint64, fail func(int, string) error) (*truth, *memFolder) {
	dir := newMemFolder()
	dir.fail = fail
	r := rand.New(rand.NewPCG(seed, 0))
	w := &truth{}
	s, _, err := openSpool("d", dir, newMemorySpool(100, 1<<20), silent{})
	if err != nil {
		panic(err)
	}
	s.growth = 700
	s.repair()
	chains := map[string][]*delivery{}
	o := testOutlet()
	for i := range 12 {
		if s.broken != nil {
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
			if err := s.Put(&posting{event: e, list: x.list}); err != nil {
				panic(err)
			}
		}
		s.Commit(nil, true)
		if s.broken != nil {
			return w, dir
		}
		for _, x := range w.events {
			x.safe = true
		}
		for range r.IntN(3) {
			key := []string{"Da", "Db", "Ea", "Eb"}[r.IntN(4)]
			if len(chains[key]) == 0 || s.broken != nil {
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
		whole, dir := scenario(seed, nil)
		x, err := loadSpool(dir.killed(), silent{})
		require.NoError(t, err)
		whole.calls++ // all must be there
		whole.check(t, x, true)
		for at := 1; at <= dir.ops; at++ {
			steps++
			for _, how := range []error{errCrash, errTorn} {
				w, broken := scenario(seed, func(n int, _ string) error {
					if n >= at {
						return how
					}
					return nil
				})
				r := rand.New(rand.NewPCG(seed, uint64(at)))
				for k := range 5 {
					images++
					image := broken.killed()
					if k > 0 {
						image = broken.unplugged(r)
					}
					x, err := loadSpool(image, silent{})
					require.NoError(t, err)
					w.check(t, x, k == 0)

					// The next process begins with that, and dies as well.
					s, x, err := openSpool("d", image, newMemorySpool(100, 1<<20), silent{})
					require.NoError(t, err)
					for _, e := range x.events {
						list := make([]*delivery, len(e.list))
						for i, from := range e.list {
							if from.open {
								list[i] = &delivery{outlet: testOutlet(), event: e.event, dest: from.dest, origin: from.options, rest: from.rest}
							}
						}
						s.adopt(e, list)
					}
					s.repair()
					require.NoError(t, s.broken)
					y, err := loadSpool(image.unplugged(r), silent{})
					require.NoError(t, err)
					w.check(t, y, k == 0)
					require.Len(t, y.names, 1)
				}
			}
		}
	}
	t.Logf("%d steps, %d images", steps, images)
}

// TestCutAtEveryByte shortens the log, and damages it, at every byte.
func TestCutAtEveryByte(t *testing.T) {
	dir := newMemFolder()
	s, _, err := openSpool("d", dir, newMemorySpool(100, 1<<20), silent{})
	require.NoError(t, err)
	s.repair()
	o := testOutlet()
	f := dir.files[s.current]
	type state struct {
		size int
		open []string
	}
	list := []*delivery{}
	states := []state{{size: len(f.data)}}
	note := func() {
		var open []string
		for _, it := range list {
			if e := s.events[it.seq]; e != nil {
				open = append(open, it.event.EventID)
			}
		}
		states = append(states, state{len(f.data), open})
	}
	for i := range 10 {
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
	loadBytes := func(b []byte) (open []string, log *testutil.CaptureLogger, image *memFolder) {
		image = newMemFolder()
		image.files[s.current] = &memFile{folder: image, data: b}
		log = &testutil.CaptureLogger{}
		x, err := loadSpool(image, log)
		require.NoError(t, err)
		for _, e := range x.events {
			open = append(open, e.event.EventID)
		}
		slices.Sort(open)
		return open, log, image
	}
	for n := range f.data {
		open, log, image := loadBytes(slices.Clone(f.data[:n]))
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
			require.Len(t, image.files[s.current+".bad"].data, n-want.size)
		}
	}
	all := states[len(states)-1]
	for n := range f.data {
		b := slices.Clone(f.data)
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
	dir := newMemFolder()
	s, _, err := openSpool("d", dir, newMemorySpool(100, 1<<20), silent{})
	require.NoError(t, err)
	s.repair()
	put := func(id string) *delivery {
		it := &delivery{outlet: testOutlet(), event: &alert.Event{EventID: id, ID: "a"}, dest: "D"}
		require.NoError(t, s.Put(&posting{event: it.event, list: []*delivery{it}}))
		return it
	}
	one := put("1")
	old, name := slices.Clone(dir.files[s.current].data), s.current
	s.broken = errors.New("for now") // the news of what follows are not written there
	s.retire()
	two := put("2")
	s.Done(one, made)
	s.Done(two, made)
	put("3")
	s.repair()
	require.NotContains(t, dir.files, name)
	dir.files[name] = &memFile{folder: dir, data: old}
	x, err := loadSpool(dir, silent{})
	require.NoError(t, err)
	require.Len(t, x.events, 1, "the alert must not come back after its recovery")
}

func TestOtherVersionIsSetAside(t *testing.T) {
	dir := newMemFolder()
	dir.files[segmentName(1)] = &memFile{folder: dir, data: []byte("alerter spool 2\nwhatever")}
	for i := range 7 {
		name := segmentName(uint64(i+10)) + ".bad"
		dir.files[name] = &memFile{folder: dir}
	}
	log := &testutil.CaptureLogger{}
	x, err := loadSpool(dir, log)
	require.NoError(t, err)
	require.Empty(t, x.events)
	require.Len(t, log.Warnings(), 1)
	require.Equal(t, "alerter spool 2\nwhatever", string(dir.files[segmentName(1)+".bad"].data))
	require.Len(t, dir.files, 1+maxAside)
}
