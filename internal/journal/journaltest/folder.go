// Package journaltest has a folder in memory for tests of logs.
package journaltest

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
)

// A Folder is a folder in memory that knows what of it is on the disk. It can fail, and it can be
// seen as a crash would leave it.
type Folder struct {
	Mu    sync.Mutex
	Files map[string]*File
	Ops   int // changes
	Syncs int // of files

	names  map[string]bool // that are on the disk
	locked map[string]bool
	// fail is asked before every change; at is its number, from 1.
	fail func(at int, what string) error
}

// A File is a file in it.
type File struct {
	Data   []byte
	folder *Folder
	synced int
}

// New returns an empty folder.
func New() *Folder {
	return &Folder{Files: map[string]*File{}, names: map[string]bool{}, locked: map[string]bool{}}
}

func (m *Folder) op(what string) error {
	m.Ops++
	if m.fail != nil {
		return m.fail(m.Ops, what)
	}
	return nil
}

// SetFail has f asked before every change; at is the number of the change, from 1.
func (m *Folder) SetFail(f func(int, string) error) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	m.fail = f
}

// Lock implements [journal.Folder].
func (m *Folder) Lock(name string) (func(), error) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	if m.locked[name] {
		return nil, journal.ErrLocked
	}
	if err := m.op("lock"); err != nil {
		return nil, err
	}
	m.locked[name] = true
	return func() { m.Mu.Lock(); defer m.Mu.Unlock(); delete(m.locked, name) }, nil
}

// Names implements [journal.Folder].
func (m *Folder) Names() ([]string, error) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	return slices.Sorted(maps.Keys(m.Files)), nil
}

// Read implements [journal.Folder].
func (m *Folder) Read(name string) ([]byte, error) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	return slices.Clone(m.Files[name].Data), nil
}

// Create implements [journal.Folder].
func (m *Folder) Create(name string) (journal.File, error) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	if err := m.op("create"); err != nil {
		return nil, err
	}
	if m.Files[name] != nil {
		return nil, fs.ErrExist
	}
	m.Files[name] = &File{folder: m}
	return m.Files[name], nil
}

// Remove implements [journal.Folder].
func (m *Folder) Remove(name string) error {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	if err := m.op("remove"); err != nil {
		return err
	}
	delete(m.Files, name)
	return nil
}

// Sync implements [journal.Folder].
func (m *Folder) Sync() error {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	if err := m.op("sync folder"); err != nil {
		return err
	}
	m.names = map[string]bool{}
	for name := range m.Files {
		m.names[name] = true
	}
	return nil
}

// ErrTorn makes a write fail when a part of it is done.
var ErrTorn = errors.New("no space left on device")

// Write implements [journal.File].
func (f *File) Write(b []byte) (int, error) {
	f.folder.Mu.Lock()
	defer f.folder.Mu.Unlock()
	if err := f.folder.op("write"); err != nil {
		n := 0
		if errors.Is(err, ErrTorn) {
			n = rand.N(len(b))
			f.Data = append(f.Data, b[:n]...)
		}
		return n, err
	}
	f.Data = append(f.Data, b...)
	return len(b), nil
}

// Sync implements [journal.File].
func (f *File) Sync() error {
	f.folder.Mu.Lock()
	defer f.folder.Mu.Unlock()
	if err := f.folder.op("sync"); err != nil {
		return err
	}
	f.folder.Syncs++
	f.synced = len(f.Data)
	return nil
}

// Close implements [journal.File].
func (f *File) Close() error { return nil }

// Killed returns what is there when the process has died: all that was written.
func (m *Folder) Killed() *Folder {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	c := New()
	for name, f := range m.Files {
		c.Files[name] = &File{folder: c, Data: slices.Clone(f.Data), synced: len(f.Data)}
	}
	return c
}

// Unplugged returns what may be there when the machine has died: what was synced, and of the rest
// any part, with holes. A name may be missing until the folder was synced.
func (m *Folder) Unplugged(r *rand.Rand) *Folder {
	c := m.Killed()
	for _, name := range slices.Sorted(maps.Keys(c.Files)) {
		f, synced := c.Files[name], m.Files[name].synced
		if !m.names[name] && r.IntN(2) == 0 {
			delete(c.Files, name)
			continue
		}
		f.Data = f.Data[:synced+r.IntN(len(f.Data)-synced+1)]
		if rest := f.Data[synced:]; len(rest) > 0 && r.IntN(2) == 0 {
			from := r.IntN(len(rest))
			clear(rest[from : from+r.IntN(len(rest)-from)+1])
		}
	}
	// A removed name may be there again; the next start must not mind.
	return c
}

// Put makes a file with content that is on the disk.
func (m *Folder) Put(name string, b []byte) {
	m.Files[name] = &File{folder: m, Data: b, synced: len(b)}
}
