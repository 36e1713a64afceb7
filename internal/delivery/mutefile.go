package delivery

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/filewatch"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
)

// This file keeps the mutes that are set at run time. They stand in a file of the state directory,
// which the command line writes and the agent reads.

// A MuteFile is the file of mutes in a state directory.
type MuteFile struct {
	state  string // the directory
	dir    string // of the file alone, since others change all the time
	folder journal.Folder
}

const (
	muteFolder   = "mutes"
	muteName     = "mutes.json"
	muteLock     = "mutes.lock"
	keepMutes    = 30 * 24 * time.Hour // how long they are recorded when they are over
	maxMutes     = 10_000
	maxMuteFile  = 16 << 20
	muteLockWait = 10 * time.Second
)

// OpenMutes returns the file of mutes in a state directory.
func OpenMutes(stateDirectory string) *MuteFile {
	dir := filepath.Join(stateDirectory, muteFolder)
	return &MuteFile{state: stateDirectory, dir: dir, folder: sharedDir{journal.Dir(dir), stateDirectory}}
}

// MutesIn returns the file of mutes in any folder. What changes there is noticed by looking from time to
// time.
func MutesIn(folder journal.Folder) *MuteFile { return &MuteFile{folder: folder} }

// A sharedDir is a folder of files that the agent can read whoever writes them.
type sharedDir struct {
	journal.Dir
	state string // whose owner is to have them
}

// Lock implements [journal.Folder]. It makes the folder, but not the state directory, which is that of no
// agent then.
func (d sharedDir) Lock(name string) (func(), error) {
	if info, err := os.Stat(d.state); err != nil || !info.IsDir() {
		if err == nil {
			err = errors.New("not a directory")
		}
		return nil, fmt.Errorf("state_directory: %w", err)
	}
	unlock, err := d.Dir.Lock(name)
	if err == nil {
		own(d.state, string(d.Dir))
		own(d.state, filepath.Join(string(d.Dir), name))
	}
	return unlock, err
}

// Create implements [journal.Folder].
func (d sharedDir) Create(name string) (journal.File, error) {
	f, err := d.Dir.Create(name)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(string(d.Dir), name)
	own(d.state, path)
	if err := os.Chmod(path, 0o640); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Read implements [journal.Folder].
func (d sharedDir) Read(name string) ([]byte, error) {
	text, _, err := filewatch.Read(filepath.Join(string(d.Dir), name), maxMuteFile)
	return []byte(text), err
}

type muteDocument struct {
	Version int          `json:"version"`
	Mutes   []alert.Mute `json:"mutes"`
}

// List returns all mutes, the oldest first, also those that ended lately.
func (f *MuteFile) List() ([]alert.Mute, error) {
	path := filepath.Join(f.dir, muteName)
	b, err := f.folder.Read(muteName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var d muteDocument
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if d.Version != 1 {
		return nil, fmt.Errorf("%s: version %d; this program knows version 1", path, d.Version)
	}
	return d.Mutes, nil
}

// Add checks and stores a mute and returns its ID, which is made up if it has none.
func (f *MuteFile) Add(m alert.Mute) (string, error) {
	if m.ID != "" && !handlerName.MatchString(m.ID) {
		return "", fmt.Errorf("id %q: want letters, digits and -_. only", m.ID)
	}
	if err := CheckMute(m); err != nil {
		return "", err
	}
	err := f.change(func(list []alert.Mute) ([]alert.Mute, error) {
		if len(list) >= maxMutes {
			return nil, fmt.Errorf("there are %d mutes already", len(list))
		}
		place := func() int { return slices.IndexFunc(list, func(x alert.Mute) bool { return x.ID == m.ID }) }
		if i := place(); m.ID != "" && i >= 0 {
			if !ended(&list[i], time.Now()) {
				return nil, fmt.Errorf("there is a mute %s already", m.ID)
			}
			list = slices.Delete(list, i, i+1)
		}
		for m.ID == "" || place() >= 0 {
			var b [4]byte
			_, _ = rand.Read(b[:]) // it never fails
			m.ID = hex.EncodeToString(b[:])
		}
		return append(list, m), nil
	})
	return m.ID, err
}

// Remove ends mutes now.
func (f *MuteFile) Remove(ids []string, by string, now time.Time) error {
	return f.change(func(list []alert.Mute) ([]alert.Mute, error) {
		for _, id := range ids {
			i := slices.IndexFunc(list, func(x alert.Mute) bool { return x.ID == id })
			if i < 0 {
				return nil, fmt.Errorf("no such mute: %s", id)
			}
			if ended(&list[i], now) {
				return nil, fmt.Errorf("mute %s is over already", id)
			}
			list[i].Removed, list[i].RemovedBy = now, by
		}
		return list, nil
	})
}

func ended(m *alert.Mute, now time.Time) bool {
	s, err := m.Schedule()
	return err == nil && s.Over(now)
}

// change replaces the file, while nobody else does.
func (f *MuteFile) change(edit func([]alert.Mute) ([]alert.Mute, error)) error {
	unlock, err := f.lock()
	if err != nil {
		return err
	}
	defer unlock()
	list, err := f.List()
	if err != nil {
		return err
	}
	if list, err = edit(list); err != nil {
		return err
	}
	old := time.Now().Add(-keepMutes)
	list = slices.DeleteFunc(list, func(m alert.Mute) bool { return ended(&m, old) })
	b, err := json.MarshalIndent(muteDocument{1, list}, "", "  ")
	if err != nil {
		return err
	}
	return journal.Replace(f.folder, muteName, append(b, '\n'))
}

// make makes the folder.
func (f *MuteFile) make() error {
	err := os.Mkdir(f.dir, 0o750)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	own(f.state, f.dir)
	return journal.Dir(f.state).Sync()
}

// lock waits until nobody else changes the file.
func (f *MuteFile) lock() (unlock func(), err error) {
	for until := time.Now().Add(muteLockWait); ; time.Sleep(20 * time.Millisecond) {
		unlock, err = f.folder.Lock(muteLock)
		if !errors.Is(err, journal.ErrLocked) {
			return unlock, err
		}
		if time.Now().After(until) {
			return nil, fmt.Errorf("%s: another process has been changing the mutes for %s", filepath.Join(f.dir, muteLock), muteLockWait)
		}
	}
}
