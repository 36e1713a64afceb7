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
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal/journaltest"
)

// An outputs stands for the outputs of an agent: it takes metrics, and delivers them when it is told to.
type outputs struct {
	mu    sync.Mutex
	taken []*parcel
	ready map[string]bool // event IDs that are delivered at once
	all   bool            // everything is
	gate  chan struct{}   // nothing is taken before it is closed; may be nil
}

func (x *outputs) take(e *alert.Event, settled func(bool)) {
	m := &parcel{e, settled}
	if x.gate != nil {
		<-x.gate
	}
	x.mu.Lock()
	x.taken = append(x.taken, m)
	now := x.all || x.ready[e.EventID]
	x.mu.Unlock()
	if now {
		m.Accept()
	}
}

// A parcel is an event that was taken.
type parcel struct {
	event   *alert.Event
	settled func(delivered bool)
}

func (p *parcel) Accept() { p.settled(true) }
func (p *parcel) Reject() { p.settled(false) }

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
func (x *outputs) ids() (ids []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, m := range x.taken {
		ids = append(ids, m.event.EventID)
	}
	return ids
}

// find returns what was last taken of an event.
func (x *outputs) find(id string) *parcel {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, m := range slices.Backward(x.taken) {
		if m.event.EventID == id {
			return m
		}
	}
	return nil
}

// A box is an outbox with its outputs, log and topics.
type box struct {
	*Outbox
	outputs
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
	b.Outbox, err = Open(Config{
		Name: "folder", Folder: dir, Format: Format, Log: b.log, Emit: b.take,
		MaxEvents: most, MaxBytes: 64 << 20,
	}, &b.topics)
	if err == nil {
		b.Start()
	}
	return b, err
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
		b.find("a-0").Accept()
		b.find("c-5").Accept()
		synctest.Wait()

		// The process dies; the next one emits the rest, before what is new.
		c := openBox(t, dir.Killed(), 100)
		c.Put(event("a", 6, alert.OK))
		synctest.Wait()
		require.Equal(t, []string{"b-1", "c-2", "a-3", "b-4", "a-6"}, c.ids())
		require.Contains(t, c.lines()[0], "Emitting 4 alert events again that were not delivered before the start")
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

// TestOutboxStorm syncs once for what has come during the sync before.
func TestOutboxStorm(t *testing.T) {
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

// TestOutboxFull never has the outputs deliver anything.
func TestOutboxFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		b := openBox(t, dir, 10)
		n := 0
		put := func(a string) {
			n++
			b.Put(event(a, n, alert.Critical))
			time.Sleep(time.Millisecond)
		}
		put("old")
		for range 12 {
			put("a")
		}
		put("b")
		require.Len(t, b.ids(), 10)
		time.Sleep(ackTimeout)
		synctest.Wait()
		require.Len(t, b.ids(), 14, "all go out")
		require.Equal(t, map[string]int64{"events": 10, "superseded": 4}, b.counted())
		for i := range 10 {
			put("c" + strconv.Itoa(i))
		}
		require.Equal(t, map[string]int64{"events": 10, "superseded": 11, "forgotten": 3}, b.counted())
		require.Len(t, b.lines(), 1)
		require.Contains(t, b.lines()[0], "W! Outbox: 10 alert events are waiting for outputs that do not take them; from now on the oldest are not kept for a restart")
		c := openBox(t, dir.Killed(), 10)
		synctest.Wait()
		require.Len(t, c.ids(), 10)
		require.Equal(t, b.ids()[14:], c.ids())
		c.Close()
		for i := range 10 {
			b.find(fmt.Sprintf("c%d-%d", i, 15+i)).Accept()
		}
		require.Len(t, b.lines(), 2)
		b.Close()
	})
}

// TestOutboxCrowd delivers slowly: no event is given up while others are being delivered.
func TestOutboxCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := openBox(t, journaltest.New(), 10)
		for i := range 20 {
			if i == 10 {
				b.find("a0-0").Accept()
			}
			b.Put(event("a"+strconv.Itoa(i), i, alert.Critical))
			synctest.Wait()
		}
		require.Len(t, b.ids(), 11)
		for i := 1; i < 20; i++ {
			time.Sleep(10 * time.Millisecond)
			b.find(fmt.Sprintf("a%d-%d", i, i)).Accept()
			synctest.Wait()
		}
		require.Len(t, b.ids(), 20)
		require.Empty(t, b.counted())
		b.Close()
	})
}

// TestOutboxBlocks when nothing can be emitted at all.
func TestOutboxBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := openBox(t, journaltest.New(), 10)
		b.gate = make(chan struct{})
		done := false
		go func() {
			for i := range 30 {
				b.Put(event("a", i, alert.Critical))
			}
			done = true
		}()
		time.Sleep(time.Hour)
		require.False(t, done)
		b.disk.Lock()
		require.Len(t, b.queue, 19) // another one is with the outputs
		b.disk.Unlock()
		close(b.gate)
		time.Sleep(ackTimeout)
		synctest.Wait()
		require.True(t, done)
		require.Len(t, b.ids(), 30)
		b.Close()
	})
}

// TestOutboxRejected has an output throw events away.
func TestOutboxRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		b := openBox(t, dir, 100)
		b.Put(event("a", 1, alert.Critical))
		b.Put(event("b", 2, alert.Critical))
		b.Put(event("c", 3, alert.Critical))
		b.Put(event("c", 4, alert.OK))
		synctest.Wait()
		for _, id := range b.ids() {
			b.find(id).Reject()
		}
		time.Sleep(9 * time.Second)
		require.Len(t, b.ids(), 4)
		b.Put(event("b", 5, alert.OK))
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{"b-5", "a-1", "c-4"}, b.ids()[4:], "what is superseded does not come after its recovery")
		require.Equal(t, map[string]int64{"events": 3, "rejected": 4, "superseded": 2}, b.counted())
		b.find("c-4").Accept()
		b.find("b-5").Accept()
		for range maxAttempts - 1 {
			b.find("a-1").Reject()
			time.Sleep(11 * time.Minute)
		}
		require.Len(t, b.ids(), 7+maxAttempts-2)
		require.Equal(t, []string{`E! Outbox: alert "a" of task "t" was thrown away by an output 8 times; it is given up`}, b.lines())
		require.Equal(t, map[string]int64{"rejected": 4 + maxAttempts - 1, "superseded": 2, "forgotten": 1}, b.counted())
		b.Close()
	})
}

// TestOutboxDiskFails emits all the same, and returns to the disk.
func TestOutboxDiskFails(t *testing.T) {
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

// TestOutboxDiskHangs does not hold alerts back for ever.
func TestOutboxDiskHangs(t *testing.T) {
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

// TestOutboxFolderAppearsLate brings what an earlier process has left, unless it is overtaken.
func TestOutboxFolderAppearsLate(t *testing.T) {
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
		b.find("b-2").Accept()
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

// TestOutboxDeliveredAfterTheEnd tells the journal of what outputs deliver when they stop.
func TestOutboxDeliveredAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		b := openBox(t, dir, 100)
		for i := range 5 {
			b.Put(event("a", i, alert.Critical))
		}
		b.Close()
		require.Len(t, b.ids(), 5)
		for _, id := range b.ids()[:3] {
			b.find(id).Accept()
		}
		b.find("a-3").Reject()
		c := openBox(t, dir, 100)
		b.find("a-4").Accept() // too late
		synctest.Wait()
		require.Equal(t, []string{"a-4"}, c.ids(), "the one before is superseded")
		c.Close()
		c.find("a-4").Accept()
		d := openBox(t, dir, 100)
		synctest.Wait()
		require.Empty(t, d.ids())
		d.Close()
	})
}

func TestOutboxForgetsTopics(t *testing.T) {
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

// TestOutboxKeepsStates until they are in a state file.
func TestOutboxKeepsStates(t *testing.T) {
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
	saved map[alertKey]alert.EventState // what the last checkpoint has
}

// liveThrough works with an outbox until its folder fails.
func liveThrough(t *testing.T, dir *journaltest.Folder, seed uint64) *life {
	l := &life{saved: map[alertKey]alert.EventState{}}
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
				if m := b.find(id); r.IntN(2) == 0 && !b.ready[id] {
					if b.ready == nil {
						b.ready = map[string]bool{}
					}
					b.ready[id] = true
					m.Accept()
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

// TestOutboxCrashAtEveryStep kills the process and the machine before and in the midst of each change
// of the folder. What was emitted and not delivered must come again, in order and with the states.
func TestOutboxCrashAtEveryStep(t *testing.T) {
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
