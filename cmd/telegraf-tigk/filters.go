package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// filters are the names given with the ...-filter flags. An empty list does
// not filter.
type filters struct {
	section, input, output, aggregator, processor, secretstore []string
}

func filtersOf(c *cli.Context) filters {
	return filters{
		section:     filterOf(c, "section-filter"),
		input:       filterOf(c, "input-filter"),
		output:      filterOf(c, "output-filter"),
		aggregator:  filterOf(c, "aggregator-filter"),
		processor:   filterOf(c, "processor-filter"),
		secretstore: filterOf(c, "secretstore-filter"),
	}
}

// filterOf joins what was given before and after the subcommands: both
// "--input-filter cpu config" and "config --input-filter cpu" are in use.
func filterOf(c *cli.Context, name string) []string {
	var names []string
	for _, ctx := range c.Lineage() {
		if !slices.Contains(ctx.LocalFlagNames(), name) {
			continue
		}
		for n := range strings.SplitSeq(ctx.String(name), ":") {
			if n != "" {
				names = append(names, n)
			}
		}
	}
	return names
}

// secretsOnly keeps everything but the secret stores from being loaded.
func (f *filters) secretsOnly() {
	f.input, f.output = []string{"-"}, []string{"-"}
}
