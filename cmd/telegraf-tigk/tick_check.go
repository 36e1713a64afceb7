package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
	"github.com/telegraf-tigk/telegraf-tigk/internal/udf"
)

var checkRules = &tickCommand{
	name:  "check",
	usage: "find mistakes in scripts",
	args:  "[flags] FILE-OR-FOLDER…",
	examples: `  telegraf-tigk tick check /etc/telegraf/tick.d
  telegraf-tigk tick check -vars cpu.json cpu.tick
  telegraf-tigk tick check -config telegraf.conf rules
`,
	run: func(c *tickContext) error {
		var tf taskFlags
		tf.add(c.flags)
		config := c.flags.String("config", "", "agent's configuration `file` with the user-defined functions, endpoints and clusters that the scripts use, and the settings of deadman alerts")
		args, err := c.parse()
		if err != nil {
			return err
		}
		files, err := scripts(args)
		if err != nil {
			return err
		}
		fs, err := newFunctions(*config, errUnasked, c.stderr)
		if err != nil {
			return err
		}
		wrong := false
		for _, file := range files {
			cfg, err := tf.config(file)
			if err == nil {
				fs.apply(&cfg)
				warnings, e := task.Check(cfg)
				for _, w := range warnings {
					if !samePlace(w, e) {
						c.complain(w, "warning: ", cfg.Script)
					}
				}
				err = e
			}
			if err != nil {
				wrong = true
				c.complain(err, "", cfg.Script)
			}
		}
		if wrong {
			return cli.Exit("", exitWrong)
		}
		return nil
	},
}

// errUnasked is what is wrong with functions if nobody knows how to reach them.
var errUnasked = fmt.Errorf("%w: give the agent's configuration with -config", udf.ErrUnreachable)

// samePlace reports whether err is about the place that w warns of, and so says all there is to say.
func samePlace(w *syntax.Error, err error) bool {
	var se *syntax.Error
	return errors.As(err, &se) && se.Pos.IsValid() && se.Pos == w.Pos
}
