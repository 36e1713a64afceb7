package engine

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/scale"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/udf"
)

// This file knows what scripts may refer to.

// answerer returns what answers the questions that come up while a script is loaded and started.
func answerer(es Endpoints, scaler *scale.Scaler) func(b spec.Body) spec.Reply {
	refer := Referrer(es, scaler)
	return func(b spec.Body) spec.Reply {
		switch x := b.(type) {
		case spec.Function:
			return spec.Described(udf.Functions.Info(x.Name))
		case spec.Reference:
			if err := refer(x); err != nil {
				return spec.Referred{Error: err.Error()}
			}
		}
		return b.Likely()
	}
}

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
	hint := cmp.Or(syntax.DidYouMean(name, "'", names), fmt.Sprintf("; it needs a section [[processors.tick.http_post]] with endpoint = %q", name))
	return fmt.Errorf("endpoint '%s' does not exist%s", name, hint)
}
