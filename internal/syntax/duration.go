package syntax

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// This file converts durations.

// A unit is a unit of durations.
type unit struct {
	name string
	len  time.Duration
}

// units are the units of durations, the longest first. Scripts have no ns.
var units = [...]unit{
	{"w", 7 * 24 * time.Hour},
	{"d", 24 * time.Hour},
	{"h", time.Hour},
	{"m", time.Minute},
	{"s", time.Second},
	{"ms", time.Millisecond},
	{"u", time.Microsecond},
	{"ns", time.Nanosecond},
}

// FormatDuration returns d as a whole number of the longest unit that divides it: 90s, 1d, 1500ms.
func FormatDuration(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	for _, u := range units {
		if d%u.len == 0 {
			return strconv.FormatInt(int64(d/u.len), 10) + u.name
		}
	}
	panic("unreachable: ns divides every duration")
}

// ParseDuration converts the text of a duration outside of scripts, which unlike a literal may be
// negative, have several units, as 1h30m, and use ns.
func ParseDuration(s string) (time.Duration, error) {
	text, negative := strings.CutPrefix(s, "-")
	var sum time.Duration
	ok := text != ""
	for ok && text != "" {
		var d time.Duration
		if d, text, ok = cutDuration(text); ok {
			ok = sum <= math.MaxInt64-d
			sum += d
		}
	}
	if !ok {
		return 0, fmt.Errorf("invalid duration string %q", s)
	}
	if negative {
		sum = -sum
	}
	return sum, nil
}

// cutDuration converts the number and unit that text begins with and returns what follows.
func cutDuration(text string) (d time.Duration, rest string, ok bool) {
	digits := 0
	for digits < len(text) && isDigit(text[digits]) {
		digits++
	}
	n, err := strconv.ParseInt(text[:digits], 10, 64)
	rest = text[digits:]
	end := unitLen(rest)
	if strings.HasPrefix(rest, "ns") {
		end = 2
	}
	if err != nil || end == 0 {
		return 0, rest, false
	}
	name := rest[:end]
	if name == "µ" {
		name = "u"
	}
	for _, u := range units {
		if u.name == name {
			return time.Duration(n) * u.len, rest[end:], n <= math.MaxInt64/int64(u.len)
		}
	}
	return 0, rest, false
}
