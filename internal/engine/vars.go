package engine

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// This file turns values of the configuration into values of a script's variables.

// scriptVars returns the values given for the variables that prog declares. A value is taken for
// what the script declares: text may be a duration, and a whole number a float.
func scriptVars(prog *syntax.Program, given map[string]any) (map[string]spec.Arg, error) {
	if len(given) == 0 {
		return nil, nil
	}
	types := map[string]string{}
	for _, s := range prog.Stmts {
		if v, ok := s.(*syntax.Var); ok {
			types[v.Name.Name] = declaredType(v)
		}
	}
	vars := make(map[string]spec.Arg, len(given))
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(given)) {
		typ, ok := types[name]
		if !ok {
			msg := fmt.Sprintf("vars: the script declares no variable %q", name)
			if n := syntax.Nearest(name, slices.Sorted(maps.Keys(types))); n != "" {
				msg += "; did you mean " + n + "?"
			}
			errs = append(errs, errors.New(msg))
			continue
		}
		a, err := scriptVar(given[name], typ)
		if err != nil {
			errs = append(errs, fmt.Errorf("vars: %s: %w", name, err))
			continue
		}
		vars[name] = a
	}
	return vars, errors.Join(errs...)
}

// declaredType returns the word for the type of a variable as far as its declaration shows it,
// else "".
func declaredType(v *syntax.Var) string {
	if v.Type != nil {
		return v.Type.Name
	}
	x := v.Value
	if u, ok := x.(*syntax.Unary); ok {
		x = u.X
	}
	switch x.(type) {
	case *syntax.Bool:
		return "bool"
	case *syntax.Int:
		return "int"
	case *syntax.Float:
		return "float"
	case *syntax.String:
		return "string"
	case *syntax.Duration:
		return "duration"
	case *syntax.Regex:
		return "regex"
	case *syntax.Lambda:
		return "lambda"
	case *syntax.List:
		return "list"
	case *syntax.Star:
		return "star"
	}
	return ""
}

// scriptVar converts one value to the type that typ names; if it is "", the value itself tells.
func scriptVar(v any, typ string) (spec.Arg, error) {
	switch v := v.(type) {
	case map[string]any:
		return longVar(v, typ)
	case []any:
		if typ == "list" && slices.ContainsFunc(v, func(item any) bool { _, ok := item.(map[string]any); return ok }) {
			return longList(v)
		}
	case int64:
		if typ == "duration" { // of which unit?
			return spec.Arg{}, fmt.Errorf(`want duration, got the int %d; write "%ds"`, v, v)
		}
	}
	a, err := task.ArgOf(typ, v)
	if err == nil {
		return a, nil
	}
	switch v := v.(type) {
	case string:
		switch typ {
		case "int", "float", "bool":
			return a, fmt.Errorf("want %s, got the string %q; write it without quotes", typ, v)
		case "duration":
			return a, fmt.Errorf(`want duration like "10s" or "1h30m", got %q`, v)
		case "list":
			return a, fmt.Errorf("want list, got the string %q; write [%q]", v, v)
		}
		return a, fmt.Errorf("want %s, got %q: %w", typ, v, err)
	case int64:
		if typ == "string" {
			return a, fmt.Errorf(`want string, got the int %d; write "%d"`, v, v)
		}
		return a, fmt.Errorf("want %s, got the int %d", typ, v)
	case float64:
		return a, fmt.Errorf("want %s, got the float %v", typ, v)
	case bool:
		return a, fmt.Errorf("want %s, got the boolean %t", typ, v)
	case []any:
		if typ != "list" {
			return a, fmt.Errorf("want %s, got a list", typ)
		}
	}
	return a, err
}

// longVar converts the long form {type = "duration", value = "10s"}, which is that of Kapacitor's
// files of variables: durations may be nanoseconds there.
func longVar(v map[string]any, typ string) (spec.Arg, error) {
	word, _ := v["type"].(string)
	value, ok := v["value"]
	for k := range v {
		ok = ok && (k == "type" || k == "value" || k == "description")
	}
	switch {
	case !ok || word == "":
		return spec.Arg{}, errors.New(`want a value, or a table like {type = "duration", value = "10s"}`)
	case typ != "" && word != typ:
		return spec.Arg{}, fmt.Errorf("want %s, got a value of type %q", typ, word)
	}
	if _, ok := value.(int64); ok && word == "duration" {
		return task.ArgOf(word, value)
	}
	return scriptVar(value, word)
}

// longList converts a list whose items have the long form.
func longList(items []any) (spec.Arg, error) {
	a := spec.Arg{Type: spec.ListType}
	for i, item := range items {
		x, err := scriptVar(item, "")
		if err != nil {
			return a, fmt.Errorf("item %d: %w", i+1, err)
		}
		a.List = append(a.List, x)
	}
	return a, nil
}
