// Command telegraf-tigk is Telegraf with an alerting engine inside. Without a
// subcommand it is the agent and takes Telegraf's flags, configuration files
// and signals; the subcommand "tick" holds the tools for alert rules.
//
// The life of a process: main.go and flags.go read the command line, source.go
// reads configuration files into memory, agent.go runs one agent on them, and
// supervisor.go replaces that agent when a signal or a watcher (watch*.go) asks for
// it, after check.go has tried the new configuration in a process of its own.
package main

import (
	"io"
	"log"
	"os"
	"slices"

	"github.com/awnumar/memguard"
	"github.com/influxdata/telegraf/logger"
	"github.com/urfave/cli/v2"
)

func main() {
	os.Exit(run(os.Args, os.Stdout))
}

// run is main without the exit, so that the deferred clean-up takes place.
func run(args []string, stdout io.Writer) int {
	// The keyring library behind secretstores.os would otherwise wait for
	// KWallet on D-Bus at start.
	if err := os.Setenv("DISABLE_KWALLET", "1"); err != nil {
		log.Printf("W! Setting DISABLE_KWALLET: %v", err)
	}
	defer memguard.Purge()
	defer logger.CloseLogging() //nolint:errcheck // nobody is left to tell

	if err := newApp(stdout).Run(args); err != nil {
		log.Printf("E! %s", err)
		return 1
	}
	return 0
}

func newApp(stdout io.Writer) *cli.App {
	commands := slices.Concat(
		[]*cli.Command{versionCommand(), configCommand(), pluginsCommand(), secretsCommand(), checkCommand()},
		tickCommands(),
	)
	return &cli.App{
		Name:     "telegraf-tigk",
		Usage:    "Telegraf with TICKscript alerting inside",
		Writer:   stdout,
		Flags:    append(agentFlags(), configFlags()...),
		Commands: commands,
		Action:   rootAction,
	}
}
