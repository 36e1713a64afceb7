package alerter

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/plugins/outputs"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/delivery"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// This file reads the plugin's TOML. The sections of handlers are not fields of [Alerter]: which
// there are, the registry of handlers says.

// A part of the TOML document is what is decoded once it is known what it should be.
type part struct{ decode func(any) error }

// UnmarshalTOML keeps the decoder.
func (n *part) UnmarshalTOML(decode func(any) error) error {
	n.decode = decode
	return nil
}

// table returns the keys of a table, or of each table of an array.
func (n part) tables() ([]map[string]part, error) {
	var one map[string]part
	if err := n.decode(&one); err == nil {
		return []map[string]part{one}, nil
	}
	var many []map[string]part
	return many, n.decode(&many)
}

// general are the options that Telegraf itself reads from the section of an output.
var general = []string{
	"alias", "buffer_directory", "buffer_disk_sync", "buffer_strategy", "fielddrop", "fieldexclude", "fieldinclude",
	"fieldpass", "flush_interval", "flush_jitter", "labels", "log_level", "metric_batch_size", "metric_buffer_limit",
	"metricpass", "name_override", "name_prefix", "name_suffix", "namedrop", "namedrop_separator", "namepass",
	"namepass_separator", "startup_error_behavior", "tagdrop", "tagexclude", "taginclude", "tagpass",
}

// UnmarshalTOML reads the plugin's own options and the sections of handlers.
func (a *Alerter) UnmarshalTOML(decode func(any) error) error {
	var keys map[string]part
	if err := decode(&keys); err != nil {
		return err
	}
	own := optionsOf(reflect.ValueOf(a))
	sections := map[string]*handler.Kind{}
	for _, k := range handler.Kinds() {
		sections[k.Section] = k
	}
	a.configs, a.off, a.set = map[*handler.Kind][]any{}, map[*handler.Kind]bool{}, map[string]*Alerter{}
	for _, key := range sorted(keys) {
		where := "outputs.alerter." + key
		n := keys[key]
		var err error
		switch {
		case own[key].IsValid():
			a.set[key] = a
			err = assign(own[key], n)
		case sections[key] != nil:
			a.set[key] = a
			err = a.readHandler(where, sections[key], n)
		case key == "handler":
			err = a.readTopicHandlers(n)
		case key == "mute":
			err = a.readMutes(n)
		case key == "heartbeat":
			a.set[key] = a
			err = a.readHeartbeat(n)
		case key == "influxdb" || key == "influxdb_v2":
			err = a.readInflux(where, key, n)
		case slices.Contains(general, key):
		default:
			known := append(sorted(own), append(sorted(sections), "handler", "heartbeat", "mute", "influxdb", "influxdb_v2")...)
			return fmt.Errorf("outputs.alerter: unknown option %q%s", key, syntax.DidYouMean(key, "", append(known, general...)))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
	}
	return nil
}

func (a *Alerter) readHandler(where string, k *handler.Kind, n part) error {
	tables, err := n.tables()
	if err != nil {
		return err
	}
	if len(tables) > 1 && !k.Many {
		return fmt.Errorf("want one section [%s]", where)
	}
	for _, t := range tables {
		c := k.Config()
		if err := read(t, c); err != nil {
			return err
		}
		if delivery.Off(c) {
			a.off[k] = true
			continue
		}
		a.configs[k] = append(a.configs[k], c)
	}
	return nil
}

func (a *Alerter) readHeartbeat(n part) error {
	var table map[string]part
	if err := n.decode(&table); err != nil {
		return err
	}
	a.heartbeat = &handler.HeartbeatConfig{Interval: time.Minute, Timeout: 10 * time.Second}
	return read(table, a.heartbeat)
}

// readTopicHandlers reads the sections handler.
func (a *Alerter) readTopicHandlers(n part) error {
	tables, err := n.tables()
	if err != nil {
		return err
	}
	for i, t := range tables {
		given, ok := t["options"]
		delete(t, "options")
		h := &delivery.TopicHandler{Place: fmt.Sprintf("section %d of [[outputs.alerter.handler]]", i+1)}
		if err := read(t, h); err != nil {
			return err
		}
		options, err := h.Open()
		if err != nil {
			return err
		}
		if ok {
			if err := readOptions(given, options); err != nil {
				return fmt.Errorf("options: %w", err)
			}
		}
		a.topics = append(a.topics, h)
	}
	return nil
}

// readOptions decodes the options of a handler.
func readOptions(n part, options spec.Declarer) error {
	var table map[string]part
	if err := n.decode(&table); err != nil {
		return err
	}
	names := delivery.OptionsOf(options)
	for _, key := range sorted(table) {
		f, err := names.Find(key)
		if err != nil {
			return err
		}
		if !f.CanSet() {
			continue
		}
		if err := assign(f, table[key]); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

// A muteSection is a mute of the configuration.
type muteSection struct {
	ID       string   `toml:"id"`
	Match    string   `toml:"match"`
	Start    string   `toml:"start"`
	End      string   `toml:"end"`
	Days     []string `toml:"days"`
	From     string   `toml:"from"`
	To       string   `toml:"to"`
	TimeZone string   `toml:"time_zone"`
	Comment  string   `toml:"comment"`
}

// A muteSetting is what such a section means.
type muteSetting struct {
	alert.Mute
	unnamed bool // its ID is made up
}

// readMutes reads the sections mute.
func (a *Alerter) readMutes(n part) error {
	tables, err := n.tables()
	if err != nil {
		return err
	}
	for _, t := range tables {
		var s muteSection
		if err := read(t, &s); err != nil {
			return err
		}
		m, err := s.mute()
		if err != nil {
			return err
		}
		a.mutes = append(a.mutes, muteSetting{m, s.ID == ""})
	}
	return a.nameMutes()
}

func (s *muteSection) mute() (alert.Mute, error) {
	m := alert.Mute{
		ID: s.ID, Match: s.Match, Days: strings.Join(s.Days, ","), From: s.From, To: s.To, TimeZone: s.TimeZone, Comment: s.Comment,
	}
	if reflect.DeepEqual(*s, muteSection{ID: s.ID, Comment: s.Comment}) {
		return m, errors.New("want match, start, end, days, from or to: this would mute all alerts for ever")
	}
	zone, err := time.LoadLocation(m.TimeZone)
	if m.TimeZone == "" || err != nil { // an error is found below
		zone = time.Local
	}
	for _, x := range []struct {
		name, text string
		at         *time.Time
	}{{"start", s.Start, &m.Start}, {"end", s.End, &m.End}} {
		if x.text == "" {
			continue
		}
		if *x.at, err = alert.ParseTime(x.text, zone); err != nil {
			return m, fmt.Errorf("%s: %w", x.name, err)
		}
	}
	return m, delivery.CheckMute(m)
}

// nameMutes gives those mutes an ID that have none.
func (a *Alerter) nameMutes() error {
	for i := range a.mutes {
		m := &a.mutes[i]
		if m.unnamed {
			m.ID = fmt.Sprintf("config-%d", i+1)
		}
		for _, other := range a.mutes[:i] {
			if other.ID == m.ID {
				return fmt.Errorf("id %q stands there twice", m.ID)
			}
		}
	}
	return nil
}

// Mutes returns the mutes of the configuration.
func (a *Alerter) Mutes() []alert.Mute {
	list := make([]alert.Mute, 0, len(a.mutes))
	for _, m := range a.mutes {
		list = append(list, m.Mute)
	}
	return list
}

func (a *Alerter) readInflux(where, plugin string, n part) error {
	tables, err := n.tables()
	if err != nil {
		return err
	}
	for _, t := range tables {
		s := newInfluxSection(where, plugin, outputs.Outputs[plugin]())
		if err := read(t, s, s.out); err != nil {
			return err
		}
		a.influx = append(a.influx, s)
	}
	return nil
}

// read decodes a table into the structs at targets, each of which has some of the options.
func read(table map[string]part, targets ...any) error {
	options := map[string]reflect.Value{}
	for _, t := range targets {
		for k, v := range optionsOf(reflect.ValueOf(t)) {
			if _, ok := options[k]; !ok && !slices.Contains(reserved, k) {
				options[k] = v
			}
		}
	}
	for _, key := range sorted(table) {
		f, ok := options[key]
		if !ok {
			return fmt.Errorf("unknown option %q%s", key, syntax.DidYouMean(key, "", sorted(options)))
		}
		if err := assign(f, table[key]); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

// reserved are options of Telegraf's InfluxDB outputs that this plugin sets.
var reserved = []string{
	"database_tag", "exclude_database_tag", "retention_policy_tag", "exclude_retention_policy_tag", "bucket_tag", "exclude_bucket_tag",
}

// optionsOf returns the fields of the struct at p that have a toml tag, those of embedded structs included.
func optionsOf(p reflect.Value) map[string]reflect.Value {
	options := map[string]reflect.Value{}
	v := p.Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := f.Tag.Get("toml")
		switch {
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			for k, e := range optionsOf(v.Field(i).Addr()) {
				options[k] = e
			}
		case f.IsExported() && name != "" && name != "-":
			options[name] = v.Field(i)
		}
	}
	return options
}

// assign decodes n into an option. What handlers declare in types of their own is read by way of
// Telegraf's: its secrets come from secret stores, its durations know days.
func assign(option reflect.Value, n part) error {
	switch p := option.Addr().Interface().(type) {
	case *handler.Secret:
		s, err := secret(n)
		*p = s
		return err
	case *map[string]handler.Secret:
		var table map[string]part
		if err := n.decode(&table); err != nil {
			return err
		}
		*p = map[string]handler.Secret{}
		for k, v := range table {
			s, err := secret(v)
			if err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
			(*p)[k] = s
		}
		return nil
	case *time.Duration:
		var d config.Duration
		err := n.decode(&d)
		*p = time.Duration(d)
		return err
	}
	return n.decode(option.Addr().Interface())
}

func secret(n part) (handler.Secret, error) {
	s := new(config.Secret)
	if err := n.decode(s); err != nil || s.Empty() {
		return handler.Secret{}, err
	}
	return handler.NewSecret(func() (string, error) {
		b, err := s.Get()
		if err != nil {
			return "", err
		}
		defer b.Destroy()
		return b.String(), nil
	}), nil
}

func sorted[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
