package alerter

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// A topicHandler gets the events of a topic, whatever handlers their scripts name.
type topicHandler struct {
	Topic string `toml:"topic"`
	Kind  string `toml:"kind"`
	Match string `toml:"match"`

	kind    *handler.Kind
	options spec.Declarer
	match   *lambda.Expr // nil: all events
	event   *alert.Event // that the functions of match are about
}

// readTopicHandlers reads the sections handler.
func (a *Alerter) readTopicHandlers(n node) error {
	tables, err := n.tables()
	if err != nil {
		return err
	}
	for _, t := range tables {
		options, ok := t["options"]
		delete(t, "options")
		h := &topicHandler{}
		if err := read(t, h); err != nil {
			return err
		}
		if h.kind = handler.Lookup(h.Kind); h.kind == nil {
			return handler.ErrUnknown(h.Kind)
		}
		h.options = h.kind.Options()
		if ok {
			if err := readOptions(options, h.options); err != nil {
				return fmt.Errorf("options: %w", err)
			}
		}
		a.topics = append(a.topics, h)
	}
	return nil
}

// readOptions decodes the options of a handler under the names that they have in JSON, in which -
// and _ and the case of letters make no difference.
func readOptions(n node, options spec.Declarer) error {
	var table map[string]node
	if err := n.decode(&table); err != nil {
		return err
	}
	v := reflect.ValueOf(options).Elem()
	fields := map[string]reflect.Value{}
	var known []string
	for i := range v.NumField() {
		if name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ","); name != "" {
			fields[plain(name)] = v.Field(i)
			known = append(known, strings.ReplaceAll(name, "-", "_"))
		}
	}
	for _, key := range sorted(table) {
		f, ok := fields[plain(key)]
		if !ok {
			return fmt.Errorf("unknown option %q%s", key, didYouMean(key, known))
		}
		if err := assign(f, table[key]); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

var plainer = strings.NewReplacer("-", "", "_", "")

func plain(name string) string { return strings.ToLower(plainer.Replace(name)) }

// init compiles match.
func (h *topicHandler) init() error {
	if h.Topic == "" {
		return errors.New("handler: topic is missing")
	}
	if strings.TrimSpace(h.Match) == "" {
		return nil
	}
	x, err := syntax.ParseExpr("match", h.Match)
	if err != nil {
		return fmt.Errorf("handler: %w", err)
	}
	if x, err = resolve(x); err != nil {
		return fmt.Errorf("handler: %w", err)
	}
	h.match, err = lambda.Compile(x, lambda.Options{Funcs: []lambda.Func{
		{Name: "level", Result: point.Int, Call: func() point.Value { return point.IntValue(int64(h.event.Level)) }},
		{Name: "changed", Result: point.Bool, Call: func() point.Value { return point.BoolValue(h.event.Level != h.event.Previous) }},
		{Name: "name", Result: point.String, Call: func() point.Value { return point.StringValue(h.event.Name) }},
		{Name: "taskName", Result: point.String, Call: func() point.Value { return point.StringValue(h.event.Task) }},
		{Name: "alertDuration", Result: point.Duration, Call: func() point.Value { return point.DurationValue(h.event.Duration) }},
	}})
	if err != nil {
		return fmt.Errorf("handler: %w", err)
	}
	return nil
}

// resolve replaces the names of levels in x by their numbers.
func resolve(x syntax.Expr) (_ syntax.Expr, err error) {
	switch x := x.(type) {
	case *syntax.Ident:
		for l := alert.OK; l <= alert.Critical; l++ {
			if l.String() == x.Name {
				return &syntax.Int{Start: x.Start, Value: int64(l)}, nil
			}
		}
		return nil, &syntax.Error{Pos: x.Start, Msg: fmt.Sprintf("unknown name %s; levels are OK, INFO, WARNING and CRITICAL", x.Name)}
	case *syntax.Unary:
		x.X, err = resolve(x.X)
		return x, err
	case *syntax.Binary:
		if x.X, err = resolve(x.X); err == nil {
			x.Y, err = resolve(x.Y)
		}
		return x, err
	case *syntax.Call:
		for i := range x.Args {
			if x.Args[i], err = resolve(x.Args[i]); err != nil {
				return nil, err
			}
		}
	}
	return x, nil
}

// wants reports whether e, seen from the handler's topic, is to be handled. An error means no.
func (h *topicHandler) wants(e *alert.Event) (bool, error) {
	if h.match == nil {
		return true, nil
	}
	h.event = e
	return h.match.Bool(&point.Point{Name: e.Name, Time: e.Time, Tags: e.Tags}, nil)
}

// addTopics appends the deliveries of e to the handlers of its topics: the named one, and the one
// that its alert node has for itself.
func (a *Alerter) addTopics(list []delivery, e *alert.Event, fail failFunc) []delivery {
	for _, h := range a.topics {
		seen := *e
		switch h.Topic {
		case e.Topic:
		case alert.NodeTopic(e.Task, e.Node):
			seen.Previous = e.NodePrevious
		default:
			continue
		}
		ok, err := h.wants(&seen)
		if err != nil {
			a.stats.get(h.kind.Name).failed.Incr(1)
			a.limit.log(a.Log.Errorf, "match "+h.Match, fmt.Errorf("handler of topic %q: match: %w", h.Topic, err))
		}
		if !ok {
			continue
		}
		if o := a.outlets[h.kind]; o != nil {
			list = o.add(list, &seen, h.options)
		} else {
			fail(h.kind.Name, e, a.unavailable(h.kind))
		}
	}
	return list
}
