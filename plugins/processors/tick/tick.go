// Package tick implements the processor that evaluates TICKscripts on the metrics that pass.
//
// Metrics pass on untouched. Those that tasks want are copied once, as points, into the engine, which runs
// the tasks. What these decide takes the bus to outputs.alerter; a copy of each alert event leaves as a
// metric, never to come in again.
package tick

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/plugins/processors"
	"github.com/influxdata/telegraf/selfstat"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/api"
	"github.com/telegraf-tigk/telegraf-tigk/internal/bus"
	"github.com/telegraf-tigk/telegraf-tigk/internal/engine"
	"github.com/telegraf-tigk/telegraf-tigk/internal/filewatch"
	_ "github.com/telegraf-tigk/telegraf-tigk/internal/handler" // scripts name handlers
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/scale"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

//go:embed sample.conf
var sampleConfig string

// Tick is the plugin.
type Tick struct {
	Scripts                  []string        `toml:"scripts"`
	Tasks                    []*Task         `toml:"task"`
	DBRP                     string          `toml:"dbrp"`
	DatabaseTag              string          `toml:"database_tag"`
	RetentionPolicyTag       string          `toml:"retention_policy_tag"`
	AlertMetrics             AlertMetrics    `toml:"alert_metrics"`
	AlertMeasurement         string          `toml:"alert_measurement"`
	InfluxDBOut              string          `toml:"influxdb_out"`
	HealthTopic              string          `toml:"health_topic"`
	DropOriginal             bool            `toml:"drop_original"`
	Strict                   bool            `toml:"strict"`
	QueueSize                int             `toml:"queue_size"`
	QueueFull                string          `toml:"queue_full"`
	EvaluateAfterAggregators bool            `toml:"evaluate_after_aggregators"`
	MaxGroups                int             `toml:"max_groups"`
	GroupExpiry              config.Duration `toml:"group_expiry"`
	StateDirectory           string          `toml:"state_directory"`
	CheckpointInterval       config.Duration `toml:"checkpoint_interval"`
	OutboxMaxEvents          int             `toml:"outbox_max_events"`
	OutboxMaxSize            config.Size     `toml:"outbox_max_size"`
	SideloadReloadInterval   config.Duration `toml:"sideload_reload_interval"`
	Deadman                  Deadman         `toml:"deadman"`
	HTTPPost                 []*HTTPPost     `toml:"http_post"`
	Kubernetes               []*Kubernetes   `toml:"kubernetes"`
	Swarm                    []*Swarm        `toml:"swarm"`
	EC2                      []*EC2          `toml:"ec2"`
	Service

	// StateChangesOnly has all alerts behave as if their scripts said so. The program sets it if a
	// section of outputs.alerter wants that.
	StateChangesOnly bool `toml:"-"`
	// Unmeasured says that nobody reads the statistics. The program sets it if there is no inputs.internal.
	Unmeasured bool `toml:"-"`

	// Bus leads to outputs.alerter. With nil nothing is delivered or kept, as in a test of a configuration.
	Bus *bus.Bus `toml:"-"`

	Log        telegraf.Logger     `toml:"-"`
	Statistics *selfstat.Collector `toml:"-"`

	role      role
	passive   bool // another instance evaluates
	dbrp      spec.DBRP
	endpoints engine.Endpoints
	scaler    *scale.Scaler
	convert   converter
	emit      func(telegraf.Metric) // set by Start
	copies    *copies               // nil without alert_metrics
	engine    *engine.Engine        // set by Init
	running   bool
	service   *service // nil unless there is an address
}

// Task is a task that stands in the configuration.
type Task struct {
	Name    string         `toml:"name"`
	Script  string         `toml:"script"`
	File    string         `toml:"file"`
	Vars    map[string]any `toml:"vars"`
	DBRP    string         `toml:"dbrp"`
	Enabled *bool          `toml:"enabled"`

	dbrps []spec.DBRP
}

func newTick() *Tick {
	t := &Tick{
		DBRP:               "telegraf.autogen",
		AlertMetrics:       AlertMetricsOn,
		AlertMeasurement:   "alert",
		InfluxDBOut:        "bus",
		Bus:                &bus.Process,
		QueueSize:          10000,
		QueueFull:          "drop",
		CheckpointInterval: config.Duration(10 * time.Second),
		OutboxMaxEvents:    10000,
		OutboxMaxSize:      64 << 20,
		Deadman:            Deadman{Interval: config.Duration(10 * time.Second), ID: spec.DeadmanID, Message: spec.DeadmanMessage},
	}
	t.enroll()
	return t
}

// SampleConfig returns the documented default configuration.
func (*Tick) SampleConfig() string { return sampleConfig }

// Init checks the configuration and compiles all scripts. It opens nothing: the host calls it for
// instances that never start.
func (t *Tick) Init() error {
	if err := t.check(); err != nil {
		return err
	}
	if t.passive = !t.EvaluateAfterAggregators && t.isSecond(); t.passive {
		return nil
	}
	t.engine = engine.New(t.config())
	errs, scripts := t.engine.Check()
	if t.Strict && len(errs) > 0 {
		return errors.Join(errs...)
	}
	for _, err := range errs {
		t.Log.Error(err)
	}
	if scripts == 0 {
		t.Log.Warnf("There are no scripts yet in %s", strings.Join(t.Scripts, ", "))
	}
	return nil
}

// config returns what the engine is to work with.
func (t *Tick) config() engine.Config {
	host, err := os.Hostname()
	if err != nil {
		t.Log.Warnf("Cannot find out the host's name: %v", err)
	}
	c := engine.Config{
		Log: t.Log, Host: host, DBRP: t.dbrp, Pace: filewatch.DefaultPace, Scripts: engine.Scripts{Patterns: t.Scripts},
		MaxGroups: t.MaxGroups, GroupExpiry: time.Duration(t.GroupExpiry), Deadman: t.DeadmanConfig(), ChangesOnly: t.StateChangesOnly,
		Endpoints: t.endpoints, Scaler: t.scaler, ReloadSideload: time.Duration(t.SideloadReloadInterval),
		QueueSize: t.QueueSize, Block: t.QueueFull == "block", HealthTopic: t.HealthTopic,
		StateDirectory: t.StateDirectory, Second: t.isSecond(), Checkpoint: time.Duration(t.CheckpointInterval),
		OutboxMaxEvents: t.OutboxMaxEvents, OutboxMaxBytes: int64(t.OutboxMaxSize),
		Bus: t.Bus,
	}
	if t.AlertMetrics != AlertMetricsOff {
		c.Event = func(e *alert.Event) { t.copies.put(e) }
	}
	if t.InfluxDBOut == "metrics" {
		c.Point = t.emitPoint
	}
	for _, x := range t.Tasks {
		if x.Enabled == nil || *x.Enabled {
			c.Scripts.Tasks = append(c.Scripts.Tasks, engine.Script{Name: x.Name, Text: x.Script, File: x.File, Vars: x.Vars, DBRPs: x.dbrps})
		}
	}
	if t.Statistics != nil && !t.Unmeasured {
		c.Meter = &meter{collector: t.Statistics}
	}
	return c
}

// Broken returns what is wrong with scripts, which has been logged. The plugin must not be running.
func (t *Tick) Broken() []string {
	if t.engine == nil {
		return nil
	}
	return t.engine.Problems()
}

// check finds what is wrong with the configuration itself.
func (t *Tick) check() (err error) {
	if len(t.Scripts) == 0 && len(t.Tasks) == 0 {
		return errors.New("nothing to do: set scripts, or add a [[processors.tick.task]]")
	}
	dbrps, err := parseDBRPs(t.DBRP)
	if err != nil {
		return err
	}
	if len(dbrps) != 1 {
		return fmt.Errorf("dbrp: want one database and retention policy, got %q", t.DBRP)
	}
	t.dbrp = dbrps[0]
	t.convert = converter{db: t.dbrp.DB, rp: t.dbrp.RP, dbTag: t.DatabaseTag, rpTag: t.RetentionPolicyTag}
	switch {
	case t.AlertMeasurement == "":
		return errors.New("alert_measurement must not be empty")
	case t.InfluxDBOut != "bus" && t.InfluxDBOut != "metrics":
		return fmt.Errorf(`influxdb_out: want "bus" or "metrics", got %q`, t.InfluxDBOut)
	case t.QueueSize < 1:
		return fmt.Errorf("queue_size must be positive, got %d", t.QueueSize)
	case t.QueueFull != "block" && t.QueueFull != "drop":
		return fmt.Errorf(`queue_full: want "block" or "drop", got %q`, t.QueueFull)
	case t.MaxGroups < 0 || t.GroupExpiry < 0:
		return errors.New("max_groups and group_expiry must not be negative")
	case t.CheckpointInterval <= 0:
		return errors.New("checkpoint_interval must be positive")
	case t.OutboxMaxEvents < 1 || t.OutboxMaxSize < 1:
		return errors.New("outbox_max_events and outbox_max_size must be positive")
	case t.SideloadReloadInterval != 0 && t.SideloadReloadInterval < config.Duration(time.Second):
		return fmt.Errorf("sideload_reload_interval: want 0s or 1s and more, got %s", time.Duration(t.SideloadReloadInterval))
	}
	if err := (&filewatch.Files{Patterns: t.Scripts}).Check(); err != nil {
		return fmt.Errorf("scripts: %w", err)
	}
	names := map[string]bool{}
	for i, c := range t.Tasks {
		if err := c.check(); err != nil {
			return fmt.Errorf("task %d: %w", i+1, err)
		}
		if names[c.Name] {
			return fmt.Errorf("task %q is defined twice in the configuration", c.Name)
		}
		names[c.Name] = true
	}
	if t.endpoints, err = NewEndpoints(t.HTTPPost); err != nil {
		return err
	}
	deadman := t.DeadmanConfig()
	if err := deadman.Check(); err != nil {
		return fmt.Errorf("deadman: %w", err)
	}
	if err := t.Service.check(); err != nil {
		return err
	}
	return t.initClusters()
}

func (c *Task) check() (err error) {
	switch {
	case c.Name == "":
		return errors.New("name is missing")
	case c.Name == alert.OwnTask:
		return fmt.Errorf("the name %q is reserved", alert.OwnTask)
	case c.Script == "" && c.File == "":
		return fmt.Errorf("%q: script or file is missing", c.Name)
	case c.Script != "" && c.File != "":
		return fmt.Errorf("%q: script and file exclude each other", c.Name)
	}
	if c.DBRP != "" {
		if c.dbrps, err = parseDBRPs(c.DBRP); err != nil {
			return fmt.Errorf("%q: %w", c.Name, err)
		}
	}
	return nil
}

// parseDBRPs reads a list like db.rp, "other"."r.p".
func parseDBRPs(text string) ([]spec.DBRP, error) {
	var out []spec.DBRP
	rest := text
	for {
		var d spec.DBRP
		var ok1, ok2 bool
		d.DB, rest, ok1 = cutName(rest, '.')
		d.RP, rest, ok2 = cutName(rest, ',')
		if !ok1 || d.DB == "" || d.RP == "" {
			return nil, fmt.Errorf(`dbrp: want database.retention_policy, got %q; names with dots or commas go in double quotes`, text)
		}
		out = append(out, d)
		if !ok2 {
			return out, nil
		}
	}
}

// cutName cuts a name, which may be in double quotes, off text up to sep.
func cutName(text string, sep byte) (name, rest string, found bool) {
	text = strings.TrimSpace(text)
	if quoted, ok := strings.CutPrefix(text, `"`); ok {
		if name, rest, ok = strings.Cut(quoted, `"`); !ok {
			return "", "", false
		}
		rest = strings.TrimSpace(rest)
		if rest == "" {
			return name, "", false
		}
		if rest[0] != sep {
			return "", "", false
		}
		return name, rest[1:], true
	}
	name, rest, found = strings.Cut(text, string(sep))
	return strings.TrimSpace(name), rest, found
}

// Start starts the tasks, and watches the scripts.
func (t *Tick) Start(acc telegraf.Accumulator) error {
	if t.passive {
		t.Log.Debug("Not evaluating behind the aggregators; evaluate_after_aggregators = true does")
		return nil
	}
	t.emit = func(m telegraf.Metric) { acc.AddMetric(m) }
	if t.AlertMetrics != AlertMetricsOff {
		t.copies = t.startCopies()
	}
	if err := t.engine.Open(); err != nil {
		t.stopCopies()
		return err
	}
	if t.Address != "" && !t.isSecond() {
		var err error
		if t.service, err = t.open(api.New(t.engine, buildVersion()), func(err error) { t.Log.Errorf("HTTP API: %v", err) }); err != nil {
			t.engine.Stop()
			t.stopCopies()
			return err
		}
		t.Log.Infof("Serving the HTTP API at %s", t.Address)
	}
	t.engine.Run()
	t.running = true
	return nil
}

// Add copies m for the tasks that want it and passes it on.
func (t *Tick) Add(m telegraf.Metric, acc telegraf.Accumulator) error {
	if t.running {
		if r := t.engine.Route(m.Name()); r != nil {
			t.take(m, r)
		}
		if t.DropOriginal {
			m.Drop()
			return nil
		}
	}
	acc.AddMetric(m)
	return nil
}

// take makes a point of m if a task wants it.
func (t *Tick) take(m telegraf.Metric, r *engine.Route) {
	db, rp := t.convert.dbrp(m)
	if r.Wants(db, rp) {
		t.engine.Fill(r, func(p *point.Point) bool { return t.convert.point(m, r, db, rp, p) })
	}
}

// Stop ends the tasks after they have dealt with all metrics.
func (t *Tick) Stop() {
	if !t.running {
		return
	}
	t.running = false
	if t.service != nil {
		t.service.close()
		t.service = nil
	}
	t.engine.Stop()
	t.stopCopies()
	if t.Statistics != nil {
		t.Statistics.UnregisterAll()
	}
}

func (t *Tick) stopCopies() {
	if t.copies != nil {
		t.copies.stop()
		t.copies = nil
	}
}

func init() {
	processors.AddStreaming("tick", func() telegraf.StreamingProcessor { return newTick() })
}
