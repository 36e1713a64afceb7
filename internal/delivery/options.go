package delivery

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// This file finds the options of handlers by the names that they have in configurations and files.

// An OptionTable is the fields of a handler's options by their names in JSON, in which - and _ and
// the case of letters make no difference. Fields that cannot be set stand for options that Kapacitor
// knows and that do nothing.
type OptionTable struct {
	fields map[string]reflect.Value
	known  []string
}

// OptionsOf returns the table of options.
func OptionsOf(options spec.Declarer) OptionTable {
	v := reflect.ValueOf(options).Elem()
	t := OptionTable{fields: map[string]reflect.Value{}}
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		if name, _, _ := strings.Cut(tag.Get("json"), ","); name != "" {
			t.fields[plain(name)] = v.Field(i)
			t.known = append(t.known, strings.ReplaceAll(name, "-", "_"))
		}
		for name := range strings.SplitSeq(tag.Get("also"), ",") {
			if name != "" {
				t.fields[plain(name)] = v.Field(i)
			}
		}
	}
	return t
}

// Find returns the field of an option.
func (t OptionTable) Find(key string) (reflect.Value, error) {
	f, ok := t.fields[plain(key)]
	if !ok {
		return f, fmt.Errorf("unknown option %q%s", key, syntax.DidYouMean(key, "", t.known))
	}
	return f, nil
}

var plainer = strings.NewReplacer("-", "", "_", "")

func plain(name string) string { return strings.ToLower(plainer.Replace(name)) }
