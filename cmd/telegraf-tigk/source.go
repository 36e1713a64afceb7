package main

import (
	"errors"
	"fmt"
	"log"
	"slices"

	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/models"

	"github.com/telegraf-tigk/telegraf-tigk/plugins/outputs/alerter"
	"github.com/telegraf-tigk/telegraf-tigk/plugins/processors/tick"
)

// source is a configuration as it was read: every file in the order in which
// it is loaded. Keeping the bytes means that what was checked is what runs, and
// that a configuration can be gone back to.
type source struct {
	Files []sourceFile `json:"files"`

	// fresh is made before the files are read, as a new configuration forgets
	// the list of files that outputs.heartbeat reports. load uses it up.
	fresh *config.Config
}

type sourceFile struct {
	Path string `json:"path"`
	Data []byte `json:"data"`
}

// paths lists the files and URLs to load: those given, those found in the
// directories given, else Telegraf's default places.
func paths(opt *options) ([]string, error) {
	all := append([]string(nil), opt.configs...)
	for _, dir := range opt.directories {
		files, err := config.WalkDirectory(dir)
		if err != nil {
			return nil, fmt.Errorf("reading config directory: %w", err)
		}
		all = append(all, files...)
	}
	if len(all) > 0 {
		return all, nil
	}
	return config.GetDefaultConfigPath()
}

// readSource reads all files; remote ones are retried, which takes its time.
func readSource(opt *options) (*source, error) {
	all, err := paths(opt)
	if err != nil {
		return nil, err
	}
	src := &source{Files: make([]sourceFile, 0, len(all)), fresh: config.NewConfig()}
	for _, path := range all {
		data, _, err := config.LoadConfigFileWithRetries(path, opt.urlRetries)
		if err != nil {
			return nil, fmt.Errorf("loading config file %s failed: %w", path, err)
		}
		src.Files = append(src.Files, sourceFile{Path: path, Data: data})
	}
	return src, nil
}

// loadOnly loads the configuration for a command that starts nothing.
func loadOnly(opt *options) (*config.Config, error) {
	if err := opt.apply(); err != nil {
		return nil, err
	}
	src, err := readSource(opt)
	if err != nil {
		return nil, err
	}
	return src.load(opt, true)
}

// load creates the plugins. Disk buffers are opened and secret stores
// unlocked here, so two loaded configurations should not overlap in time;
// withoutBuffers leaves the buffers out.
func (s *source) load(opt *options, withoutBuffers bool) (*config.Config, error) {
	config.ResetSecrets()
	c := s.fresh
	s.fresh = nil
	if c == nil {
		c = config.NewConfig()
	}
	c.Agent.Quiet = opt.quiet
	c.Agent.ConfigURLRetryAttempts = opt.urlRetries
	c.InputFilters = opt.filters.input
	c.OutputFilters = opt.filters.output
	c.SecretStoreFilters = opt.filters.secretstore
	c.TestMode = withoutBuffers

	for _, f := range s.Files {
		if !c.Agent.Quiet {
			log.Printf("I! Loading config: %s", f.Path)
		}
		if err := c.LoadConfigData(f.Data, f.Path); err != nil {
			return nil, fmt.Errorf("loading config file %s failed: %w", f.Path, err)
		}
	}
	// What remains of LoadAll when there is nothing to read: ordering the
	// processors and linking the secrets.
	if err := c.LoadAll(); err != nil {
		return nil, err
	}
	if err := feedNoAlerter(c); err != nil {
		return nil, err
	}
	if err := joinAlerters(c); err != nil {
		return nil, err
	}
	shareStateChanges(c)
	shareMeasured(c)
	return c, nil
}

// usable finds what loads and still cannot run.
func usable(c *config.Config, opt *options) error {
	switch {
	case len(c.Outputs) == 0 && !opt.test && opt.testWait == 0:
		return errors.New("no outputs found, probably invalid config file provided")
	case len(c.Inputs) == 0:
		return errors.New("no inputs found, probably invalid config file provided")
	case c.Agent.Interval <= 0:
		return fmt.Errorf("agent interval must be positive, found %v", c.Agent.Interval)
	case c.Agent.FlushInterval <= 0:
		return fmt.Errorf("agent flush_interval must be positive, found %v", c.Agent.FlushInterval)
	}
	return nil
}

// feedNoAlerter has no metric reach outputs.alerter, unless it accepts those of another agent: what
// processors.tick decides takes the bus. The host copies a metric for each output but the last one, before
// it asks that one; so those that want none come first, and cost no copy.
func feedNoAlerter(c *config.Config) error {
	deaf := func(o *models.RunningOutput) bool {
		a, ok := o.Output.(*alerter.Alerter)
		return ok && !a.AcceptMetrics
	}
	for _, o := range c.Outputs {
		if deaf(o) {
			o.Config.Filter = models.Filter{NameDrop: []string{"*"}}
			if err := o.Config.Filter.Compile(); err != nil {
				return err
			}
		}
	}
	slices.SortStableFunc(c.Outputs, func(a, b *models.RunningOutput) int {
		switch {
		case deaf(a) == deaf(b):
			return 0
		case deaf(a):
			return -1
		}
		return 1
	})
	return nil
}

// joinAlerters makes one set of handlers of all sections outputs.alerter.
func joinAlerters(c *config.Config) error {
	var all []*alerter.Alerter
	for _, o := range c.Outputs {
		if a, ok := o.Output.(*alerter.Alerter); ok {
			a.Source = o.Config.Source
			all = append(all, a)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[0].Join(all[1:]...)
}

// alerterOf returns the section outputs.alerter that delivers, nil if there is none.
func alerterOf(c *config.Config) *alerter.Alerter {
	for _, o := range c.Outputs {
		if a, ok := o.Output.(*alerter.Alerter); ok {
			return a
		}
	}
	return nil
}

// ticksOf returns all instances of processors.tick.
func ticksOf(c *config.Config) (all []*tick.Tick) {
	for _, p := range slices.Concat(c.Processors, c.AggProcessors) {
		if t, ok := p.Processor.(*tick.Tick); ok {
			all = append(all, t)
		}
	}
	return all
}

// shareStateChanges tells processors.tick if outputs.alerter wants alerts to raise state changes only.
func shareStateChanges(c *config.Config) {
	a := alerterOf(c)
	for _, t := range ticksOf(c) {
		t.StateChangesOnly = a != nil && a.StateChangesOnly()
	}
}

// shareMeasured tells processors.tick if nobody reads what it counts. With many rules, to have it ready takes a third of
// their memory.
func shareMeasured(c *config.Config) {
	read := slices.ContainsFunc(c.Inputs, func(in *models.RunningInput) bool { return in.Config.Name == "internal" })
	for _, t := range ticksOf(c) {
		t.Unmeasured = !read
	}
}

// warnOfNoAlerter says that nobody delivers what scripts decide.
func warnOfNoAlerter(c *config.Config) {
	if len(ticksOf(c)) > 0 && alerterOf(c) == nil {
		log.Print("W! There is a [[processors.tick]] and no [[outputs.alerter]]: alerts of scripts and points of influxDBOut go nowhere; " +
			"add [[outputs.alerter]] with the handlers that scripts name")
	}
}
