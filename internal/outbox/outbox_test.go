package outbox

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/bus"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal/journaltest"
)

// A receiver takes events, and calls them safe when it is known to.
type receiver struct {
	mu    sync.Mutex
	taken []*taken
	all   bool          // everything is safe at once
	gate  chan struct{} // nothing is taken before it is closed; may be nil
}

// A taken is an event that was taken, and what is to be known.
type taken struct {
	event *alert.Event
	safe  func()
}

func (x *receiver) Events(list []*alert.Event, safe func([]*alert.Event)) {
	if x.gate != nil {
		<-x.gate
	}
	x.mu.Lock()
	for _, e := range list {
		x.taken = append(x.taken, &taken{e, func() { safe([]*alert.Event{e}) }})
	}
	all := x.all
	x.mu.Unlock()
	if all {
		safe(list)
	}
}

func (*receiver) Points([]bus.Point) {}

// A recorder is a log.
type recorder struct {
	mu   sync.Mutex
	list []string
}

func (r *recorder) add(level, format string, args []any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, level+"! "+fmt.Sprintf(format, args...))
}

func (r *recorder) Errorf(format string, args ...any) { r.add("E", format, args) }
func (r *recorder) Warnf(format string, args ...any)  { r.add("W", format, args) }
func (r *recorder) Infof(format string, args ...any)  { r.add("I", format, args) }
func (r *recorder) Debugf(format string, args ...any) { r.add("D", format, args) }

// ids returns the IDs of what was taken, in order.
func (x *receiver) ids() (ids []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, m := range x.taken {
		ids = append(ids, m.event.EventID)
	}
	return ids
}

// find returns what was last taken of an event.
func (x *receiver) find(id string) *taken {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, m := range slices.Backward(x.taken) {
		if m.event.EventID == id {
			return m
		}
	}
	return nil
}

// A box is an outbox with a receiver, a log and topics.
type box struct {
	*Outbox
	*receiver
	bus    bus.Bus
	detach func()
	topics alert.Topics
	log    *recorder
}

func openBox(t *testing.T, dir journal.Folder, most int) *box {
	t.Helper()
	b, err := tryBox(dir, most)
	require.NoError(t, err)
	return b
}

func tryBox(dir journal.Folder, most int) (b *box, err error) {
	b = &box{log: &recorder{}}
	b.attach()
	return b, b.open(dir, most)
}

// aloneBox returns one without a receiver.
func aloneBox(t *testing.T, dir journal.Folder, most int) *box {
	t.Helper()
	b := &box{log: &recorder{}}
	require.NoError(t, b.open(dir, most))
	return b
}

func (b *box) open(dir journal.Folder, most int) (err error) {
	b.Outbox, err = Open(Config{Name: "folder", Folder: dir, Format: Format, Log: b.log, MaxEvents: most, MaxBytes: 64 << 20}, &b.topics)
	if err == nil {
		b.Start(&b.bus)
	}
	return err
}

// attach gives the box a new receiver.
func (b *box) attach() { b.attachTo(&receiver{}) }

func (b *box) attachTo(x *receiver) {
	if b.detach != nil {
		b.detach()
	}
	b.receiver = x
	b.detach, _ = b.bus.Attach(b.receiver) // there is no other one
}

// event makes an event of the alert a with the ID "a-n".
func event(a string, n int, l alert.Level) *alert.Event {
	return &alert.Event{
		EventID: a + "-" + strconv.Itoa(n), ID: a, Task: "t", Node: "alert2", Topic: "named", Time: int64(n), Level: l,
		Duration: time.Duration(n), Message: a + " is " + l.String(), Data: []byte(`{"series":[]}`),
	}
}

// lines returns what was logged.
func (b *box) lines() []string {
	b.log.mu.Lock()
	defer b.log.mu.Unlock()
	return slices.Clone(b.log.list)
}

func (b *box) counted() map[string]int64 {
	out := map[string]int64{}
	b.Show(func(field string, n int64) {
		if n != 0 {
			out[strings.TrimPrefix(field, "outbox_")] = n
		}
	})
	return out
}

func TestOutbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		b := openBox(t, dir, 100)
		for i := range 6 {
			b.Put(event(string(rune('a'+i%3)), i, alert.Critical))
		}
		synctest.Wait()
		want := []string{"a-0", "b-1", "c-2", "a-3", "b-4", "c-5"}
		require.Equal(t, want, b.ids())
		b.find("a-0").safe()
		b.find("c-5").safe()
		synctest.Wait()

		// The process dies; the next one emits the rest, before what is new.
		c := openBox(t, dir.Killed(), 100)
		c.Put(event("a", 6, alert.OK))
		synctest.Wait()
		require.Equal(t, []string{"b-1", "c-2", "a-3", "b-4", "a-6"}, c.ids())
		require.Contains(t, c.lines()[0], "Handing over 4 alert events again that were not delivered before the start")
		require.Equal(t, map[string]int64{"events": 5, "repeated": 4}, c.counted())
		require.Equal(t, b.find("a-3").event, c.find("a-3").event)
		for _, topic := range []string{"main:t:alert2", "named"} {
			s, ok := c.topics.Event(topic, "c")
			require.True(t, ok)
			require.Equal(t, event("c", 5, alert.Critical).State(), s, "delivered, but in no state file")
		}
		b.Close()
		c.Close()
	})
}

// TestStorm syncs once for what has come during the sync before.
func TestStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		b := openBox(t, dir, 20000)
		b.all = true
		before := dir.Syncs
		dir.SetFail(func(_ int, op string) error {
			if op == "sync" {
				dir.Mu.Unlock() // others write meanwhile
				time.Sleep(5 * time.Millisecond)
				dir.Mu.Lock()
			}
			return nil
		})
		begin := time.Now()
		for i := range 10000 {
			b.Put(event("a"+strconv.Itoa(i%500), i, alert.Critical))
			if i%1000 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		require.Less(t, time.Since(begin), 11*time.Millisecond, "tasks do not wait for the disk")
		time.Sleep(100 * time.Millisecond)
		require.Len(t, b.ids(), 10000)
		require.LessOrEqual(t, dir.Syncs-before, 6)
		require.Empty(t, b.counted(), "nothing is left")
		b.Close()
		dir.SetFail(nil)
		c := openBox(t, dir, 20000)
		synctest.Wait()
		require.Empty(t, c.ids())
		c.Close()
	})
}

// TestWritten wants events to be seen when the journal has them, and without one at once.
func TestWritten(t *testing.T) {
	for _, dir := range []*journaltest.Folder{nil, journaltest.New()} {
		synctest.Test(t, func(t *testing.T) {
			var seen []string
			c := Config{Name: "folder", Format: Format, Log: &recorder{}, MaxEvents: 100, MaxBytes: 64 << 20, Written: func(list []*alert.Event) {
				for _, e := range list {
					seen = append(seen, e.EventID)
				}
			}}
			if dir != nil {
				c.Folder = dir
			}
			o, err := Open(c, new(alert.Topics))
			require.NoError(t, err)
			o.Start(new(bus.Bus))
			hang := make(chan struct{})
			if dir != nil {
				dir.SetFail(func(_ int, op string) error {
					if op == "sync" {
						dir.Mu.Unlock()
						<-hang
						dir.Mu.Lock()
					}
					return nil
				})
			}
			for i := range 3 {
				o.Put(event("a", i, alert.Critical))
			}
			synctest.Wait()
			if dir != nil {
				require.Empty(t, seen)
			}
			close(hang)
			synctest.Wait()
			require.Equal(t, []string{"a-0", "a-1", "a-2"}, seen)
			o.Close()
		})
	}
}

// TestFullOfGiven has a receiver that takes everything and calls nothing safe: what it has goes first, but
// not before it has had some time.
func TestFullOfGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		b := openBox(t, dir, 10)
		n := 0
		put := func(a string) {
			n++
			b.Put(event(a, n, alert.Critical))
			synctest.Wait()
		}
		put("old")
		for range 8 {
			put("a")
		}
		put("b")
		begin := time.Now()
		put("c0")
		require.Equal(t, stuckAfter, time.Since(begin))
		for i := range 12 {
			put("c" + strconv.Itoa(i+1))
		}
		require.Equal(t, stuckAfter, time.Since(begin), "the others have had their time")
		require.Len(t, b.ids(), 23, "all are handed over")
		require.Equal(t, map[string]int64{"events": 10, "superseded": 7, "forgotten": 6}, b.counted())
		require.Len(t, b.lines(), 1)
		require.Contains(t, b.lines()[0], "W! Outbox: 10 alert events wait; from now on some are given up, those first that newer ones supersede")
		c := openBox(t, dir.Killed(), 10)
		synctest.Wait()
		require.Equal(t, append([]string{"a-9"}, b.ids()[14:]...), c.ids(), "somebody has heard of a")
		c.Close()
		for i := 4; i < 13; i++ {
			b.find(fmt.Sprintf("c%d-%d", i, 11+i)).safe()
		}
		require.Len(t, b.lines(), 2)
		b.Close()
	})
}

// TestFullAndWaiting hands over slowly: tasks wait, and nothing is given up.
func TestFullAndWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := openBox(t, journaltest.New(), 10)
		go func() {
			for i := range 30 {
				time.Sleep(stuckAfter / 20)
				b.find("a-" + strconv.Itoa(i)).safe()
			}
		}()
		for i := range 30 {
			b.Put(event("a", i, alert.Critical))
		}
		time.Sleep(time.Minute)
		require.Len(t, b.ids(), 30)
		require.Empty(t, b.counted())
		b.Close()
	})
}

// TestReceiverHangs holds tasks back no longer than once.
func TestReceiverHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := openBox(t, journaltest.New(), 10)
		b.gate = make(chan struct{})
		begin := time.Now()
		for i := range 30 {
			b.Put(event("a", i, alert.Critical))
		}
		require.Equal(t, stuckAfter, time.Since(begin))
		require.Equal(t, map[string]int64{"events": 10, "waiting": 10, "superseded": 20}, b.counted())
		close(b.gate)
		synctest.Wait()
		require.Equal(t, []string{"a-20", "a-29"}, []string{b.ids()[len(b.ids())-10], b.ids()[len(b.ids())-1]})
		b.Close()
	})
}

// TestNobodyHears fills an outbox that has no receiver: superseded events go first, and no recovery goes
// out without its alert.
func TestNobodyHears(t *testing.T) {
	for name, c := range map[string]struct {
		put  string // alert, and its level: O, I, W or C; with / the level is of the event before
		want string
	}{
		"newest stay":                {"a:C b:C b:W b:C c:C d:C", "a:C b:C c:C d:C"},
		"an alert goes as a whole":   {"a:C a:O b:C c:C d:C", "b:C c:C d:C"},
		"so does its late recovery":  {"a:C b:C c:C d:C e:C a:O", "b:C c:C d:C e:C"},
		"but not what comes behind":  {"a:C b:C c:C d:C e:C a:O b:O a:C", "c:C d:C e:C a:C"},
		"what was heard of has ends": {"C/a:O b:C c:C d:C e:C", "a:O c:C d:C e:C"},
		"also if it changes":         {"W/a:C a:O b:C c:C d:C e:C", "a:O c:C d:C e:C"},
		"it escalates":               {"a:W a:C b:C c:C d:C", "a:C b:C c:C d:C"},
		"a lost one escalates":       {"a:W b:C c:C d:C e:C a:C", "c:C d:C e:C a:C"},
		"rises and falls":            {"a:C a:O a:C a:O b:C c:C", "a:C a:O b:C c:C"},
		"statuses are no recoveries": {"a:O a:O b:C c:C d:C", "a:O b:C c:C d:C"},
		"all were heard of":          {"C/a:O C/b:O C/c:O C/d:O C/e:O", "b:O c:O d:O e:O"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, restart := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					dir := journaltest.New()
					b := aloneBox(t, dir, 4)
					begin := time.Now()
					levels := map[string]alert.Level{}
					for i, word := range strings.Fields(c.put) {
						before, word, heard := strings.Cut(word, "/")
						if !heard {
							before, word = "", before
						}
						a, level, _ := strings.Cut(word, ":")
						e := event(a, i, levelOf(level))
						if e.NodePrevious = levels[a]; before != "" {
							e.NodePrevious = levelOf(before)
						}
						levels[a] = e.Level
						if restart {
							require.NoError(t, b.Flush())
							b.Close()
							b = aloneBox(t, dir, 4)
						}
						b.Put(e)
					}
					require.Zero(t, time.Since(begin), "nobody waits for nobody")
					b.attach()
					synctest.Wait()
					var got []string
					for _, m := range b.taken {
						got = append(got, m.event.ID+":"+m.event.Level.String()[:1])
					}
					require.Equal(t, c.want, strings.Join(got, " "))
					b.Close()
				})
			}
		})
	}
}

// TestHeardAfterAll has an alert that was given up be raised again, and heard of: its recovery goes out,
// over a restart, too.
func TestHeardAfterAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		b := aloneBox(t, dir, 2)
		for i, a := range []string{"a", "b", "c"} {
			b.Put(event(a, i, alert.Warning))
		}
		b.attachTo(&receiver{all: true})
		synctest.Wait()
		require.Equal(t, []string{"b-1", "c-2"}, b.ids())
		again := event("a", 3, alert.Critical)
		again.NodePrevious = alert.Warning
		b.Put(again)
		synctest.Wait()
		b.Close()

		c := openBox(t, dir, 2)
		c.all = true
		end := event("a", 4, alert.OK)
		end.NodePrevious = alert.Critical
		c.Put(end)
		synctest.Wait()
		require.Equal(t, []string{"a-4"}, c.ids())
		c.Close()
	})
}

// TestPerhapsHeard gives up an event that a receiver had which has gone: it may have delivered it, so its
// recovery goes out.
func TestPerhapsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := openBox(t, nil, 2)
		b.Put(event("a", 0, alert.Critical))
		synctest.Wait()
		b.detach()
		b.detach = nil
		b.Put(event("b", 1, alert.Critical))
		b.Put(event("c", 2, alert.Critical))
		end := event("a", 3, alert.OK)
		end.NodePrevious = alert.Critical
		b.Put(end)
		b.attachTo(&receiver{all: true})
		synctest.Wait()
		require.Equal(t, []string{"c-2", "a-3"}, b.ids())
		b.Close()
	})
}

func levelOf(first string) alert.Level {
	return alert.Level(strings.Index("OIWC", first))
}

// TestNoReceiver says that alerts go nowhere, now and then.
func TestNoReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := aloneBox(t, nil, 100)
		for i := range 200 {
			b.Put(event("a"+strconv.Itoa(i%10), i, alert.Critical))
			time.Sleep(time.Minute)
		}
		require.Equal(t, []string{
			"W! Alerts go nowhere, 1 events wait: there is no [[outputs.alerter]] at work, which delivers them",
			"W! Alerts go nowhere, 61 events wait: there is no [[outputs.alerter]] at work, which delivers them",
			"W! Outbox: 100 alert events wait; from now on some are given up, those first that newer ones supersede",
			"W! Alerts go nowhere, 100 events wait: there is no [[outputs.alerter]] at work, which delivers them",
			"W! Alerts go nowhere, 100 events wait: there is no [[outputs.alerter]] at work, which delivers them",
		}, b.lines())
		b.attach()
		synctest.Wait()
		require.Len(t, b.ids(), 100)
		require.Equal(t, "I! Outbox: alerts have somebody to deliver them again; 100 events have waited", b.lines()[5])
		b.detach()
		b.Close()
		require.Equal(t, "W! Outbox: 100 alert events are lost: there was nobody to deliver them, and without a state_directory nothing is kept", b.lines()[6])
	})
}

// TestNextReceiver hands what one receiver has not called safe over to the next, before what is new.
func TestNextReceiver(t *testing.T) {
	for _, dir := range []journal.Folder{nil, journaltest.New()} {
		synctest.Test(t, func(t *testing.T) {
			b := openBox(t, dir, 100)
			for i := range 4 {
				b.Put(event(string(rune('a'+i%2)), i, alert.Critical))
			}
			synctest.Wait()
			first := b.receiver
			first.find("b-1").safe()
			b.detach()
			b.detach = nil
			b.Put(event("a", 4, alert.OK))
			synctest.Wait()
			require.Len(t, first.ids(), 4)
			b.attach()
			synctest.Wait()
			require.Equal(t, []string{"a-0", "a-2", "b-3", "a-4"}, b.ids())
			first.find("a-2").safe()
			first.find("a-2").safe()
			for _, id := range []string{"a-0", "b-3", "a-4"} {
				b.find(id).safe()
			}
			require.Equal(t, map[string]int64{"repeated": 3}, b.counted())
			begin := time.Now()
			b.Close()
			require.Zero(t, time.Since(begin))
		})
	}
}

// TestReceiverGoesMeanwhile has the receiver go while it is being called.
func TestReceiverGoesMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := openBox(t, nil, 100)
		b.gate = make(chan struct{})
		b.Put(event("a", 0, alert.Critical))
		synctest.Wait()
		first := b.receiver
		b.attach()
		b.Put(event("a", 1, alert.OK))
		close(first.gate)
		synctest.Wait()
		require.Equal(t, []string{"a-0", "a-1"}, b.ids())
		b.all = true
		b.Close()
	})
}

// TestDiskFails emits all the same, and returns to the disk.
func TestDiskFails(t *testing.T) {
	for _, what := range []string{"write", "sync"} {
		synctest.Test(t, func(t *testing.T) {
			dir := journaltest.New()
			b := openBox(t, dir, 100)
			b.Put(event("a", 1, alert.Critical))
			synctest.Wait()
			dir.SetFail(func(_ int, op string) error {
				if op == what || op == "create" {
					return journaltest.ErrTorn
				}
				return nil
			})
			for i := range 10 {
				b.Put(event("a", 2+i, alert.Critical))
				require.NoError(t, b.Flush())
				time.Sleep(time.Minute)
			}
			require.Len(t, b.ids(), 11)
			require.Len(t, b.lines(), 1)
			require.Contains(t, b.lines()[0], "E! Outbox: cannot write to folder: no space left on device; alerts go out all the same, but are not kept for a restart, until that works again")
			require.Equal(t, map[string]int64{"events": 11, "unjournaled": 10}, b.counted())
			dir.SetFail(nil)
			time.Sleep(time.Minute)
			require.Len(t, b.lines(), 2)
			require.Contains(t, b.lines()[1], "I! Outbox: writes to folder again")
			c := openBox(t, dir.Killed(), 100)
			synctest.Wait()
			require.Equal(t, b.ids(), c.ids())
			b.Close()
			c.Close()
		})
	}
}

// TestDiskHangs does not hold alerts back for ever.
func TestDiskHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		b := openBox(t, dir, 100)
		hang := make(chan struct{})
		dir.SetFail(func(_ int, op string) error {
			if op == "sync" {
				dir.Mu.Unlock()
				<-hang
				dir.Mu.Lock()
			}
			return nil
		})
		for i := range 5 {
			b.Put(event("a", i, alert.Critical))
			time.Sleep(time.Second)
		}
		time.Sleep(3 * time.Second)
		require.Len(t, b.ids(), 5)
		require.ErrorIs(t, b.Flush(), errStalled)
		require.Len(t, b.lines(), 1)
		require.Contains(t, b.lines()[0], "E! Outbox: folder does not answer; alerts go out all the same")
		close(hang)
		require.NoError(t, b.Flush())
		require.Len(t, b.lines(), 2)
		b.Close()
	})
}

// TestFolderAppearsLate brings what an earlier process has left, unless it is overtaken.
func TestFolderAppearsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		a := openBox(t, dir, 100)
		a.Put(event("a", 1, alert.Critical))
		a.Put(event("b", 2, alert.Critical))
		synctest.Wait()
		a.Close()
		dir.SetFail(func(int, string) error { return errors.New("permission denied") })
		b := openBox(t, dir, 100)
		m := b.Mark()
		b.topics.Collect("main:t:alert2", event("a", 3, alert.OK))
		b.Put(event("a", 3, alert.OK))
		synctest.Wait()
		require.Equal(t, []string{"a-3"}, b.ids())
		dir.SetFail(nil)
		time.Sleep(time.Minute)
		require.Equal(t, []string{"a-3", "b-2"}, b.ids())
		b.Saved(m)
		s, _ := b.topics.Event("main:t:alert2", "b")
		require.Equal(t, alert.Critical, s.Level)
		s, _ = b.topics.Event("main:t:alert2", "a")
		require.Equal(t, alert.OK, s.Level)
		b.find("b-2").safe()
		synctest.Wait()
		c := openBox(t, dir.Killed(), 100)
		synctest.Wait()
		require.Equal(t, []string{"a-3"}, c.ids())
		s, _ = c.topics.Event("named", "a")
		require.Equal(t, alert.OK, s.Level)
		b.Close()
		c.Close()
	})
}

// TestCloseWaits for what becomes safe, but not for ever.
func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := openBox(t, journaltest.New(), 100)
		for i := range 6 {
			b.Put(event("a", i, alert.Critical))
		}
		synctest.Wait()
		go func() {
			for i := range 3 {
				time.Sleep(time.Second)
				b.find("a-" + strconv.Itoa(i)).safe()
			}
		}()
		begin := time.Now()
		b.Close()
		require.Equal(t, 3*time.Second+stuckAfter, time.Since(begin))
		b.detach()

		c := openBox(t, journaltest.New(), 100)
		c.gate = make(chan struct{})
		c.Put(event("a", 1, alert.Critical))
		begin = time.Now()
		c.Close()
		require.Equal(t, flushTimeout, time.Since(begin), "the receiver hangs")
		close(c.gate)
		synctest.Wait()
	})
}

// TestSafeAfterTheEnd tells the journal of what a receiver delivers when it stops.
func TestSafeAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		b := openBox(t, dir, 100)
		for i := range 5 {
			b.Put(event("a", i, alert.Critical))
		}
		b.Close()
		require.Len(t, b.ids(), 5)
		for _, id := range b.ids()[:4] {
			b.find(id).safe()
		}
		c := openBox(t, dir, 100)
		b.find("a-4").safe() // too late
		synctest.Wait()
		require.Equal(t, []string{"a-4"}, c.ids())
		c.Close()
		c.find("a-4").safe()
		d := openBox(t, dir, 100)
		synctest.Wait()
		require.Empty(t, d.ids())
		d.Close()
	})
}

func TestForgetsTopics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		b := openBox(t, dir, 100)
		b.Put(event("a", 1, alert.Critical))
		b.Forget("main:t:alert2")
		b.Put(event("b", 2, alert.Critical))
		require.NoError(t, b.Flush())
		synctest.Wait()
		for range 2 {
			c := openBox(t, dir.Killed(), 100)
			_, ok := c.topics.Event("main:t:alert2", "a")
			require.False(t, ok)
			_, ok = c.topics.Event("main:t:alert2", "b")
			require.True(t, ok)
			_, ok = c.topics.Event("named", "a")
			require.True(t, ok)
			c.Close()
			b.disk.Repair() // the copy, too
		}
		b.Close()
	})
}

// TestKeepsStates until they are in a state file.
func TestKeepsStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		b := openBox(t, dir, 100)
		b.all = true
		b.Put(event("a", 1, alert.Critical))
		b.Put(event("b", 2, alert.Critical))
		m := b.Mark()
		b.Put(event("a", 3, alert.OK))
		require.NoError(t, b.Flush())
		synctest.Wait()
		b.Saved(m)
		for range 2 {
			c := openBox(t, dir.Killed(), 100)
			s, ok := c.topics.Event("named", "a")
			require.True(t, ok)
			require.Equal(t, alert.OK, s.Level)
			_, ok = c.topics.Event("named", "b")
			require.False(t, ok)
			synctest.Wait()
			require.Empty(t, c.ids())
			c.Close()
			b.disk.Repair() // the copy, too
		}
		b.Close()
	})
}

// A life is what an outbox did until its folder failed.
type life struct {
	*box
	put   []*alert.Event
	ready map[string]bool               // called safe
	saved map[alertKey]alert.EventState // what the last checkpoint has
}

// liveThrough works with an outbox until its folder fails.
func liveThrough(t *testing.T, dir *journaltest.Folder, seed uint64) *life {
	l := &life{ready: map[string]bool{}, saved: map[alertKey]alert.EventState{}}
	b, err := tryBox(dir, 1000)
	if err != nil {
		return l
	}
	l.box = b
	b.disk.Lock()
	b.disk.Limit(2000, 2000)
	b.disk.Unlock()
	r := rand.New(rand.NewPCG(seed, 0))
	levels := map[alertKey]alert.EventState{}
	broken := func() bool {
		b.disk.Lock()
		defer b.disk.Unlock()
		return b.disk.Broken() != nil
	}
	for i := 0; i < 25 && !broken(); i++ {
		for range r.IntN(3) {
			e := event(string(rune('a'+r.IntN(3))), len(l.put), alert.Level(r.IntN(4)))
			l.put = append(l.put, e)
			for _, topic := range topicsOf(e) {
				levels[alertKey{topic, e.ID}] = e.State()
			}
			b.Put(e)
		}
		synctest.Wait()
		if broken() {
			break
		}
		if r.IntN(3) == 0 {
			for _, id := range b.ids() {
				if m := b.find(id); r.IntN(2) == 0 && !l.ready[id] {
					l.ready[id] = true
					m.safe()
				}
			}
			synctest.Wait()
		}
		if r.IntN(4) == 0 {
			m := b.Mark()
			require.NoError(t, b.Flush())
			if broken() {
				break
			}
			for k, s := range levels {
				l.saved[k] = s
			}
			b.Saved(m)
			synctest.Wait()
		}
	}
	return l
}

var errCrash = errors.New("crash")

// TestCrashAtEveryStep kills the process and the machine before and in the midst of each change
// of the folder. What was emitted and not delivered must come again, in order and with the states.
func TestCrashAtEveryStep(t *testing.T) {
	images := 0
	for seed := range uint64(6) {
		steps := 0
		synctest.Test(t, func(t *testing.T) {
			dir := journaltest.New()
			l := liveThrough(t, dir, seed)
			steps = dir.Ops
			l.Close()
		})
		for at := 2; at <= steps; at++ {
			for _, how := range []error{errCrash, journaltest.ErrTorn} {
				synctest.Test(t, func(t *testing.T) {
					dir := journaltest.New()
					dir.SetFail(func(n int, _ string) error {
						if n >= at {
							return how
						}
						return nil
					})
					l := liveThrough(t, dir, seed)
					r := rand.New(rand.NewPCG(seed, uint64(at)))
					for k := range 3 {
						images++
						image := dir.Killed()
						if k > 0 {
							image = dir.Unplugged(r)
						}
						l.check(t, image)
					}
					l.Close()
				})
			}
		}
	}
	t.Logf("%d images", images)
}

// check opens an image of the folder. What was emitted in the moment of the failure went out without
// the journal, so it need not be there: it is the events that came since the last time all was well.
func (l *life) check(t *testing.T, image *journaltest.Folder) {
	t.Helper()
	b := openBox(t, image, 1000)
	synctest.Wait()
	got := b.ids()
	require.True(t, slices.IsSortedFunc(got, func(x, y string) int { return number(x) - number(y) }), "%v", got)
	journaled := len(l.put) - int(l.counted()["unjournaled"])
	for i, e := range l.put {
		if i < journaled && !l.ready[e.EventID] {
			require.Contains(t, got, e.EventID)
		}
	}
	newest := map[alertKey]int{}
	for i, e := range l.put[:journaled] {
		for _, topic := range topicsOf(e) {
			newest[alertKey{topic, e.ID}] = i
		}
	}
	for k, i := range newest {
		s, ok := b.topics.Event(k.topic, k.id)
		if !ok {
			s = l.saved[k] // what the state file says
		}
		require.GreaterOrEqual(t, s.Time, int64(i), "an event of %s is forgotten", k.id)
	}
	b.Close()
}

func number(id string) int {
	_, n, _ := strings.Cut(id, "-")
	i, _ := strconv.Atoi(n)
	return i
}
