package alert

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Mute is a time in which alerts are held back. Without Days, From and To that is from Start to End;
// with any of them it is so on these days, from From to To, as long as Start and End allow. A time that
// is zero is open.
type Mute struct {
	ID       string    `json:"id"`
	Match    string    `json:"match,omitempty"` // which events; all if empty
	Start    time.Time `json:"start,omitzero"`
	End      time.Time `json:"end,omitzero"`
	Days     string    `json:"days,omitempty"`      // "mon-fri,sun"; all if empty
	From     string    `json:"from,omitempty"`      // "22:00", 00:00 if empty
	To       string    `json:"to,omitempty"`        // 24:00 if empty; if it is not after From, of the next day
	TimeZone string    `json:"time_zone,omitempty"` // "Europe/Berlin"; the host's if empty
	By       string    `json:"by,omitempty"`
	Comment  string    `json:"comment,omitempty"`
	Created  time.Time `json:"created,omitzero"`

	Removed   time.Time `json:"removed,omitzero"` // before its end
	RemovedBy string    `json:"removed_by,omitempty"`
}

// A Schedule says when a mute is on.
type Schedule struct {
	start, end time.Time
	recurring  bool
	days       [7]bool
	from, to   int // minutes; to is after from, and may be of the next day
	zone       *time.Location
}

const dayMinutes = 24 * 60

// Schedule checks and reads the times of m.
func (m *Mute) Schedule() (*Schedule, error) {
	s := &Schedule{start: m.Start, end: m.End, zone: time.Local, to: dayMinutes}
	if !m.Removed.IsZero() && (s.end.IsZero() || m.Removed.Before(s.end)) {
		s.end = m.Removed
	} else if !s.start.IsZero() && !s.end.IsZero() && !s.start.Before(s.end) {
		return nil, fmt.Errorf("the end, %s, is not after the start, %s", s.end.Format(time.RFC3339), s.start.Format(time.RFC3339))
	}
	s.recurring = m.Days != "" || m.From != "" || m.To != ""
	var err error
	if m.TimeZone != "" {
		if s.zone, err = time.LoadLocation(m.TimeZone); err != nil {
			return nil, fmt.Errorf("time_zone: unknown time zone %q; want one like Europe/Berlin", m.TimeZone)
		}
	}
	if s.days, err = parseDays(m.Days); err != nil {
		return nil, fmt.Errorf("days: %w", err)
	}
	if m.From != "" {
		if s.from, err = parseClock(m.From); err != nil {
			return nil, fmt.Errorf("from: %w", err)
		}
	}
	if m.To != "" {
		if s.to, err = parseClock(m.To); err != nil {
			return nil, fmt.Errorf("to: %w", err)
		}
	}
	if s.from == dayMinutes {
		return nil, errors.New("from: want a time before 24:00")
	}
	if s.to <= s.from {
		s.to += dayMinutes
	}
	return s, nil
}

var dayNames = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func parseDays(text string) (days [7]bool, err error) {
	if strings.TrimSpace(text) == "" {
		return [7]bool{true, true, true, true, true, true, true}, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		a, err := parseDay(first)
		if err != nil {
			return days, err
		}
		b := a
		if isRange {
			if b, err = parseDay(last); err != nil {
				return days, err
			}
		}
		for ; ; a = (a + 1) % 7 {
			days[a] = true
			if a == b {
				break
			}
		}
	}
	return days, nil
}

func parseDay(text string) (int, error) {
	name := strings.ToLower(strings.TrimSpace(text))
	for i, short := range dayNames {
		if name == short || name == strings.ToLower(time.Weekday(i).String()) {
			return i, nil
		}
	}
	return 0, fmt.Errorf("want days like mon-fri,sun, got %q", text)
}

// parseClock returns a time of day in minutes.
func parseClock(text string) (int, error) {
	if text == "24:00" {
		return dayMinutes, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, fmt.Errorf("want a time of day like 22:00, got %q", text)
	}
	return t.Hour()*60 + t.Minute(), nil
}

// within reports whether t is neither before the start nor at or after the end.
func (s *Schedule) within(t time.Time) bool {
	return !t.Before(s.start) && (s.end.IsZero() || t.Before(s.end))
}

// window returns the recurring time that begins so many days after that of t.
func (s *Schedule) window(t time.Time, days int) (begin, end time.Time, on bool) {
	y, m, d := t.In(s.zone).Date()
	begin = time.Date(y, m, d+days, 0, s.from, 0, 0, s.zone)
	end = time.Date(y, m, d+days, 0, s.to, 0, 0, s.zone)
	return begin, end, s.days[time.Date(y, m, d+days, 12, 0, 0, 0, s.zone).Weekday()]
}

// Active reports whether the mute is on at t.
func (s *Schedule) Active(t time.Time) bool {
	if !s.within(t) {
		return false
	}
	if !s.recurring {
		return true
	}
	for day := -1; day <= 0; day++ {
		if begin, end, on := s.window(t, day); on && !t.Before(begin) && t.Before(end) {
			return true
		}
	}
	return false
}

// Next returns when, after t, the mute may begin or end next; zero if never.
func (s *Schedule) Next(t time.Time) (next time.Time) {
	sooner := func(x time.Time) {
		if x.After(t) && (next.IsZero() || x.Before(next)) {
			next = x
		}
	}
	if s.Over(t) {
		return next
	}
	sooner(s.start)
	sooner(s.end)
	if s.recurring {
		at := t
		if at.Before(s.start) {
			at = s.start
		}
		for day := -1; day <= 7; day++ {
			if begin, end, on := s.window(at, day); on {
				sooner(begin)
				sooner(end)
			}
		}
	}
	return next
}

// Over reports whether the mute is not on any more at t, nor later.
func (s *Schedule) Over(t time.Time) bool { return !s.end.IsZero() && !t.Before(s.end) }

// ParseTime reads a time as people write it; without an offset it is one in zone.
func ParseTime(text string, zone *time.Location) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("want a time like 2026-01-31 22:00 or 2026-01-31T22:00:00Z, got %q", text)
}
