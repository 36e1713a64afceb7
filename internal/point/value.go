package point

import (
	"math"
	"strconv"
	"time"
)

// A Kind is the type of a [Value].
type Kind uint8

// The kinds of values. Missing is the zero value: a reference that resolves to nothing. Null is a
// field that is present without a value, as an outer join with fill('null') leaves it. Time and
// Regex exist only inside lambda expressions.
const (
	Missing Kind = iota
	Float
	Int
	String
	Bool
	Duration
	Time
	Regex
	Null
)

// String returns the name that error messages use.
func (k Kind) String() string {
	switch k {
	case Missing:
		return "missing"
	case Float:
		return "float"
	case Int:
		return "int"
	case String:
		return "string"
	case Bool:
		return "boolean"
	case Duration:
		return "duration"
	case Time:
		return "time"
	case Regex:
		return "regex"
	case Null:
		return "nil"
	}
	panic("point: invalid Kind " + strconv.Itoa(int(k)))
}

// A Value is one field value: a small struct passed by value instead of an interface.
// Num holds the bits of a Float, the number of an Int, the nanoseconds of a Duration or Time
// (since the Unix epoch), 0 or 1 of a Bool, or the table index of a Regex; Text holds a String.
// The fields are exported so that saved state can be encoded; use the constructors and accessors.
type Value struct {
	Text string
	Num  uint64
	Kind Kind
}

// FloatValue returns a Value of kind Float.
func FloatValue(f float64) Value { return Value{Kind: Float, Num: math.Float64bits(f)} }

// IntValue returns a Value of kind Int.
func IntValue(i int64) Value { return Value{Kind: Int, Num: uint64(i)} }

// StringValue returns a Value of kind String.
func StringValue(s string) Value { return Value{Kind: String, Text: s} }

// BoolValue returns a Value of kind Bool.
func BoolValue(b bool) Value {
	v := Value{Kind: Bool}
	if b {
		v.Num = 1
	}
	return v
}

// DurationValue returns a Value of kind Duration.
func DurationValue(d time.Duration) Value { return Value{Kind: Duration, Num: uint64(d)} }

// TimeValue returns a Value of kind Time; t is in nanoseconds since the Unix epoch.
func TimeValue(t int64) Value { return Value{Kind: Time, Num: uint64(t)} }

// NullValue returns the value of a field that is present but nil.
func NullValue() Value { return Value{Kind: Null} }

// Float returns the number of a Float. Like the other accessors it does not look at Kind.
func (v Value) Float() float64 { return math.Float64frombits(v.Num) }

// Int returns the number of an Int.
func (v Value) Int() int64 { return int64(v.Num) }

// Bool returns the truth of a Bool.
func (v Value) Bool() bool { return v.Num != 0 }

// Duration returns the length of a Duration.
func (v Value) Duration() time.Duration { return time.Duration(v.Num) }

// Time returns the nanoseconds since the Unix epoch of a Time.
func (v Value) Time() int64 { return int64(v.Num) }

// Number returns the value of an Int or Float as float64, and whether it was one.
func (v Value) Number() (float64, bool) {
	switch v.Kind {
	case Float:
		return v.Float(), true
	case Int:
		return float64(v.Int()), true
	}
	return 0, false
}

// Any returns the value as templates and encoders take it: float64, int64, string, bool,
// time.Duration, time.Time in UTC, or nil. It allocates and has no place on the point path.
func (v Value) Any() any {
	switch v.Kind {
	case Float:
		return v.Float()
	case Int:
		return v.Int()
	case String:
		return v.Text
	case Bool:
		return v.Bool()
	case Duration:
		return v.Duration()
	case Time:
		return time.Unix(0, v.Time()).UTC()
	}
	return nil
}

// Equal reports whether v and w have the same kind and value. NaN differs from itself.
func (v Value) Equal(w Value) bool {
	if v.Kind == Float && w.Kind == Float {
		return v.Float() == w.Float()
	}
	return v == w
}
