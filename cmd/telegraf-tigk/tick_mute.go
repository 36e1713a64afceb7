package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/influxdata/telegraf/config"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/delivery"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

var muteAlerts = &tickCommand{
	name:  "mute",
	usage: "hold alerts back for a time: add, list and remove mutes",
	args:  "add | list | remove ID…",
	examples: `  telegraf-tigk tick mute add -for 2h -comment 'deploy of 1.4'
  telegraf-tigk tick mute add -for 30m -match '"host" == "web1" AND level() < CRITICAL'
  telegraf-tigk tick mute add -start '2026-01-31 22:00' -end '2026-02-01 06:00'
  telegraf-tigk tick mute add -days sat,sun -from 01:00 -to 03:30 -time-zone Europe/Berlin
  telegraf-tigk tick mute list
  telegraf-tigk tick mute remove 1f0c88aa

The mutes stand in the state_directory of [[outputs.alerter]], which a running agent follows. A recovery
of an alert that was delivered before is delivered all the same; alerts that are still on when the mute
ends are delivered then.
`,
	run: func(c *tickContext) error {
		m := muteCommand{c: c}
		m.add(c.flags)
		args, err := c.parse()
		if err != nil {
			return err
		}
		if len(args) == 0 {
			return usageErrorf("want add, list or remove")
		}
		run, ok := map[string]func([]string) error{"add": m.create, "list": m.list, "remove": m.remove}[args[0]]
		if !ok {
			return usageErrorf("want add, list or remove, got %s%s", args[0], syntax.DidYouMean(args[0], "", []string{"add", "list", "remove"}))
		}
		if err := m.only(args[0]); err != nil {
			return err
		}
		return run(args[1:])
	},
}

// A muteCommand is one call.
type muteCommand struct {
	c          *tickContext
	configs    []string
	state      string
	mute       alert.Mute
	start, end string
	length     time.Duration
	all, json  bool
}

func (m *muteCommand) add(flags *flag.FlagSet) {
	flags.Func("config", "configuration `file` of the agent; may be repeated (default the agent's own default)", func(s string) error {
		m.configs = append(m.configs, s)
		return nil
	})
	flags.StringVar(&m.state, "state-directory", "", "state_directory of the output, instead of a configuration (`folder`)")
	flags.StringVar(&m.mute.ID, "id", "", "add: `name` of the mute; one is made up by default")
	flags.StringVar(&m.mute.Match, "match", "", "add: `expression` for the events, all by default")
	flags.Func("for", "add: end after this `time`, 2h or 3d", func(s string) error {
		var d config.Duration
		err := d.UnmarshalText([]byte(s))
		if m.length = time.Duration(d); err != nil || d <= 0 {
			return errors.New("want a time like 2h")
		}
		return nil
	})
	flags.StringVar(&m.start, "start", "", "add: begin then (`time`, '2026-01-31 22:00'), not now")
	flags.StringVar(&m.end, "end", "", "add: end then (`time`)")
	flags.StringVar(&m.mute.Days, "days", "", "add: only on these `days`, mon-fri,sun")
	flags.StringVar(&m.mute.From, "from", "", "add: each day from then (`time`, 22:00)")
	flags.StringVar(&m.mute.To, "to", "", "add: to then (`time`, 06:00)")
	flags.StringVar(&m.mute.TimeZone, "time-zone", "", "add: `zone` of all times, Europe/Berlin; the host's by default")
	flags.StringVar(&m.mute.Comment, "comment", "", "add: `reason`")
	flags.StringVar(&m.mute.By, "by", login(), "add, remove: `name` of who does it")
	flags.BoolVar(&m.all, "all", false, "list: also mutes that are over")
	flags.BoolVar(&m.json, "json", false, "list: as JSON")
}

// only rejects flags that belong to another verb.
func (m *muteCommand) only(verb string) (err error) {
	m.c.flags.Visit(func(f *flag.Flag) {
		if verbs, _, ok := strings.Cut(f.Usage, ": "); ok && !slices.Contains(strings.Split(verbs, ", "), verb) {
			err = usageErrorf("-%s is not for %s", f.Name, verb)
		}
	})
	return err
}

func login() string {
	for _, name := range []string{"SUDO_USER", "USER", "USERNAME"} {
		if s := os.Getenv(name); s != "" {
			return s
		}
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

// stores finds the file of mutes that can be changed, nil if there is none, and the mutes of the configuration.
func (m *muteCommand) stores() (file *delivery.MuteFile, fixed []alert.Mute, err error) {
	if m.state != "" {
		if len(m.configs) > 0 {
			return nil, nil, usageErrorf("-config and -state-directory exclude each other")
		}
		return delivery.OpenMutes(m.state), nil, nil
	}
	conf, err := loadOnly(&options{configs: m.configs, quiet: true, filters: filters{input: []string{"none"}, output: []string{"alerter"}}})
	if err != nil {
		return nil, nil, err
	}
	a := alerterOf(conf)
	if a == nil {
		return nil, nil, errors.New("the configuration has no [[outputs.alerter]]")
	}
	if a.StateDirectory != "" {
		file = delivery.OpenMutes(a.StateDirectory)
	}
	return file, a.Mutes(), nil
}

// writable returns the file of mutes that can be changed.
func (m *muteCommand) writable() (*delivery.MuteFile, error) {
	file, _, err := m.stores()
	if err == nil && file == nil {
		err = errors.New("[[outputs.alerter]] has no state_directory, so mutes can only stand in the configuration")
	}
	return file, err
}

func (m *muteCommand) create(args []string) error {
	if len(args) > 0 {
		return usageErrorf("what is %s? want flags only", args[0])
	}
	zone := time.Local
	if m.mute.TimeZone != "" {
		var err error
		if zone, err = time.LoadLocation(m.mute.TimeZone); err != nil {
			return usageErrorf("-time-zone: unknown time zone %q; want one like Europe/Berlin", m.mute.TimeZone)
		}
	}
	now := time.Now().Truncate(time.Second)
	m.mute.Created, m.mute.Start = now, now
	var err error
	if m.start != "" {
		if m.mute.Start, err = alert.ParseTime(m.start, zone); err != nil {
			return usageErrorf("-start: %v", err)
		}
	}
	if m.end != "" {
		if m.mute.End, err = alert.ParseTime(m.end, zone); err != nil {
			return usageErrorf("-end: %v", err)
		}
	}
	switch {
	case m.length > 0 && m.end != "":
		return usageErrorf("-for and -end exclude each other")
	case m.length > 0:
		m.mute.End = m.mute.Start.Add(m.length)
	case m.end == "" && m.mute.Days == "" && m.mute.From == "" && m.mute.To == "":
		return usageErrorf("want -for or -end, or a time that comes again: -days, -from, -to")
	}
	if !m.mute.End.IsZero() && !m.mute.End.After(now) {
		return usageErrorf("the mute would be over already, at %s", m.mute.End.Format(time.RFC3339))
	}
	file, err := m.writable()
	if err != nil {
		return err
	}
	id, err := file.Add(m.mute)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(m.c.stdout, id)
	return err
}

func (m *muteCommand) remove(ids []string) error {
	if len(ids) == 0 {
		return usageErrorf("want the IDs of mutes; list shows them")
	}
	file, err := m.writable()
	if err != nil {
		return err
	}
	return file.Remove(ids, m.mute.By, time.Now().Truncate(time.Second))
}

// A muteLine is one mute as list shows it.
type muteLine struct {
	alert.Mute
	State  string `json:"state"`
	Config bool   `json:"config,omitempty"` // of the configuration
}

func (m *muteCommand) list(args []string) error {
	if len(args) > 0 {
		return usageErrorf("what is %s? want flags only", args[0])
	}
	file, fixed, err := m.stores()
	if err != nil {
		return err
	}
	lines := []muteLine{}
	add := func(x alert.Mute, fixed bool) {
		l := muteLine{Mute: x, State: state(&x, time.Now()), Config: fixed}
		if m.all || l.State == "active" || l.State == "scheduled" {
			lines = append(lines, l)
		}
	}
	for _, x := range fixed {
		add(x, true)
	}
	if file != nil {
		list, err := file.List()
		if err != nil {
			return err
		}
		for _, x := range list {
			add(x, false)
		}
	}
	if m.json {
		enc := json.NewEncoder(m.c.stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(lines)
	}
	w := tabwriter.NewWriter(m.c.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tState\tWhen\tMatch\tBy\tComment")
	for _, l := range lines {
		by := l.By
		if l.Config {
			by = "(configuration)"
		}
		match := strings.Join(strings.Fields(l.Match), " ")
		if match == "" {
			match = "all"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", l.ID, l.State, times(&l.Mute), match, by, strings.Join(strings.Fields(l.Comment), " "))
	}
	return w.Flush()
}

func state(m *alert.Mute, now time.Time) string {
	s, err := m.Schedule()
	switch {
	case err != nil:
		return "broken"
	case s.Active(now):
		return "active"
	case !m.Removed.IsZero() && s.Over(now):
		return "removed"
	case s.Over(now):
		return "ended"
	}
	return "scheduled"
}

// times says when a mute is on.
func times(m *alert.Mute) string {
	var parts []string
	if m.Days != "" {
		parts = append(parts, m.Days)
	}
	if m.From != "" || m.To != "" {
		from, to := m.From, m.To
		if from == "" {
			from = "00:00"
		}
		if to == "" {
			to = "24:00"
		}
		parts = append(parts, from+" to "+to)
	}
	if m.TimeZone != "" && len(parts) > 0 {
		parts = append(parts, m.TimeZone)
	}
	recurring := len(parts) > 0
	if !m.Start.IsZero() && (!recurring || m.Start.After(m.Created)) {
		parts = append(parts, "from "+clock(m.Start))
	}
	end := m.End
	if !m.Removed.IsZero() {
		end = m.Removed
	}
	if !end.IsZero() {
		parts = append(parts, "until "+clock(end))
	}
	return strings.Join(parts, " ")
}

// clock returns a time of the host's zone, without seconds that are zero.
func clock(t time.Time) string {
	return strings.TrimSuffix(t.Local().Format("2006-01-02 15:04:05"), ":00")
}
