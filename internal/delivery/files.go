package delivery

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/filewatch"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// This file keeps the handlers of topics those that the files say.

// handlerFiles are the files of topic handlers that the configuration names.
type handlerFiles struct {
	patterns []string // files, globs and folders
	files    map[string]*handlerFile
	problems map[string]string // that were logged, by file
}

// A handlerFile is a file as it was read last.
type handlerFile struct {
	text     []byte
	err      error           // what is wrong with it
	handlers []*TopicHandler // of the last version that was sound
}

// checkPatterns finds globs that are wrong.
func (f *handlerFiles) checkPatterns() error {
	for _, p := range f.patterns {
		if _, err := filepath.Match(p, ""); err != nil {
			return fmt.Errorf("handler_files: %q: %w", p, err)
		}
	}
	return nil
}

func isHandlerFile(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".yaml", ".yml", ".json":
		return !strings.HasPrefix(filepath.Base(name), ".")
	}
	return false
}

// find returns the files that there are, in order, and the folders they may come to.
func (f *handlerFiles) find() (files, folders []string) {
	add := func(path string) {
		if !slices.Contains(files, path) {
			files = append(files, path)
		}
	}
	for _, p := range f.patterns {
		folders = append(folders, existing(filepath.Dir(p)))
		paths := []string{p}
		if strings.ContainsAny(p, `*?[`) {
			paths, _ = filepath.Glob(p) // it was checked
		}
		for _, path := range paths {
			info, err := os.Stat(path)
			switch {
			case err != nil:
				if path == p && !errors.Is(err, fs.ErrNotExist) {
					add(path) // reading it will tell
				}
			case !info.IsDir():
				add(path)
			default:
				_ = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
					switch {
					case d == nil || err != nil && d.IsDir():
						return fs.SkipDir // one that cannot be read hides no other
					case d.IsDir():
						folders = append(folders, name)
					case isHandlerFile(name):
						add(name)
					}
					return nil
				})
			}
		}
	}
	slices.Sort(files)
	return files, folders
}

// existing returns the folder, or the next one above it that exists.
func existing(dir string) string {
	for {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return dir
		}
		dir = up
	}
}

func (f *handlerFiles) folders() []string {
	_, folders := f.find()
	return folders
}

// read reads what has changed. Without sure, a file that is gone counts as unchanged and missing is
// true: editors replace files in steps. It returns what is wrong, by file.
func (f *handlerFiles) read(sure bool) (changed, missing bool, wrong map[string]error) {
	wrong = map[string]error{}
	paths, _ := f.find()
	for _, path := range paths {
		old := f.files[path]
		text, err := readSome(path)
		if err != nil {
			if old == nil {
				wrong[path] = err
			} else {
				missing = true
			}
			continue
		}
		if old == nil || !bytes.Equal(old.text, text) {
			next := &handlerFile{text: text}
			next.handlers, next.err = readHandlers(path, text)
			switch {
			case next.err == nil:
				changed = true
			case old != nil:
				next.handlers = old.handlers
			}
			f.files[path] = next
		}
		if err := f.files[path].err; err != nil {
			wrong[path] = err
		}
	}
	for path := range f.files {
		if !slices.Contains(paths, path) {
			if !sure {
				missing = true
				continue
			}
			delete(f.files, path)
			changed = true
		}
	}
	return changed, missing, wrong
}

// readSome reads a file, but not all of one that is too large.
func readSome(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: not a regular file", path)
	case info.Size() > maxHandlerFile:
		return nil, fmt.Errorf("%s: larger than %d bytes", path, maxHandlerFile)
	}
	return os.ReadFile(path)
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
	d.files = &handlerFiles{patterns: d.c.Files, files: map[string]*handlerFile{}, problems: map[string]string{}}
	if err := d.files.checkPatterns(); err != nil {
		return err
	}
	for _, p := range d.c.Files {
		if _, err := os.Stat(p); errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(p, `*?[`) {
			d.log.Warnf("handler_files: %s does not exist", p)
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
		Pace: filewatch.DefaultPace, What: "the files of handlers", Folders: d.files.folders, Warnf: d.log.Warnf,
		Look: filewatch.DefaultPace.Missing(func(sure bool) bool { return d.loadFiles(false, sure) }),
	}
	w.Start()
	stop := d.stop
	d.background.Go(func() { w.Run(stop, w.Quiet) })
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
