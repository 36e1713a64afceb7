package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/influxdata/telegraf/agent"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/logger"
	"github.com/urfave/cli/v2"
)

// checkTimeout bounds a check; secret stores and MIB folders may be slow.
const checkTimeout = time.Minute

const checkName = "check-reload"

// check loads the configuration and initialises its plugins in a child
// process. Some plugins open files or keep package variables when they are
// loaded, and one may panic: none of that must touch the agent that runs. The
// child is this very program with the same flags, and gets the configuration
// on standard input.
func (s *source) check(ctx context.Context, _ *options) error {
	input, err := json.Marshal(s)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()

	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, self(), append(os.Args[1:len(os.Args):len(os.Args)], checkName)...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET=")
	cmd.Stdin = bytes.NewReader(input)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// A plugin's own child may hold the pipes open.
	cmd.WaitDelay = time.Second

	if err := cmd.Start(); err != nil {
		log.Printf("W! Cannot check the new configuration: %v", err)
		return nil
	}
	err = cmd.Wait()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("check of the new configuration: %w", ctx.Err())
	}
	reason := strings.TrimSpace(stdout.String())
	logChild(stderr.String(), reason)
	if reason == "" {
		return fmt.Errorf("check of the new configuration: %w", err)
	}
	return errors.New(reason)
}

// self is the running program, also when its file was replaced by an upgrade.
func self() string {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe"
	}
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

// logChild passes on what the child logged besides its reason, the trace of a
// panic for instance.
func logChild(text, reason string) {
	const most = 40
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if i == most {
			break
		}
		if _, after, ok := strings.Cut(line, " E! "); ok {
			line = after
		}
		if line != "" && (reason == "" || !strings.Contains(line, firstLine(reason))) {
			log.Printf("E! Check: %s", line)
		}
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// checkCommand is the child's side. It says on standard output why the
// configuration is refused.
func checkCommand() *cli.Command {
	return &cli.Command{
		Name:   checkName,
		Hidden: true,
		Action: func(c *cli.Context) error {
			opt, err := optionsOf(c)
			if err != nil {
				return err
			}
			if err := opt.apply(); err != nil {
				return err
			}
			if err := logger.SetupLogging(&logger.Config{Quiet: true}); err != nil {
				return err
			}
			var src source
			if err := json.NewDecoder(os.Stdin).Decode(&src); err != nil {
				return err
			}
			opt.quiet = true
			if err := try(&src, opt); err != nil {
				fmt.Fprintln(c.App.Writer, err)
				return err
			}
			return nil
		},
	}
}

// try does all that an agent does before it starts anything.
func try(src *source, opt *options) error {
	c, err := src.load(opt, true)
	if err != nil {
		return err
	}
	if err := usable(c, opt); err != nil {
		return err
	}
	return initPlugins(c)
}

// initPlugins runs the Init of every plugin, as the agent would.
func initPlugins(c *config.Config) error {
	if c.Agent.SkipProcessorsAfterAggregators == nil {
		skip := false
		c.Agent.SkipProcessorsAfterAggregators = &skip
	}
	return agent.NewAgent(c).InitPlugins()
}

// broken counts the scripts and files of handlers that are wrong, after initPlugins has logged them. The
// agent goes on without them, but who asks whether a configuration is good wants to know.
func broken(c *config.Config) error {
	wrong := map[string]bool{} // an instance behind the aggregators has the same ones
	note := func(plugin any) {
		if p, ok := plugin.(interface{ Broken() []string }); ok {
			for _, text := range p.Broken() {
				wrong[text] = true
			}
		}
	}
	for _, p := range slices.Concat(c.Processors, c.AggProcessors) {
		note(p.Processor)
	}
	for _, o := range c.Outputs {
		note(o.Output)
	}
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("broken scripts and files of handlers: %d", len(wrong))
}
