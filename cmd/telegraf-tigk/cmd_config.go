package main

import (
	"log"

	"github.com/influxdata/telegraf/logger"
	"github.com/urfave/cli/v2"
)

func configCommand() *cli.Command {
	sample := func(c *cli.Context) error { return printSample(c.App.Writer, filtersOf(c)) }
	return &cli.Command{
		Name:   "config",
		Usage:  "print, check and migrate configurations",
		Flags:  configFlags(),
		Action: sample,
		Subcommands: []*cli.Command{
			{
				Name:   "create",
				Usage:  "print a sample configuration",
				Flags:  configFlags(),
				Action: sample,
				Description: "Prints a configuration with all plugins of this build, most of them commented out.\n" +
					"Filters reduce it to what you need:\n\n" +
					"telegraf-tigk config create --section-filter inputs:outputs --input-filter cpu --output-filter influxdb_v2",
			},
			{
				Name:   "check",
				Usage:  "check configuration files for errors",
				Flags:  configFlags(),
				Action: configCheck,
				Description: "Loads the files and initialises the plugins without starting them. A broken script or file of\n" +
					"handlers is an error here, although an agent that is not told to be strict goes on without it.\n" +
					"Without --config and --config-directory the default places are checked.",
			},
			{
				Name:  "migrate",
				Usage: "replace deprecated plugins and options",
				Flags: append(configFlags(), &cli.BoolFlag{
					Name: "force", Usage: "overwrite the result of an earlier migration",
				}),
				Action: configMigrate,
				Description: "Writes the result next to each file, with the suffix .migrated; that of a remote\n" +
					"configuration goes to the current folder. Test the result before you use it.",
			},
		},
	}
}

// configCheck differs from the agent, as Telegraf's does, in that environment
// variables are replaced outside of strings unless --strict-env-handling is
// given.
func configCheck(c *cli.Context) error {
	opt, err := optionsOf(c)
	if err != nil {
		return err
	}
	if err := logger.SetupLogging(&logger.Config{Debug: opt.debug, Quiet: opt.quiet}); err != nil {
		return err
	}
	opt.nonStrict = !c.Bool("strict-env-handling")
	if opt.nonStrict && !c.Bool("non-strict-env-handling") {
		log.Print("W! Checking with non-strict handling of environment variables; " +
			"the agent is strict unless started with --non-strict-env-handling")
	}
	cfg, err := loadOnly(opt)
	if err != nil {
		return err
	}
	if err := initPlugins(cfg); err != nil {
		return err
	}
	warnOfNoAlerter(cfg)
	return broken(cfg)
}
