package sideload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file parses documents.

// A lineError is an error with the line that it is about.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }
func (e *lineError) Unwrap() error { return e.err }

// locate puts file and line in front of a parser's error.
func locate(file string, err error) error {
	var l *lineError
	if errors.As(err, &l) {
		return fmt.Errorf("%s:%d: %w", file, l.line, l.err)
	}
	return fmt.Errorf("%s: %w", file, err)
}

// parseYAML parses a flat map in YAML. An empty text is an empty map.
func parseYAML(text []byte) (document, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, yamlError(err)
	}
	if root.Kind == 0 {
		return document{}, nil
	}
	top := root.Content[0]
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return document{}, nil
	}
	if top.Kind != yaml.MappingNode {
		return nil, &lineError{top.Line, errNotFlat}
	}
	var values map[string]yaml.Node
	if err := top.Decode(&values); err != nil {
		return nil, yamlError(err)
	}
	doc := make(document, len(values))
	for key, n := range values {
		doc[key] = yamlValue(&n)
	}
	return doc, nil
}

// yamlValue returns the value of a scalar, Null for anything else.
func yamlValue(n *yaml.Node) point.Value {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.ScalarNode {
		return point.NullValue()
	}
	switch n.Tag {
	case "!!null":
		return point.NullValue()
	case "!!bool":
		var b bool
		if n.Decode(&b) == nil {
			return point.BoolValue(b)
		}
	case "!!int", "!!float":
		var i int64
		if n.Tag == "!!int" && n.Decode(&i) == nil {
			return point.IntValue(i)
		}
		var f float64
		if n.Decode(&f) == nil {
			return point.FloatValue(f)
		}
	}
	return point.StringValue(n.Value)
}

var (
	yamlLine = regexp.MustCompile(`line (\d+): `)
	// yamlParser matches the errors of the package's parser, which counts lines from 0; its
	// scanner counts from 1. Neither names the first line.
	yamlParser = regexp.MustCompile(`^did not find expected (node content|key|'-' indicator|',' or|<)`)
)

// yamlError turns an error of the YAML package into one with a line.
func yamlError(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if m := yamlLine.FindStringSubmatchIndex(text); m != nil {
		line, _ = strconv.Atoi(text[m[2]:m[3]]) // digits
		text = text[m[1]:]
	}
	text, _, _ = strings.Cut(text, "\n")
	if yamlParser.MatchString(text) || line == 0 && strings.HasPrefix(text, "found ") {
		line++
	}
	if line == 0 {
		return errors.New(text)
	}
	return &lineError{line, errors.New(text)}
}

// parseJSON parses a flat object.
func parseJSON(text []byte) (document, error) {
	var values map[string]json.RawMessage
	if err := decodeJSON(text, &values); err != nil {
		return nil, err
	}
	return jsonDocument(values), nil
}

func jsonDocument(values map[string]json.RawMessage) document {
	doc := make(document, len(values))
	for key, v := range values {
		doc[key] = jsonValue(v)
	}
	return doc
}

// decodeJSON decodes one object and nothing else.
func decodeJSON(text []byte, to any) error {
	if t := bytes.TrimLeft(text, " \t\r\n"); len(t) > 0 && t[0] != '{' {
		return &lineError{lineAt(text, int64(len(text)-len(t))), errNotFlat}
	}
	err := json.Unmarshal(text, to)
	var se *json.SyntaxError
	var te *json.UnmarshalTypeError
	switch {
	case errors.As(err, &se):
		return &lineError{lineAt(text, se.Offset), err}
	case errors.As(err, &te):
		return &lineError{lineAt(text, te.Offset), errNotFlat}
	}
	return err
}

func lineAt(text []byte, offset int64) int {
	return 1 + bytes.Count(text[:min(offset, int64(len(text)))], []byte("\n"))
}

// jsonValue returns the value of a scalar, Null for anything else.
func jsonValue(raw json.RawMessage) point.Value {
	var x any
	if len(raw) == 0 || raw[0] == '{' || raw[0] == '[' || json.Unmarshal(raw, &x) != nil {
		return point.NullValue()
	}
	switch x := x.(type) {
	case string:
		return point.StringValue(x)
	case bool:
		return point.BoolValue(x)
	case float64:
		if i, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
			return point.IntValue(i)
		}
		return point.FloatValue(x)
	}
	return point.NullValue()
}
