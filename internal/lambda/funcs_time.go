package lambda

import (
	"errors"
	"time"
)

func timeFuncs() []builtin {
	part := func(name, doc, example, result string, f func(time.Time) int) builtin {
		return builtin{name: name, doc: doc, example: example, result: result, sigs: []signature{zoned(f)}}
	}
	return []builtin{
		part("minute", "Minute of the hour, 0 to 59.", `minute("time")`, "0", time.Time.Minute),
		part("hour", "Hour of the day, 0 to 23.", `hour("time")`, "0", time.Time.Hour),
		part("weekday", "Day of the week, 0 to 6; Sunday is 0.", `weekday("time")`, "1", func(t time.Time) int { return int(t.Weekday()) }),
		part("day", "Day of the month, 1 to 31.", `day("time")`, "1", time.Time.Day),
		part("month", "Month of the year, 1 to 12.", `month("time")`, "1", func(t time.Time) int { return int(t.Month()) }),
		part("year", "Year.", `year("time")`, "2024", time.Time.Year),
		{
			name: "unixNano", doc: "Nanoseconds since the start of 1970 in UTC.", example: `unixNano("time")`, result: "1704067200000000000",
			sigs: []signature{take1(func(t instant) int64 { return int64(t) })},
		},
		{
			name: "now", doc: "Time of the clock, not of the point.", example: "unixNano(now()) > 0", result: "TRUE",
			sigs: []signature{with0(func(e *env) (instant, error) {
				if e.opts.Now == nil {
					return 0, errNoClock
				}
				return instant(e.opts.Now()), nil
			})},
		},
	}
}

var errNoClock = errors.New("there is no clock here")

// zoned makes the signature of a function of the local time.
func zoned(f func(time.Time) int) signature {
	return with1(func(e *env, t instant) (int64, error) {
		return int64(f(time.Unix(0, int64(t)).In(e.opts.Zone))), nil
	})
}
