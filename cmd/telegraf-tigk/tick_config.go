package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/influxdata/telegraf/config"

	"github.com/telegraf-tigk/telegraf-tigk/internal/replay"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
	"github.com/telegraf-tigk/telegraf-tigk/internal/udf"
	"github.com/telegraf-tigk/telegraf-tigk/plugins/inputs/udfsock"
	"github.com/telegraf-tigk/telegraf-tigk/plugins/processors/tick"
)

// This file takes from the agent's configuration what the commands on rules need.

// loadAgent reads an agent's configuration file. Of the inputs and outputs it makes those that the
// commands take settings from.
func loadAgent(file string) (*config.Config, error) {
	return loadOnly(&options{configs: []string{file}, quiet: true, filters: filters{input: []string{"udfsock"}, output: []string{"alerter"}}})
}

// functions are the user-defined functions that a configuration has. They are asked for their info when
// a script uses them, and once.
type functions struct {
	known   map[string]*udf.Function
	infos   map[string]udf.Info
	errs    map[string]error
	missing error // what is wrong with each if there is no configuration
	refers  []func(spec.Reference) error
	deadman spec.Deadman
	changes bool // only those of the state are events
}

// newFunctions takes the functions from the agent's configuration file. Without one, missing is what is
// wrong with each. What functions say goes to stderr.
func newFunctions(file string, missing error, stderr io.Writer) (*functions, error) {
	fs := &functions{known: map[string]*udf.Function{}, infos: map[string]udf.Info{}, errs: map[string]error{}}
	if file == "" {
		fs.missing = missing
		return fs, nil
	}
	conf, err := loadAgent(file)
	if err != nil {
		return nil, err
	}
	for _, in := range conf.Inputs {
		x, ok := in.Input.(*udfsock.UDFSock)
		if !ok {
			continue
		}
		c := &x.Config
		if err := c.Check(); err != nil {
			return nil, fmt.Errorf("%s: inputs.udfsock: %w", filepath.Base(file), err)
		}
		if fs.known[c.Name] != nil {
			return nil, fmt.Errorf("%s: inputs.udfsock: the function %q is configured twice", filepath.Base(file), c.Name)
		}
		fs.known[c.Name] = udf.New(c, stderrLog{stderr})
	}
	for _, p := range conf.Processors {
		if t, ok := p.Processor.(*tick.Tick); ok {
			refer, err := t.References()
			if err != nil {
				return nil, fmt.Errorf("%s: processors.tick: %w", filepath.Base(file), err)
			}
			if len(fs.refers) == 0 { // of several sections, nobody knows to which a script belongs
				fs.deadman, fs.changes = t.DeadmanConfig(), t.StateChangesOnly
			}
			fs.refers = append(fs.refers, refer)
		}
	}
	return fs, nil
}

// apply lets a task use the functions, and refer to what else the configuration has.
func (fs *functions) apply(c *task.Config) {
	c.Ask, c.Deadman, c.ChangesOnly = fs.answer, fs.deadman, fs.changes
}

// answer answers what is asked while a script is checked.
func (fs *functions) answer(b spec.Body) spec.Reply {
	if r, ok := b.(spec.Reference); ok {
		if err := fs.refer(r); err != nil {
			return spec.Referred{Error: err.Error()}
		}
	}
	return fs.describe(b)
}

// describe answers what is asked about functions only.
func (fs *functions) describe(b spec.Body) spec.Reply {
	if f, ok := b.(spec.Function); ok {
		return spec.Described(fs.info(f.Name))
	}
	return b.Likely()
}

// info asks a function about itself.
func (fs *functions) info(name string) (udf.Info, error) {
	f := fs.known[name]
	switch {
	case fs.missing != nil:
		return udf.Info{}, fs.missing
	case f == nil:
		return udf.Info{}, &udf.UnknownError{Name: name, Known: fs.names()}
	}
	x, ok := fs.infos[name]
	if !ok && fs.errs[name] == nil {
		var err error
		if x, err = f.Info(context.Background()); err != nil { // it has a limit of time
			fs.errs[name] = fmt.Errorf("%w: %w", udf.ErrUnreachable, err)
		} else {
			fs.infos[name] = x
		}
	}
	return x, fs.errs[name]
}

func (fs *functions) names() []string {
	names := make([]string, 0, len(fs.known))
	for name := range fs.known {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// refer asks whether one of the sections knows what a script refers to: a script may belong to any.
func (fs *functions) refer(r spec.Reference) (err error) {
	for _, refer := range fs.refers {
		if err = refer(r); err == nil {
			return nil
		}
	}
	return err
}

// begin begins a conversation for a replay.
func (fs *functions) begin(u task.UDF) (replay.Function, error) {
	return fs.known[u.Function].Lockstep(context.Background(), u.Init, u.Snapshot)
}

// stderrLog writes what functions say, and what is said about them.
type stderrLog struct{ io.Writer }

func (l stderrLog) Errorf(format string, args ...any) { fmt.Fprintf(l, format+"\n", args...) }
func (l stderrLog) Warnf(format string, args ...any)  { fmt.Fprintf(l, format+"\n", args...) }
func (l stderrLog) Infof(format string, args ...any)  { fmt.Fprintf(l, format+"\n", args...) }
func (l stderrLog) Debugf(string, ...any)             {}
