package journaltest

import (
	"cmp"
	"errors"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Disk is what folders are on. All that is done to its folders has one order.
type Disk struct {
	// Latency says how long a sync takes, if it is set. It is called with the disk locked.
	Latency func() time.Duration

	mu        sync.Mutex // guards the folders, too
	folders   []*Folder  // sorted by name
	files     map[int]*File
	made      int // files
	calls     int
	fail      func(at int, op *Op) error
	recording *Recording
}

// NewDisk returns a disk without folders.
func NewDisk() *Disk { return &Disk{files: map[int]*File{}} }

// Folder returns the folder of that name. Folders themselves are always there.
func (d *Disk) Folder(name string) *Folder {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.folder(name)
}

func (d *Disk) folder(name string) *Folder {
	i, ok := slices.BinarySearchFunc(d.folders, name, func(f *Folder, name string) int { return cmp.Compare(f.name, name) })
	if !ok {
		d.folders = slices.Insert(d.folders, i, &Folder{
			Mu: &d.mu, Files: map[string]*File{}, disk: d, name: name, durable: map[string]*File{}, locked: map[string]bool{},
		})
	}
	return d.folders[i]
}

// A Kind says what an operation does.
type Kind byte

// Kinds of operations. Those behind Note are not recorded.
const (
	Create Kind = iota
	Write
	Rename
	Remove
	Sync
	SyncFolder
	Note
	Lock
	List
	Read
)

func (k Kind) String() string {
	return [...]string{"create", "write", "rename", "remove", "sync", "sync folder", "note", "lock", "list", "read"}[k]
}

// An Op is an operation on a disk.
type Op struct {
	Kind   Kind
	Folder string
	Name   string // of the file, but for those on an open file
	To     string // the new name
	Data   []byte // of a write
	Note   any    // what else happened
	At     time.Time

	file   int  // number of the file
	upto   int  // of a sync: how much of the file, or how many changes of names, it covers
	failed bool // of a sync
}

// ErrTorn makes a write fail when a part of it is done.
var ErrTorn = errors.New("no space left on device")

// SetFail has f asked before every call, also before those that only read; at is the number of the call,
// from 1. If f returns an error the call does nothing and returns it, but for a write and [ErrTorn].
func (d *Disk) SetFail(f func(at int, op *Op) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail, d.calls = f, 0
}

// ask returns the error that an operation is to have. The disk is locked.
func (d *Disk) ask(op *Op) error {
	if d.fail == nil {
		return nil
	}
	d.calls++
	return d.fail(d.calls, op)
}

// A Recording is what has happened to a disk.
type Recording struct {
	Before *Disk // as it was; not to be changed
	Ops    []Op
}

// Record begins a recording.
func (d *Disk) Record() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.recording = &Recording{Before: d.clone()}
}

// Recorded returns what has been recorded so far.
func (d *Disk) Recorded() Recording {
	d.mu.Lock()
	defer d.mu.Unlock()
	return Recording{Before: d.recording.Before, Ops: slices.Clip(d.recording.Ops)}
}

// Note records something that happens beside the disk.
func (d *Disk) Note(x any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.do(Op{Kind: Note, Note: x})
}

// do carries out and records an operation.
func (d *Disk) do(op Op) {
	if d.recording != nil {
		op.At = time.Now()
		d.recording.Ops = append(d.recording.Ops, op)
	}
	d.Apply(&op)
}

// Apply carries out an operation that was recorded, behind those that were before it. Nobody else may use
// the disk meanwhile.
func (d *Disk) Apply(op *Op) {
	if op.Kind == Note {
		return
	}
	m, f := d.folder(op.Folder), d.files[op.file]
	if f == nil {
		f = &File{} // it had no name any more when the recording began
	}
	switch op.Kind {
	case Create:
		d.made++
		f = &File{folder: m, id: d.made}
		d.files[f.id] = f
		m.change(change{kind: Create, name: op.Name, file: f})
	case Rename:
		m.change(change{kind: Rename, name: op.Name, to: op.To, file: m.Files[op.Name]})
	case Remove:
		m.change(change{kind: Remove, name: op.Name, file: m.Files[op.Name]})
	case SyncFolder:
		m.synced(op.upto, op.failed)
	case Write:
		f.unsafe = append(f.unsafe, span{from: len(f.Data), to: len(f.Data) + len(op.Data)})
		f.Data = append(f.Data, op.Data...)
	case Sync:
		f.synced(op.upto, op.failed)
	}
}

// Torn carries out a part of a write, as when the process dies meanwhile.
func (d *Disk) Torn(op *Op, r *rand.Rand) {
	part := *op
	part.Data = part.Data[:r.IntN(max(1, len(part.Data)))]
	d.Apply(&part)
}

// Clone returns a copy: what there is when nothing but the process has died. It neither fails nor records,
// and nothing is locked.
func (d *Disk) Clone() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.clone()
}

func (d *Disk) clone() *Disk {
	c := NewDisk()
	c.made = d.made
	copied := map[*File]*File{nil: nil}
	for _, m := range d.folders {
		n := c.folder(m.name)
		file := func(f *File) *File {
			x, ok := copied[f]
			if !ok {
				x = &File{Data: slices.Clone(f.Data), folder: n, id: f.id, unsafe: slices.Clone(f.unsafe)}
				copied[f], c.files[f.id] = x, x
			}
			return x
		}
		for name, f := range m.Files {
			n.Files[name] = file(f)
		}
		for name, f := range m.durable {
			n.durable[name] = file(f)
		}
		for _, x := range m.changes {
			x.file = file(x.file)
			n.changes = append(n.changes, x)
		}
		n.changed = m.changed
	}
	return c
}

// Hash returns a number that is the same for disks with the same files.
func (d *Disk) Hash() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := fnv.New64a()
	part := func(b []byte) {
		_, _ = h.Write(b)
		_, _ = h.Write([]byte{0xff, byte(len(b)), byte(len(b) >> 8)})
	}
	for _, m := range d.folders {
		part([]byte(m.name))
		for _, name := range slices.Sorted(maps.Keys(m.Files)) {
			part([]byte(name))
			part(m.Files[name].Data)
		}
	}
	return h.Sum64()
}

// String shows all files.
func (d *Disk) String() string {
	var s strings.Builder
	for _, m := range d.folders {
		s.WriteString(m.name + ":\n" + m.String())
	}
	return s.String()
}
