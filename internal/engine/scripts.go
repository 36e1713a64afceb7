package engine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// This file finds and reads scripts.

// Scripts says where scripts are.
type Scripts struct {
	Patterns []string // files, folders with all below them, and globs of both
	Tasks    []Script // those that the configuration names
}

// A Script is that of one task of the configuration: in Text or in the file File.
type Script struct {
	Name, Text, File string
	Vars             map[string]any
	DBRPs            []spec.DBRP
}

// inFiles reports whether there are scripts in files.
func (x *Scripts) inFiles() bool {
	return len(x.Patterns) > 0 || slices.ContainsFunc(x.Tasks, func(s Script) bool { return s.File != "" })
}

// A source is the script of one task as it was found.
type source struct {
	name     string // of the task
	file     string // how errors call it
	path     string // "" if the script stands in the configuration
	text     string
	modified time.Time
	vars     map[string]any
	dbrps    []spec.DBRP

	err       error  // it cannot be read, or not be used
	duplicate string // where it is, if the name is taken
	warnings  []string
	sources   []string        // of sideload nodes
	checked   bool            // warnings and sources are known
	program   *syntax.Program // from the check to the load
	task      *task.Task      // to be started
}

// scriptSuffix ends the names of scripts in folders.
const scriptSuffix = ".tick"

// origin says where the script is.
func (s *source) origin() string {
	if s.path == "" {
		return "the configuration"
	}
	return s.path
}

// same reports whether s makes the same task as o.
func (s *source) same(o *source) bool {
	return s.text == o.text && s.path == o.path && slices.Equal(s.dbrps, o.dbrps) && reflect.DeepEqual(s.vars, o.vars)
}

// read reads the script's file.
func (s *source) read() {
	f, err := os.Open(s.path)
	if err != nil {
		s.err = err
		return
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil {
		s.modified = info.ModTime()
	}
	b, err := io.ReadAll(io.LimitReader(f, syntax.MaxScript+1))
	switch {
	case err != nil:
		s.err = fmt.Errorf("%s: %w", s.path, err)
	case len(b) > syntax.MaxScript:
		s.err = fmt.Errorf("%s: longer than %d bytes; that is no script", s.path, syntax.MaxScript)
	}
	s.text = string(b)
}

// scan finds and reads all scripts: those of the configured tasks, then those of files, in the order
// of the patterns. The second script of a name has an error.
func (x *Scripts) scan() []*source {
	var found []*source
	for _, c := range x.Tasks {
		s := &source{name: c.Name, text: c.Text, vars: c.Vars, dbrps: c.DBRPs}
		if c.File != "" {
			s.file, s.path = c.File, c.File
			s.read()
		} else {
			s.file = "task " + c.Name
		}
		found = append(found, s)
	}
	seen := map[string]bool{}
	for _, pattern := range x.Patterns {
		files, err := scripts(pattern)
		if err != nil {
			found = append(found, &source{name: pattern, path: pattern, err: err})
		}
		for _, path := range files {
			if seen[path] {
				continue // two patterns match it
			}
			seen[path] = true
			s := &source{name: strings.TrimSuffix(filepath.Base(path), scriptSuffix), file: path, path: path}
			s.read()
			if s.err == nil && s.name == alert.OwnTask {
				s.err = fmt.Errorf("%s: the task name %q is reserved; rename the file", path, alert.OwnTask)
			}
			if !errors.Is(s.err, fs.ErrNotExist) || !hasMeta(pattern) { // else it went just now
				found = append(found, s)
			}
		}
	}
	first := map[string]*source{}
	for _, s := range found {
		if o := first[s.name]; o != nil {
			s.duplicate = s.origin()
			s.err = fmt.Errorf("task %q is defined twice: in %s and in %s", s.name, o.origin(), s.origin())
			continue
		}
		first[s.name] = s
	}
	return found
}

// scripts returns the files of a pattern: a file, a folder with all folders below it, or a glob of
// files and folders. Hidden files, as editors and configuration management make them for a moment,
// are left out.
func scripts(pattern string) ([]string, error) {
	matches := []string{pattern}
	if hasMeta(pattern) {
		var err error
		if matches, err = filepath.Glob(pattern); err != nil {
			return nil, fmt.Errorf("scripts: %q: %w", pattern, err)
		}
	}
	var files []string
	for _, m := range matches {
		if hidden(m) && !hidden(pattern) {
			continue
		}
		info, err := os.Stat(m)
		switch {
		case err != nil && hasMeta(pattern): // a link to nowhere
		case err != nil:
			return nil, fmt.Errorf("scripts: %w", err)
		case info.IsDir():
			files = append(files, folder(m, 0)...)
		default:
			files = append(files, m)
		}
	}
	return files, nil
}

// maxDepth bounds how deep folders are searched: links can make a circle.
const maxDepth = 8

// folder returns the scripts in a folder and those below it.
func folder(dir string, depth int) []string {
	entries, err := os.ReadDir(dir)
	if err != nil || depth > maxDepth {
		return nil
	}
	var files []string
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if hidden(path) {
			continue
		}
		isDir := e.IsDir()
		if e.Type()&fs.ModeSymlink != 0 {
			info, err := os.Stat(path)
			if err != nil {
				continue
			}
			isDir = info.IsDir()
		}
		switch {
		case isDir:
			files = append(files, folder(path, depth+1)...)
		case strings.HasSuffix(path, scriptSuffix):
			files = append(files, path)
		}
	}
	return files
}

func hidden(path string) bool { return strings.HasPrefix(filepath.Base(path), ".") }

func hasMeta(pattern string) bool { return strings.ContainsAny(pattern, `*?[`) }

// watched returns the folders in which something can happen that changes what scan finds.
func (x *Scripts) watched() []string {
	dirs := map[string]bool{}
	for _, c := range x.Tasks {
		if c.File != "" {
			follow(dirs, c.File)
		}
	}
	for _, pattern := range x.Patterns {
		matches := []string{pattern}
		if hasMeta(pattern) {
			for dir := filepath.Dir(pattern); ; dir = filepath.Dir(dir) { // folders may match, too
				if !hasMeta(dir) {
					follow(dirs, dir)
					break
				}
				above, _ := filepath.Glob(dir) // the pattern has been checked
				matches = append(matches, above...)
			}
			here, _ := filepath.Glob(pattern)
			matches = append(matches, here...)
		}
		for _, m := range matches {
			follow(dirs, m)
			if info, err := os.Stat(m); err == nil && info.IsDir() {
				below(dirs, m, 0)
			}
		}
	}
	return slices.Sorted(maps.Keys(dirs))
}

// below adds the folders below dir, and those that its links lead to.
func below(dirs map[string]bool, dir string, depth int) {
	entries, err := os.ReadDir(dir)
	if err != nil || depth > maxDepth {
		return
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case hidden(path):
		case e.IsDir():
			follow(dirs, path)
			below(dirs, path, depth+1)
		case e.Type()&fs.ModeSymlink != 0:
			follow(dirs, path)
			if info, err := os.Stat(path); err == nil && info.IsDir() {
				below(dirs, path, depth+1)
			}
		}
	}
}

// maxLinks bounds the symbolic links on the way to a file.
const maxLinks = 40

// follow adds the folders whose entries lead to path: that of the file, and that of each symbolic
// link on the way. A folder is watched itself as well as the one it is in, since it can be exchanged
// for another. Of a path that does not exist it is the last folder that does.
func follow(dirs map[string]bool, path string) {
	path, err := filepath.Abs(path)
	if err != nil {
		return
	}
	for range maxLinks {
		next, link := walk(dirs, path)
		if !link {
			return
		}
		path = next
	}
}

// walk goes down path as far as the first symbolic link and returns the path behind that.
func walk(dirs map[string]bool, path string) (next string, link bool) {
	at := filepath.VolumeName(path) + string(filepath.Separator)
	rest := strings.Split(strings.TrimPrefix(path, at), string(filepath.Separator))
	for i, name := range rest {
		if name == "" {
			continue
		}
		here := filepath.Join(at, name)
		info, err := os.Lstat(here)
		last := i == len(rest)-1
		switch {
		case err != nil:
			dirs[at] = true
			return "", false
		case info.Mode()&fs.ModeSymlink != 0:
			dirs[at] = true
			to, err := os.Readlink(here)
			if err != nil {
				return "", false
			}
			if !filepath.IsAbs(to) {
				to = filepath.Join(at, to)
			}
			return filepath.Join(append([]string{to}, rest[i+1:]...)...), true
		case last:
			dirs[at] = true
			if info.IsDir() {
				dirs[here] = true
			}
		}
		at = here
	}
	return "", false
}
