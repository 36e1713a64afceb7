package alerter

import (
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/influxdata/telegraf/config"

	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
)

// This file makes one set of handlers of several sections of the configuration: a fleet has a file for
// each of them. The first section does the work and the others are empty.

// Join adds the sections of others to those of a, which delivers for all of them from then on. It comes
// before Init. Source, if it is set, says in errors where a section stands.
func (a *Alerter) Join(others ...*Alerter) error {
	if a.set == nil {
		a.set, a.configs, a.off = map[string]*Alerter{}, map[*handler.Kind][]any{}, map[*handler.Kind]bool{}
	}
	if len(others) == 0 {
		return nil
	}
	for _, x := range append(others, a) {
		for _, h := range x.topics {
			h.Place += " in " + x.name()
		}
	}
	for _, b := range others {
		if err := a.join(b); err != nil {
			return fmt.Errorf("outputs.alerter: %w", err)
		}
		b.leader = a
	}
	if err := a.nameMutes(); err != nil {
		return fmt.Errorf("outputs.alerter: mute: %w", err)
	}
	return nil
}

// clash is the error for what can stand in one section only.
func clash(what, value string, in *Alerter, other string, otherIn *Alerter) error {
	if value == other {
		return fmt.Errorf("%s stands in %s and in %s: all sections [[outputs.alerter]] are one set of handlers, want it once", what, in.name(), otherIn.name())
	}
	return fmt.Errorf("%s is %s in %s and %s in %s: all sections [[outputs.alerter]] are one set of handlers, want one of them",
		what, value, in.name(), other, otherIn.name())
}

// name says where a section stands.
func (a *Alerter) name() string {
	if a.Source == "" {
		return "another section"
	}
	return a.Source
}

func (a *Alerter) join(b *Alerter) error {
	own, others := optionsOf(reflect.ValueOf(a)), optionsOf(reflect.ValueOf(b))
	for _, key := range sorted(b.set) {
		x, y := own[key], others[key]
		switch {
		case !x.IsValid(): // a section of its own, see below
		case key == "accept_metrics": // each section has metrics of its own
		case x.Kind() == reflect.Slice:
			x.Set(reflect.AppendSlice(x, y))
		case a.set[key] == nil:
			x.Set(y)
			a.set[key] = b
		case !reflect.DeepEqual(x.Interface(), y.Interface()):
			return clash(key, optionText(x), a.set[key], optionText(y), b)
		}
	}
	for _, k := range handler.Kinds() {
		if a.off[k] = a.off[k] || b.off[k]; len(b.configs[k]) == 0 {
			continue
		}
		if len(a.configs[k]) > 0 && !k.Many {
			if reflect.DeepEqual(a.configs[k], b.configs[k]) {
				continue
			}
			return clash("[outputs.alerter."+k.Section+"]", "", a.set[k.Section], "", b)
		}
		if a.set[k.Section] == nil {
			a.set[k.Section] = b
		}
		a.configs[k] = append(a.configs[k], b.configs[k]...)
	}
	if b.heartbeat != nil {
		if a.heartbeat != nil {
			return clash("[outputs.alerter.heartbeat]", "", a.set["heartbeat"], "", b)
		}
		a.heartbeat, a.set["heartbeat"] = b.heartbeat, b
	}
	a.mutes = append(a.mutes, b.mutes...)
	a.topics = append(a.topics, b.topics...)
	a.influx = append(a.influx, b.influx...)
	return nil
}

// optionText returns the value of an option as it stands in a configuration.
func optionText(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case config.Duration:
		return strconv.Quote(time.Duration(x).String())
	case string:
		return strconv.Quote(x)
	default:
		return fmt.Sprint(x)
	}
}
