package filewatch

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// This file finds and reads files.

// Files are files that users name: single ones, folders with all that is below, and globs of both.
// Symbolic links are followed. What is hidden, as editors, configuration management and Kubernetes make
// things for a moment, counts only if it is named, or meant by a glob that begins with a dot.
type Files struct {
	Patterns []string
	Literal  bool                   // nothing in the patterns stands for anything else
	Is       func(name string) bool // whether a file in a folder is one of them; nil if no folders are meant
	MaxSize  int64                  // of each

	readDir func(dir string) ([]os.DirEntry, error) // by tests
}

// Check returns an error if a glob is wrong.
func (f *Files) Check() error {
	for _, p := range f.Patterns {
		if _, err := filepath.Match(p, ""); err != nil && !f.Literal {
			return fmt.Errorf("%q: %w", p, err)
		}
	}
	return nil
}

// Find returns the paths of the files, in the order of the patterns and each once, and what is wrong with
// others that were looked at, by their paths: a folder that cannot be read has nothing in it as far as one
// can see, and does not say so by itself. What is named and does not exist is wrong, too.
func (f *Files) Find() (paths []string, wrong map[string]error) {
	s := f.search()
	return s.paths, s.wrong
}

// Folders returns the folders in which something can happen that changes what Find returns.
func (f *Files) Folders() []string { return slices.Sorted(maps.Keys(f.search().watch)) }

// Around returns the folders in which something can happen to files: those of each, of the symbolic links
// on the way to it, and for want of it the last folder that exists.
func Around(paths ...string) []string {
	s := search{watch: map[string]bool{}}
	for _, p := range paths {
		s.follow(p)
	}
	return slices.Sorted(maps.Keys(s.watch))
}

// A search goes through patterns.
type search struct {
	is    func(name string) bool
	paths []string
	found map[string]bool // paths
	wrong map[string]error
	watch map[string]bool // folders

	top     string // of the folders that are being searched
	folders int    // how many that are

	readDir func(dir string) ([]os.DirEntry, error)
}

func (f *Files) search() *search {
	s := &search{is: f.Is, found: map[string]bool{}, wrong: map[string]error{}, watch: map[string]bool{}, readDir: os.ReadDir}
	if f.readDir != nil {
		s.readDir = f.readDir
	}
	for _, p := range f.Patterns {
		if f.Literal || !isGlob(p) {
			s.look(p, true)
			continue
		}
		for _, path := range s.glob(p) {
			s.look(path, false)
		}
	}
	return s
}

// look adds a file, or those in a folder.
func (s *search) look(path string, named bool) {
	s.follow(path)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !named: // a link to nowhere, or gone just now
	case err != nil:
		s.wrong[path] = err
	case info.IsDir() && s.is != nil:
		s.top, s.folders = path, 0
		s.folder(path, realPath(path), []os.FileInfo{info})
	default:
		s.add(path)
	}
}

func (s *search) add(path string) {
	if !s.found[path] {
		s.found[path] = true
		s.paths = append(s.paths, path)
	}
}

// What is searched at most: links can make more of few folders than anybody wants.
const (
	maxDepth   = 32
	maxFolders = 10_000
)

// realPath returns the absolute path without links of something that is there.
func realPath(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
	}
	return path
}

// folder adds the files in a folder and below. Its own path has no links; way are the folders on the way to
// it, itself the last.
func (s *search) folder(dir, own string, way []os.FileInfo) {
	if s.folders++; s.folders > maxFolders {
		s.wrong[s.top] = fmt.Errorf("%s: more than %d folders", s.top, maxFolders)
		return
	}
	if len(way) > maxDepth {
		s.wrong[dir] = fmt.Errorf("%s: more than %d folders deep", dir, maxDepth)
		return
	}
	s.watch[own] = true
	entries, err := s.readDir(dir)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) { // gone just now
			s.wrong[dir] = err
		}
		return
	}
	for _, e := range entries {
		if hidden(e.Name()) {
			continue
		}
		path, link := filepath.Join(dir, e.Name()), e.Type()&fs.ModeSymlink != 0
		info, err := os.FileInfo(nil), error(nil)
		if link {
			s.follow(filepath.Join(own, e.Name()))
		}
		if link || e.IsDir() {
			info, err = os.Stat(path)
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			s.wrong[path] = err
		case info == nil || !info.IsDir():
			if s.is(e.Name()) {
				s.add(path)
			}
		case !slices.ContainsFunc(way, func(above os.FileInfo) bool { return os.SameFile(above, info) }): // else links make a circle
			below := filepath.Join(own, e.Name())
			if link {
				below = realPath(below)
			}
			s.folder(path, below, append(way[:len(way):len(way)], info))
		}
	}
}

// glob returns what matches, sorted. Unlike that of filepath it tells of folders that cannot be read.
func (s *search) glob(pattern string) []string {
	pattern = filepath.Clean(pattern)
	root := filepath.VolumeName(pattern)
	if rest := pattern[len(root):]; os.IsPathSeparator(rest[0]) {
		root += rest[:1]
	}
	at, chosen := []string{root}, false
	for part := range strings.SplitSeq(pattern[len(root):], string(filepath.Separator)) {
		next := make([]string, 0, len(at))
		for _, dir := range at {
			next = append(next, s.matches(dir, chosen, part)...)
		}
		at, chosen = next, chosen || isGlob(part)
	}
	return at
}

// matches returns the entries of a folder that match one part of a glob. The folder is chosen by the parts
// before, or it stands there.
func (s *search) matches(dir string, chosen bool, part string) (paths []string) {
	folder := cmp.Or(dir, ".")
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.follow(folder)
		return nil
	case err != nil:
		s.wrong[folder] = err
		return nil
	case !info.IsDir():
		if !chosen {
			s.wrong[folder] = fmt.Errorf("%s: not a folder", folder)
		}
		return nil
	case !isGlob(part):
		return []string{filepath.Join(dir, part)}
	}
	s.follow(folder)
	entries, err := s.readDir(folder)
	if err != nil {
		s.wrong[folder] = err
		return nil
	}
	for _, e := range entries {
		if ok, _ := filepath.Match(part, e.Name()); ok && (!hidden(e.Name()) || hidden(part)) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths
}

func hidden(name string) bool { return strings.HasPrefix(name, ".") }

func isGlob(pattern string) bool { return strings.ContainsAny(pattern, `*?[`) }

// maxLinks bounds the symbolic links on the way to a file.
const maxLinks = 40

// follow watches the folders whose entries lead to path: that of the file, and that of each symbolic
// link on the way. A folder is watched itself as well as the one it is in, since it can be exchanged
// for another. Of a path that does not exist it is the last folder that does.
func (s *search) follow(path string) {
	path, err := filepath.Abs(path)
	if err != nil {
		return
	}
	for range maxLinks {
		next, link := s.walk(path)
		if !link {
			return
		}
		path = next
	}
}

// walk goes down path as far as the first symbolic link and returns the path behind that.
func (s *search) walk(path string) (next string, link bool) {
	at := filepath.VolumeName(path) + string(filepath.Separator)
	parts := strings.Split(strings.TrimPrefix(path, at), string(filepath.Separator))
	for i, name := range parts {
		if name == "" {
			continue
		}
		here := filepath.Join(at, name)
		info, err := os.Lstat(here)
		switch {
		case err != nil:
			s.watch[at] = true
			return "", false
		case info.Mode()&fs.ModeSymlink != 0:
			s.watch[at] = true
			to, err := os.Readlink(here)
			if err != nil {
				return "", false
			}
			if !filepath.IsAbs(to) {
				to = filepath.Join(at, to)
			}
			return filepath.Join(append([]string{to}, parts[i+1:]...)...), true
		case i == len(parts)-1:
			s.watch[at] = true
			if info.IsDir() {
				s.watch[here] = true
			}
		}
		at = here
	}
	return "", false
}

// Read reads a regular file of at most limit bytes. Others it does not wait for.
func Read(path string, limit int64) (text string, modified time.Time, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // to open a pipe would wait for its writer
	if err != nil {
		return "", time.Time{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", time.Time{}, err
	case !info.Mode().IsRegular():
		return "", time.Time{}, fmt.Errorf("%s: not a regular file", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return "", time.Time{}, err
	case int64(len(b)) > limit:
		return "", time.Time{}, fmt.Errorf("%s: larger than %d bytes", path, limit)
	}
	return string(b), info.ModTime(), nil
}
