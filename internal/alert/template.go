package alert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"math"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"text/template"
	"time"
	"weak"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file renders what an alert says: its ID, message and details.

// maxRendered bounds the text that a template may make of one event.
const maxRendered = 4 << 20

// Templates are the three templates of an alert.
//
// Compiled ones are larger than all the rest of an alert together, and most alerts are quiet; many have the same
// texts, those that are the default for one. So they are shared, and compiled anew if nobody has used them for
// some time.
type Templates struct{ id, message, details string }

// ParseTemplates checks the templates. Details are HTML, in which values are escaped, and may
// use the functions json and jsonCompact. The error begins with the name of the template.
func ParseTemplates(id, message, details string) (*Templates, error) {
	if _, err := compiledIDs.of(id); err != nil {
		return nil, err
	}
	if _, err := compiledMessages.of(message); err != nil {
		return nil, err
	}
	if _, err := compiledDetails.of(details); err != nil {
		return nil, err
	}
	return &Templates{id, message, details}, nil
}

// What is compiled.
var (
	compiledIDs      = newCompiled(func(text string) (*template.Template, error) { return parse("id", text) })
	compiledMessages = newCompiled(func(text string) (*template.Template, error) { return parse("message", text) })
	compiledDetails  = newCompiled(parseDetails)
)

// A compiled has templates by their texts, as long as they are in use.
type compiled[T any] struct {
	compile func(text string) (*T, error)

	mu     sync.Mutex
	byText map[string]weak.Pointer[T]
}

func newCompiled[T any](compile func(text string) (*T, error)) *compiled[T] {
	return &compiled[T]{compile: compile, byText: map[string]weak.Pointer[T]{}}
}

// of returns the template of a text.
func (c *compiled[T]) of(text string) (*T, error) {
	c.mu.Lock()
	t := c.byText[text].Value()
	c.mu.Unlock()
	if t != nil {
		return t, nil
	}
	t, err := c.compile(text)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.byText[text] = weak.Make(t)
	c.mu.Unlock()
	runtime.AddCleanup(t, c.forget, text)
	return t, nil
}

// forget is called when a template of the text has gone.
func (c *compiled[T]) forget(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byText[text].Value() == nil { // else there is another one by now
		delete(c.byText, text)
	}
}

func parse(name, text string) (*template.Template, error) {
	t, err := template.New(name).Parse(text)
	if err != nil {
		return nil, parseError(name, err)
	}
	return t, nil
}

func parseDetails(text string) (*htmltemplate.Template, error) {
	t, err := htmltemplate.New("details").Funcs(htmlFuncs).Parse(text)
	if err != nil {
		return nil, parseError("details", err)
	}
	// Where a value stands in the HTML, and so whether it can be escaped, is first looked at when
	// the template is executed.
	var unsafe *htmltemplate.Error
	if err := t.Execute(io.Discard, detailsInfo{}); errors.As(err, &unsafe) && unsafe.ErrorCode != htmltemplate.OK {
		return nil, fmt.Errorf("details: %s", unsafe.Description)
	}
	return t, nil
}

// place matches where the template packages put the place of a parse error.
var place = regexp.MustCompile(`^template: [a-z]+:(\d+)(?::\d+)?: `)

// parseError words an error of the template packages as one of the property name.
func parseError(name string, err error) error {
	msg := err.Error()
	line := "1"
	if m := place.FindStringSubmatch(msg); m != nil {
		msg, line = msg[len(m[0]):], m[1]
	}
	if name != "details" && strings.HasPrefix(msg, `function "json`) {
		msg += ", only details can use it"
	}
	if line != "1" {
		msg = "line " + line + ": " + msg
	}
	return fmt.Errorf("%s: %s", name, msg)
}

// ServerInfo names the process to templates.
type ServerInfo struct {
	Hostname  string
	ClusterID string
	ServerID  string
}

// Source is what an event comes from, as far as the ID may depend on it.
type Source struct {
	Name  string // measurement
	Task  string
	Group string // ID of the group, "" if ungrouped
	Tags  []point.Tag
	Host  string
}

// The data of the templates. Field names and order are those that users' templates and the JSON of
// the default details rely on.
type (
	idInfo struct {
		Name       string
		TaskName   string
		Group      string
		Tags       map[string]string
		ServerInfo ServerInfo
	}
	messageInfo struct {
		idInfo
		ID       string
		Fields   fieldMap
		Level    string
		Time     time.Time
		Duration time.Duration
	}
	detailsInfo struct {
		messageInfo
		Message string
	}
)

func (s *Source) info() idInfo {
	i := idInfo{Name: s.Name, TaskName: s.Task, Group: s.Group, Tags: make(map[string]string, len(s.Tags)), ServerInfo: ServerInfo{Hostname: s.Host}}
	if i.Group == "" {
		i.Group = "nil"
	}
	for _, t := range s.Tags {
		i.Tags[t.Key] = t.Value
	}
	return i
}

// ID renders the event ID.
func (t *Templates) ID(s *Source) (string, error) {
	id, err := compiledIDs.of(t.id)
	if err != nil {
		return "", err
	}
	return render(id, s.info())
}

// Render fills in ID, Message and Details of e, of which Fields, Level, Time and Duration are set.
func (t *Templates) Render(s *Source, e *Event) (err error) {
	info := messageInfo{idInfo: s.info(), Fields: make(fieldMap, len(e.Fields)), Level: e.Level.String(), Time: time.Unix(0, e.Time).UTC(), Duration: e.Duration}
	for _, f := range e.Fields {
		info.Fields[f.Key] = f.Value.Any()
	}
	if e.ID, err = t.ID(s); err != nil {
		return err
	}
	info.ID = e.ID
	message, err := compiledMessages.of(t.message)
	if err != nil {
		return err
	}
	if e.Message, err = render(message, info); err != nil {
		return err
	}
	details, err := compiledDetails.of(t.details)
	if err != nil {
		return err
	}
	e.Details, err = render(details, detailsInfo{info, e.Message})
	return err
}

func render(x interface{ Execute(io.Writer, any) error }, data any) (string, error) {
	var buf bytes.Buffer
	err := x.Execute((*bounded)(&buf), data)
	return buf.String(), err
}

// A bounded buffer takes no more than maxRendered bytes.
type bounded bytes.Buffer

func (b *bounded) Write(p []byte) (int, error) {
	buf := (*bytes.Buffer)(b)
	if buf.Len()+len(p) > maxRendered {
		return 0, fmt.Errorf("longer than %d bytes", maxRendered)
	}
	return buf.Write(p)
}

// A fieldMap holds fields for templates.
type fieldMap map[string]any

// MarshalJSON writes numbers that JSON does not know as null: an alert with one is still an alert.
func (m fieldMap) MarshalJSON() ([]byte, error) {
	out := make(map[string]any, len(m))
	for k, v := range m {
		if f, ok := v.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
			v = nil
		}
		out[k] = v
	}
	return json.Marshal(out)
}

// Funcs are the functions of templates that are no HTML: json, whose text ends with a line end, and
// jsonCompact.
var Funcs = template.FuncMap{"json": jsonLine[string], "jsonCompact": jsonCompact[string]}

// htmlFuncs are the same for HTML, where what they make is a script's.
var htmlFuncs = htmltemplate.FuncMap{"json": jsonLine[htmltemplate.JS], "jsonCompact": jsonCompact[htmltemplate.JS]}

func jsonLine[T ~string](v any) (T, error) {
	text, err := jsonCompact[T](v)
	return text + "\n", err
}

func jsonCompact[T ~string](v any) (T, error) {
	b, err := json.Marshal(v)
	return T(b), err
}
