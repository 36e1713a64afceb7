package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net/url"
	"os"
	"path/filepath"

	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/logger"
	"github.com/influxdata/telegraf/migrations"
	"github.com/urfave/cli/v2"
)

func configMigrate(c *cli.Context) error {
	opt, err := optionsOf(c)
	if err != nil {
		return err
	}
	if err := logger.SetupLogging(&logger.Config{Debug: opt.debug, Quiet: opt.quiet}); err != nil {
		return err
	}
	general := len(migrations.GeneralMigrations) + len(migrations.GlobalMigrations)
	plugins, settings := len(migrations.PluginMigrations), len(migrations.PluginOptionMigrations)
	if general+plugins+settings == 0 {
		return errors.New("no migrations available")
	}
	log.Printf("I! %d general, %d plugin and %d plugin-option migrations available", general, plugins, settings)

	all, err := paths(opt)
	if err != nil {
		return err
	}
	for _, path := range all {
		if err := migrate(path, c.Bool("force")); err != nil {
			return err
		}
	}
	return nil
}

// migrate writes the migrated form of one configuration, if it has any.
func migrate(path string, overwrite bool) error {
	data, remote, err := config.LoadConfigFile(path)
	if err != nil {
		return fmt.Errorf("opening input %q failed: %w", path, err)
	}
	out, applied, err := config.ApplyMigrations(data)
	if err != nil {
		return fmt.Errorf("migrating %q: %w", path, err)
	}
	if applied == 0 {
		log.Printf("I! No migration applied for %q", path)
		return nil
	}

	target := path
	if remote {
		u, err := url.Parse(path)
		if err != nil {
			return fmt.Errorf("remote config URL %q: %w", path, err)
		}
		target = filepath.Base(u.Path)
	}
	target += ".migrated"
	log.Printf("I! %d migration applied for %q, writing result as %q", applied, path, target)

	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if !overwrite {
		flags |= os.O_EXCL
	}
	f, err := os.OpenFile(target, flags, 0o640)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("output file %q already exists", target)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(out)
	return errors.Join(err, f.Close())
}
