package alerter

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// A folder is what the durable spool needs of the file system. Tests have one that fails.
type folder interface {
	// Lock takes the folder for this spool alone; errLocked means that another one has it.
	Lock() (unlock func(), err error)
	// Names returns what is in the folder, sorted.
	Names() ([]string, error)
	Read(name string) ([]byte, error)
	// Create makes a new file.
	Create(name string) (file, error)
	Remove(name string) error
	// Sync makes the names of files last.
	Sync() error
}

type file interface {
	io.WriteCloser
	Sync() error
}

var errLocked = errors.New("in use by another process or another [[outputs.alerter]]; each needs a folder of its own")

// lockName is the file whose lock stands for the folder. It stays when the lock is given up: a file
// that is removed could be locked by one and made again by another.
const lockName = "alerter.lock"

// A diskFolder is a folder of the operating system.
type diskFolder string

func (d diskFolder) path(name string) string { return filepath.Join(string(d), name) }

func (d diskFolder) Lock() (func(), error) {
	if err := os.MkdirAll(string(d), 0o750); err != nil {
		return nil, err
	}
	f, err := lockFile(d.path(lockName), os.O_RDWR|os.O_CREATE)
	if err != nil && !errors.Is(err, errLocked) {
		// A folder that cannot be written may still be read, and so may its lock.
		if r, readErr := lockFile(d.path(lockName), os.O_RDONLY); readErr == nil || errors.Is(readErr, errLocked) {
			f, err = r, readErr
		}
	}
	if err != nil {
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}

func (d diskFolder) Names() ([]string, error) {
	list, err := os.ReadDir(string(d))
	names := make([]string, 0, len(list))
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names, err
}

func (d diskFolder) Read(name string) ([]byte, error) { return os.ReadFile(d.path(name)) }

func (d diskFolder) Create(name string) (file, error) {
	return os.OpenFile(d.path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

func (d diskFolder) Remove(name string) error { return os.Remove(d.path(name)) }

// Sync makes a new name last. Not every system can do that.
func (d diskFolder) Sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	_ = f.Sync()
	return f.Close()
}
