package journal

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// A Folder is what a log needs of the file system. Tests have one that fails.
type Folder interface {
	// Lock takes the folder, or what name stands for in it, for this log alone; ErrLocked means that
	// another one has it.
	Lock(name string) (unlock func(), err error)
	// Names returns what is in the folder, sorted.
	Names() ([]string, error)
	Read(name string) ([]byte, error)
	// Create makes a new file.
	Create(name string) (File, error)
	Remove(name string) error
	// Sync makes the names of files last.
	Sync() error
}

// A File is written from its beginning to its end.
type File interface {
	io.WriteCloser
	Sync() error
}

// ErrLocked is the error for a folder that someone else uses.
var ErrLocked = errors.New("in use by another process or another section of the configuration; each needs a folder of its own")

// Dir is a folder of the operating system. It is made when it is locked.
type Dir string

func (d Dir) path(name string) string { return filepath.Join(string(d), name) }

// Lock implements [Folder]. The file of the lock stays when the lock is given up: a file that is
// removed could be locked by one and made again by another.
func (d Dir) Lock(name string) (func(), error) {
	if err := os.MkdirAll(string(d), 0o750); err != nil {
		return nil, err
	}
	f, err := lockFile(d.path(name), os.O_RDWR|os.O_CREATE)
	if err != nil && !errors.Is(err, ErrLocked) {
		// A folder that cannot be written may still be read, and so may its lock.
		if r, readErr := lockFile(d.path(name), os.O_RDONLY); readErr == nil || errors.Is(readErr, ErrLocked) {
			f, err = r, readErr
		}
	}
	if err != nil {
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}

// Names implements [Folder].
func (d Dir) Names() ([]string, error) {
	list, err := os.ReadDir(string(d))
	names := make([]string, 0, len(list))
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names, err
}

// Read implements [Folder].
func (d Dir) Read(name string) ([]byte, error) { return os.ReadFile(d.path(name)) }

// Create implements [Folder].
func (d Dir) Create(name string) (File, error) {
	return os.OpenFile(d.path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// Remove implements [Folder].
func (d Dir) Remove(name string) error { return os.Remove(d.path(name)) }

// Sync implements [Folder]. Not every system can do that.
func (d Dir) Sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	_ = f.Sync()
	return f.Close()
}
