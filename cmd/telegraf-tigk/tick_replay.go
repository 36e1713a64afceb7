package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/telegraf-tigk/telegraf-tigk/internal/replay"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

var replayRules = &tickCommand{
	name:  "replay",
	usage: "run a script over recorded data and print what it does, as JSON lines",
	args:  "[flags] FILE -data POINTS",
	examples: `  telegraf-tigk tick replay cpu.tick -data host.lp.gz
  telegraf-tigk tick replay deadman.tick -data host.lp -tail 60s
  telegraf-tigk tick replay cpu.tick -data night.lp.gz -plot night.svg
  telegraf-tigk tick replay cpu.tick -data incident.lp -deliver -config telegraf.conf
  telegraf-tigk tick replay temperatures.tick -data day.lp.gz -config telegraf.conf
  telegraf-tigk tick replay cpu.tick -data night.srpl -dbrp telegraf.autogen -vars cpu.json
`,
	run: func(c *tickContext) error {
		var tf taskFlags
		tf.add(c.flags)
		data := c.flags.String("data", "", "recorded points: a `file` of line protocol with ns times or a recording (.srpl), gzip or not; - reads standard input")
		kind := c.flags.String("type", "stream", "`type` of the task: stream")
		tail := c.flags.Duration("tail", 0, "`time` that the clock runs on after the last point")
		plot := c.flags.String("plot", "", "SVG `file` to draw a picture of the alerts in")
		deliver := c.flags.Bool("deliver", false, "hand the alerts to their handlers and make the requests of httpPost for real, each once")
		config := c.flags.String("config", "", "agent's configuration `file` with the user-defined functions and the settings of deadman alerts, and for -deliver those of handlers")
		local := c.flags.Bool("local", false, "hours and weekdays in the local time zone instead of UTC")
		args, err := c.parse()
		switch {
		case err != nil:
			return err
		case len(args) != 1:
			return usageErrorf("want one script, got %d", len(args))
		case *data == "":
			return usageErrorf("want -data with the recorded points")
		case *kind != "stream":
			return usageErrorf("-type %s: want stream; batch tasks are not supported", *kind)
		}
		cfg, err := tf.config(args[0])
		if err != nil {
			return err
		}
		cfg.Zone = time.UTC
		if *local {
			cfg.Zone = time.Local
		}
		cfg.Host, _ = os.Hostname()
		fs, err := newFunctions(*config, errUnconfigured, c.stderr)
		if err != nil {
			return err
		}
		cfg.Ask, cfg.Deadman, cfg.ChangesOnly = fs.describe, fs.deadman, fs.changes
		w := replay.NewTranscript(c.stdout)
		t, err := task.Load(cfg)
		if err != nil {
			w.Error(err.Error())
			_ = w.Flush() // the exit code tells
			c.complain(err, "", cfg.Script)
			return cli.Exit("", exitWrong)
		}
		in := os.Stdin
		if *data != "-" {
			if in, err = os.Open(*data); err != nil {
				return err
			}
			defer in.Close()
		}
		src, err := replay.Open(*data, in, t.DBRPs()[0])
		if err != nil {
			return err
		}
		o := replay.Options{Tail: *tail, Function: fs.begin}
		if *plot != "" {
			o.Plot = &replay.Plot{Task: cfg.Name, File: filepath.Base(*data)}
		}
		var post *courier
		if *deliver {
			if post, err = newCourier(*config, c.stderr); err != nil {
				return err
			}
			post.before, o.Deliver, o.Answer = w.Flush, post.deliver, post.answer
		}
		wrong := false
		if err := replay.Run(t, src, w, o); err != nil {
			fmt.Fprintln(c.stderr, err)
			wrong = true
		}
		if o.Plot != nil {
			// What came before an error is worth seeing.
			if err := writePlot(*plot, o.Plot); err != nil {
				c.complain(err, "", "")
				wrong = true
			}
		}
		if post != nil && !post.close() {
			wrong = true
		}
		if wrong {
			return cli.Exit("", exitWrong)
		}
		return nil
	},
}

// errUnconfigured is what is wrong with functions if nobody knows how to reach them.
var errUnconfigured = errors.New("a replay runs the function as the agent does; give the agent's configuration with -config")

func writePlot(file string, p *replay.Plot) error {
	var b bytes.Buffer
	if err := p.Draw(&b); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}
