package journal_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/codec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal/journaltest"
)

var testFormat = journal.Format{Prefix: "test", Lock: "test.lock", Magic: "test 1\n", Mark: [4]byte{0xff, 0xfe, 't', '1'}}

// A notebook is a set of names whose changes are in a log.
type notebook struct {
	*journal.Log
	names map[string]bool

	mu    sync.Mutex
	lines []string
}

func (n *notebook) Errorf(format string, args ...any) { n.say("E! ", format, args) }
func (n *notebook) Warnf(format string, args ...any)  { n.say("W! ", format, args) }
func (n *notebook) Infof(format string, args ...any)  { n.say("I! ", format, args) }
func (n *notebook) Debugf(string, ...any)             {}

func (n *notebook) say(level, format string, args []any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, level+fmt.Sprintf(format, args...))
}

// log returns what has been logged.
func (n *notebook) log() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.lines)
}

func open(dir journal.Folder, growth int64) (n *notebook, failed error) {
	n = &notebook{names: map[string]bool{}}
	n.Log = journal.New(journal.Config{
		Format: testFormat, Folder: dir, Name: "folder", Title: "Notebook", Without: "notes are kept in memory", Growth: growth, Log: n,
		Copy: func(record func(func(*codec.Encoder))) {
			for _, name := range slices.Sorted(maps.Keys(n.names)) {
				record(func(e *codec.Encoder) { e.Byte('+'); e.Text(name) })
			}
		},
		Late: func() error { return n.Read(n.take) },
	})
	return n, n.Read(n.take)
}

func (n *notebook) take(payload []byte) error {
	n.Lock()
	defer n.Unlock()
	d := codec.Decoder{B: payload[1:]}
	name := d.Text()
	if d.Err() != nil {
		return d.Err()
	}
	switch payload[0] {
	case '+':
		n.names[name] = true
	case '-':
		delete(n.names, name)
	default:
		return codec.ErrBad
	}
	return nil
}

func (n *notebook) add(name string) {
	n.Lock()
	defer n.Unlock()
	n.names[name] = true
	n.Append(func(e *codec.Encoder) { e.Byte('+'); e.Text(name) })
}

func (n *notebook) drop(name string) {
	n.Lock()
	defer n.Unlock()
	delete(n.names, name)
	n.Append(func(e *codec.Encoder) { e.Byte('-'); e.Text(name) })
}

func (n *notebook) broken() error {
	n.Lock()
	defer n.Unlock()
	return n.Broken()
}

func (n *notebook) list() []string {
	n.Lock()
	defer n.Unlock()
	return slices.Sorted(maps.Keys(n.names))
}

// work makes a notebook and writes to it. It tells note of each state before it comes to the disk, and how
// many of them are safe.
func work(dir journal.Folder, seed uint64, note func(any)) {
	n, failed := open(dir, 300)
	if failed != nil {
		return
	}
	n.Repair()
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range 60 {
		if list := n.list(); len(list) > 0 && r.IntN(2) == 0 {
			name := list[r.IntN(len(list))]
			note(slices.DeleteFunc(n.list(), func(s string) bool { return s == name }))
			n.drop(name)
		} else {
			name := fmt.Sprintf("note %d", i)
			list = append(list, name)
			slices.Sort(list)
			note(list)
			n.add(name)
		}
		if r.IntN(4) == 0 {
			n.Sync()
			note(i + 1)
		}
	}
}

// A history is what was told while a notebook worked.
type history struct {
	states [][]string
	safe   int // the state that must be there at least
}

func (h *history) take(note any) {
	switch note := note.(type) {
	case int:
		h.safe = note
	case []string:
		h.states = append(h.states, note)
	}
}

// check opens what a crash has left: a state that is not older than the last safe one, and nothing that
// never was. The next process begins with that, and dies as well.
func (h *history) check(t *testing.T, d *journaltest.Disk, r *rand.Rand) {
	t.Helper()
	states := h.states[h.safe:]
	image := d.Folder("")
	n, failed := open(image, 0)
	require.NoError(t, failed)
	require.True(t, slices.ContainsFunc(states, func(s []string) bool { return slices.Equal(s, n.list()) }), "%v\n%v", n.list(), states)
	n.Repair()
	require.NoError(t, n.broken())
	again, failed := open(image.Unplugged(r), 0)
	require.NoError(t, failed)
	require.Equal(t, n.list(), again.list())
}

// TestCrashAtEveryPoint looks at all that a crash of the process or of the machine may leave, at each
// operation on the folder.
func TestCrashAtEveryPoint(t *testing.T) {
	images := 0
	for seed := range uint64(10) {
		d := journaltest.NewDisk()
		d.Record()
		work(d.Folder(""), seed, d.Note)
		rec, r := d.Recorded(), rand.New(rand.NewPCG(seed, 1))
		x := rec.Before.Clone()
		h := history{states: [][]string{nil}}
		for i := range rec.Ops {
			op := &rec.Ops[i]
			if op.Kind == journaltest.Write {
				y := x.Clone()
				y.Torn(op, r)
				h.check(t, y, r)
			}
			x.Apply(op)
			h.take(op.Note)
			h.check(t, x.Clone(), r)
			images += 2
			for y := range x.Crashes(8, r) {
				h.check(t, y, r)
				images++
			}
		}
		require.Len(t, h.states, 61)
		require.Greater(t, h.safe, 30)
	}
	t.Logf("%d images", images)
}

// TestErrorAtEveryCall has each call to the disk fail, once or all from that one on, while a notebook is
// opened and used. What has been noted is there when the disk works again, and one line has said so.
func TestErrorAtEveryCall(t *testing.T) {
	before := journaltest.New()
	n, _ := open(before, 0)
	n.names["old"] = true
	n.Repair()
	for at, done := 1, false; !done; at++ {
		for _, how := range []error{syscall.EIO, journaltest.ErrTorn} {
			for _, lasting := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					d := before.Disk().Clone()
					d.Record()
					dir := d.Folder("")
					reached := 0
					d.SetFail(func(i int, _ *journaltest.Op) error {
						if reached = i; i == at || lasting && i > at {
							return how
						}
						return nil
					})
					n, failed := open(dir, int64(100+at%3*8))
					n.Start(failed)
					list := []string{"old"}
					changed := 0
					note := func() {
						changed++
						d.Note(slices.Sorted(slices.Values(list)))
					}
					for i := range 20 {
						list = append(list, fmt.Sprint(i))
						note()
						n.add(fmt.Sprint(i))
						if i >= 5 {
							list = slices.Delete(list, 1, 2)
							note()
							n.drop(fmt.Sprint(i - 5))
						}
						if i%2 == 0 {
							if n.Sync(); n.broken() == nil {
								d.Note(changed)
							}
						}
						time.Sleep(journal.Retry / 5)
					}
					d.SetFail(nil)
					done = reached < at
					time.Sleep(journal.Retry + time.Second)
					want := []string{"15", "16", "17", "18", "19", "old"}
					require.Equal(t, want, n.list())
					if log := n.log(); len(log) > 0 {
						require.Len(t, log, 2, "%v", log)
						require.Contains(t, log[0], "E! Notebook: cannot write to folder: ")
						require.Contains(t, log[0], how.Error())
						require.Equal(t, "I! Notebook: writes to folder again", log[1])
					}
					n.Sync()
					for x := range d.Crashes(20, rand.New(rand.NewPCG(1, 2))) {
						again, failed := open(x.Folder(""), 0)
						require.NoError(t, failed)
						require.Equal(t, want, again.list(), "call %d, %v", at, how)
					}
					kept, err := n.Close()
					require.True(t, kept)
					require.NoError(t, err)

					// Here and there, what a crash would have left.
					rec, r := d.Recorded(), rand.New(rand.NewPCG(uint64(at), 3))
					x := rec.Before.Clone()
					h := history{states: [][]string{{"old"}}}
					for i := range rec.Ops {
						x.Apply(&rec.Ops[i])
						h.take(rec.Ops[i].Note)
						if r.IntN(2) == 0 {
							h.check(t, x.Unplugged(r), r)
						}
					}
				})
			}
		}
	}
}

// TestCutAtEveryByte shortens a log, and damages it, at every byte.
func TestCutAtEveryByte(t *testing.T) {
	dir := journaltest.New()
	n, failed := open(dir, 0)
	require.NoError(t, failed)
	n.names["old"] = true
	n.Repair()
	const segment = "test-0000000001.log"
	f := dir.Files[segment]
	copied := len(f.Data)
	sizes, states := []int{copied}, [][]string{n.list()}
	for i := range 20 {
		n.Sync()
		n.add("note " + strconv.Itoa(i))
		sizes, states = append(sizes, len(f.Data)), append(states, n.list())
		if i%3 == 2 {
			n.drop("note " + strconv.Itoa(i-1))
			sizes, states = append(sizes, len(f.Data)), append(states, n.list())
		}
	}
	read := func(b []byte) (*notebook, *journaltest.Folder) {
		image := journaltest.New()
		image.Put(segment, b)
		n, failed := open(image, 0)
		require.NoError(t, failed)
		return n, image
	}
	for size := copied; size < len(f.Data); size++ {
		got, image := read(slices.Clone(f.Data[:size]))
		last := 0
		for i := range sizes {
			if sizes[i] <= size {
				last = i
			}
		}
		require.Equal(t, states[last], got.list())
		if sizes[last] == size {
			require.Empty(t, got.log())
			continue
		}
		require.Len(t, got.log(), 1)
		require.Regexp(t, `^W! Notebook: \d+ bytes of test-0000000001.log cannot be read, .*; they are set aside in test-0000000001.log.bad, all else is kept$`, got.log()[0])
		require.Len(t, image.Files[segment+".bad"].Data, size-sizes[last])
		again, failed := open(image.Killed(), 0) // as after a kill before the segment was replaced
		require.NoError(t, failed)
		require.Equal(t, got.log(), again.log())
	}
	for i := range f.Data {
		b := slices.Clone(f.Data)
		b[i] ^= 0x55
		got, image := read(b)
		require.Len(t, got.log(), 1)
		require.NotEmpty(t, image.Files[segment+".bad"].Data)
		require.InDelta(t, len(n.list()), len(got.list()), 1, "one record is lost, at byte %d", i)
	}
}

// TestHole damages a record. If it was synced, what is behind it counts; otherwise it may be the effect of
// a change that is not there.
func TestHole(t *testing.T) {
	for _, synced := range []bool{false, true} {
		dir := journaltest.New()
		n, failed := open(dir, 0)
		require.NoError(t, failed)
		n.Repair()
		f := dir.Files["test-0000000001.log"]
		n.add("a")
		hole := len(f.Data)
		n.add("b")
		n.drop("a")
		n.add("c")
		want := []string{"a"}
		if synced {
			n.Sync()
			n.add("d")
			want = []string{"c", "d"}
		}
		clear(f.Data[hole : hole+3])
		again, failed := open(dir.Killed(), 0)
		require.NoError(t, failed)
		require.Equal(t, want, again.list())
		require.Len(t, again.log(), 1)
	}
}

// TestDamagedCopy damages every byte of a segment to which nothing has been added.
func TestDamagedCopy(t *testing.T) {
	dir := journaltest.New()
	n, _ := open(dir, 0)
	for i := range 20 {
		n.names[strconv.Itoa(i)] = true
	}
	n.Repair()
	const segment = "test-0000000001.log"
	for i := range dir.Files[segment].Data {
		image := dir.Killed()
		image.Files[segment].Data[i] ^= 0x55
		again, failed := open(image, 0)
		require.NoError(t, failed)
		require.GreaterOrEqual(t, len(again.list()), 19, "byte %d", i)
		require.Len(t, again.log(), 1)
	}
}

// TestRemovedSegmentReturns finds a segment that was removed when the machine died, together with
// the one that replaced it.
func TestRemovedSegmentReturns(t *testing.T) {
	dir := journaltest.New()
	n, _ := open(dir, 0)
	n.Repair()
	n.add("gone")
	old := slices.Clone(dir.Files["test-0000000001.log"].Data)
	n.drop("gone")
	n.add("kept")
	n.Repair()
	require.NotContains(t, dir.Files, "test-0000000001.log")
	dir = dir.Killed()
	dir.Put("test-0000000001.log", old)
	again, failed := open(dir, 0)
	require.NoError(t, failed)
	require.Equal(t, []string{"kept"}, again.list())
	again.Repair()
	require.Len(t, dir.Files, 1, "both are replaced")
}

// TestDamagedSegmentBehindOneThatReturns finds both that and damage in the newer one's copy. What the newer
// one has beside counts.
func TestDamagedSegmentBehindOneThatReturns(t *testing.T) {
	dir := journaltest.New()
	n, _ := open(dir, 0)
	n.Repair()
	n.add("a")
	old := slices.Clone(dir.Files["test-0000000001.log"].Data)
	n.Repair()
	n.add("b")
	n.Sync()
	n.add("c")
	dir = dir.Killed()
	dir.Put("test-0000000001.log", old)
	dir.Files["test-0000000002.log"].Data[len(testFormat.Magic)] ^= 0x55
	again, failed := open(dir, 0)
	require.NoError(t, failed)
	require.Equal(t, []string{"a", "b", "c"}, again.list())
}

func TestSegmentsAreReplaced(t *testing.T) {
	dir := journaltest.New()
	n, _ := open(dir, 5000)
	n.Repair()
	most := 0
	for i := range 3000 {
		n.add(fmt.Sprint(i))
		if i >= 10 {
			n.drop(fmt.Sprint(i - 10))
		}
		if i%7 == 0 {
			n.Sync()
		}
		size := 0
		for _, f := range dir.Files {
			size += len(f.Data)
		}
		most = max(most, size)
	}
	n.Lock()
	require.Greater(t, n.Segments(), uint64(5))
	n.Unlock()
	require.Less(t, most, 20000)
	again, _ := open(dir.Killed(), 0)
	require.Equal(t, n.list(), again.list())
}

func TestOtherVersionIsSetAside(t *testing.T) {
	dir := journaltest.New()
	dir.Put("test-0000000003.log", []byte("test 2\nwhatever"))
	dir.Put("other-0000000001.log.bad", nil)
	for i := range 7 {
		dir.Put(fmt.Sprintf("test-%010d.log.bad", i+10), nil)
	}
	n, failed := open(dir, 0)
	require.NoError(t, failed)
	require.Empty(t, n.list())
	require.Len(t, n.log(), 1)
	require.Equal(t, "test 2\nwhatever", string(dir.Files["test-0000000003.log.bad"].Data))
	require.Len(t, dir.Files, 1+1+5)
}

// TestDiskFails writes to a disk that fails for a while.
func TestDiskFails(t *testing.T) {
	for _, what := range []string{"write", "sync", "create", "sync folder"} {
		synctest.Test(t, func(t *testing.T) {
			dir := journaltest.New()
			n, failed := open(dir, 0)
			n.Start(failed)
			n.add("before")
			n.Sync()
			dir.SetFail(func(_ int, op string) error {
				if op == what || op == "create" {
					return journaltest.ErrTorn
				}
				return nil
			})
			if what == "create" || what == "sync folder" {
				n.Lock()
				n.Limit(1, 1)
				n.Unlock()
			}
			for i := range 5 {
				n.add(fmt.Sprint(i))
				n.Sync()
				time.Sleep(time.Minute)
			}
			require.Equal(t, []string{"E! Notebook: cannot write to folder: no space left on device; notes are kept in memory until that works again"}, n.log())
			dir.SetFail(nil)
			time.Sleep(journal.Retry + time.Second)
			require.Equal(t, "I! Notebook: writes to folder again", n.log()[1])
			again, _ := open(dir.Killed(), 0)
			require.Equal(t, n.list(), again.list())
			kept, err := n.Close()
			require.True(t, kept)
			require.NoError(t, err)
			require.Len(t, dir.Files, 1)
		})
	}
}

// TestFolderAppearsLate starts while the folder cannot be read.
func TestFolderAppearsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		n, failed := open(dir, 0)
		n.Start(failed)
		n.add("old")
		_, err := n.Close()
		require.NoError(t, err)
		dir.SetFail(func(int, string) error { return os.ErrPermission })
		n, failed = open(dir, 0)
		require.ErrorIs(t, failed, os.ErrPermission)
		n.Start(failed)
		n.add("new")
		time.Sleep(time.Minute)
		require.Len(t, n.log(), 1)
		dir.SetFail(nil)
		time.Sleep(time.Minute)
		require.Equal(t, []string{"new", "old"}, n.list())
		kept, err := n.Close()
		require.True(t, kept)
		require.NoError(t, err)
	})
}

// TestLazy syncs what nobody waits for.
func TestLazy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		n, failed := open(dir, 0)
		n.Start(failed)
		before := dir.Syncs
		for i := range 100 {
			n.add(fmt.Sprint(i))
			n.Lazy()
		}
		time.Sleep(journal.SyncLag + time.Millisecond)
		synctest.Wait()
		require.Equal(t, 1, dir.Syncs-before)
		n.add("urgent")
		n.Urgent()
		synctest.Wait()
		require.Equal(t, 2, dir.Syncs-before)
		_, err := n.Close()
		require.NoError(t, err)
	})
}

// TestDir uses a real folder.
func TestDir(t *testing.T) {
	name := filepath.Join(t.TempDir(), "new", "state")
	n, failed := open(journal.Dir(name), 0)
	require.NoError(t, failed)
	n.Start(nil)
	n.add("a")
	_, failed = open(journal.Dir(name), 0)
	require.ErrorIs(t, failed, journal.ErrLocked)
	require.ErrorContains(t, failed, "state_directory folder: in use by another process")
	_, err := n.Close()
	require.NoError(t, err)
	n, failed = open(journal.Dir(name), 0)
	require.NoError(t, failed)
	require.Equal(t, []string{"a"}, n.list())
	info, err := os.Stat(filepath.Join(name, "test-0000000001.log"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode(), "alerts may be confidential")
}

func FuzzScan(f *testing.F) {
	dir := journaltest.New()
	work(dir, 1, func(any) {})
	for _, x := range dir.Files {
		f.Add(x.Data)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := journaltest.New()
		dir.Put("test-0000000001.log", b)
		book, failed := open(dir, 0)
		require.NoError(t, failed)
		n := 0
		for _, bad := range testFormat.Scan(b, book.take) {
			n += len(bad)
		}
		require.LessOrEqual(t, n, len(b))
	})
}
