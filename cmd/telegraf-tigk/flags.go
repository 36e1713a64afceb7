package main

import "github.com/urfave/cli/v2"

// configFlags are the flags that say what to load; "config" and its
// subcommands take them too.
func configFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "config", Usage: "configuration `FILE` or URL to load; may be repeated"},
		&cli.StringSliceFlag{Name: "config-directory", Usage: "load all *.conf files below `DIR`; may be repeated"},
		&cli.StringFlag{Name: "section-filter", Usage: "sections to print, separated by ':', " +
			"of agent, global_tags, secretstores, outputs, processors, aggregators, inputs"},
		&cli.StringFlag{Name: "input-filter", Usage: "inputs to enable, separated by ':'"},
		&cli.StringFlag{Name: "output-filter", Usage: "outputs to enable, separated by ':'"},
		&cli.StringFlag{Name: "aggregator-filter", Usage: "aggregators to enable, separated by ':'"},
		&cli.StringFlag{Name: "processor-filter", Usage: "processors to enable, separated by ':'"},
		&cli.StringFlag{Name: "secretstore-filter", Usage: "secret stores to enable, separated by ':'"},
		&cli.BoolFlag{Name: "strict-env-handling", Usage: "replace environment variables in strings only (the default)"},
		&cli.BoolFlag{Name: "non-strict-env-handling", Usage: "replace environment variables anywhere, also outside of strings"},
	}
}

// agentFlags are the flags of the agent itself.
func agentFlags() []cli.Flag {
	return []cli.Flag{
		// what to do
		&cli.BoolFlag{Name: "test", Usage: "gather once, print the metrics and exit; outputs are not used"},
		&cli.IntFlag{Name: "test-wait", Usage: "as --test, but wait `SECONDS` for service inputs; with --once, wait that long"},
		&cli.BoolFlag{Name: "once", Usage: "gather once, write to the outputs and exit"},
		&cli.StringSliceFlag{Name: "select", Usage: "enable only plugins whose labels match `KEY=VALUE[;KEY=VALUE...]`; " +
			"pairs are combined by AND, repeated options by OR, values may have wildcards"},

		// how to log
		&cli.BoolFlag{Name: "debug", Usage: "log at debug level"},
		&cli.BoolFlag{Name: "quiet", Usage: "log errors only"},
		&cli.BoolFlag{Name: "print-plugin-config-source", Usage: "log which file each plugin was configured in"},

		// how to load
		&cli.BoolFlag{Name: "old-env-behavior", Usage: "replace environment variables as before Telegraf 1.27"},
		&cli.StringFlag{Name: "password", Usage: "password that unlocks secret stores"},
		&cli.BoolFlag{Name: "unprotected", Usage: "do not protect secrets in memory"},
		&cli.IntFlag{Name: "config-url-retry-attempts", DefaultText: "3", Usage: "attempts to fetch a remote configuration; -1 never gives up"},

		// when to reload
		&cli.StringFlag{Name: "watch-config", Usage: "reload when a configuration file changes; `HOW` is notify or poll"},
		&cli.DurationFlag{Name: "watch-interval", DefaultText: "250ms", Usage: "how often --watch-config poll looks"},
		&cli.DurationFlag{Name: "watch-debounce-interval", DefaultText: "100ms", Usage: "how long changes must have settled before a reload"},
		&cli.DurationFlag{Name: "config-url-watch-interval", DefaultText: "disabled", Usage: "how often to ask whether a remote configuration changed"},

		// the process
		&cli.StringFlag{Name: "pidfile", Usage: "write the process id to `FILE`"},
		&cli.StringFlag{Name: "pprof-addr", Usage: "serve profiles on `HOST:PORT`, as localhost:6060"},
		&cli.StringFlag{Name: "plugin-directory", Usage: "not supported, as in Telegraf's own packages: use inputs.execd and its kin"},

		// print and exit
		&cli.BoolFlag{Name: "version", Usage: "print the version and exit"},
		&cli.StringFlag{Name: "usage", Usage: "print the sample configuration of a `PLUGIN`"},
		&cli.BoolFlag{Name: "sample-config", Usage: "print a sample configuration; as the subcommand config"},
		&cli.BoolFlag{Name: "deprecation-list", Usage: "print deprecated plugins and options"},
		&cli.BoolFlag{Name: "input-list", Usage: "print the available inputs; as plugins inputs"},
		&cli.BoolFlag{Name: "output-list", Usage: "print the available outputs; as plugins outputs"},
	}
}
