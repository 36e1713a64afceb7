package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/urfave/cli/v2"
)

// Set by the linker, see the Makefile.
var (
	version = ""
	commit  = ""
)

const hostModule = "github.com/influxdata/telegraf"

// hostVersion is the version of Telegraf that is linked in.
var hostVersion = func() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range info.Deps {
		if m.Path == hostModule {
			return strings.TrimPrefix(m.Version, "v")
		}
	}
	return "unknown"
}()

// ownVersion is the version of this program; "dev" in a build from a work tree
// without tags.
func ownVersion() string {
	if version != "" && version != "unknown" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && strings.HasPrefix(info.Main.Version, "v") {
		return info.Main.Version
	}
	return "dev"
}

// versionLine begins as Telegraf's own does: scripts take the version from the
// second word and the commit from the parentheses.
func versionLine() string {
	line := "Telegraf " + hostVersion
	if c := ownCommit(); c != "" {
		line += fmt.Sprintf(" (git: HEAD@%.8s)", c)
	}
	return line + " telegraf-tigk " + ownVersion()
}

func ownCommit() string {
	if commit != "" {
		return commit
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return ""
}

// userAgent is what configuration servers see; it is Telegraf's, so that they
// treat both alike.
func userAgent() string {
	return fmt.Sprintf("Telegraf/%s Go/%s", hostVersion, strings.TrimPrefix(runtime.Version(), "go"))
}

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "print the version",
		Action: func(c *cli.Context) error {
			fmt.Fprintln(c.App.Writer, versionLine())
			return nil
		},
	}
}
