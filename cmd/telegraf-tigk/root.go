package main

import (
	"errors"
	"fmt"
	"io"
	"log"

	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/influxdata/telegraf/plugins/outputs"
	"github.com/urfave/cli/v2"
)

// rootAction is the program without a subcommand: a flag that prints something
// and exits, or the agent.
func rootAction(c *cli.Context) error {
	if c.NArg() > 0 {
		return fmt.Errorf("unknown command %q", c.Args().First())
	}
	if c.String("plugin-directory") != "" {
		return errors.New("plugin-directory: Go plugin support is not enabled; a shared object fits only the very build " +
			"it was compiled for, so run external plugins with inputs.execd, processors.execd or outputs.execd")
	}

	out := c.App.Writer
	switch {
	case c.Bool("deprecation-list"):
		return printDeprecations(out, filtersOf(c))
	case c.Bool("output-list"):
		return printList(out, "Output", "outputs", names(outputs.Outputs))
	case c.Bool("input-list"):
		return printList(out, "Input", "inputs", names(inputs.Inputs))
	case c.String("usage") != "":
		return printUsage(out, c.String("usage"))
	case c.Bool("version"):
		fmt.Fprintln(out, versionLine())
		return nil
	case c.Bool("sample-config"):
		return printSample(out, filtersOf(c))
	}

	opt, err := optionsOf(c)
	if err != nil {
		return err
	}
	if opt.unprotected {
		log.Print("W! Running without secret protection!")
	}
	if err := opt.apply(); err != nil {
		return err
	}
	if opt.pprofAddr != "" {
		if err := servePprof(opt.pprofAddr); err != nil {
			return fmt.Errorf("pprof server: %w", err)
		}
	}
	if opt.once || opt.testing() {
		return runOnce(opt)
	}
	return newSupervisor(opt).run()
}

func printList(out io.Writer, kind, command string, names []string) error {
	fmt.Fprintf(out, "DEPRECATED: use telegraf plugins %s\nAvailable %s Plugins:\n", command, kind)
	for _, n := range names {
		fmt.Fprintf(out, "  %s\n", n)
	}
	return nil
}

// printDeprecations is limited by Telegraf printing the entries itself, to
// standard output.
func printDeprecations(out io.Writer, f filters) error {
	c := config.NewConfig()
	infos := c.CollectDeprecationInfos(f.input, f.output, f.aggregator, f.processor)
	for _, kind := range []string{"Input", "Output", "Processor", "Aggregator"} {
		fmt.Fprintf(out, "Deprecated %s Plugins:\n", kind)
		c.PrintDeprecationList(infos[map[string]string{
			"Input": "inputs", "Output": "outputs", "Processor": "processors", "Aggregator": "aggregators",
		}[kind]])
	}
	return nil
}
