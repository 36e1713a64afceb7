package main

import (
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/aggregators"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/influxdata/telegraf/plugins/outputs"
	"github.com/influxdata/telegraf/plugins/processors"
	"github.com/influxdata/telegraf/plugins/secretstores"
)

//go:embed agent.conf
var agentSample string

const (
	sampleHeader = `# Configuration of telegraf-tigk, the same as of Telegraf.
#
# Metrics come from inputs, pass processors and aggregators and go to outputs;
# a plugin is active if it stands here and is not commented out.
#
# "telegraf-tigk --config FILE config check" checks a file,
# "telegraf-tigk --config FILE --test" shows the metrics it would gather.
#
# Environment variables are written as ${NAME}, within the quotes of a string.

`
	globalTagsSample = `
# Tags of all metrics, as key = "value".
[global_tags]
  # dc = "us-east-1"
  # rack = "1a"
  # user = "${USER}"

`
)

// defaultInputs are not commented out in a sample configuration.
var defaultInputs = []string{"cpu", "mem", "swap", "system", "kernel", "processes", "disk", "diskio"}

// catalog is a kind of plugin as the sample configuration shows it.
type catalog struct {
	section, title string
	plugins        map[string]func() telegraf.PluginDescriber
	deprecations   map[string]telegraf.DeprecationInfo
	filter         []string
	active         []string // printed without comment signs
}

// creators erases the type of a registry's plugins; create calls the creator.
func creators[F any](registry map[string]F, create func(F) telegraf.PluginDescriber) map[string]func() telegraf.PluginDescriber {
	m := make(map[string]func() telegraf.PluginDescriber, len(registry))
	for name, f := range registry {
		m[name] = func() telegraf.PluginDescriber { return create(f) }
	}
	return m
}

// catalogs are in the order of a sample configuration.
func catalogs(f filters) []catalog {
	return []catalog{
		{
			"secretstores", "SECRET STORE PLUGINS",
			creators(secretstores.SecretStores, func(c secretstores.Creator) telegraf.PluginDescriber { return c("dummy") }),
			secretstores.Deprecations, f.secretstore, nil,
		},
		{
			"outputs", "OUTPUT PLUGINS",
			creators(outputs.Outputs, func(c outputs.Creator) telegraf.PluginDescriber { return c() }),
			outputs.Deprecations, f.output, nil,
		},
		{
			"processors", "PROCESSOR PLUGINS",
			creators(processors.Processors, func(c processors.StreamingCreator) telegraf.PluginDescriber { return c() }),
			processors.Deprecations, f.processor, nil,
		},
		{
			"aggregators", "AGGREGATOR PLUGINS",
			creators(aggregators.Aggregators, func(c aggregators.Creator) telegraf.PluginDescriber { return c() }),
			aggregators.Deprecations, f.aggregator, nil,
		},
		{
			"inputs", "INPUT PLUGINS",
			creators(inputs.Inputs, func(c inputs.Creator) telegraf.PluginDescriber { return c() }),
			inputs.Deprecations, f.input, defaultInputs,
		},
	}
}

// printSample prints a configuration. What a filter names is printed ready for
// use, everything else commented out.
func printSample(out io.Writer, f filters) error {
	wanted := func(section string) bool {
		return len(f.section) == 0 || slices.Contains(f.section, section)
	}
	w := &errWriter{w: out}
	w.print(sampleHeader)
	if wanted("global_tags") {
		w.print(globalTagsSample)
	}
	if wanted("agent") {
		w.print(agentSample)
	}
	for _, c := range catalogs(f) {
		if wanted(c.section) {
			c.print(w)
		}
	}
	return w.err
}

func (c catalog) print(w *errWriter) {
	printTitle(w, c.title)
	active, rest := c.active, names(c.plugins)
	if len(c.filter) > 0 {
		active, rest = c.filter, nil
	}
	c.printPlugins(w, active, false)
	rest = slices.DeleteFunc(rest, func(name string) bool { return slices.Contains(active, name) })
	c.printPlugins(w, rest, true)
}

// printPlugins prints service inputs after the others, under a title of their
// own, and passes over names that this build does not know.
func (c catalog) printPlugins(w *errWriter, list []string, commented bool) {
	var services []string
	for _, name := range slices.Sorted(slices.Values(list)) {
		create, ok := c.plugins[name]
		if !ok {
			continue
		}
		p := create()
		if _, ok := p.(telegraf.ServiceInput); ok {
			services = append(services, name)
			continue
		}
		c.printPlugin(w, name, p, commented)
	}
	if len(services) == 0 {
		return
	}
	printTitle(w, "SERVICE INPUT PLUGINS")
	for _, name := range services {
		c.printPlugin(w, name, c.plugins[name](), commented)
	}
}

func (c catalog) printPlugin(w *errWriter, name string, p telegraf.PluginDescriber, commented bool) {
	prefix := ""
	if commented {
		prefix = "# "
	}
	w.print("\n")
	if d, ok := c.deprecations[name]; ok && d.Since != "" {
		removal := ""
		if d.RemovalIn != "" {
			removal = " and will be removed in " + d.RemovalIn
		}
		w.print(fmt.Sprintf("%s## DEPRECATED: The %q plugin is deprecated in version %s%s, %s.\n", prefix, name, d.Since, removal, d.Notice))
	}
	text := p.SampleConfig()
	if text == "" {
		text = fmt.Sprintf("[[%s.%s]]\n  # no configuration\n", c.section, name)
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		w.print(strings.TrimRight(prefix+line, " ") + "\n")
	}
	w.print("\n")
}

func printTitle(w *errWriter, title string) {
	line := strings.Repeat("#", 79)
	w.print(fmt.Sprintf("\n%s\n#%-77s#\n%s\n\n", line, strings.Repeat(" ", 28)+title, line))
}

// printUsage prints the sample configuration of a plugin, of every kind that
// has one of that name.
func printUsage(out io.Writer, name string) error {
	w, found := &errWriter{w: out}, false
	for _, c := range catalogs(filters{}) {
		if create, ok := c.plugins[name]; ok {
			c.printPlugin(w, name, create(), false)
			found = true
		}
	}
	if !found {
		return fmt.Errorf("plugin %q not found in this build; \"plugins\" lists those that are", name)
	}
	return w.err
}

// errWriter keeps the first error, so that a closed pipe is noticed once.
type errWriter struct {
	w   io.Writer
	err error
}

func (w *errWriter) print(s string) {
	if w.err == nil {
		_, w.err = io.WriteString(w.w, s)
	}
}
