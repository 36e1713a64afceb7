package handler

import (
	"bytes"
	"encoding/json"
	"strings"
	"text/template"
	"time"
	"unicode/utf8"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file defines what handlers say about an event: the alert data JSON and the data of templates.

// body is the alert data as it is sent; the order of the fields is that of the JSON.
type body struct {
	ID            string          `json:"id"`
	Message       string          `json:"message"`
	Details       string          `json:"details"`
	Time          time.Time       `json:"time"`
	Duration      time.Duration   `json:"duration"`
	Level         string          `json:"level"`
	Data          json.RawMessage `json:"data"`
	PreviousLevel string          `json:"previousLevel"`
	Recoverable   bool            `json:"recoverable"`
}

// Body returns the alert data of e as one line of JSON, with its newline.
func Body(e *alert.Event) []byte {
	b := body{
		ID: e.ID, Message: e.Message, Details: e.Details, Time: when(e), Duration: e.Duration,
		Level: e.Level.String(), Data: data(e), PreviousLevel: e.Previous.String(), Recoverable: e.Recoverable,
	}
	text, err := json.Marshal(b)
	if err != nil { // Data is not JSON
		b.Data = json.RawMessage(noData)
		text, _ = json.Marshal(b) // a time beyond year 9999 has no JSON either
	}
	return append(text, '\n')
}

const noData = `{"series":null}`

func data(e *alert.Event) json.RawMessage {
	if len(e.Data) == 0 {
		return json.RawMessage(noData)
	}
	return e.Data
}

func when(e *alert.Event) time.Time { return time.Unix(0, e.Time).UTC() }

// A result is the series of an event as templates see it.
type result struct {
	Series []*row `json:"series"`
}

type row struct {
	Name    string            `json:"name,omitempty"`
	Tags    map[string]string `json:"tags,omitempty"`
	Columns []string          `json:"columns,omitempty"`
	Values  [][]any           `json:"values,omitempty"`
}

func resultOf(e *alert.Event) result {
	var r result
	dec := json.NewDecoder(bytes.NewReader(data(e)))
	dec.UseNumber()
	if dec.Decode(&r) != nil {
		return result{}
	}
	for _, s := range r.Series {
		if s == nil {
			continue
		}
		for _, v := range s.Values {
			for i := range v {
				v[i] = native(v[i], i < len(s.Columns) && s.Columns[i] == "time")
			}
		}
	}
	return r
}

// native gives a decoded JSON value the type that it had in the point.
func native(v any, isTime bool) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		if f, err := v.Float64(); err == nil {
			return f
		}
		return v.String()
	case string:
		if t, err := time.Parse(time.RFC3339Nano, v); isTime && err == nil {
			return t
		}
	}
	return v
}

// alertData is the data of URL and body templates.
type alertData struct {
	ID            string        `json:"id"`
	Message       string        `json:"message"`
	Details       string        `json:"details"`
	Time          time.Time     `json:"time"`
	Duration      time.Duration `json:"duration"`
	Level         string        `json:"level"`
	Data          result        `json:"data"`
	PreviousLevel string        `json:"previousLevel"`
	Recoverable   bool          `json:"recoverable"`
}

func alertDataOf(e *alert.Event) alertData {
	return alertData{
		ID: e.ID, Message: e.Message, Details: e.Details, Time: when(e), Duration: e.Duration,
		Level: e.Level.String(), Data: resultOf(e), PreviousLevel: e.Previous.String(), Recoverable: e.Recoverable,
	}
}

// eventData is the data of the templates that a script gives to a handler.
type eventData struct {
	ID, Message, Level string
	Time               time.Time
	Duration           time.Duration
	Details            string
	Name, TaskName     string
	Group, Category    string
	Tags               map[string]string
	Fields             map[string]any
	Recoverable        bool
	Result             result
}

func eventDataOf(e *alert.Event) eventData {
	return eventData{
		ID: e.ID, Message: e.Message, Level: e.Level.String(), Time: when(e), Duration: e.Duration,
		Details: e.Details, Name: e.Name, TaskName: e.Task, Group: e.Group, Category: e.Category,
		Tags: tagMap(e.Tags), Fields: fieldMap(e.Fields), Recoverable: e.Recoverable, Result: resultOf(e),
	}
}

func tagMap(tags []point.Tag) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[t.Key] = t.Value
	}
	return m
}

func fieldMap(fields []point.Field) map[string]any {
	m := make(map[string]any, len(fields))
	for _, f := range fields {
		m[f.Key] = f.Value.Any()
	}
	return m
}

func parseTemplate(name, text string) (*template.Template, error) {
	return template.New(name).Funcs(alert.Funcs).Parse(text)
}

// render executes a template text over data; text without actions is its own result.
func render(name, text string, data any) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}
	t, err := parseTemplate(name, text)
	if err != nil {
		return "", Permanent(err)
	}
	var b strings.Builder
	if err := t.Execute(&b, data); err != nil {
		return "", Permanent(err)
	}
	return b.String(), nil
}

// checkTemplates returns the first error of template texts, given as name, text, name, text….
func checkTemplates(nameText ...string) error {
	for i := 0; i+1 < len(nameText); i += 2 {
		if _, err := parseTemplate(nameText[i], nameText[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// A renderer renders several templates over the data of one event and keeps the first error.
type renderer struct {
	data eventData
	err  error
}

func rendererOf(e *alert.Event) *renderer { return &renderer{data: eventDataOf(e)} }

func (r *renderer) text(name, text string) string {
	if r.err != nil {
		return ""
	}
	text, r.err = render(name, text, r.data)
	return text
}

func (r *renderer) list(name string, texts []string) []string {
	list := make([]string, 0, len(texts))
	for _, t := range texts {
		list = append(list, r.text(name, t))
	}
	return list
}

// values renders the strings among the values.
func (r *renderer) values(name string, values map[string]any) map[string]any {
	m := make(map[string]any, len(values))
	for k, v := range values {
		if text, ok := v.(string); ok {
			v = r.text(name, text)
		}
		m[k] = v
	}
	return m
}

func checkList(name string, texts []string) error {
	for _, t := range texts {
		if err := checkTemplates(name, t); err != nil {
			return err
		}
	}
	return nil
}

func checkValues(name string, values map[string]any) error {
	for _, v := range values {
		if text, ok := v.(string); ok {
			if err := checkTemplates(name, text); err != nil {
				return err
			}
		}
	}
	return nil
}

// textOf returns a string itself and anything else as JSON.
func textOf(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	text, _ := json.Marshal(v) // what has no JSON, as an infinite number, is empty
	return string(text)
}

// cut returns at most the first n bytes of text, and no part of a character.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// set puts a script's value into a map of options.
func set(m *map[string]any, name string, v point.Value) {
	if *m == nil {
		*m = map[string]any{}
	}
	(*m)[name] = v.Any()
}
