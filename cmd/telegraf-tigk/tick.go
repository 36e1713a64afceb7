package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/telegraf-tigk/telegraf-tigk/internal/filewatch"
	"github.com/telegraf-tigk/telegraf-tigk/internal/replay"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// This file holds what the commands below "tick" share: results go to standard output, what is
// wrong to standard error. The exit code is 0 if all is well, 1 if something is wrong with a
// script or its data, and 2 if the command line is.

const (
	exitWrong = 1
	exitUsage = 2
)

// A tickCommand is one command below "tick". Flags may stand before, between and behind the
// arguments, as kapacitor's users type them.
type tickCommand struct {
	name, usage, args string
	examples          string
	run               func(c *tickContext) error
}

// A tickContext is one call of a command.
type tickContext struct {
	flags  *flag.FlagSet
	parse  func() ([]string, error)
	stdout io.Writer
	stderr io.Writer
}

// tickCommands returns the subcommand that works on alert rules.
func tickCommands() []*cli.Command {
	all := &cli.Command{Name: "tick", Usage: "check, format, describe and replay alert rules (TICKscript)", HideHelpCommand: true}
	rules := []*tickCommand{checkRules, fmtRules, describeRules, replayRules, muteAlerts}
	names := make([]string, 0, len(rules))
	for _, c := range rules {
		all.Subcommands = append(all.Subcommands, c.command())
		names = append(names, c.name)
	}
	all.Action = func(cc *cli.Context) error {
		if cc.NArg() == 0 {
			return cli.ShowSubcommandHelp(cc)
		}
		name := cc.Args().First()
		return cli.Exit(fmt.Sprintf("telegraf-tigk tick: no command %s%s\nSee telegraf-tigk tick -h", name, syntax.DidYouMean(name, "", names)), exitUsage)
	}
	return []*cli.Command{all}
}

func (t *tickCommand) command() *cli.Command {
	return &cli.Command{
		Name:            t.name,
		Usage:           t.usage,
		SkipFlagParsing: true,
		Action: func(cc *cli.Context) error {
			c := &tickContext{flags: flag.NewFlagSet(t.name, flag.ContinueOnError), stdout: cc.App.Writer, stderr: os.Stderr}
			c.flags.SetOutput(io.Discard)
			c.parse = func() ([]string, error) { return parseAnywhere(c.flags, cc.Args().Slice()) }
			err := t.run(c)
			var (
				usage usageError
				exit  cli.ExitCoder
			)
			switch {
			case errors.Is(err, flag.ErrHelp):
				t.help(c.stdout, c.flags)
				return nil
			case errors.As(err, &usage):
				fmt.Fprintf(c.stderr, "telegraf-tigk tick %s: %v\nSee telegraf-tigk tick %s -h\n", t.name, err, t.name)
				return cli.Exit("", exitUsage)
			case err != nil && !errors.As(err, &exit):
				c.complain(err, "", "")
				return cli.Exit("", exitWrong)
			}
			return err
		},
	}
}

func (t *tickCommand) help(w io.Writer, flags *flag.FlagSet) {
	fmt.Fprintf(w, "%s\n\nUsage: telegraf-tigk tick %s %s\n", strings.ToUpper(t.usage[:1])+t.usage[1:], t.name, t.args)
	first := true
	flags.VisitAll(func(f *flag.Flag) {
		if first {
			fmt.Fprint(w, "\nFlags:\n")
			first = false
		}
		what, text := flag.UnquoteUsage(f)
		fmt.Fprintf(w, "  -%-18s %s\n", strings.TrimSpace(f.Name+" "+what), text)
	})
	fmt.Fprintf(w, "\nExamples:\n%s", t.examples)
}

// A usageError is a mistake on the command line.
type usageError struct{ error }

func usageErrorf(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// parseAnywhere parses flags wherever they stand and returns the other arguments.
func parseAnywhere(flags *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for {
		if err := flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, usageError{err}
		}
		if flags.NArg() == 0 {
			return rest, nil
		}
		if n := len(args) - flags.NArg(); n > 0 && args[n-1] == "--" {
			return append(rest, flags.Args()...), nil
		}
		rest, args = append(rest, flags.Arg(0)), flags.Args()[1:]
	}
}

// taskFlags are the flags that say what a script is loaded with.
type taskFlags struct {
	dbrps []spec.DBRP
	vars  string
}

func (f *taskFlags) add(flags *flag.FlagSet) {
	flags.Func("dbrp", "`db.rp` of the task; may be repeated (default telegraf.autogen)", func(s string) error {
		d, err := replay.ParseDBRP(s)
		f.dbrps = append(f.dbrps, d)
		return err
	})
	flags.StringVar(&f.vars, "vars", "", "JSON `file` with values for the script's variables")
}

// config returns what the script in file is loaded with. The task is named after the file.
func (f *taskFlags) config(file string) (task.Config, error) {
	text, err := readInput(file)
	if err != nil {
		return task.Config{}, err
	}
	c := task.Config{Name: strings.TrimSuffix(filepath.Base(file), ".tick"), File: file, Script: string(text), DBRPs: f.dbrps}
	if f.vars != "" {
		v, err := readInput(f.vars)
		if err != nil {
			return c, err
		}
		c.Vars, err = task.ParseVars(f.vars, v)
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

// readInput reads a script or its values. What is named may be a pipe, as of a shell's <(…), or a device,
// but not one without end: what is longer than a script can be is an error.
func readInput(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		return io.ReadAll(f) // its reader says how large it is
	}
	b, err := io.ReadAll(io.LimitReader(f, syntax.MaxScript+1))
	if err == nil && len(b) > syntax.MaxScript {
		err = fmt.Errorf("%s: larger than %d bytes", path, syntax.MaxScript)
	}
	return b, err
}

// scripts returns the files that args name; of a folder those that the agent would take for scripts.
func scripts(args []string) ([]string, error) {
	if len(args) == 0 {
		return nil, usageErrorf("want a file or folder")
	}
	var files []string
	for _, a := range args {
		info, err := os.Stat(a)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, a)
			continue
		}
		in := filewatch.Files{Patterns: []string{a}, Literal: true, Is: func(name string) bool { return strings.HasSuffix(name, ".tick") }}
		found, wrong := in.Find()
		if len(wrong) > 0 {
			return nil, wrong[slices.Min(slices.Collect(maps.Keys(wrong)))]
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%s: the folder has no file that ends in .tick", a)
		}
		for _, path := range found { // nobody has asked for a pipe in a folder, and it has no end
			if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
				return nil, fmt.Errorf("%s: not a regular file", path)
			}
		}
		files = append(files, found...)
	}
	return files, nil
}

// complain writes what is wrong with a script, on a terminal with the place in the source below.
func (c *tickContext) complain(err error, prefix, source string) {
	var (
		se *syntax.Error
		pe *fs.PathError
	)
	if !errors.As(err, &se) {
		if errors.As(err, &pe) { // the file first, as in all other messages
			err = fmt.Errorf("%s: %w", pe.Path, pe.Err)
		}
		fmt.Fprintln(c.stderr, err)
		return
	}
	e := *se
	e.Msg = prefix + e.Msg
	fmt.Fprintln(c.stderr, e.Error())
	if f, ok := c.stderr.(*os.File); ok && se.Pos.IsValid() && isTerminal(f) {
		fmt.Fprintln(c.stderr, se.Caret(source))
	}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
