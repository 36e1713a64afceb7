package main

import (
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

var checkRules = &tickCommand{
	name:  "check",
	usage: "find mistakes in scripts",
	args:  "[flags] FILE-OR-FOLDER…",
	examples: `  telegraf-tigk tick check /etc/telegraf/tick.d
  telegraf-tigk tick check -vars cpu.json cpu.tick
`,
	run: func(c *tickContext) error {
		var tf taskFlags
		tf.add(c.flags)
		args, err := c.parse()
		if err != nil {
			return err
		}
		files, err := scripts(args)
		if err != nil {
			return err
		}
		wrong := false
		for _, file := range files {
			cfg, err := tf.config(file)
			if err == nil {
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

// samePlace reports whether err is about the place that w warns of, and so says all there is to say.
func samePlace(w *syntax.Error, err error) bool {
	var se *syntax.Error
	return errors.As(err, &se) && se.Pos.IsValid() && se.Pos == w.Pos
}
