package engine

import (
	"fmt"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/scale"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// This file knows what scripts may refer to.

// Referrer returns what finds out whether the configuration has what a script refers to.
func Referrer(es Endpoints, scaler *scale.Scaler) func(spec.Reference) error {
	return func(r spec.Reference) error {
		switch r.Kind {
		case "endpoint":
			return es.check(r.Name)
		case "source":
			return es.checkSource(r.Name)
		}
		return scaler.Check(r.Kind, r.Name)
	}
}

// checkSource finds out whether a source of sideload nodes can be read.
func (es Endpoints) checkSource(name string) error {
	if strings.Contains(name, ":/") {
		return nil
	}
	if err := es.check(name); err != nil {
		return fmt.Errorf("source: %w", err)
	}
	if es[name].url != nil {
		return fmt.Errorf("source: the URL of endpoint '%s' is a template over a row, and there is none", name)
	}
	return nil
}

// check finds out whether there is an endpoint.
func (es Endpoints) check(name string) error {
	if es[name] != nil {
		return nil
	}
	names := make([]string, 0, len(es))
	for n := range es {
		names = append(names, n)
	}
	if near := syntax.Nearest(name, names); near != "" {
		return fmt.Errorf("endpoint '%s' does not exist; did you mean '%s'?", name, near)
	}
	return fmt.Errorf("endpoint '%s' does not exist; it needs a section [[processors.tick.http_post]] with endpoint = %q", name, name)
}
