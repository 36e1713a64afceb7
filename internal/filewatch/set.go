package filewatch

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// This file tells what is new, changed and gone.

// A File is one as it was read last. Nobody changes it: a file that has changed is another File.
type File struct {
	Path     string
	Text     string
	Modified time.Time
	Err      error // it cannot be read; Text is what it was before
}

// A Set is files with what was in them.
type Set struct {
	Files
	known []*File
}

// A Scan is what there is.
type Scan struct {
	// Files are in order. Those that have not changed are the same as in the scan before.
	Files []*File
	// Changed says that they are not all the same.
	Changed bool
	// Missing says that files are gone, or cannot be read, which is not sure yet; they are in Files as
	// they were.
	Missing bool
	// Wrong is what is wrong with what else was looked at, as folders, by path.
	Wrong map[string]error
}

// Scan reads the files again. Without sure, what is gone may come back: editors and rsync replace files in
// steps. What was in a folder that cannot be read stays as it was.
func (s *Set) Scan(sure bool) *Scan {
	var paths []string
	x := &Scan{}
	paths, x.Wrong = s.Find()
	before := make(map[string]*File, len(s.known))
	for _, f := range s.known {
		before[f.Path] = f
	}
	for _, path := range paths {
		old := before[path]
		f := &File{Path: path}
		f.Text, f.Modified, f.Err = Read(path, s.MaxSize)
		switch {
		case errors.Is(f.Err, fs.ErrNotExist): // gone just now
			continue
		case f.Err != nil && old != nil && !sure && !sameText(f.Err, old.Err):
			f, x.Missing = old, true
		case f.Err != nil && old != nil:
			f.Text, f.Modified = old.Text, old.Modified
		}
		delete(before, path)
		if old != nil && old.same(f) {
			f = old
		}
		x.Files = append(x.Files, f)
	}
	for i, f := range s.known { // what is left of them is gone
		if before[f.Path] == nil {
			continue
		}
		unseen := x.unseen(f.Path)
		if sure && !unseen {
			continue
		}
		x.Missing = x.Missing || !unseen
		x.Files = slices.Insert(x.Files, min(i, len(x.Files)), f)
	}
	x.Changed = !slices.Equal(x.Files, s.known)
	s.known = x.Files
	return x
}

func (f *File) same(o *File) bool {
	return f.Text == o.Text && f.Modified.Equal(o.Modified) && sameText(f.Err, o.Err)
}

func sameText(a, b error) bool {
	if a == nil || b == nil {
		return a == b //nolint:errorlint // both nil
	}
	return a.Error() == b.Error()
}

// unseen reports whether the file is in a folder that could not be read.
func (x *Scan) unseen(path string) bool {
	for dir, err := range x.Wrong {
		if !errors.Is(err, fs.ErrNotExist) && (path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, string(filepath.Separator))+string(filepath.Separator))) {
			return true
		}
	}
	return false
}
