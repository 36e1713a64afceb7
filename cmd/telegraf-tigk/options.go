package main

import (
	"errors"
	"time"

	"github.com/influxdata/telegraf/config"
	"github.com/urfave/cli/v2"
)

// options is the command line of the agent.
type options struct {
	configs, directories []string
	filters              filters
	selectors            []string

	test, once         bool
	testWait           time.Duration
	debug, quiet       bool
	printSource        bool
	oldEnv, nonStrict  bool
	password           string
	unprotected        bool
	urlRetries         int
	urlWatch           time.Duration
	watch              string
	watchInterval      time.Duration
	watchDebounce      time.Duration
	pidfile, pprofAddr string
}

func optionsOf(c *cli.Context) (*options, error) {
	if c.Bool("strict-env-handling") && c.Bool("non-strict-env-handling") {
		return nil, errors.New("flags --strict-env-handling and --non-strict-env-handling cannot be used together")
	}
	return &options{
		configs:       nearest(c, "config"),
		directories:   nearest(c, "config-directory"),
		filters:       filtersOf(c),
		selectors:     c.StringSlice("select"),
		test:          c.Bool("test"),
		once:          c.Bool("once"),
		testWait:      time.Duration(c.Int("test-wait")) * time.Second,
		debug:         c.Bool("debug"),
		quiet:         c.Bool("quiet"),
		printSource:   c.Bool("print-plugin-config-source"),
		oldEnv:        c.Bool("old-env-behavior"),
		nonStrict:     c.Bool("non-strict-env-handling"),
		password:      c.String("password"),
		unprotected:   c.Bool("unprotected"),
		urlRetries:    c.Int("config-url-retry-attempts"),
		urlWatch:      c.Duration("config-url-watch-interval"),
		watch:         c.String("watch-config"),
		watchInterval: c.Duration("watch-interval"),
		watchDebounce: c.Duration("watch-debounce-interval"),
		pidfile:       c.String("pidfile"),
		pprofAddr:     c.String("pprof-addr"),
	}, nil
}

// nearest returns the values of a repeatable flag from the innermost command
// that was given any, so that "--config F config check" means what it says.
func nearest(c *cli.Context, name string) []string {
	for _, ctx := range c.Lineage() {
		if values := ctx.StringSlice(name); len(values) > 0 {
			return values
		}
	}
	return nil
}

// testing tells whether outputs are left alone.
func (o *options) testing() bool {
	return !o.once && (o.test || o.testWait != 0)
}

// apply sets what Telegraf keeps in package variables. It comes before
// anything is loaded.
func (o *options) apply() error {
	if o.unprotected {
		config.DisableSecretProtection()
	}
	if o.password != "" {
		config.Password = config.NewSecret([]byte(o.password))
	}
	config.OldEnvVarReplacement = o.oldEnv
	config.NonStrictEnvVarHandling = o.nonStrict
	config.PrintPluginConfigSource = o.printSource
	return config.SetPluginLabelSelections(o.selectors)
}
