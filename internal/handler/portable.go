package handler

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
)

// This file says which of the options that a script gives to handlers may leave the agent with a copy of
// the event, and which of those that come with such a copy may be believed: the same ones.
//
// A copy of an event is data, and whoever can send a metric can make one. So an option whose field has
// the tag stays remains here and is not taken from elsewhere, where the configuration has the word:
//
//	secret    it is one, or has to do with the trust between us and the receiver
//	place     it says what to run, which file, URL or address, or where others listen for orders
//	template  it is a program over other data than the other templates
//
// All other templates are filled in before they leave, since those of others are not carried out.

// A Local is the options of a handler that can say where to go without the configuration.
type Local interface {
	// Local reports whether they do.
	Local() bool
}

// ErrLocal is what the error for such options is.
var ErrLocal = errors.New("only scripts of the same agent may say where to go")

// Portable returns what of the options may leave the agent with e, in their JSON form.
func (k *Kind) Portable(e *alert.Event, options json.RawMessage) (json.RawMessage, error) {
	data := eventDataOf(e)
	portable, _, err := k.portable(options, func(text string) (string, bool) {
		text, err := render("option", text, data)
		return text, err == nil && !isTemplate(text)
	})
	return portable, err
}

// Believe returns what of the options may be believed that came with an event from elsewhere, and the
// names of those that may not.
func (k *Kind) Believe(options json.RawMessage) (believed json.RawMessage, refused []string, err error) {
	return k.portable(options, func(string) (string, bool) { return "", false })
}

// portable leaves out what stays, and templates that fill cannot make plain.
func (k *Kind) portable(options json.RawMessage, fill func(string) (string, bool)) (_ json.RawMessage, left []string, err error) {
	o, err := k.DecodeOptions(options)
	if err != nil {
		return nil, nil, err
	}
	if l, ok := o.(Local); ok && l.Local() {
		return nil, nil, fmt.Errorf("%s: %w", k.Name, ErrLocal)
	}
	v := reflect.ValueOf(o).Elem()
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.Tag.Get("stays") != "" && !v.Field(i).IsZero() {
			v.Field(i).SetZero()
			left = append(left, optionName(f))
		}
	}
	text, err := json.Marshal(o)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: options: %w", k.Name, err)
	}
	if !bytes.Contains(text, []byte("{{")) {
		return text, left, nil
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var all map[string]any
	if err := dec.Decode(&all); err != nil {
		return nil, nil, fmt.Errorf("%s: options: %w", k.Name, err)
	}
	for name, option := range all {
		var whole bool
		if all[name], whole = plainValue(option, fill); !whole {
			left = append(left, name)
		}
		if all[name] == nil {
			delete(all, name)
		}
	}
	slices.Sort(left)
	text, err = json.Marshal(all)
	return text, slices.Compact(left), err
}

// plainValue returns v without templates that fill cannot make plain, and whether that is all of v. It
// is nil if nothing is left.
func plainValue(v any, fill func(string) (string, bool)) (_ any, whole bool) {
	whole = true
	switch v := v.(type) {
	case string:
		if !isTemplate(v) {
			return v, true
		}
		text, ok := fill(v)
		if !ok {
			return nil, false
		}
		return text, true
	case []any:
		list := make([]any, 0, len(v))
		for _, x := range v {
			x, ok := plainValue(x, fill)
			whole = whole && ok
			if x != nil {
				list = append(list, x)
			}
		}
		return list, whole
	case map[string]any:
		for key, x := range v {
			x, ok := plainValue(x, fill)
			if whole = whole && ok && !isTemplate(key); x == nil || isTemplate(key) {
				delete(v, key)
				continue
			}
			v[key] = x
		}
		return v, whole
	}
	return v, true
}

func isTemplate(text string) bool { return strings.Contains(text, "{{") }

func optionName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}
