package journaltest

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
)

// A Folder is a [journal.Folder] on a disk.
type Folder struct {
	Mu    *sync.Mutex // guards the whole disk
	Files map[string]*File
	Ops   int // changes that were begun
	Syncs int // of files

	disk    *Disk
	name    string
	durable map[string]*File // names that are on the disk for sure, but for the changes
	changes []change
	changed int // changes that there ever were
	locked  map[string]bool
	fail    func(at int, what string) error
}

// A change is one of a name.
type change struct {
	kind     Kind
	name, to string
	file     *File
	number   int
	safe     bool // it is on the disk
	lost     bool // a sync failed that should have brought it there
}

// A File is a file in a folder.
type File struct {
	Data []byte

	folder *Folder
	id     int
	unsafe []span // what is not on the disk for sure, in its order
}

type span struct {
	from, to int
	lost     bool // a sync failed that should have brought it to the disk
}

// New returns an empty folder on a disk of its own.
func New() *Folder { return NewDisk().Folder("") }

// Disk returns the one that the folder is on.
func (m *Folder) Disk() *Disk { return m.disk }

func (c *change) applyTo(names map[string]*File) {
	if c.kind != Create && names[c.name] == c.file {
		delete(names, c.name)
	}
	switch c.kind {
	case Create:
		names[c.name] = c.file
	case Rename:
		names[c.to] = c.file
	}
}

func (m *Folder) change(c change) {
	m.changed++
	c.number = m.changed
	m.changes = append(m.changes, c)
	c.applyTo(m.Files)
}

func (m *Folder) synced(upto int, failed bool) {
	for i := range m.changes {
		c := &m.changes[i]
		if c.number <= upto {
			c.lost = c.lost || failed && !c.safe
			c.safe = !c.lost
		}
	}
	for len(m.changes) > 0 && m.changes[0].safe {
		m.changes[0].applyTo(m.durable)
		m.changes = m.changes[1:]
	}
}

func (f *File) synced(upto int, failed bool) {
	for i := range f.unsafe {
		if s := &f.unsafe[i]; s.to <= upto && failed {
			s.lost = true
		}
	}
	f.unsafe = slices.DeleteFunc(f.unsafe, func(s span) bool { return s.to <= upto && !s.lost })
}

// SetFail has f asked before every change; at is the number of the change, from 1.
func (m *Folder) SetFail(f func(at int, what string) error) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	m.fail = f
}

// ask returns the error that a change is to have.
func (m *Folder) ask(op *Op) error {
	m.Ops++
	if m.fail != nil {
		if err := m.fail(m.Ops, op.Kind.String()); err != nil {
			return err
		}
	}
	return m.disk.ask(op)
}

// Lock implements [journal.Folder].
func (m *Folder) Lock(name string) (func(), error) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	if m.locked[name] {
		return nil, journal.ErrLocked
	}
	if err := m.ask(&Op{Kind: Lock, Folder: m.name, Name: name}); err != nil {
		return nil, err
	}
	m.locked[name] = true
	return func() { m.Mu.Lock(); defer m.Mu.Unlock(); delete(m.locked, name) }, nil
}

// Names implements [journal.Folder].
func (m *Folder) Names() ([]string, error) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	if err := m.disk.ask(&Op{Kind: List, Folder: m.name}); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(m.Files)), nil
}

// Read implements [journal.Folder].
func (m *Folder) Read(name string) ([]byte, error) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	if err := m.disk.ask(&Op{Kind: Read, Folder: m.name, Name: name}); err != nil {
		return nil, err
	}
	if m.Files[name] == nil {
		return nil, missing("open", name)
	}
	return slices.Clone(m.Files[name].Data), nil
}

func missing(what, name string) error {
	return &fs.PathError{Op: what, Path: name, Err: fs.ErrNotExist}
}

// Create implements [journal.Folder].
func (m *Folder) Create(name string) (journal.File, error) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	op := Op{Kind: Create, Folder: m.name, Name: name}
	if err := m.ask(&op); err != nil {
		return nil, err
	}
	if m.Files[name] != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
	}
	m.disk.do(op)
	return m.Files[name], nil
}

// Rename implements [journal.Folder].
func (m *Folder) Rename(from, to string) error {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	op := Op{Kind: Rename, Folder: m.name, Name: from, To: to}
	if err := m.ask(&op); err != nil {
		return err
	}
	if m.Files[from] == nil {
		return missing("rename", from)
	}
	m.disk.do(op)
	return nil
}

// Remove implements [journal.Folder].
func (m *Folder) Remove(name string) error {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	op := Op{Kind: Remove, Folder: m.name, Name: name}
	if err := m.ask(&op); err != nil {
		return err
	}
	if m.Files[name] == nil {
		return missing("remove", name)
	}
	m.disk.do(op)
	return nil
}

// Sync implements [journal.Folder].
func (m *Folder) Sync() error {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	op := Op{Kind: SyncFolder, Folder: m.name, upto: m.changed}
	m.disk.linger()
	err := m.ask(&op)
	op.failed = err != nil
	m.disk.do(op)
	return err
}

// linger takes the time of a sync, in which others may use the disk.
func (d *Disk) linger() {
	if d.Latency == nil {
		return
	}
	t := d.Latency()
	d.mu.Unlock()
	time.Sleep(t)
	d.mu.Lock()
}

// Write implements [journal.File].
func (f *File) Write(b []byte) (int, error) {
	f.folder.Mu.Lock()
	defer f.folder.Mu.Unlock()
	op := Op{Kind: Write, Folder: f.folder.name, Data: slices.Clone(b), file: f.id}
	err := f.folder.ask(&op)
	switch {
	case errors.Is(err, ErrTorn):
		op.Data = op.Data[:rand.N(max(1, len(b)))]
	case err != nil:
		return 0, err
	}
	f.folder.disk.do(op)
	return len(op.Data), err
}

// Sync implements [journal.File].
func (f *File) Sync() error {
	f.folder.Mu.Lock()
	defer f.folder.Mu.Unlock()
	op := Op{Kind: Sync, Folder: f.folder.name, file: f.id, upto: len(f.Data)}
	f.folder.disk.linger()
	err := f.folder.ask(&op)
	op.failed = err != nil
	f.folder.disk.do(op)
	if err == nil {
		f.folder.Syncs++
	}
	return err
}

// Close implements [journal.File].
func (f *File) Close() error { return nil }

// Killed returns the folder as it is when the process has died: all that was written is there.
func (m *Folder) Killed() *Folder { return m.disk.Clone().Folder(m.name) }

// Unplugged returns the folder as it may be when the machine has died.
func (m *Folder) Unplugged(r *rand.Rand) *Folder { return m.disk.Unplugged(r).Folder(m.name) }

// Put makes a file with content that is on the disk.
func (m *Folder) Put(name string, b []byte) {
	m.disk.made++
	f := &File{folder: m, id: m.disk.made, Data: b}
	m.disk.files[f.id] = f
	m.Files[name], m.durable[name] = f, f
}

// String returns what is in the folder, a line for each file.
func (m *Folder) String() string {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	var s strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m.Files)) {
		fmt.Fprintf(&s, "%s %q\n", name, m.Files[name].Data)
	}
	return s.String()
}
