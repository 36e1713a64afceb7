package sideload

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// readFolder reads the YAML and JSON files in a folder and all below it. Documents are named by
// their path below the folder, with slashes.
func readFolder(dir string) reading {
	if !filepath.IsAbs(dir) {
		return unread(fmt.Errorf("source: want file:// and an absolute path, got '%s'", dir))
	}
	info, err := os.Stat(dir)
	if err != nil {
		return unread(fmt.Errorf("source: %w", err))
	}
	if !info.IsDir() {
		return unread(fmt.Errorf("source: %s is no folder", dir))
	}
	r := reading{docs: spec.Documents{}}
	left := int64(maxBytes)
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil && path == dir {
			return fmt.Errorf("source: %w", err)
		}
		if err == nil && e.IsDir() && path != dir && strings.HasPrefix(e.Name(), "..") {
			return filepath.SkipDir // Kubernetes keeps the files of a volume there and links to them
		}
		if err == nil && (e.IsDir() || parserOf(path) == nil) {
			return nil
		}
		name := documentName(dir, path)
		if err != nil { // a folder that cannot be read
			r.fail(name, err)
			r.folders = append(r.folders, name+"/")
			return filepath.SkipDir
		}
		if len(r.docs)+len(r.broken) >= maxDocuments {
			return fmt.Errorf("source: more than %d documents in %s", maxDocuments, dir)
		}
		text, err := readFile(path, left)
		if errors.Is(err, errTooLarge) {
			return fmt.Errorf("source: the documents in %s have more than %d bytes", dir, int64(maxBytes))
		}
		if err != nil {
			r.fail(name, err)
			return nil
		}
		left -= int64(len(text))
		doc, err := parserOf(path)(text)
		if err != nil {
			r.fail(name, locate(path, err))
			return nil
		}
		r.docs[name] = doc
		return nil
	})
	if err != nil {
		return unread(err)
	}
	return r
}

func documentName(dir, path string) string {
	name, err := filepath.Rel(dir, path)
	if err != nil {
		return path
	}
	return filepath.ToSlash(name)
}

// parserOf returns the parser of a file by its name, or nil.
func parserOf(path string) func([]byte) (document, error) {
	switch filepath.Ext(path) {
	case ".yml", ".yaml":
		return parseYAML
	case ".json":
		return parseJSON
	}
	return nil
}

var (
	errTooLarge = errors.New("too large")
	errNoFile   = errors.New("is no regular file")
)

// readFile reads a regular file, or one that a link leads to, of limit bytes at the most.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path) // before it is opened: that of a named pipe would wait
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s %w", path, errNoFile)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = errTooLarge
	}
	return text, err
}
