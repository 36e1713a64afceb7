package main

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/influxdata/telegraf/plugins/aggregators"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/influxdata/telegraf/plugins/outputs"
	"github.com/influxdata/telegraf/plugins/parsers"
	"github.com/influxdata/telegraf/plugins/processors"
	"github.com/influxdata/telegraf/plugins/secretstores"
	"github.com/influxdata/telegraf/plugins/serializers"
	"github.com/urfave/cli/v2"
)

// pluginKind is one of Telegraf's registries.
type pluginKind struct {
	name                  string
	available, deprecated func() []string
}

func kind[P, D any](name string, registry map[string]P, deprecations map[string]D) pluginKind {
	return pluginKind{
		name:       name,
		available:  func() []string { return names(registry) },
		deprecated: func() []string { return names(deprecations) },
	}
}

func names[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}

func pluginKinds() []pluginKind {
	return []pluginKind{
		kind("inputs", inputs.Inputs, inputs.Deprecations),
		kind("outputs", outputs.Outputs, outputs.Deprecations),
		kind("processors", processors.Processors, processors.Deprecations),
		kind("aggregators", aggregators.Aggregators, aggregators.Deprecations),
		kind("secretstores", secretstores.SecretStores, secretstores.Deprecations),
		kind("parsers", parsers.Parsers, parsers.Deprecations),
		kind("serializers", serializers.Serializers, serializers.Deprecations),
	}
}

func (k pluginKind) print(out io.Writer, deprecated bool) {
	list := k.available
	if deprecated {
		list = k.deprecated
	}
	for _, name := range list() {
		fmt.Fprintf(out, "%s.%s\n", k.name, name)
	}
}

func pluginsCommand() *cli.Command {
	flags := func() []cli.Flag {
		return []cli.Flag{&cli.BoolFlag{Name: "deprecated", Usage: "print only deprecated plugins"}}
	}
	kinds := pluginKinds()
	cmd := &cli.Command{
		Name:  "plugins",
		Usage: "print the available plugins",
		Flags: flags(),
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return fmt.Errorf("unknown kind of plugin %q", c.Args().First())
			}
			for _, k := range kinds {
				k.print(c.App.Writer, c.Bool("deprecated"))
			}
			return nil
		},
	}
	for _, k := range kinds {
		cmd.Subcommands = append(cmd.Subcommands, &cli.Command{
			Name:  k.name,
			Usage: "print the available " + k.name,
			Flags: flags(),
			Action: func(c *cli.Context) error {
				k.print(c.App.Writer, c.Bool("deprecated"))
				return nil
			},
		})
	}
	return cmd
}
