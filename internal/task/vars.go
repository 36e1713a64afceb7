package task

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// This file reads the values that a user supplies for a script's variables.

// jsonVar is a variable in Kapacitor's JSON form.
type jsonVar struct {
	Type        string          `json:"type"`
	Value       json.RawMessage `json:"value"`
	Description string          `json:"description"`
}

// ParseVars reads variables in Kapacitor's JSON form, {"name": {"type": T, "value": V}}, or a task
// file that has such an object under "vars".
func ParseVars(file string, text []byte) (map[string]spec.Arg, error) {
	var whole struct {
		Vars map[string]jsonVar `json:"vars"`
	}
	vars := map[string]jsonVar{}
	if err := strict(text, &vars); err != nil {
		if json.Unmarshal(text, &whole) != nil || whole.Vars == nil {
			return nil, fmt.Errorf(`%s: want {"name": {"type": "int", "value": 5}}: %w`, file, err)
		}
		vars = whole.Vars
	}
	out := make(map[string]spec.Arg, len(vars))
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		a, err := vars[name].arg()
		if err != nil {
			return nil, fmt.Errorf("%s: var %s: %w", file, name, err)
		}
		out[name] = a
	}
	return out, nil
}

func strict(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

func (v jsonVar) arg() (spec.Arg, error) {
	switch v.Type {
	case "bool":
		return decode(v, func(b bool) (spec.Arg, error) { return scalar(point.BoolValue(b)) })
	case "int":
		return decode(v, func(i int64) (spec.Arg, error) { return scalar(point.IntValue(i)) })
	case "float":
		return decode(v, func(f float64) (spec.Arg, error) { return scalar(point.FloatValue(f)) })
	case "string":
		return decode(v, func(s string) (spec.Arg, error) { return scalar(point.StringValue(s)) })
	case "duration":
		if len(v.Value) > 0 && v.Value[0] != '"' {
			return decode(v, func(i int64) (spec.Arg, error) { return ArgOf("duration", i) })
		}
		return decode(v, func(s string) (spec.Arg, error) { return ArgOf("duration", s) })
	case "regex", "lambda":
		return decode(v, func(s string) (spec.Arg, error) { return ArgOf(v.Type, s) })
	case "star":
		return spec.Arg{Type: spec.StarType}, nil
	case "list":
		return decode(v, func(items []jsonVar) (spec.Arg, error) {
			a := spec.Arg{Type: spec.ListType}
			for _, item := range items {
				x, err := item.arg()
				if err != nil || x.Type&(spec.StringType|spec.StarType) == 0 {
					return a, fmt.Errorf("list item: want string or star, got %s", item.Type)
				}
				a.List = append(a.List, x)
			}
			return a, nil
		})
	}
	return spec.Arg{}, fmt.Errorf("unknown type %q, want one of %s", v.Type, typeWords())
}

func decode[T any](x jsonVar, f func(T) (spec.Arg, error)) (spec.Arg, error) {
	var v T
	if err := json.Unmarshal(x.Value, &v); err != nil || string(x.Value) == "null" {
		return spec.Arg{}, fmt.Errorf("value %s: want %s", x.Value, x.Type)
	}
	return f(v)
}

func scalar(v point.Value) (spec.Arg, error) { return spec.ValueArg(v, syntax.Pos{}), nil }

func typeWords() string { return strings.Join(slices.Sorted(maps.Keys(varTypes)), ", ") }

// ArgOf returns the script value of the type called typ ("int", "duration", "lambda" …) for a value
// as configuration files give it: a string, bool, int64, float64 or a list of strings, where "*"
// stands for the star. An int is taken for a float, a string in duration syntax for a duration.
// With typ "" the value's own type is taken.
func ArgOf(typ string, value any) (spec.Arg, error) {
	switch v := value.(type) {
	case bool:
		if typ == "bool" || typ == "" {
			return scalar(point.BoolValue(v))
		}
	case int64:
		switch typ {
		case "int", "":
			return scalar(point.IntValue(v))
		case "float":
			return scalar(point.FloatValue(float64(v)))
		case "duration":
			return scalar(point.Value{Kind: point.Duration, Num: uint64(v)})
		}
	case float64:
		switch {
		case typ == "float" || typ == "":
			return scalar(point.FloatValue(v))
		case typ == "int" && v == math.Trunc(v) && math.Abs(v) < 1<<53:
			return scalar(point.IntValue(int64(v)))
		}
	case string:
		return textArg(typ, v)
	case []any:
		if typ == "list" || typ == "" {
			return listArg(v)
		}
	}
	return spec.Arg{}, fmt.Errorf("value %v: want %s", value, typ)
}

func textArg(typ, text string) (spec.Arg, error) {
	switch typ {
	case "string", "":
		return scalar(point.StringValue(text))
	case "duration":
		d, err := syntax.ParseDuration(text)
		if err != nil {
			return spec.Arg{}, err
		}
		return scalar(point.DurationValue(d))
	case "regex":
		if _, err := regexp.Compile(text); err != nil {
			return spec.Arg{}, err
		}
		return spec.Arg{Type: spec.RegexType, Text: text}, nil
	case "lambda":
		x, err := syntax.ParseExpr("", strings.TrimPrefix(text, "lambda:"))
		if err != nil {
			return spec.Arg{}, err
		}
		unplace(x)
		return spec.Arg{Type: spec.LambdaType, Lambda: &syntax.Lambda{X: x}}, nil
	case "star":
		return spec.Arg{Type: spec.StarType}, nil
	}
	return spec.Arg{}, fmt.Errorf("value %q: want %s", text, typ)
}

// unplace takes the positions out of x: it does not stand in the script, so an error in it is to be
// reported where the script uses it.
func unplace(x syntax.Expr) {
	syntax.Walk(x, func(n syntax.Node) bool {
		switch x := n.(type) {
		case *syntax.Int:
			x.Start = syntax.Pos{}
		case *syntax.Float:
			x.Start = syntax.Pos{}
		case *syntax.String:
			x.Start = syntax.Pos{}
		case *syntax.Bool:
			x.Start = syntax.Pos{}
		case *syntax.Duration:
			x.Start = syntax.Pos{}
		case *syntax.Regex:
			x.Start = syntax.Pos{}
		case *syntax.Star:
			x.Start = syntax.Pos{}
		case *syntax.Reference:
			x.Start = syntax.Pos{}
		case *syntax.Ident:
			x.Start = syntax.Pos{}
		case *syntax.Unary:
			x.Start = syntax.Pos{}
		case *syntax.Binary:
			x.Start, x.OpPos, x.End = syntax.Pos{}, syntax.Pos{}, syntax.Pos{}
		case *syntax.Call:
			x.Start, x.End = syntax.Pos{}, syntax.Pos{}
		}
		return true
	})
}

func listArg(items []any) (spec.Arg, error) {
	a := spec.Arg{Type: spec.ListType}
	for _, item := range items {
		s, ok := item.(string)
		switch {
		case !ok:
			return a, fmt.Errorf("list item %v: want string", item)
		case s == "*":
			a.List = append(a.List, spec.Arg{Type: spec.StarType})
		default:
			a.List = append(a.List, spec.ValueArg(point.StringValue(s), syntax.Pos{}))
		}
	}
	return a, nil
}
