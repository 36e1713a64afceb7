package alert_test

import (
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
)

func when(t *testing.T, text string) time.Time {
	t.Helper()
	if text == "" {
		return time.Time{}
	}
	x, err := alert.ParseTime(text, time.UTC)
	require.NoError(t, err)
	return x
}

// TestMuteChanges walks from change to change and notes when a mute begins (+) and ends (-).
func TestMuteChanges(t *testing.T) {
	for name, c := range map[string]struct {
		mute        alert.Mute
		from, until string
		want        []string
	}{
		"once": {
			alert.Mute{Start: when(t, "2026-01-05 10:00"), End: when(t, "2026-01-05 12:00")},
			"2026-01-01", "2026-02-01",
			[]string{"+05 10:00", "-05 12:00"},
		},
		"at once":        {alert.Mute{End: when(t, "2026-01-05 12:00")}, "2026-01-01", "2026-02-01", []string{"+01 00:00", "-05 12:00"}},
		"for ever":       {alert.Mute{}, "2026-01-01", "2026-02-01", []string{"+01 00:00"}},
		"removed":        {alert.Mute{End: when(t, "2026-01-05 12:00"), Removed: when(t, "2026-01-03")}, "2026-01-01", "2026-02-01", []string{"+01 00:00", "-03 00:00"}},
		"removed before": {alert.Mute{Start: when(t, "2026-01-05"), End: when(t, "2026-01-06"), Removed: when(t, "2026-01-03")}, "2026-01-01", "2026-02-01", nil},
		"nights": {
			alert.Mute{From: "22:00", To: "06:00", TimeZone: "UTC"},
			"2026-01-01 12:00", "2026-01-03 12:00",
			[]string{"+01 22:00", "-02 06:00", "+02 22:00", "-03 06:00"},
		},
		"weekends": {
			alert.Mute{Days: "sat,sun", TimeZone: "UTC"},
			"2026-01-01", "2026-01-12",
			[]string{"+03 00:00", "-05 00:00", "+10 00:00", "-12 00:00"},
		},
		"over a week's end": {
			alert.Mute{Days: "fri-mon", From: "20:00", To: "20:00", TimeZone: "UTC"},
			"2026-01-01", "2026-01-10",
			[]string{"+02 20:00", "-06 20:00", "+09 20:00"},
		},
		"friday night": {
			alert.Mute{Days: "Friday", From: "23:30", To: "00:30", TimeZone: "UTC"},
			"2026-01-01", "2026-01-12",
			[]string{"+02 23:30", "-03 00:30", "+09 23:30", "-10 00:30"},
		},
		"within": {
			alert.Mute{From: "22:00", TimeZone: "UTC", Start: when(t, "2026-01-02 23:00"), End: when(t, "2026-01-03 22:30")},
			"2026-01-01", "2026-01-12",
			[]string{"+02 23:00", "-03 00:00", "+03 22:00", "-03 22:30"},
		},
		"far ahead": {
			alert.Mute{Days: "sun", TimeZone: "UTC", Start: when(t, "2026-01-20")},
			"2025-06-01", "2026-01-27",
			[]string{"+25 00:00", "-26 00:00"},
		},
		"in Berlin": {
			alert.Mute{From: "22:00", To: "06:00", TimeZone: "Europe/Berlin"},
			"2026-01-01 12:00", "2026-01-02 12:00",
			[]string{"+01 21:00", "-02 05:00"},
		},
		"clocks go forward": {
			alert.Mute{From: "01:00", To: "04:00", TimeZone: "Europe/Berlin"},
			"2026-03-28 12:00", "2026-03-29 12:00",
			[]string{"+29 00:00", "-29 02:00"},
		},
		"clocks go back": {
			alert.Mute{From: "01:00", To: "04:00", TimeZone: "Europe/Berlin"},
			"2026-10-24 12:00", "2026-10-25 12:00",
			[]string{"+24 23:00", "-25 03:00"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := c.mute.Schedule()
			require.NoError(t, err)
			var got []string
			on := false
			for at := when(t, c.from); !at.IsZero() && at.Before(when(t, c.until).Add(1)); at = s.Next(at) {
				if s.Active(at) != on {
					on = !on
					got = append(got, map[bool]string{true: "+", false: "-"}[on]+at.UTC().Format("02 15:04"))
				}
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestMuteErrors(t *testing.T) {
	for want, m := range map[string]alert.Mute{
		"the end, 2026-01-01T00:00:00Z, is not after the start":            {Start: when(t, "2026-01-02"), End: when(t, "2026-01-01")},
		`time_zone: unknown time zone "Moon"; want one like Europe/Berlin`: {TimeZone: "Moon"},
		`days: want days like mon-fri,sun, got "someday"`:                  {Days: "mon,someday"},
		`days: want days like mon-fri,sun, got ""`:                         {Days: "mon-"},
		`from: want a time of day like 22:00, got "25:00"`:                 {From: "25:00"},
		`to: want a time of day like 22:00, got "10"`:                      {To: "10"},
		"from: want a time before 24:00":                                   {From: "24:00"},
	} {
		_, err := m.Schedule()
		require.EqualError(t, err, want+err.Error()[min(len(want), len(err.Error())):])
	}
	_, err := alert.ParseTime("tomorrow", time.UTC)
	require.ErrorContains(t, err, `want a time like 2026-01-31 22:00 or 2026-01-31T22:00:00Z, got "tomorrow"`)
}
