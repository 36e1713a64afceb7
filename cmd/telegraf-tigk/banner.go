package main

import (
	"log"
	"os"
	"strings"

	"github.com/fatih/color"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/plugins/aggregators"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/influxdata/telegraf/plugins/outputs"
	"github.com/influxdata/telegraf/plugins/parsers"
	"github.com/influxdata/telegraf/plugins/processors"
	"github.com/influxdata/telegraf/plugins/secretstores"
)

// logBanner says what is running. The lines begin as Telegraf's do, for those
// who read logs by pattern.
func logBanner(c *config.Config, opt *options) {
	log.Printf("I! Starting Telegraf %s with telegraf-tigk %s", hostVersion, ownVersion())
	log.Printf("I! Available plugins: %d inputs, %d aggregators, %d processors, %d parsers, %d outputs, %d secret stores",
		len(inputs.Inputs), len(aggregators.Aggregators), len(processors.Processors),
		len(parsers.Parsers), len(outputs.Outputs), len(secretstores.SecretStores))

	logLoaded("inputs", c.InputNames(), c.InputNamesWithSources())
	logLoaded("aggregators", c.AggregatorNames(), c.AggregatorNamesWithSources())
	logLoaded("processors", c.ProcessorNames(), c.ProcessorNamesWithSources())
	logLoaded("secretstores", c.SecretstoreNames(), c.SecretstoreNamesWithSources())
	if opt.testing() {
		log.Print("W! " + color.RedString("Outputs are not used in testing mode!"))
	} else {
		logLoaded("outputs", c.OutputNames(), c.OutputNamesWithSources())
	}
	log.Printf("I! Tags enabled: %s", c.ListTags())

	for _, kind := range []string{"inputs", "aggregators", "processors", "outputs", "secretstores"} {
		if n := c.Deprecations[kind]; len(n) == 2 && n[0]+n[1] > 0 {
			log.Printf("W! Deprecated %s: %d and %d options", kind, n[0], n[1])
		}
	}
}

// logLoaded takes the table of sources as it is; it is empty unless
// --print-plugin-config-source asks for it.
func logLoaded(kind string, names []string, table string) {
	line := "I! Loaded " + kind + ": " + strings.Join(names, " ")
	if table != "" {
		line += "\n" + table
	}
	log.Print(line)
}

// checkLockedMemory warns when secrets will not fit into the memory that the
// process may lock. Each takes a page and two guard pages.
func checkLockedMemory(secrets uint64) {
	need := 3 * secrets * uint64(os.Getpagesize())
	if limit := lockedMemoryLimit(); need > limit {
		log.Printf("I! Found %d secrets...", secrets)
		log.Printf("W! Insufficient lockable memory %dkb when %dkb is required. "+
			"Please increase the limit for Telegraf in your Operating System!", limit/1024, need/1024)
	}
}
