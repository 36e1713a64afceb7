package alerter

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// This file holds the handlers of topics.

// A topicHandler gets the events of a topic, whatever handlers their scripts name.
type topicHandler struct {
	ID    string `toml:"id"`
	Topic string `toml:"topic"`
	Kind  string `toml:"kind"`
	Match string `toml:"match"`

	place   string     // where it stands, for messages
	at      syntax.Pos // in a file
	kind    *handler.Kind
	options spec.Declarer
	match   *matcher
}

var (
	topicName   = regexp.MustCompile(`^[-:._\p{L}0-9]+$`)
	handlerName = regexp.MustCompile(`^[-._\p{L}0-9]+$`)
)

// lookupKind returns a kind that a topic handler may have, or nil: beside those that scripts name
// there are publish and aggregate, which lead from topic to topic.
func lookupKind(name string) *handler.Kind {
	for _, k := range []*handler.Kind{publishKind, aggregateKind} {
		if strings.EqualFold(k.Name, name) {
			return k
		}
	}
	return handler.Lookup(name)
}

func errUnknownKind(name string) error {
	kinds := append(handler.Kinds(), publishKind, aggregateKind)
	names := make([]string, 0, len(kinds))
	for _, k := range kinds {
		names = append(names, k.Name)
	}
	return handler.Permanent(fmt.Errorf("unknown handler %q%s", name, didYouMean(name, names)))
}

// publishKind lets events into further topics.
var publishKind = &handler.Kind{Name: "publish", Options: func() spec.Declarer { return &publishOptions{} }}

type publishOptions struct {
	Topics []string `json:"topics"`
}

// Declare says what is wrong with the options; no script names them.
func (o *publishOptions) Declare(s *spec.Spec) {
	s.Check(func() error {
		if len(o.Topics) == 0 {
			return errors.New("publish: topics are missing")
		}
		for _, t := range o.Topics {
			if !topicName.MatchString(t) {
				return errTopicName(t)
			}
		}
		return nil
	})
}

func errTopicName(name string) error {
	return fmt.Errorf("topic %q: want letters, digits and -_.: only", name)
}

// check finds what is wrong with a handler once its fields are set, and compiles match, whose
// errors are about a file called name.
func (h *topicHandler) check(name string) (err error) {
	switch {
	case h.Topic == "":
		return errors.New("topic is missing")
	case !topicName.MatchString(h.Topic):
		return errTopicName(h.Topic)
	case h.ID != "" && !handlerName.MatchString(h.ID):
		return fmt.Errorf("id %q: want letters, digits and -_. only", h.ID)
	}
	if err := spec.OfHandler(h.kind.Name, h.options).Validate(); err != nil {
		return fmt.Errorf("options: %w", err)
	}
	h.match, err = newMatcher(name, h.Match)
	return err
}

// targets returns the topics that events reach by way of h.
func (h *topicHandler) targets() []string {
	switch o := h.options.(type) {
	case *publishOptions:
		return o.Topics
	case *aggregateOptions:
		return []string{o.Topic}
	}
	return nil
}

// A handlerSet is all handlers of topics.
type handlerSet struct {
	byTopic map[string][]*topicHandler
	fed     map[string]bool // topics that events reach by way of a handler
}

func newHandlerSet() *handlerSet {
	return &handlerSet{byTopic: map[string][]*topicHandler{}, fed: map[string]bool{}}
}

// add adds a handler, unless its ID is taken or its topics would lead in a circle.
func (s *handlerSet) add(h *topicHandler) error {
	for _, other := range s.byTopic[h.Topic] {
		if h.ID != "" && other.ID == h.ID {
			return fmt.Errorf("topic %q has a handler %q already, in %s", h.Topic, h.ID, other.place)
		}
	}
	for _, t := range h.targets() {
		if path := s.path(t, h.Topic, nil); path != nil {
			return fmt.Errorf("events would go in a circle: %s", strings.Join(append([]string{h.Topic}, path...), " → "))
		}
	}
	s.byTopic[h.Topic] = append(s.byTopic[h.Topic], h)
	for _, t := range h.targets() {
		s.fed[t] = true
	}
	return nil
}

// path returns how events get from one topic to another, nil if they do not.
func (s *handlerSet) path(from, to string, seen []string) []string {
	if from == to {
		return []string{to}
	}
	if slices.Contains(seen, from) {
		return nil
	}
	seen = append(seen, from)
	for _, h := range s.byTopic[from] {
		for _, t := range h.targets() {
			if p := s.path(t, to, seen); p != nil {
				return append([]string{from}, p...)
			}
		}
	}
	return nil
}

// A routing finds what is to be delivered of one event, and where.
type routing struct {
	*Alerter
	fail    failFunc
	visited []string // topics
	list    []delivery
	levels  []topicLevel
}

// topic adds the deliveries to the handlers of a topic; e is the event as seen from there.
func (r *routing) topic(name string, e *alert.Event) {
	if name == "" || slices.Contains(r.visited, name) {
		return
	}
	r.visited = append(r.visited, name)
	if r.handlers.fed[name] {
		r.levels = append(r.levels, topicLevel{name, e.ID, e.Level})
	}
	for _, h := range r.handlers.byTopic[name] {
		ok, err := h.match.matches(e)
		if err != nil {
			r.stats.get(h.kind.Name).failed.Incr(1)
			r.limit.log(r.Log.Errorf, "match "+h.Match, fmt.Errorf("handler of topic %q: match: %w", h.Topic, err))
		}
		if !ok {
			continue
		}
		if o, ok := h.options.(*publishOptions); ok {
			for _, t := range o.Topics {
				seen := *e
				seen.Previous = r.level(t, e.ID)
				r.topic(t, &seen)
			}
			continue
		}
		if o := r.outlets[h.kind]; o != nil {
			r.list = o.add(r.list, e, h.options)
		} else {
			r.fail(h.kind.Name, e, r.unavailable(h.kind))
		}
	}
}

// level returns the level that an alert has in a topic that events reach by way of handlers.
func (a *Alerter) level(topic, id string) alert.Level {
	if a.dispatch == nil { // of a replay
		return alert.OK
	}
	a.dispatch.mu.Lock()
	defer a.dispatch.mu.Unlock()
	return a.dispatch.spool.Level(topic, id)
}

// route finds the deliveries of e: to the handlers of its topics, those that its script names, and
// the global ones of other kinds. What can never be delivered goes to fail.
func (a *Alerter) route(e *alert.Event, fail failFunc) *routing {
	r := &routing{Alerter: a, fail: fail}
	r.topic(e.Topic, e)
	// A script's handlers hang on its alert node: the level before is the one of the node's topic.
	if e.Previous != e.NodePrevious {
		own := *e
		own.Previous = e.NodePrevious
		e = &own
	}
	if e.Node != "" {
		r.topic(alert.NodeTopic(e.Task, e.Node), e)
	}
	named := map[*handler.Kind]bool{}
	for _, h := range e.Handlers {
		k := handler.Lookup(h.Kind)
		if k == nil {
			fail(h.Kind, e, handler.ErrUnknown(h.Kind))
			continue
		}
		named[k] = true
		o := a.outlets[k]
		if o == nil {
			fail(k.Name, e, a.unavailable(k))
			continue
		}
		options, err := k.DecodeOptions(h.Options)
		if err != nil {
			fail(k.Name, e, err)
			continue
		}
		r.list = o.add(r.list, e, options)
	}
	for _, o := range a.outlets {
		if !named[o.kind] {
			r.list = o.addGlobal(r.list, e)
		}
	}
	return r
}

// readTopicHandlers reads the sections handler.
func (a *Alerter) readTopicHandlers(n node) error {
	tables, err := n.tables()
	if err != nil {
		return err
	}
	for i, t := range tables {
		options, ok := t["options"]
		delete(t, "options")
		h := &topicHandler{place: fmt.Sprintf("section %d of [[outputs.alerter.handler]]", i+1)}
		if err := read(t, h); err != nil {
			return err
		}
		if h.kind = lookupKind(h.Kind); h.kind == nil {
			return errUnknownKind(h.Kind)
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

// readOptions decodes the options of a handler of telegraf.conf.
func readOptions(n node, options spec.Declarer) error {
	var table map[string]node
	if err := n.decode(&table); err != nil {
		return err
	}
	names := optionNames(options)
	for _, key := range sorted(table) {
		f, err := names.find(key)
		if err != nil {
			return err
		}
		if !f.CanSet() {
			continue
		}
		if err := assign(f, table[key]); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

// initTopics checks the handlers of telegraf.conf.
func (a *Alerter) initTopics() error {
	a.handlers = newHandlerSet()
	for _, h := range a.topics {
		err := h.check("match")
		if err == nil {
			err = a.handlers.add(h)
		}
		var e *syntax.Error
		if err != nil && !errors.As(err, &e) {
			err = fmt.Errorf("topic %q: %w", h.Topic, err)
		}
		if err != nil {
			return fmt.Errorf("handler: %w", err)
		}
	}
	return nil
}
