package alerter

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
)

// A memFolder is a folder in memory that knows what of it is on the disk. It can fail, and it can be
// seen as a crash would leave it.
type memFolder struct {
	mu     sync.Mutex
	files  map[string]*memFile
	names  map[string]bool // that are on the disk
	locked bool
	ops    int
	syncs  int
	// fail is asked before every change; at is its number, from 1.
	fail func(at int, what string) error
}

type memFile struct {
	folder *memFolder
	data   []byte
	synced int
}

func newMemFolder() *memFolder {
	return &memFolder{files: map[string]*memFile{}, names: map[string]bool{}}
}

func (m *memFolder) op(what string) error {
	m.ops++
	if m.fail != nil {
		return m.fail(m.ops, what)
	}
	return nil
}

func (m *memFolder) setFail(f func(int, string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = f
}

func (m *memFolder) Lock() (func(), error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locked {
		return nil, errLocked
	}
	if err := m.op("lock"); err != nil {
		return nil, err
	}
	m.locked = true
	return func() { m.mu.Lock(); defer m.mu.Unlock(); m.locked = false }, nil
}

func (m *memFolder) Names() ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.files)), nil
}

func (m *memFolder) Read(name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.files[name].data), nil
}

func (m *memFolder) Create(name string) (file, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.op("create"); err != nil {
		return nil, err
	}
	if m.files[name] != nil {
		return nil, fs.ErrExist
	}
	m.files[name] = &memFile{folder: m}
	return m.files[name], nil
}

func (m *memFolder) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.op("remove"); err != nil {
		return err
	}
	delete(m.files, name)
	return nil
}

func (m *memFolder) Sync() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.op("sync folder"); err != nil {
		return err
	}
	m.names = map[string]bool{}
	for name := range m.files {
		m.names[name] = true
	}
	return nil
}

// errTorn makes a write fail when a part of it is done.
var errTorn = errors.New("no space left on device")

func (f *memFile) Write(b []byte) (int, error) {
	f.folder.mu.Lock()
	defer f.folder.mu.Unlock()
	if err := f.folder.op("write"); err != nil {
		n := 0
		if errors.Is(err, errTorn) {
			n = rand.N(len(b))
			f.data = append(f.data, b[:n]...)
		}
		return n, err
	}
	f.data = append(f.data, b...)
	return len(b), nil
}

func (f *memFile) Sync() error {
	f.folder.mu.Lock()
	defer f.folder.mu.Unlock()
	if err := f.folder.op("sync"); err != nil {
		return err
	}
	f.folder.syncs++
	f.synced = len(f.data)
	return nil
}

func (f *memFile) Close() error { return nil }

// killed returns what is there when the process has died: all that was written.
func (m *memFolder) killed() *memFolder {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := newMemFolder()
	for name, f := range m.files {
		c.files[name] = &memFile{folder: c, data: slices.Clone(f.data), synced: len(f.data)}
	}
	return c
}

// unplugged returns what may be there when the machine has died: what was synced, and of the rest
// any part, with holes. A name may be missing until the folder was synced.
func (m *memFolder) unplugged(r *rand.Rand) *memFolder {
	c := m.killed()
	for _, name := range slices.Sorted(maps.Keys(c.files)) {
		f, synced := c.files[name], m.files[name].synced
		if !m.names[name] && r.IntN(2) == 0 {
			delete(c.files, name)
			continue
		}
		f.data = f.data[:synced+r.IntN(len(f.data)-synced+1)]
		if rest := f.data[synced:]; len(rest) > 0 && r.IntN(2) == 0 {
			from := r.IntN(len(rest))
			clear(rest[from : from+r.IntN(len(rest)-from)+1])
		}
	}
	// A removed name may be there again; the next start must not mind, see TestRemovedSegmentReturns.
	return c
}
