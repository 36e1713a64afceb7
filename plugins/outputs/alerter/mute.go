package alerter

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/filewatch"
)

// This file decides which events are muted, and when that is over. What becomes of them, hold.go says.

// A mute is one that is in force.
type mute struct {
	alert.Mute
	schedule *alert.Schedule
	match    *matcher
	on       bool // at the last look
	unnamed  bool // its ID is made up
}

func newMute(m alert.Mute) (*mute, error) {
	s, err := m.Schedule()
	if err != nil {
		return nil, err
	}
	match, err := newMatcher("match", m.Match)
	if err != nil {
		return nil, err
	}
	return &mute{Mute: m, schedule: s, match: match}, nil
}

func (m *mute) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "mute %s", m.ID)
	if m.By != "" {
		fmt.Fprintf(&b, " by %s", m.By)
	}
	what := "all alerts"
	if m.Match != "" {
		what = strings.Join(strings.Fields(m.Match), " ")
	}
	fmt.Fprintf(&b, " of %s", what)
	if m.Comment != "" {
		fmt.Fprintf(&b, " (%s)", m.Comment)
	}
	return b.String()
}

// A muteSection is one of the configuration.
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

// readMutes reads the sections mute.
func (a *Alerter) readMutes(n node) error {
	tables, err := n.tables()
	if err != nil {
		return err
	}
	for i, t := range tables {
		var s muteSection
		if err := read(t, &s); err != nil {
			return err
		}
		m := alert.Mute{
			ID: s.ID, Match: s.Match, Days: strings.Join(s.Days, ","), From: s.From, To: s.To, TimeZone: s.TimeZone, Comment: s.Comment,
		}
		if m.ID == "" {
			m.ID = fmt.Sprintf("config-%d", i+1)
		}
		zone, err := time.LoadLocation(m.TimeZone)
		if m.TimeZone == "" || err != nil { // an error is found below
			zone = time.Local
		}
		for name, text := range map[string]string{"start": s.Start, "end": s.End} {
			if text == "" {
				continue
			}
			at, err := alert.ParseTime(text, zone)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if name == "start" {
				m.Start = at
			} else {
				m.End = at
			}
		}
		x, err := newMute(m)
		if err != nil {
			return err
		}
		for _, other := range a.fixed {
			if other.ID == m.ID {
				return fmt.Errorf("id %q stands there twice", m.ID)
			}
		}
		if reflect.DeepEqual(s, muteSection{ID: s.ID, Comment: s.Comment}) {
			return errors.New("want match, start, end, days, from or to: this would mute all alerts for ever")
		}
		x.unnamed = s.ID == ""
		a.fixed = append(a.fixed, x)
	}
	return nil
}

// Mutes returns the mutes of the configuration.
func (a *Alerter) Mutes() []alert.Mute {
	list := make([]alert.Mute, 0, len(a.fixed))
	for _, m := range a.fixed {
		list = append(list, m.Mute)
	}
	return list
}

// muted reports whether a mute covers e now. An expression that does not fit e, for example for want
// of a tag, does not cover it.
func (a *Alerter) muted(e *alert.Event, now time.Time) bool {
	for _, m := range a.mutes {
		if m.schedule.Active(now) {
			if ok, err := m.match.matches(e); ok && err == nil {
				return true
			}
		}
	}
	return false
}

// startMutes brings the mutes into force and begins to follow them; dir is where those of the run
// time are, if anywhere.
func (a *Alerter) startMutes(dir string) {
	w := &filewatch.Watcher{Pace: filewatch.DefaultPace, What: "the mutes", Warnf: a.Log.Warnf, Look: func(bool) time.Duration { return a.followMutes() }}
	if dir != "" {
		a.muteFile = OpenMutes(dir)
		_ = a.muteFile.make() // without it there is nothing to read
		w.Folders = func() []string {
			if _, err := os.Stat(a.muteFile.dir); err != nil {
				return nil
			}
			return []string{a.muteFile.dir}
		}
		w.Start()
	} else if len(a.fixed) == 0 {
		return
	}
	after := a.followMutes()
	stop := a.stop
	a.background.Go(func() { w.Run(stop, after) })
}

// followMutes takes up what has changed: mutes that came or went, began or ended. It returns when to
// look again, 0 if it does not matter.
func (a *Alerter) followMutes() time.Duration {
	var file []alert.Mute
	var err error
	if a.muteFile != nil {
		if file, err = a.muteFile.List(); err != nil {
			a.limit.log(a.Log.Errorf, "mutes", fmt.Errorf("%w; the mutes stay as they are", err))
		}
	}
	a.routing.Lock()
	defer a.routing.Unlock()
	now := time.Now()
	old := map[string]*mute{}
	for _, m := range a.mutes {
		old[m.ID] = m
	}
	list := append([]*mute(nil), a.fixed...)
	if err != nil {
		list = a.mutes
	}
	for _, m := range file {
		x := old[m.ID]
		if x == nil || !reflect.DeepEqual(x.Mute, m) {
			was := x != nil && x.on
			if x, err = newMute(m); err != nil {
				a.limit.log(a.Log.Errorf, "mute "+m.ID, fmt.Errorf("%s: mute %s: %w", filepath.Join(a.muteFile.dir, muteName), m.ID, err))
				continue
			}
			x.on = was
		}
		list = append(list, x)
	}
	kept := map[string]bool{}
	over := false
	on := 0
	var next time.Time
	for _, m := range list {
		kept[m.ID] = true
		is := m.schedule.Active(now)
		at := m.schedule.Next(now)
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
		switch {
		case is && !m.on && at.IsZero():
			a.Log.Infof("Muted by %s", m)
		case is && !m.on:
			a.Log.Infof("Muted until %s or later by %s", at.Format(time.RFC3339), m)
		case !is && m.on:
			a.Log.Infof("No longer muted by %s", m)
			over = true
		}
		m.on = is
		if is {
			on++
		}
	}
	for _, m := range a.mutes {
		if m.on && !kept[m.ID] {
			a.Log.Infof("No longer muted by %s", m)
			over = true
		}
	}
	a.mutes = list
	a.stats.mutes(on)
	if over || a.unsettled {
		a.unsettled = false
		due, idle := a.dispatch.release(func(e *alert.Event) bool { return a.muted(e, now) })
		if due+idle > 0 {
			a.Log.Infof("Delivering %d alerts that were muted and are still on; of %d others the receivers know", due, idle)
		}
	}
	if next.IsZero() {
		return 0
	}
	return next.Sub(now)
}
