package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	_ "github.com/telegraf-tigk/telegraf-tigk/internal/handler" // handlers register themselves
	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/node"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/udf"
)

var describeRules = &tickCommand{
	name:  "describe",
	usage: "describe nodes, alert handlers and lambda functions",
	args:  "[NAME…]",
	examples: `  telegraf-tigk tick describe            list everything
  telegraf-tigk tick describe window     a node with its properties
  telegraf-tigk tick describe strReplace a function
  telegraf-tigk tick describe -config telegraf.conf @mirror
                                         a user-defined function with its options
`,
	run: func(c *tickContext) error {
		config := c.flags.String("config", "", "agent's configuration `file` with the user-defined functions")
		args, err := c.parse()
		if err != nil {
			return err
		}
		fs, err := newFunctions(*config, nil, c.stderr)
		if err != nil {
			return err
		}
		if len(args) == 0 {
			listWords(c.stdout, fs)
			return nil
		}
		failed := false
		for _, name := range args {
			if err := describe(c.stdout, name, fs); err != nil {
				failed = true
				fmt.Fprintln(c.stderr, err)
			}
		}
		if failed {
			return cli.Exit("", exitWrong)
		}
		return nil
	},
}

func listWords(w io.Writer, fs *functions) {
	fmt.Fprintln(w, "Nodes:")
	for _, n := range spec.Nodes() {
		fmt.Fprintf(w, "  %-18s %s\n", n, spec.Of(n, spec.New(n)).Summary())
	}
	for _, n := range fs.names() {
		fmt.Fprintf(w, "  %-18s user-defined function\n", "@"+n)
	}
	fmt.Fprintln(w, "\nAlert handlers:")
	for _, n := range spec.Handlers() {
		fmt.Fprintf(w, "  %-18s %s\n", n, spec.Of(n, spec.NewHandler(n)).Summary())
	}
	fmt.Fprintln(w, "\nLambda functions:")
	for _, f := range lambda.Functions() {
		fmt.Fprintf(w, "  %-18s %s\n", f.Name, f.Doc)
	}
}

// describe writes all that is known by a name: a word may be a node and a handler. With @ it is that of
// a user-defined function; one that is not configured is described in general.
func describe(w io.Writer, name string, fs *functions) error {
	if function, ok := strings.CutPrefix(name, "@"); ok {
		return describeFunction(w, function, fs)
	}
	known := append(spec.Nodes(), spec.Handlers()...)
	found := false
	for _, d := range []spec.Declarer{spec.New(name), spec.NewHandler(name)} {
		if d != nil {
			found = true
			spec.Of(name, d).Describe(w)
		}
	}
	for _, f := range lambda.Functions() {
		known = append(known, f.Name)
		if f.Name == name {
			found = true
			f.Describe(w)
		}
	}
	if found {
		return nil
	}
	return fmt.Errorf("nothing is called %s%s", name, cmp.Or(syntax.DidYouMean(name, "", known), "; tick describe lists all names"))
}

func describeFunction(w io.Writer, name string, fs *functions) error {
	info, err := fs.info(name)
	if errors.Is(err, udf.ErrUnknown) && len(fs.known) > 0 {
		hint := cmp.Or(syntax.DidYouMean(name, "@", fs.names()), "; those configured are "+strings.Join(fs.names(), ", "))
		return fmt.Errorf("no user-defined function is called %s%s", name, hint)
	}
	if err != nil && !errors.Is(err, udf.ErrUnknown) {
		return fmt.Errorf("@%s: %w", name, err)
	}
	d := node.NewUDF(name, info)
	d.Unreached = err != nil
	spec.Of("@"+name, d).Describe(w)
	return nil
}
