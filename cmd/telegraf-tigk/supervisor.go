package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/influxdata/telegraf/config"
)

// supervisor runs an agent until a signal ends the process, and replaces it when a
// reload is asked for. It differs from Telegraf in what a bad configuration
// does:
//
//   - one that does not load or whose plugins refuse it is reported, and the
//     running agent is left alone;
//   - one that passes this check and then does not start, because a port is
//     taken for instance, is given up for the one that ran before.
//
// Only at the start of the process is a bad configuration fatal.
type supervisor struct {
	opt *options

	running  *source        // what the current agent was loaded from
	plugins  *config.Config // and what came of it
	previous *source        // what ran before the last reload, until gone back to
	ended    chan error     // the current agent's result
	stop     context.CancelFunc
	reload   chan string      // requests of the watchers, with the reason
	checked  chan checkResult // the outcome of a check under way
}

type checkResult struct {
	src *source
	err error
}

func newSupervisor(opt *options) *supervisor {
	return &supervisor{opt: opt, ended: make(chan error, 1), reload: make(chan string), checked: make(chan checkResult, 1)}
}

func (s *supervisor) run() error {
	// Before anything is loaded: an early SIGHUP must not kill the process.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.watch(ctx)

	src, err := readSource(s.opt)
	if err != nil {
		return err
	}
	c, err := src.load(s.opt, false)
	if err != nil {
		return err
	}
	defer writePidfile(s.opt.pidfile)()
	s.start(ctx, src, c)
	return s.loop(ctx, signals)
}

// loop serves one event at a time. While a check is under way the agent goes
// on and further requests wait for its result.
func (s *supervisor) loop(ctx context.Context, signals <-chan os.Signal) error {
	checking, again := false, false
	for {
		reason := ""
		select {
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				notify(daemon.SdNotifyStopping)
				s.stop()
				return <-s.ended
			}
			reason = "SIGHUP"
		case reason = <-s.reload:
		case res := <-s.checked:
			checking = false
			if err := s.replace(ctx, res); err != nil {
				return err
			}
			if again {
				reason = "changed meanwhile"
			}
		case err := <-s.ended:
			if err = s.goBack(ctx, err); err != nil || s.stop == nil {
				return err
			}
		}

		switch {
		case reason == "":
		case checking:
			again = true
		default:
			checking, again = true, false
			log.Printf("I! Reloading Telegraf config (%s)", reason)
			notifyReloading()
			go s.check(ctx)
		}
	}
}

// start runs an agent in the background; its result comes on s.ended.
func (s *supervisor) start(ctx context.Context, src *source, c *config.Config) {
	ctx, s.stop = context.WithCancel(ctx)
	s.running, s.plugins = src, c
	go func() { s.ended <- runAgent(ctx, c, s.opt) }()
}

func (s *supervisor) check(ctx context.Context) {
	src, err := readSource(s.opt)
	if err == nil {
		err = src.check(ctx, s.opt)
	}
	s.checked <- checkResult{src, err}
}

// replace stops the running agent and starts the checked configuration.
func (s *supervisor) replace(ctx context.Context, res checkResult) error {
	if res.err != nil {
		log.Printf("E! Reload refused, the running configuration stays: %v", res.err)
		notify(daemon.SdNotifyReady + "\nSTATUS=Reload refused: " + firstLine(res.err.Error()))
		return nil //nolint:nilerr // the old configuration runs on
	}

	s.stop()
	if err := <-s.ended; err != nil {
		log.Printf("E! Stopping for a reload: %v", err)
	}
	s.previous, s.plugins = s.running, nil
	c, err := res.src.load(s.opt, false)
	if err != nil {
		return s.goBack(ctx, err)
	}
	notify("STATUS=")
	s.start(ctx, res.src, c)
	return nil
}

// goBack deals with an agent that ended by itself, which one that started
// does not do: if it came from a reload, the configuration before it gets
// another chance, once.
func (s *supervisor) goBack(ctx context.Context, cause error) error {
	s.stop()
	s.stop = nil
	if cause == nil || s.previous == nil {
		return cause
	}
	log.Printf("E! The new configuration does not start, going back to the one before: %v", cause)
	release(s.plugins)
	src := s.previous
	s.previous = nil
	c, err := src.load(s.opt, false)
	if err != nil {
		return err
	}
	s.start(ctx, src, c)
	notify("STATUS=Reload undone: " + firstLine(cause.Error()))
	return nil
}
