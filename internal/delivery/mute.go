package delivery

import (
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

// CheckMute returns an error if there is something wrong with a mute.
func CheckMute(m alert.Mute) error {
	_, err := newMute(m)
	return err
}

// muted reports whether a mute covers e now. An expression that does not fit e, for example for want
// of a tag, does not cover it.
func (d *Dispatcher) muted(e *alert.Event, now time.Time) bool {
	for _, m := range d.mutes {
		if m.schedule.Active(now) {
			if ok, err := m.match.matches(e); ok && err == nil {
				return true
			}
		}
	}
	return false
}

// startMutes brings the mutes into force and begins to follow them.
func (d *Dispatcher) startMutes() {
	f := d.c.MuteFile
	after := d.followMutes()
	if f == nil && len(d.fixed) == 0 {
		return
	}
	w := &filewatch.Watcher{Pace: d.c.Pace, What: "the mutes", Warnf: d.log.Warnf, Look: func(bool) time.Duration { return d.followMutes() }}
	if f != nil && f.dir != "" {
		_ = f.make() // without it there is nothing to read
		w.Folders = func() []string {
			if _, err := os.Stat(f.dir); err != nil {
				return nil
			}
			return []string{f.dir}
		}
		w.Start()
		after = d.followMutes()
	}
	stop := d.stop
	d.background.Go(func() { w.Run(stop, after) })
}

// followMutes takes up what has changed: mutes that came or went, began or ended. It returns when to
// look again, 0 if it does not matter.
func (d *Dispatcher) followMutes() time.Duration {
	var file []alert.Mute
	var err error
	if d.c.MuteFile != nil {
		if file, err = d.c.MuteFile.List(); err != nil {
			d.causes.Log(d.log.Errorf, "mutes", fmt.Errorf("%w; the mutes stay as they are", err))
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	old := map[string]*mute{}
	for _, m := range d.mutes {
		old[m.ID] = m
	}
	list := append([]*mute(nil), d.fixed...)
	if err != nil {
		list = d.mutes
	}
	for _, m := range file {
		x := old[m.ID]
		if x == nil || !reflect.DeepEqual(x.Mute, m) {
			was := x != nil && x.on
			if x, err = newMute(m); err != nil {
				d.causes.Log(d.log.Errorf, "mute "+m.ID, fmt.Errorf("%s: mute %s: %w", filepath.Join(d.c.MuteFile.dir, muteName), m.ID, err))
				continue
			}
			x.on = was
		}
		list = append(list, x)
	}
	kept := map[string]bool{}
	over := false
	on := int64(0)
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
			d.log.Infof("Muted by %s", m)
		case is && !m.on:
			d.log.Infof("Muted until %s or later by %s", at.Format(time.RFC3339), m)
		case !is && m.on:
			d.log.Infof("No longer muted by %s", m)
			over = true
		}
		m.on = is
		if is {
			on++
		}
	}
	for _, m := range d.mutes {
		if m.on && !kept[m.ID] {
			d.log.Infof("No longer muted by %s", m)
			over = true
		}
	}
	d.mutes = list
	d.stats.mutes.Set(on)
	if over || d.pending {
		d.pending = false
		due, known := d.release(func(e *alert.Event) bool { return d.muted(e, now) })
		if due+known > 0 {
			d.log.Infof("Delivering %d alerts that were muted and are still on; of %d others the receivers know", due, known)
		}
	}
	if next.IsZero() {
		return 0
	}
	return next.Sub(now)
}
