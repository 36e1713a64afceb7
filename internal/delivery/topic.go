package delivery

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// This file holds the handlers of topics.

// A TopicHandler gets the events of a topic, whatever handlers their scripts name.
type TopicHandler struct {
	ID    string `toml:"id"`
	Topic string `toml:"topic"`
	Kind  string `toml:"kind"`
	Match string `toml:"match"`
	Place string `toml:"-"` // where it stands, for messages

	at      syntax.Pos // in a file
	kind    *handler.Kind
	options spec.Declarer
	match   *matcher
}

// Open finds the kind of handler, and returns its options, which are to be set then.
func (h *TopicHandler) Open() (options spec.Declarer, err error) {
	if h.kind = lookupKind(h.Kind); h.kind == nil {
		return nil, errUnknownKind(h.Kind)
	}
	h.options = h.kind.Options()
	return h.options, nil
}

// Options returns the options of an open handler.
func (h *TopicHandler) Options() spec.Declarer { return h.options }

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
	return handler.Permanent(fmt.Errorf("unknown handler %q%s", name, syntax.DidYouMean(name, "", names)))
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

// check finds what is wrong with a handler once its fields are set, and in which of them, and compiles
// match, whose errors are about a file called name.
func (h *TopicHandler) check(name string) (field string, err error) {
	switch {
	case h.Topic == "":
		return "topic", errors.New("topic is missing")
	case !topicName.MatchString(h.Topic):
		return "topic", errTopicName(h.Topic)
	case h.ID != "" && !handlerName.MatchString(h.ID):
		return "id", fmt.Errorf("id %q: want letters, digits and -_. only", h.ID)
	}
	if err := spec.OfHandler(h.kind.Name, h.options).Validate(); err != nil {
		return "options", fmt.Errorf("options: %w", err)
	}
	h.match, err = newMatcher(name, h.Match)
	return "match", err
}

// targets returns the topics that events reach by way of h.
func (h *TopicHandler) targets() []string {
	switch o := h.options.(type) {
	case *publishOptions:
		return o.Topics
	case *aggregateOptions:
		return []string{o.Topic}
	}
	return nil
}

// topics are those that have handlers.
type topics struct {
	byName map[string][]*TopicHandler
	fed    map[string]bool // topics that events reach by way of a handler
}

func emptyTopics() *topics {
	return &topics{byName: map[string][]*TopicHandler{}, fed: map[string]bool{}}
}

// add adds a handler, unless its ID is taken or its topics would lead in a circle.
func (t *topics) add(h *TopicHandler) error {
	for _, other := range t.byName[h.Topic] {
		if h.ID != "" && other.ID == h.ID {
			return fmt.Errorf("topic %q has a handler %q already, in %s", h.Topic, h.ID, other.Place)
		}
	}
	for _, to := range h.targets() {
		if path := t.path(to, h.Topic, nil); path != nil {
			return fmt.Errorf("events would go in a circle: %s", strings.Join(append([]string{h.Topic}, path...), " → "))
		}
	}
	t.byName[h.Topic] = append(t.byName[h.Topic], h)
	for _, to := range h.targets() {
		t.fed[to] = true
	}
	return nil
}

// path returns how events get from one topic to another, nil if they do not.
func (t *topics) path(from, to string, seen []string) []string {
	if from == to {
		return []string{to}
	}
	if slices.Contains(seen, from) {
		return nil
	}
	seen = append(seen, from)
	for _, h := range t.byName[from] {
		for _, next := range h.targets() {
			if p := t.path(next, to, seen); p != nil {
				return append([]string{from}, p...)
			}
		}
	}
	return nil
}

// newTopics checks the handlers of the configuration.
func newTopics(list []*TopicHandler) (*topics, error) {
	t := emptyTopics()
	for _, h := range list {
		_, err := h.check("match")
		if err == nil {
			err = t.add(h)
		}
		var e *syntax.Error
		if err != nil && !errors.As(err, &e) {
			err = fmt.Errorf("topic %q: %w", h.Topic, err)
		}
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}
