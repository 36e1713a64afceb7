package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/influxdata/telegraf/agent"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/logger"
)

// runAgent runs one agent from its configuration until ctx ends. It does not
// return an error for ctx having ended.
func runAgent(ctx context.Context, c *config.Config, opt *options) error {
	if err := usable(c, opt); err != nil {
		return agentError(err)
	}
	if err := setupLogging(c.Agent, opt); err != nil {
		return agentError(fmt.Errorf("setting up logging failed: %w", err))
	}
	logBanner(c, opt)
	if !opt.testing() {
		warnOfNoAlerter(c)
	}
	if !opt.unprotected {
		checkLockedMemory(c.NumberSecrets)
	}
	notify(daemon.SdNotifyReady)

	ag := agent.NewAgent(c)
	var err error
	switch {
	case opt.once:
		err = ag.Once(ctx, opt.testWait)
	case opt.testing():
		withoutTraces(c)
		// As with inputs that fail, all else is tried first.
		if err = ag.Test(ctx, opt.testWait); err == nil {
			err = broken(c)
		}
	default:
		err = ag.Run(ctx)
	}
	return agentError(err)
}

// withoutTraces has tasks neither use nor change what they remember, nor serve their API: an agent may be
// running beside a test. What they decide is for nobody but to be seen.
func withoutTraces(c *config.Config) {
	for _, t := range ticksOf(c) {
		t.StateDirectory, t.Address = "", ""
		t.Bus, t.InfluxDBOut = nil, "metrics"
	}
}

// agentError words an error as Telegraf does; log watchers look for it.
func agentError(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("[telegraf] Error running agent: %w", err)
}

// runOnce is --test and --once: one round, no reload.
func runOnce(opt *options) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	signal.Ignore(syscall.SIGHUP)

	src, err := readSource(opt)
	if err != nil {
		return err
	}
	c, err := src.load(opt, opt.testing())
	if err != nil {
		return err
	}
	return runAgent(ctx, c, opt)
}

func setupLogging(a *config.AgentConfig, opt *options) error {
	return logger.SetupLogging(&logger.Config{
		Debug:                   a.Debug || opt.debug,
		Quiet:                   a.Quiet || opt.quiet,
		LogTarget:               a.LogTarget,
		LogFormat:               a.LogFormat,
		Logfile:                 a.Logfile,
		StructuredLogMessageKey: a.StructuredLogMessageKey,
		RotationInterval:        time.Duration(a.LogfileRotationInterval),
		RotationMaxSize:         int64(a.LogfileRotationMaxSize),
		RotationMaxArchives:     a.LogfileRotationMaxArchives,
		LogWithTimezone:         a.LogWithTimezone,
	})
}

// notify tells systemd; without systemd it does nothing.
func notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Printf("D! Notifying systemd: %v", err)
	}
}
