// Package sideload reads the documents of sideload nodes: from a folder, or over HTTP.
//
// A task asks for them with a [spec.Load], which [Loader.Answer] answers, away from the task.
//
// What was good once stays: if a source cannot be read, or one document of it is broken, the last
// version that could be is used. Everything read is bounded in size.
package sideload

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// The limits of one source.
const (
	maxBytes     = 64 << 20 // of all documents
	maxDocuments = 100_000
	maxErrors    = 10 // reported one by one; the others are counted
)

// A Loader reads sources. The zero value reads folders only. It is safe for concurrent use; its
// fields must not change then.
type Loader struct {
	Client    *http.Client        // for http and https sources and endpoints; nil refuses them
	Endpoints map[string]Endpoint // that a source may name

	mu   sync.Mutex
	last map[string]spec.Documents // what was good, by source
}

// An Endpoint is a named HTTP source.
type Endpoint struct {
	URL string
	// Prepare completes the request, with a header or a password for example. It may be nil.
	Prepare func(*http.Request) error
}

// Load reads a source. Of a source that cannot be read, and of documents that are broken, it
// returns what an earlier Load read; the documents are nil if there is nothing.
func (l *Loader) Load(ctx context.Context, source string) (spec.Documents, []error) {
	r := l.read(ctx, source)
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.last[source]
	if r.docs == nil {
		return last, r.errors()
	}
	r.keep(last)
	if l.last == nil {
		l.last = map[string]spec.Documents{}
	}
	l.last[source] = r.docs
	return r.docs, r.errors()
}

// Answer answers a task's question.
func (l *Loader) Answer(ctx context.Context, q spec.Load) spec.Loaded {
	docs, errs := l.Load(ctx, q.Source)
	reply := spec.Loaded{Documents: docs}
	for _, err := range errs {
		reply.Errors = append(reply.Errors, err.Error())
	}
	return reply
}

// read reads a source. A panic of a parser is an error of the source.
func (l *Loader) read(ctx context.Context, source string) (r reading) {
	defer func() {
		if x := recover(); x != nil {
			r = unread(fmt.Errorf("source: internal error: %v", x))
		}
	}()
	switch {
	case strings.HasPrefix(source, "file://"):
		u, err := url.Parse(source)
		if err != nil {
			return unread(fmt.Errorf("source: %w", err))
		}
		return readFolder(filepath.FromSlash(u.Path))
	case strings.HasPrefix(source, "http://") || strings.HasPrefix(source, "https://"):
		return l.get(ctx, Endpoint{URL: source})
	default:
		e, ok := l.Endpoints[source]
		if !ok {
			return unread(fmt.Errorf("source: the endpoint '%s' does not exist", source))
		}
		return l.get(ctx, e)
	}
}

// A reading is what one attempt brought.
type reading struct {
	docs    spec.Documents // nil if the source could not be read
	broken  []string       // names of documents that could not be
	folders []string       // folders that could not be, with a slash at the end
	errs    []error
	more    int // errors that are not in errs
}

// keep takes from an earlier reading what could not be read this time.
func (r *reading) keep(last spec.Documents) {
	for _, name := range r.broken {
		if d, ok := last[name]; ok {
			r.docs[name] = d
		}
	}
	for _, folder := range r.folders {
		for name, d := range last {
			if strings.HasPrefix(name, folder) {
				r.docs[name] = d
			}
		}
	}
}

func (r *reading) fail(name string, err error) {
	r.broken = append(r.broken, name)
	if len(r.errs) < maxErrors {
		r.errs = append(r.errs, err)
	} else {
		r.more++
	}
}

func (r *reading) errors() []error {
	if r.more > 0 {
		return append(r.errs, fmt.Errorf("%d more documents are broken", r.more))
	}
	return r.errs
}

// unread is the reading of a source that cannot be read.
func unread(err error) reading { return reading{errs: []error{err}} }

// errNotFlat is the error for a document that is no map.
var errNotFlat = errors.New("want a map from keys to values")

// A document is what a parser returns.
type document = map[string]point.Value
