// Package handler delivers alert events: it holds one file per alert handler.
//
// A handler is declared once, in its file: its options are a Go type whose Declare method names the
// TICKscript properties and whose JSON form travels with the event; its configuration is a struct
// with toml tags, one section of the host's configuration; its Open makes a [Sender]. The file's init
// function gives all of it to [Register], and no list elsewhere mentions the handler. The tag also of an
// option holds the names that Kapacitor's files have for it, if they differ; on a field that cannot be
// set they are those of options without effect. The tag stays is on options that no other agent may see or
// set; portable.go tells which.
//
// A Sender makes one attempt and says with its error whether another one makes sense. Queues, order,
// retries and back-off are the caller's.
package handler

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// A Sender carries out deliveries of one kind. Send may be called by several goroutines at a time.
type Sender interface {
	// Send delivers e once, as options (of the kind's own type) say. It returns when ctx ends.
	Send(ctx context.Context, e *alert.Event, options spec.Declarer) error
	// Close frees what is kept between deliveries; no Send is running or follows.
	Close() error
}

// A Kind is one kind of handler.
type Kind struct {
	Name     string   // TICKscript word, "email"
	Aliases  []string // other names that the options may arrive under, "smtp"
	Section  string   // section of the configuration, Name if unset
	Required bool     // cannot deliver without its section
	Many     bool     // the section may be repeated
	Parallel int      // deliveries at a time to one destination, 1 if unset

	// Nodewide says that a section which is global and wants state changes only has the alert nodes
	// themselves raise nothing else, as Kapacitor does for some services.
	Nodewide bool

	Options func() spec.Declarer // new options; a pointer to a struct
	Config  func() any           // new configuration with its defaults
	Open    func(configs []any) (Sender, error)
}

// Section is what every configuration has in common. It is embedded.
type Section struct {
	// Enabled is false for a section that is there but does not count.
	Enabled *bool `toml:"enabled"`
	// Global lets events come here whose script names no handler of this kind.
	Global bool `toml:"global"`
	// StateChangesOnly drops events whose level is the previous one.
	StateChangesOnly bool `toml:"state_changes_only"`
	// Timeout limits one attempt.
	Timeout time.Duration `toml:"timeout"`
}

// Common returns the section itself: how the caller finds it in any configuration.
func (s *Section) Common() *Section { return s }

// Off reports whether the section is switched off.
func (s *Section) Off() bool { return s.Enabled != nil && !*s.Enabled }

// A Destiner says which receiver the options mean. Events for different receivers wait in different
// queues; without it all of a kind share one.
type Destiner interface{ Destination() string }

// A Matcher is the configuration of a section that may be repeated: it says which options mean it.
// One without it is meant by all.
type Matcher interface {
	Matches(options spec.Declarer) bool
}

// A Globaler gives the options of events that come to it by Section.Global; without it they are
// those of a script that sets none.
type Globaler interface{ GlobalOptions() spec.Declarer }

var kinds = map[string]*Kind{}

// Register makes a kind known, here and to scripts. It is called from init functions.
func Register(k Kind) {
	if k.Section == "" {
		k.Section = k.Name
	}
	k.Parallel = max(k.Parallel, 1)
	spec.RegisterHandler(k.Name, k.Options)
	for _, name := range append([]string{k.Name}, k.Aliases...) {
		kinds[strings.ToLower(name)] = &k
	}
}

// Lookup returns the kind called name, in upper or lower case, or nil.
func Lookup(name string) *Kind { return kinds[strings.ToLower(name)] }

// Kinds returns all kinds, sorted by name.
func Kinds() []*Kind {
	var all []*Kind
	for name, k := range kinds {
		if name == strings.ToLower(k.Name) {
			all = append(all, k)
		}
	}
	slices.SortFunc(all, func(a, b *Kind) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// DecodeOptions reads options from their JSON form. Unknown keys are errors.
func (k *Kind) DecodeOptions(data json.RawMessage) (spec.Declarer, error) {
	o := k.Options()
	if data = bytes.TrimSpace(data); len(data) == 0 || bytes.Equal(data, []byte("null")) {
		return o, nil
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(o); err != nil {
		return nil, fmt.Errorf("%s: options: %w", k.Name, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("%s: options: more than one value", k.Name)
	}
	return o, nil
}

// ErrUnknown returns the error for a kind that does not exist.
func ErrUnknown(name string) error {
	kinds := Kinds()
	names := make([]string, 0, len(kinds))
	for _, k := range kinds {
		names = append(names, k.Name)
	}
	return Permanent(fmt.Errorf("unknown handler %q%s", name, syntax.DidYouMean(name, "", names)))
}

// An Error says how to go on after a failed delivery. Any other error means: try again.
type Error struct {
	Err       error
	Permanent bool          // no retry can mend it
	After     time.Duration // the receiver asked to be left alone for so long
	Rest      spec.Declarer // what is left to deliver, if a part has been
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Permanent marks err as one that no retry can mend.
func Permanent(err error) error { return &Error{Err: err, Permanent: true} }

// open adapts a constructor that takes its own type of configuration.
func open[C any](f func(configs []*C) (Sender, error)) func([]any) (Sender, error) {
	return func(configs []any) (Sender, error) {
		own := make([]*C, len(configs))
		for i, c := range configs {
			own[i] = c.(*C)
		}
		return f(own)
	}
}

// first returns the only configuration of a kind, or its defaults.
func first[C any](configs []*C, def C) *C {
	if len(configs) > 0 {
		return configs[0]
	}
	return &def
}

// noClose is embedded by senders that keep nothing.
type noClose struct{}

func (noClose) Close() error { return nil }
