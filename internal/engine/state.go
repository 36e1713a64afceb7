package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
	"sync"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
	"github.com/telegraf-tigk/telegraf-tigk/internal/outbox"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// This file keeps the state of tasks over a restart: one file, which is replaced as a whole, so that a crash
// leaves the old one or the new one.

// A store holds the newest snapshot of each task. The zero value, without a file, keeps nothing.
type store struct {
	file   string         // with its path
	folder journal.Folder // it is in

	// What follows belongs to checkpoints, of which there is one at a time.
	last   saved // the last one
	exists bool  // it is in the file
	failed bool  // what came after it could not be written

	mu    sync.Mutex
	tasks map[string][]byte // the snapshots are never changed
}

// saved is the content of the file, behind its checksum.
type saved struct {
	Topics alert.Saved
	Tasks  map[string][]byte
}

func (x *saved) equal(o *saved) bool {
	return maps.EqualFunc(x.Tasks, o.Tasks, bytes.Equal) && reflect.DeepEqual(x.Topics, o.Topics)
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
func (s *store) open(folder journal.Folder, file string, topics *alert.Topics) error {
	s.folder, s.file, s.tasks = folder, file, map[string][]byte{}
	var b []byte
	err := journal.Insist(func() (err error) {
		b, err = folder.Read(s.name())
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("state_directory: %w; %s", err, s.setAside())
	}
	var x saved
	if x, err = decodeState(b); err != nil {
		return fmt.Errorf("bad state file: %s: %w; %s", file, err, s.setAside())
	}
	topics.Load(x.Topics)
	s.last, s.exists = x, true
	maps.Copy(s.tasks, x.Tasks)
	return nil
}

// setAside renames the file, so that it is not written over, and says so.
func (s *store) setAside() string {
	bad := s.name() + ".bad"
	if err := s.folder.Rename(s.name(), bad); err != nil {
		return fmt.Sprintf("all tasks begin anew (%v)", err)
	}
	return fmt.Sprintf("it is now %s, and all tasks begin anew", bad)
}

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

// write writes the file, unless nothing has changed. Tasks begin and end meanwhile.
func (s *store) write(topics alert.Saved) error {
	s.mu.Lock()
	x := saved{Topics: topics, Tasks: maps.Clone(s.tasks)}
	s.mu.Unlock()
	if s.exists && x.equal(&s.last) {
		return nil
	}
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(x); err != nil {
		return err
	}
	sum := sha256.Sum256(body.Bytes())
	err := journal.Replace(s.folder, s.name(), append(append([]byte(stateMagic), sum[:]...), body.Bytes()...))
	s.last, s.exists = x, err == nil
	return err
}

// name returns that of the file in its folder.
func (s *store) name() string { return filepath.Base(s.file) }

// checkpointWait is how long a checkpoint waits for tasks that are at work.
const checkpointWait = 5 * time.Second

// checkpoint saves the state of all tasks. It says once that it cannot, and when it can again.
//
// The file must not know of an event that the journal does not: a crash would leave an alert's level
// without its event. So the topics are looked at first, then all calls are waited for that were under
// way, and then for the journal to have what these decided. What a task decides in between has a state
// in the journal, where it stays until a later checkpoint.
func (e *Engine) checkpoint() {
	if e.store.file == "" {
		return
	}
	err := e.save()
	switch {
	case err != nil && !e.store.failed:
		e.log.Errorf("Cannot save the state of the tasks: %v", err)
	case err == nil && e.store.failed:
		e.log.Infof("The state of the tasks can be saved again")
	}
	e.store.failed = err != nil
}

func (e *Engine) save() error {
	mark := e.outbox.Mark()
	topics := e.topics.Snapshot()
	var rs []*runner
	for _, r := range e.index.Load().runners {
		if r.unsaved.clear() {
			rs = append(rs, r)
		}
	}
	e.health.wait()
	saved := call(rs, (*runner).save)
	late := time.NewTimer(checkpointWait)
	defer late.Stop()
	select {
	case <-saved:
	case <-late.C:
		// Their states are those of the checkpoint before, and so are the topics, for who is at work
		// may have decided what has not reached the outbox.
		for _, r := range rs {
			r.unsaved.set()
		}
		mark, topics = outbox.Mark{}, e.store.last.Topics
	}
	if err := e.outbox.Flush(); err != nil {
		return err
	}
	if err := e.store.write(topics); err != nil {
		return err
	}
	e.outbox.Saved(mark)
	return nil
}

// wait returns when the event that is being raised has been sent.
func (h *health) wait() {
	if h != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
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

// restore brings t, which has just been started, to the state of a snapshot. If that does not work it
// returns what fresh makes.
func (r *runner) restore(t *task.Task, state []byte, fresh func() (*task.Task, error)) *task.Task {
	err := t.Restore(bytes.NewReader(state))
	if err == nil {
		return t
	}
	r.e.store.forget(r.name)
	if errors.Is(err, task.ErrMismatch) {
		r.e.log.Infof("Task %q has another script than when its state was saved; it begins anew, but its alerts keep their levels", r.name)
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
