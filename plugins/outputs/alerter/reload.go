package alerter

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

// A handlerFolder is the files of topic handlers that the configuration names.
type handlerFolder struct {
	patterns []string // files, globs and folders
	files    map[string]*handlerFile
	problems map[string]string // that were logged, by file
}

// A handlerFile is a file as it was read last.
type handlerFile struct {
	text     []byte
	err      error           // what is wrong with it
	handlers []*topicHandler // of the last version that was sound
}

// checkPatterns finds globs that are wrong.
func (f *handlerFolder) checkPatterns() error {
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
func (f *handlerFolder) find() (files, folders []string) {
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

func (f *handlerFolder) folders() []string {
	_, folders := f.find()
	return folders
}

// read reads what has changed. Without sure, a file that is gone counts as unchanged and missing is
// true: editors replace files in steps. It returns what is wrong, by file.
func (f *handlerFolder) read(sure bool) (changed, missing bool, wrong map[string]error) {
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

// loadHandlers takes up what the files say. It reports whether one is missing.
func (a *Alerter) loadHandlers(first, sure bool) (missing bool) {
	f := a.folder
	changed, missing, wrong := f.read(sure)
	if changed || first {
		set := newHandlerSet()
		for _, h := range a.topics {
			_ = set.add(h) // was added before
		}
		n := 0
		for _, path := range sorted(f.files) {
			for _, h := range f.files[path].handlers {
				if err := set.add(h); err != nil {
					wrong[path] = &syntax.Error{File: path, Pos: h.at, Msg: err.Error()}
					continue
				}
				n++
				if a.outlets[h.kind] == nil && h.kind != publishKind {
					wrong[path] = &syntax.Error{File: path, Pos: h.at, Msg: h.kind.Name + ": " + a.unavailable(h.kind).Error()}
				}
			}
		}
		a.routing.Lock()
		a.handlers = set
		a.routing.Unlock()
		if changed {
			a.Log.Infof("Loaded %d handlers of topics from %d files", n, len(f.files))
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
			a.Log.Errorf("%s%s", text, note)
		}
	}
	for path := range f.problems {
		if wrong[path] == nil && (changed || first || f.files[path] == nil) {
			delete(f.problems, path)
		}
	}
	return missing
}

// Broken returns what is wrong with files of handlers, which has been logged. The plugin must not be
// running.
func (a *Alerter) Broken() []string {
	if a.folder == nil {
		return nil
	}
	return slices.Sorted(maps.Values(a.folder.problems))
}

// openHandlers reads the files for the first time.
func (a *Alerter) openHandlers() error {
	if len(a.HandlerFiles) == 0 {
		return nil
	}
	a.folder = &handlerFolder{patterns: a.HandlerFiles, files: map[string]*handlerFile{}, problems: map[string]string{}}
	if err := a.folder.checkPatterns(); err != nil {
		return err
	}
	for _, p := range a.HandlerFiles {
		if _, err := os.Stat(p); errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(p, `*?[`) {
			a.Log.Warnf("handler_files: %s does not exist", p)
		}
	}
	a.loadHandlers(true, true)
	return nil
}

// watchHandlers begins to follow the files.
func (a *Alerter) watchHandlers() {
	if a.folder == nil {
		return
	}
	w := &filewatch.Watcher{
		Pace: filewatch.DefaultPace, What: "the files of handlers", Folders: a.folder.folders, Warnf: a.Log.Warnf,
		Look: filewatch.DefaultPace.Missing(func(sure bool) bool { return a.loadHandlers(false, sure) }),
	}
	w.Start()
	stop := a.stop
	a.background.Go(func() { w.Run(stop, w.Quiet) })
}
