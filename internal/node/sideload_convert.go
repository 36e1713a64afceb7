package node

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file converts what sideload reads to the types of its defaults.

var errNoScalar = errors.New("the value is no number, string or boolean")

// convertLoaded returns v as a value of kind k, which is Int, Float, Bool or String. Nothing is
// rounded, and a boolean is no number.
func convertLoaded(v point.Value, k point.Kind) (point.Value, error) {
	if v.Kind == k {
		return v, nil
	}
	switch {
	case v.Kind == point.Null || v.Kind == point.Missing:
		return v, errNoScalar
	case k == point.String:
		return point.StringValue(loadedText(v)), nil
	case k == point.Int && v.Kind == point.Float:
		if f := v.Float(); f == math.Trunc(f) && math.Abs(f) < 1<<63 {
			return point.IntValue(int64(f)), nil
		}
		return v, fmt.Errorf("%s is no integer", loadedText(v))
	case k == point.Int && v.Kind == point.String:
		if i, err := strconv.ParseInt(v.Text, 10, 64); err == nil {
			return point.IntValue(i), nil
		}
		return v, fmt.Errorf("%q is no integer", v.Text)
	case k == point.Float && v.Kind == point.Int:
		return point.FloatValue(float64(v.Int())), nil
	case k == point.Float && v.Kind == point.String:
		if f, err := strconv.ParseFloat(v.Text, 64); err == nil {
			return point.FloatValue(f), nil
		}
		return v, fmt.Errorf("%q is no number", v.Text)
	case k == point.Bool && v.Kind == point.String:
		if b, err := strconv.ParseBool(v.Text); err == nil {
			return point.BoolValue(b), nil
		}
		return v, fmt.Errorf("%q is no boolean", v.Text)
	}
	return v, fmt.Errorf("want %s, got %s %s", k, v.Kind, loadedText(v))
}

// loadedText returns a scalar as text.
func loadedText(v point.Value) string {
	switch v.Kind {
	case point.Int:
		return strconv.FormatInt(v.Int(), 10)
	case point.Float:
		return strconv.FormatFloat(v.Float(), 'f', -1, 64)
	case point.Bool:
		return strconv.FormatBool(v.Bool())
	}
	return v.Text
}
