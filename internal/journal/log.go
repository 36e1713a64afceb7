package journal

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/codec"
)

// A Logger takes messages for the operator.
type Logger interface {
	Errorf(format string, args ...any)
	Warnf(format string, args ...any)
	Infof(format string, args ...any)
	Debugf(format string, args ...any)
}

// A Config says what a log is and who owns it.
type Config struct {
	Format  Format
	Folder  Folder
	Name    string // of the folder, for messages
	Title   string // what the log is, for messages
	Without string // what the owner does while the disk fails, for messages
	Growth  int64  // bytes written to a segment before the next one, at least; 0 is [MinGrowth]
	Log     Logger

	// Copy writes all that the owner needs, by one call of record for each of its records. It is called
	// with the lock held.
	Copy func(record func(fill func(*codec.Encoder)))
	// Synced is called, without the lock, when more records have become safe. It may be nil.
	Synced func()
	// Late opens the log if that was not possible at first: it calls Read.
	Late func() error
}

// A Log is an open log. The lock guards it and what its owner keeps in it.
type Log struct {
	sync.Mutex
	c      Config
	unlock func()
	asked  bool // for what there is

	// Guarded by the lock.
	opened  bool   // what an earlier process left has been read
	file    File   // the segment to write to; nil while broken
	current string // its name
	number  uint64 // of the last segment
	size    int64  // of the segment
	limit   int64  // at which it is full
	safe    int64  // so much of it is on the disk for sure
	written uint64 // records
	synced  uint64 // how many of them are on the disk for sure
	fresh   bool   // the segment's name is not there for sure
	broken  error  // why nothing is written
	stale   []oldSegment
	scratch codec.Encoder
	// released is set when another log may have taken over: nothing but appending is done any more.
	released bool

	// syncing has a token during a sync. It is taken before the lock, and no mutex, since who waits for a
	// slow disk would then stop the clock of testing/synctest.
	syncing      chan struct{}
	urgent, lazy chan struct{}
	stop, ended  chan struct{}
}

// An oldSegment may go when what is in the newer one is synced.
type oldSegment struct {
	name string
	file File // still open, or nil
}

const (
	// SyncLag is how long a record that nobody waits for may stay unsynced.
	SyncLag = time.Second
	// Retry is the pause between attempts to write to a disk that failed.
	Retry = 10 * time.Second
	// MinGrowth is how much is written to a segment before the next one.
	MinGrowth = 8 << 20
)

// New returns a log that has neither been read nor started.
func New(c Config) *Log {
	if c.Growth == 0 {
		c.Growth = MinGrowth
	}
	return &Log{
		c: c, syncing: make(chan struct{}, 1), urgent: make(chan struct{}, 1), lazy: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{}),
	}
}

// Start begins a segment with a copy of what the owner has, and the work in the background. If Read has
// failed, it is given the error; the log tries again later.
func (l *Log) Start(failed error) {
	if failed != nil {
		l.Lock()
		l.fail(failed)
		l.Unlock()
	} else {
		l.Repair()
	}
	go l.run()
}

// Broken returns why nothing can be written at present, or nil. The lock is held.
func (l *Log) Broken() error { return l.broken }

// Counts returns the numbers of records that were written and of those that are safe. The lock is
// held.
func (l *Log) Counts() (written, synced uint64) { return l.written, l.synced }

// Segments returns the number of the newest segment. The lock is held.
func (l *Log) Segments() uint64 { return l.number }

// Limit sets at which sizes the next segments begin: this one and later ones. The lock is held.
func (l *Log) Limit(this, later int64) { l.limit, l.c.Growth = this, later }

// Lazy has what was written synced within [SyncLag].
func (l *Log) Lazy() { wake(l.lazy) }

// Urgent has what was written synced as soon as can be, without waiting for it.
func (l *Log) Urgent() { wake(l.urgent) }

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Append writes a record that fill makes: a kind and what belongs to it. While the disk fails nothing
// happens. The lock is held.
func (l *Log) Append(fill func(*codec.Encoder)) {
	l.AppendAll(1, func(_ int, e *codec.Encoder) { fill(e) })
}

// AppendAll is Append for n records in one go: fill makes the i-th.
func (l *Log) AppendAll(n int, fill func(i int, e *codec.Encoder)) {
	if l.file == nil || n == 0 {
		return
	}
	b := &l.scratch
	b.B = b.B[:0]
	for i := range n {
		start := len(b.B)
		b.B = l.c.Format.begin(b.B, l.safe)
		fill(i, b)
		l.c.Format.end(b.B, start)
	}
	if _, err := l.file.Write(b.B); err != nil {
		l.fail(err)
		return
	}
	l.written += uint64(n)
	l.size += int64(len(b.B))
	if cap(b.B) > 1<<20 {
		b.B = nil
	}
	if l.size > l.limit {
		if err := l.rotate(); err != nil {
			l.fail(err)
		}
	}
}

// rotate begins the next segment with a copy of everything.
func (l *Log) rotate() error {
	l.number++
	name := l.c.Format.name(l.number)
	f, err := l.c.Folder.Create(name)
	if err != nil {
		return err
	}
	size, err := l.copyTo(f)
	if err != nil {
		return errors.Join(err, f.Close(), l.c.Folder.Remove(name))
	}
	l.retire()
	l.file, l.current, l.fresh = f, name, true
	l.size, l.limit = size, size+max(size, l.c.Growth)
	l.safe = 0
	l.written++
	return nil
}

// retire gives up the current segment. It may be in the midst of a sync, so it is closed later.
func (l *Log) retire() {
	if l.file != nil {
		l.stale = append(l.stale, oldSegment{l.current, l.file})
		l.file = nil
	}
}

// copyTo writes a copy.
func (l *Log) copyTo(f File) (size int64, err error) {
	format := &l.c.Format
	e := codec.Encoder{B: []byte(format.Magic)}
	flush := func(least int) {
		if err == nil && len(e.B) >= least {
			_, err = f.Write(e.B)
			size += int64(len(e.B))
			e.B = e.B[:0]
		}
	}
	n := uint64(0)
	record := func(fill func(*codec.Encoder)) {
		if err != nil {
			return
		}
		n++
		start := len(e.B)
		e.B = format.begin(e.B, 0)
		fill(&e)
		format.end(e.B, start)
		flush(1 << 20)
	}
	record(func(e *codec.Encoder) { e.Byte(RecBegin) })
	l.c.Copy(record)
	record(func(e *codec.Encoder) { e.Byte(RecEnd); e.Uint(n - 2) }) // but for these two
	flush(0)
	return size, err
}

// fail notes that the disk cannot be written.
func (l *Log) fail(err error) {
	if l.broken == nil && !l.released {
		l.c.Log.Errorf("%s: cannot write to %s: %v; %s until that works again", l.c.Title, l.c.Name, err, l.c.Without)
	}
	l.broken = err
	l.retire()
	l.Lazy()
}

// Sync makes all that was written before the call safe, together with what else has been written
// by then.
func (l *Log) Sync() {
	l.Lock()
	target := l.written
	l.Unlock()

	l.syncing <- struct{}{}
	defer func() { <-l.syncing }()
	l.Lock()
	if l.broken != nil {
		l.Unlock()
		return
	}
	f, written, size, fresh, stale := l.file, l.written, l.size, l.fresh, l.stale
	need := f != nil && (l.synced < target || len(stale) > 0)
	if need {
		l.stale = nil
	}
	l.Unlock()
	if need {
		err := f.Sync()
		if err == nil && fresh {
			err = l.c.Folder.Sync()
		}
		l.Lock()
		if err != nil {
			// What was written before may be lost, and a second try would not tell.
			l.stale = append(stale, l.stale...)
			l.fail(err)
			l.Unlock()
			return
		}
		l.synced = written
		if f == l.file {
			l.fresh, l.safe = false, size
		}
		l.Unlock()
		l.remove(stale)
	}
	l.tell()
}

func (l *Log) tell() {
	if l.c.Synced != nil {
		l.c.Synced()
	}
}

// remove deletes segments that are not needed any more, the oldest first. If that fails the next
// ones have it done.
func (l *Log) remove(stale []oldSegment) {
	for i, old := range stale {
		if old.file != nil {
			_ = old.file.Close()
			stale[i].file = nil
		}
	}
	for i, old := range stale {
		if err := l.c.Folder.Remove(old.name); err != nil {
			l.c.Log.Debugf("%s: %v", l.c.Title, err)
			l.Lock()
			l.stale = append(stale[i:len(stale):len(stale)], l.stale...)
			l.Unlock()
			return
		}
	}
}

// Repair writes everything to a new segment, and makes that safe.
func (l *Log) Repair() {
	l.syncing <- struct{}{}
	defer func() { <-l.syncing }()
	l.Lock()
	if err := l.rotate(); err != nil {
		l.fail(err)
		l.Unlock()
		return
	}
	f, written, size, stale := l.file, l.written, l.size, l.stale
	l.stale = nil
	l.Unlock()
	err := errors.Join(f.Sync(), l.c.Folder.Sync())
	l.Lock()
	if err != nil || l.file == nil {
		l.stale = append(stale, l.stale...)
		if err != nil {
			l.fail(err)
		}
		l.Unlock()
		return
	}
	if l.broken != nil {
		l.c.Log.Infof("%s: writes to %s again", l.c.Title, l.c.Name)
	}
	l.broken, l.synced = nil, written
	if f == l.file {
		l.fresh, l.safe = false, size
	}
	l.Unlock()
	l.remove(stale)
	l.tell()
}

// run syncs what nobody waits for, and returns to a disk that failed.
func (l *Log) run() {
	defer close(l.ended)
	t := time.NewTimer(Retry)
	t.Stop()
	armed := false
	for {
		select {
		case <-l.urgent:
			l.Sync()
			continue
		case <-l.lazy:
			if armed {
				continue
			}
		case <-t.C:
			armed = false
			l.Lock()
			broken, opened := l.broken != nil, l.opened
			l.Unlock()
			switch {
			case !broken:
				l.Sync()
			case opened || l.c.Late() == nil:
				l.Repair()
			}
		case <-l.stop:
			return
		}
		l.Lock()
		pause := SyncLag
		again := l.synced < l.written
		if l.broken != nil {
			pause, again = Retry, true
		}
		l.Unlock()
		if again && !armed {
			t.Reset(pause)
			armed = true
		}
	}
}

// Close makes all safe and ends the use of the folder. It reports whether the log has all that the
// owner needs.
func (l *Log) Close() (kept bool, err error) {
	kept, err = l.Release()
	l.Lock()
	defer l.Unlock()
	return kept, errors.Join(err, l.End())
}

// Release is Close, but for the segment, to which records can still be appended until a call of End.
// They are read by the next log if it has not been opened yet, and lost otherwise.
func (l *Log) Release() (kept bool, err error) {
	close(l.stop)
	<-l.ended
	if l.Lock(); l.broken != nil && l.opened {
		l.Unlock()
		l.Repair()
	} else {
		l.Unlock()
	}
	l.Sync()
	l.Lock()
	defer l.Unlock()
	l.released, l.limit = true, math.MaxInt64
	for _, old := range l.stale {
		if old.file != nil {
			_ = old.file.Close()
		}
	}
	l.stale = nil
	if l.unlock != nil {
		l.unlock()
		l.unlock = nil
	}
	return l.broken == nil, l.broken
}

// End closes the segment. The lock is held.
func (l *Log) End() error {
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

// Read locks the folder and gives all records to take that an earlier process has left. What cannot
// be read is set aside and named in the log. An error wraps [ErrLocked] if someone else uses the
// folder.
func (l *Log) Read(take func(payload []byte) error) error {
	if l.asked {
		return l.read(take)
	}
	l.asked = true
	return Insist(func() error { return l.read(take) })
}

func (l *Log) read(take func(payload []byte) error) error {
	if l.unlock == nil {
		unlock, err := l.c.Folder.Lock(l.c.Format.Lock)
		if errors.Is(err, ErrLocked) {
			return fmt.Errorf("state_directory %s: %w", l.c.Name, err)
		}
		if err != nil {
			return err
		}
		l.unlock = unlock
	}
	x, err := load(&l.c, take)
	if err != nil {
		return err
	}
	l.Lock()
	defer l.Unlock()
	l.opened = true
	l.number = max(l.number, x.number)
	for _, name := range x.names {
		l.stale = append(l.stale, oldSegment{name: name})
	}
	return nil
}
