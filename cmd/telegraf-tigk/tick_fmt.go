package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

var fmtRules = &tickCommand{
	name:  "fmt",
	usage: "format scripts in the canonical layout",
	args:  "[-w | -l] [FILE-OR-FOLDER…]",
	examples: `  telegraf-tigk tick fmt cpu.tick          print the formatted script
  telegraf-tigk tick fmt -w tick.d         rewrite the files of a folder
  telegraf-tigk tick fmt -l tick.d         list files that are not formatted, exit 1 if there are any
  telegraf-tigk tick fmt < cpu.tick
`,
	run: func(c *tickContext) error {
		write := c.flags.Bool("w", false, "write the result to the file instead of standard output")
		list := c.flags.Bool("l", false, "list the files whose layout differs")
		args, err := c.parse()
		if err != nil {
			return err
		}
		if len(args) == 0 || len(args) == 1 && args[0] == "-" {
			text, err := io.ReadAll(os.Stdin)
			if err != nil {
				return err
			}
			return c.format("<stdin>", string(text), func(out string) error {
				_, err := io.WriteString(c.stdout, out)
				return err
			})
		}
		files, err := scripts(args)
		if err != nil {
			return err
		}
		failed := false
		for _, file := range files {
			text, err := readInput(file)
			if err == nil {
				err = c.format(file, string(text), func(out string) error {
					switch same := out == string(text); {
					case *list && !same:
						failed = true
						fmt.Fprintln(c.stdout, file)
						return nil
					case *list, *write && same:
						return nil
					case *write:
						return replaceFile(file, out)
					}
					_, err := io.WriteString(c.stdout, out)
					return err
				})
			}
			if err != nil {
				failed = true
				if err.Error() != "" {
					c.complain(err, "", "")
				}
			}
		}
		if failed {
			return cli.Exit("", exitWrong)
		}
		return nil
	},
}

// format hands the formatted text on, or says what is wrong with it.
func (c *tickContext) format(file, text string, use func(out string) error) error {
	prog, err := syntax.Parse(file, text)
	if err != nil {
		c.complain(err, "", text)
		return cli.Exit("", exitWrong)
	}
	return use(syntax.Format(prog))
}

// replaceFile writes text in place of file, all or nothing, with the file's mode.
func replaceFile(file, text string) error {
	file, err := filepath.EvalSymlinks(file)
	if err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".fmt-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone after the rename
	_, err = tmp.WriteString(text)
	if e := tmp.Chmod(info.Mode().Perm()); err == nil {
		err = e
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}
