package engine

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/filewatch"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// This file makes scripts of files and of what stands in the configuration.

// Scripts says where scripts are.
type Scripts struct {
	Patterns []string // files, folders with all below them, and globs of both
	Tasks    []Script // those that the configuration names

	named, found *filewatch.Set // the files of Tasks and of Patterns
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

// version returns what tells the text of the script from others.
func (s *source) version() string {
	sum := sha256.Sum256([]byte(s.text))
	return hex.EncodeToString(sum[:8])
}

// same reports whether s makes the same task as o.
func (s *source) same(o *source) bool {
	return s.text == o.text && s.path == o.path && slices.Equal(s.dbrps, o.dbrps) && reflect.DeepEqual(s.vars, o.vars)
}

// open prepares the search for files.
func (x *Scripts) open() {
	if x.found != nil {
		return
	}
	isScript := func(name string) bool { return strings.HasSuffix(name, scriptSuffix) }
	x.found = &filewatch.Set{Files: filewatch.Files{Patterns: x.Patterns, Is: isScript, MaxSize: syntax.MaxScript}}
	x.named = &filewatch.Set{Files: filewatch.Files{Literal: true, MaxSize: syntax.MaxScript}}
	for _, c := range x.Tasks {
		if c.File != "" {
			x.named.Patterns = append(x.named.Patterns, c.File)
		}
	}
}

// scan finds and reads all scripts: those of the configured tasks, then those of files, in the order
// of the patterns. The second script of a name has an error. Files that are missing may come back, unless
// it is sure that they do not.
func (x *Scripts) scan(sure bool) (list []*source, missing bool) {
	x.open()
	named, found := x.named.Scan(sure), x.found.Scan(sure)
	read := func(s *source, f *filewatch.File) *source {
		s.file, s.path, s.text, s.modified, s.err = f.Path, f.Path, f.Text, f.Modified, f.Err
		list = append(list, s)
		return s
	}
	for _, c := range x.Tasks {
		s := &source{name: c.Name, file: "task " + c.Name, text: c.Text, vars: c.Vars, dbrps: c.DBRPs}
		if c.File == "" {
			list = append(list, s)
		} else if i := slices.IndexFunc(named.Files, func(f *filewatch.File) bool { return f.Path == c.File }); i >= 0 {
			read(s, named.Files[i])
		} else {
			read(s, &filewatch.File{Path: c.File, Err: cmp.Or(named.Wrong[c.File], fs.ErrNotExist)})
		}
	}
	for _, f := range found.Files {
		s := read(&source{name: strings.TrimSuffix(filepath.Base(f.Path), scriptSuffix)}, f)
		if s.err == nil && s.name == alert.OwnTask {
			s.err = fmt.Errorf("%s: the task name %q is reserved; rename the file", s.path, alert.OwnTask)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(found.Wrong)) {
		list = append(list, &source{name: path, path: path, err: fmt.Errorf("scripts: %w", found.Wrong[path])})
	}
	first := make(map[string]*source, len(list))
	for _, s := range list {
		if o := first[s.name]; o != nil {
			s.duplicate = s.origin()
			s.err = fmt.Errorf("task %q is defined twice: in %s and in %s", s.name, o.origin(), s.origin())
			continue
		}
		first[s.name] = s
	}
	return list, named.Missing || found.Missing
}

// watched returns the folders in which something can happen that changes what scan finds.
func (x *Scripts) watched() []string {
	x.open()
	return append(x.named.Folders(), x.found.Folders()...)
}
