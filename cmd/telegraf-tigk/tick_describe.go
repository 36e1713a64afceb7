package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	_ "github.com/telegraf-tigk/telegraf-tigk/internal/handler" // handlers register themselves
	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

var describeRules = &tickCommand{
	name:  "describe",
	usage: "describe nodes, alert handlers and lambda functions",
	args:  "[NAME…]",
	examples: `  telegraf-tigk tick describe            list everything
  telegraf-tigk tick describe window     a node with its properties
  telegraf-tigk tick describe strReplace a function
`,
	run: func(c *tickContext) error {
		args, err := c.parse()
		if err != nil {
			return err
		}
		if len(args) == 0 {
			listWords(c.stdout)
			return nil
		}
		failed := false
		for _, name := range args {
			if err := describe(c.stdout, name); err != nil {
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

func listWords(w io.Writer) {
	fmt.Fprintln(w, "Nodes:")
	for _, n := range spec.Nodes() {
		fmt.Fprintf(w, "  %-18s %s\n", n, spec.Of(n, spec.New(n)).Summary())
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

// describe writes all that is known by a name: a word may be a node and a handler.
func describe(w io.Writer, name string) error {
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
	if n := syntax.Nearest(name, known); n != "" {
		return fmt.Errorf("nothing is called %s; did you mean %s?", name, n)
	}
	return fmt.Errorf("nothing is called %s; tick describe lists all names", name)
}
