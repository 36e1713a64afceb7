package handler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{
		Name:    "exec",
		Options: func() spec.Declarer { return &Exec{} },
		Config:  func() any { return &ExecConfig{} },
		Open:    open(openExec),
	})
}

// Exec is the options of the handler exec.
type Exec struct {
	Prog string   `json:"prog,omitempty" stays:"place"`
	Args []string `json:"args,omitempty" stays:"place"`
}

// Declare names the properties.
func (x *Exec) Declare(s *spec.Spec) {
	s.Doc("Runs a program for each event, with the alert data as one line of JSON on its standard input. A program that fails is run again later.")
	s.Arg(&x.Prog, "prog", "program")
	s.Arg(&x.Args, "args", "its arguments")
}

// Destination is the program.
func (x *Exec) Destination() string { return x.Prog }

// Local is true: there is no other program than theirs.
func (x *Exec) Local() bool { return true }

// ExecConfig is the section exec. Programs see PATH and HOME of the agent and Environment, nothing else.
type ExecConfig struct {
	Section
	Environment []string `toml:"environment"`
}

type execSender struct {
	noClose
	env []string
}

func openExec(configs []*ExecConfig) (Sender, error) {
	c := first(configs, ExecConfig{})
	if c.Global {
		return nil, errors.New("exec: global has no program to run")
	}
	s := &execSender{}
	for _, name := range []string{"PATH", "HOME", "SYSTEMROOT"} {
		if v, ok := os.LookupEnv(name); ok {
			s.env = append(s.env, name+"="+v)
		}
	}
	for _, kv := range c.Environment {
		if i := strings.IndexByte(kv, '='); i <= 0 {
			return nil, fmt.Errorf("exec: environment: want NAME=value, got %q", kv)
		}
		s.env = append(s.env, kv)
	}
	return s, nil
}

func (s *execSender) Send(ctx context.Context, e *alert.Event, options spec.Declarer) error {
	o := options.(*Exec)
	if o.Prog == "" {
		return Permanent(errors.New("exec: no program"))
	}
	var out output
	cmd := exec.CommandContext(ctx, o.Prog, o.Args...)
	cmd.Env = s.env
	cmd.Stdin = bytes.NewReader(Body(e))
	cmd.Stdout, cmd.Stderr = &out, &out
	// A grandchild that keeps the pipes open must not keep us.
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay) && ctx.Err() == nil:
		return nil
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return Permanent(fmt.Errorf("exec: %w", err))
	case ctx.Err() != nil:
		err = ctx.Err()
	}
	if text := shorten(out.String()); text != "" {
		return fmt.Errorf("exec: %s: %w: %s", o.Prog, err, text)
	}
	return fmt.Errorf("exec: %s: %w", o.Prog, err)
}

// An output keeps the beginning of what a program prints.
type output struct{ bytes.Buffer }

func (t *output) Write(p []byte) (int, error) {
	t.Buffer.Write(p[:min(len(p), maxResponse-t.Len())])
	return len(p), nil
}
