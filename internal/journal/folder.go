package journal

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// A Folder is what all that must outlive a crash needs of the file system. Tests have one that fails, and
// that shows what a crash may leave.
type Folder interface {
	// Lock takes the folder, or what name stands for in it, for this log alone; ErrLocked means that
	// another one has it.
	Lock(name string) (unlock func(), err error)
	// Names returns what is in the folder, sorted.
	Names() ([]string, error)
	Read(name string) ([]byte, error)
	// Create makes a new file.
	Create(name string) (File, error)
	// Rename gives a file another name, in the place of the file that has it.
	Rename(from, to string) error
	Remove(name string) error
	// Sync makes the names of files last.
	Sync() error
}

// A File is written from its beginning to its end.
type File interface {
	io.WriteCloser
	Sync() error
}

// Replace writes a file as a whole: whatever happens, there is the old one or the new one, and the new one
// once Replace has returned no error. Only one at a time may replace a file of that name.
func Replace(dir Folder, name string, content []byte) error {
	tmp := Temporary(name)
	// A process may have died and left it.
	if err := dir.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := dir.Create(tmp)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = dir.Rename(tmp, name)
	}
	if err != nil {
		return errors.Join(err, dir.Remove(tmp))
	}
	return dir.Sync()
}

// Temporary returns the name that a file has until it replaces the one called name.
func Temporary(name string) string { return "." + name + ".tmp" }

const (
	readAttempts = 3
	readPause    = 100 * time.Millisecond
)

// Insist has a read repeated that fails, unless somebody else has the lock or there is nothing: what would
// have to do without it is worth a second attempt, and a third.
func Insist(read func() error) (err error) {
	for attempt := 1; ; attempt++ {
		err = read()
		if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrLocked) || attempt == readAttempts {
			return err
		}
		time.Sleep(readPause)
	}
}

// ErrLocked is the error for a folder that someone else uses.
var ErrLocked = errors.New("in use by another process or another section of the configuration; each needs a folder of its own")

// Dir is a folder of the operating system. It is made when it is locked.
type Dir string

func (d Dir) path(name string) string { return filepath.Join(string(d), name) }

// Lock implements [Folder]. The file of the lock stays when the lock is given up: a file that is
// removed could be locked by one and made again by another.
func (d Dir) Lock(name string) (func(), error) {
	if err := d.make(); err != nil {
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

// make makes the folder, and those above it that are missing, so that they last.
func (d Dir) make() error {
	switch info, err := os.Stat(string(d)); {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return &fs.PathError{Op: "mkdir", Path: string(d), Err: syscall.ENOTDIR}
	}
	above := Dir(filepath.Dir(string(d)))
	if above != d {
		if err := above.make(); err != nil {
			return err
		}
	}
	if err := os.Mkdir(string(d), 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := above.Sync(); !cannotSync(err) {
		return err
	}
	return nil
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

// Rename implements [Folder].
func (d Dir) Rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }

// Remove implements [Folder].
func (d Dir) Remove(name string) error { return os.Remove(d.path(name)) }

// Sync implements [Folder]. Where the system cannot do that, the names of files last as they do there.
func (d Dir) Sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	err = f.Sync()
	if cannotSync(err) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

// cannotSync reports whether a folder was not synced because that cannot be done, as on Windows and some
// file systems of the network.
func cannotSync(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EINVAL)
}
