package tick

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// This file keeps the state of tasks over a restart: one file, written as a whole beside the old one
// and renamed, so that a crash leaves one of the two.

// A store holds the newest snapshot of each task. The zero value, without a file, keeps nothing.
type store struct {
	file string

	mu      sync.Mutex
	tasks   map[string][]byte
	written [sha256.Size]byte
}

// saved is the content of the file, behind its checksum.
type saved struct {
	Topics alert.Saved
	Tasks  map[string][]byte
}

// stateMagic begins the file. It changes with the format.
const stateMagic = "tick state 1\n"

// stateFile returns the name of the file for an instance.
func stateFile(dir string, after bool) string {
	if after {
		return filepath.Join(dir, "tasks-after.state")
	}
	return filepath.Join(dir, "tasks.state")
}

// open reads the file if there is one. An unreadable one is set aside: alerting goes on without it.
func (s *store) open(file string, topics *alert.Topics) error {
	s.file, s.tasks = file, map[string][]byte{}
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return fmt.Errorf("state_directory: %w", err)
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("state_directory: %w", err)
	}
	var x saved
	if x, err = decodeState(b); err != nil {
		if renamed := os.Rename(file, file+".bad"); renamed != nil {
			return fmt.Errorf("state_directory: %w", renamed)
		}
		return fmt.Errorf("%w: %s: %w; it is now %s.bad, and all tasks begin anew", errBadState, file, err, filepath.Base(file))
	}
	topics.Load(x.Topics)
	if x.Tasks != nil {
		s.tasks = x.Tasks
	}
	return nil
}

var errBadState = errors.New("bad state file")

func decodeState(b []byte) (x saved, err error) {
	b, ok := bytes.CutPrefix(b, []byte(stateMagic))
	if !ok || len(b) < sha256.Size {
		return x, errors.New("not a state file")
	}
	sum, b := b[:sha256.Size], b[sha256.Size:]
	if got := sha256.Sum256(b); !bytes.Equal(sum, got[:]) {
		return x, errors.New("wrong checksum")
	}
	err = gob.NewDecoder(bytes.NewReader(b)).Decode(&x)
	return x, err
}

// set keeps the snapshot of a task.
func (s *store) set(name string, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tasks[name] = b
}

// get returns the snapshot of a task.
func (s *store) get(name string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tasks[name]
}

// forget drops the snapshot of a task.
func (s *store) forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tasks, name)
}

// write writes the file, unless nothing has changed.
func (s *store) write(topics *alert.Topics) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(saved{Topics: topics.Snapshot(), Tasks: s.tasks}); err != nil {
		return err
	}
	sum := sha256.Sum256(body.Bytes())
	if sum == s.written {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(s.file), ".tasks-*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(append(append([]byte(stateMagic), sum[:]...), body.Bytes()...))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), s.file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	s.written = sum
	return syncFolder(filepath.Dir(s.file))
}

// syncFolder makes a rename last. Not every system can do that.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	_ = d.Sync()
	return d.Close()
}

// checkpointWait is how long a checkpoint waits for tasks that are at work.
const checkpointWait = 5 * time.Second

// checkpoint saves the state of all tasks.
func (e *engine) checkpoint() {
	if e.store.file == "" {
		return
	}
	var rs []*runner
	for _, r := range e.index.Load().runners {
		if r.unsaved.clear() {
			rs = append(rs, r)
		}
	}
	saved := call(rs, (*runner).save)
	late := time.NewTimer(checkpointWait)
	defer late.Stop()
	select {
	case <-saved:
	case <-late.C: // their states are those of the checkpoint before
	}
	if err := e.store.write(&e.topics); err != nil {
		e.log.Errorf("Cannot save the state of the tasks: %v", err)
	}
}

// save takes a snapshot of the task. One that has stopped keeps that of better days.
func (r *runner) save() {
	if r.task == nil || r.failed.Load() {
		return
	}
	var b bytes.Buffer
	if err := r.task.Save(&b); err != nil {
		r.report("state", err.Error())
		return
	}
	r.e.store.set(r.name, b.Bytes())
}

// restore brings t, which has just been started, to the state of its snapshot. If that does not work
// it returns what fresh makes.
func (r *runner) restore(t *task.Task, fresh func() (*task.Task, error)) *task.Task {
	b := r.e.store.get(r.name)
	if b == nil {
		return t
	}
	err := t.Restore(bytes.NewReader(b))
	if err == nil {
		return t
	}
	r.e.store.forget(r.name)
	if errors.Is(err, task.ErrMismatch) {
		r.e.log.Infof("Task %q has another script than when its state was saved; it begins anew", r.name)
	} else {
		r.e.log.Warnf("Cannot restore the state of task %q: %v; it begins anew", r.name, err)
	}
	again, err := fresh()
	if err != nil {
		return t // it has been loaded before, so this does not happen
	}
	if err := again.Start(r.e.clock()); err != nil {
		return t
	}
	return again
}
