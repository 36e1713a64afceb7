package lambda

import (
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

func convertFuncs() []builtin {
	return []builtin{
		{
			name: "bool", doc: "Converts to boolean: the strings 1 t T TRUE true True and 0 f F FALSE false False, the numbers 0 and 1.",
			example: "bool('true')", result: "TRUE",
			sigs: []signature{take1(identity[bool]), try1(strconv.ParseBool), try1(intToBool), try1(floatToBool)},
		},
		{
			name: "int", doc: "Converts to int: decimal integers, 1 and 0 of booleans; floats are truncated toward zero.",
			example: "int(-2.9)", result: "-2",
			sigs: []signature{take1(boolToNumber[int64]), try1(parseInt), take1(identity[int64]), take1(truncate)},
		},
		{
			name: "float", doc: "Converts to float: decimal numbers, 1 and 0 of booleans.",
			example: "float('1e3')", result: "1000.0",
			sigs: []signature{take1(boolToNumber[float64]), try1(parseFloat), take1(intToFloat), take1(identity[float64])},
		},
		{
			name: "string", doc: "Converts to string. Floats have as few digits as needed and no exponent, durations a single unit.",
			example: "string(90s)", result: "'90s'",
			sigs: []signature{
				take1(strconv.FormatBool), take1(identity[string]), take1(formatInt), take1(formatFloat), take1(syntax.FormatDuration),
			},
		},
		{
			name: "duration", doc: "Makes a duration: of a number and the unit it counts, or of a string such as 1h30m, where the unit has to be given but means nothing.",
			example: "duration(90, 1s) == 1m + 30s", result: "TRUE",
			sigs: []signature{take1(identity[time.Duration]), take2(intUnits), take2(floatUnits), try2(parseDuration)},
		},
		{
			name: "humanBytes", doc: "Writes a number of bytes for humans, in units of 1000.",
			example: "humanBytes(1234567)", result: "'1.2 MB'",
			sigs: []signature{
				take1(func(n int64) string { return humanBytes(uint64(n)) }),
				take1(func(f float64) string { return humanBytes(truncateUnsigned(f)) }),
			},
		},
	}
}

func identity[T any](v T) T { return v }

func boolToNumber[T int64 | float64](b bool) T {
	if b {
		return 1
	}
	return 0
}

func intToBool(n int64) (bool, error) {
	if n != 0 && n != 1 {
		return false, errors.New("cannot convert " + formatInt(n) + " to boolean")
	}
	return n == 1, nil
}

func floatToBool(f float64) (bool, error) {
	if f != 0 && f != 1 {
		return false, errors.New("cannot convert " + strconv.FormatFloat(f, 'g', -1, 64) + " to boolean")
	}
	return f == 1, nil
}

func intToFloat(n int64) float64                         { return float64(n) }
func parseInt(s string) (int64, error)                   { return strconv.ParseInt(s, 10, 64) }
func parseFloat(s string) (float64, error)               { return strconv.ParseFloat(s, 64) }
func formatInt(n int64) string                           { return strconv.FormatInt(n, 10) }
func intUnits(n int64, unit time.Duration) time.Duration { return time.Duration(n) * unit }

func floatUnits(f float64, unit time.Duration) time.Duration {
	return time.Duration(truncate(f * float64(unit)))
}

func parseDuration(s string, _ time.Duration) (time.Duration, error) { return syntax.ParseDuration(s) }

// truncateUnsigned converts to uint64 as Kapacitor does on amd64: negative numbers wrap around.
func truncateUnsigned(f float64) uint64 {
	if f < 1<<63 {
		return uint64(truncate(f))
	}
	return uint64(truncate(f-1<<63)) ^ 1<<63
}

// humanBytes rounds half up to one decimal, which it shows only of numbers below 10.
func humanBytes(n uint64) string {
	if n < 10 {
		return strconv.FormatUint(n, 10) + " B"
	}
	units := [...]string{" B", " kB", " MB", " GB", " TB", " PB", " EB"}
	e := math.Floor(math.Log(float64(n)) / math.Log(1000))
	v := math.Floor(float64(n)/math.Pow(1000, e)*10+0.5) / 10
	decimals := 0
	if v < 10 {
		decimals = 1
	}
	return strconv.FormatFloat(v, 'f', decimals, 64) + units[int(e)]
}
