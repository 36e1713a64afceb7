package delivery

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/filewatch"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// This file keeps the handlers of topics those that the files say.

// handlerFiles are the files of topic handlers that the configuration names.
type handlerFiles struct {
	filewatch.Set
	files    map[string]*handlerFile
	problems map[string]string // that were logged, by file
}

// A handlerFile is what came of a file.
type handlerFile struct {
	*filewatch.File
	err      error           // what is wrong with it
	handlers []*TopicHandler // of the last version that was sound
}

func isHandlerFile(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

// read reads what has changed. It returns what is wrong, by file.
func (f *handlerFiles) read(sure bool) (changed, missing bool, wrong map[string]error) {
	scan := f.Scan(sure)
	wrong = scan.Wrong
	maps.DeleteFunc(wrong, func(_ string, err error) bool { return errors.Is(err, fs.ErrNotExist) }) // they may come
	before := f.files
	f.files = make(map[string]*handlerFile, len(scan.Files))
	for _, file := range scan.Files {
		x, old := &handlerFile{File: file}, before[file.Path]
		delete(before, file.Path)
		f.files[file.Path] = x
		switch {
		case old != nil && old.Text == file.Text && old.Err == nil && file.Err == nil:
			x.err, x.handlers = old.err, old.handlers
		case file.Err != nil:
			x.err = file.Err
		default:
			x.handlers, x.err = readHandlers(file.Path, []byte(file.Text))
			changed = changed || x.err == nil
		}
		if x.err != nil {
			wrong[file.Path] = x.err
			if old != nil {
				x.handlers = old.handlers
			}
		}
	}
	return changed || len(before) > 0, scan.Missing, wrong
}

// loadFiles takes up what the files say. It reports whether one is missing.
func (d *Dispatcher) loadFiles(first, sure bool) (missing bool) {
	f := d.files
	changed, missing, wrong := f.read(sure)
	if changed || first {
		all := emptyTopics()
		for _, h := range d.c.Topics {
			_ = all.add(h) // was added before
		}
		n := 0
		for _, path := range sorted(f.files) {
			for _, h := range f.files[path].handlers {
				if err := all.add(h); err != nil {
					wrong[path] = &syntax.Error{File: path, Pos: h.at, Msg: err.Error()}
					continue
				}
				n++
				if d.handlers[h.kind] == nil && h.kind != publishKind {
					wrong[path] = &syntax.Error{File: path, Pos: h.at, Msg: h.kind.Name + ": " + d.unavailable(h.kind).Error()}
				}
			}
		}
		d.mu.Lock()
		d.topics = all
		d.mu.Unlock()
		if changed {
			d.log.Infof("Loaded %d handlers of topics from %d files", n, len(f.files))
		}
	}
	for _, path := range sorted(wrong) {
		err := wrong[path]
		if text := err.Error(); f.problems[path] != text {
			f.problems[path] = text
			note := ""
			if old := f.files[path]; old != nil && len(old.handlers) > 0 && old.err != nil {
				note = "; the handler goes on as it was"
			}
			d.log.Errorf("%s%s", text, note)
		}
	}
	for path := range f.problems {
		if wrong[path] == nil && (changed || first || f.files[path] == nil) {
			delete(f.problems, path)
		}
	}
	return missing
}

// Broken returns what is wrong with files of handlers, which has been logged. The dispatcher must not have
// been started.
func (d *Dispatcher) Broken() []string {
	if d.files == nil {
		return nil
	}
	return slices.Sorted(maps.Values(d.files.problems))
}

// openFiles reads the files for the first time.
func (d *Dispatcher) openFiles() error {
	if len(d.c.Files) == 0 {
		return nil
	}
	d.files = &handlerFiles{
		Set:   filewatch.Set{Files: filewatch.Files{Patterns: d.c.Files, Is: isHandlerFile, MaxSize: maxHandlerFile}},
		files: map[string]*handlerFile{}, problems: map[string]string{},
	}
	if err := d.files.Check(); err != nil {
		return fmt.Errorf("handler_files: %w", err)
	}
	_, wrong := d.files.Find()
	for _, path := range sorted(wrong) {
		if errors.Is(wrong[path], fs.ErrNotExist) {
			d.log.Warnf("handler_files: %s does not exist", path)
		}
	}
	d.loadFiles(true, true)
	return nil
}

// watchFiles begins to follow the files.
func (d *Dispatcher) watchFiles() {
	if d.files == nil {
		return
	}
	w := &filewatch.Watcher{
		Pace: d.c.Pace, What: "the files of handlers", Folders: d.files.Folders, Warnf: d.log.Warnf,
		Look: d.c.Pace.Missing(func(sure bool) bool { return d.loadFiles(false, sure) }),
	}
	w.Start()
	stop := d.stop
	d.background.Go(func() { w.Run(stop, w.Quiet) })
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
