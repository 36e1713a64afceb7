package delivery

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v3"

	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// This file reads the files of topic handlers, which are those of Kapacitor: YAML or JSON documents
// with topic, id, kind, match and options. Whatever is wrong is an error with its position.

// maxHandlerFile bounds a file; a handler takes some hundred bytes.
const maxHandlerFile = 1 << 20

// fileError returns an error at a node of a file.
func fileError(file string, n *yaml.Node, format string, args ...any) error {
	return &syntax.Error{File: file, Pos: syntax.Pos{Line: n.Line, Col: n.Column}, Msg: fmt.Sprintf(format, args...)}
}

// readHandlers returns the handlers in a file, which has one or, as YAML, several documents.
func readHandlers(file string, text []byte) ([]*TopicHandler, error) {
	if len(text) > maxHandlerFile {
		return nil, fmt.Errorf("%s: larger than %d bytes", file, maxHandlerFile)
	}
	documents, err := parseDocuments(file, text)
	if err != nil {
		return nil, err
	}
	var list []*TopicHandler
	for _, n := range documents {
		h, err := readHandler(file, n)
		if err != nil {
			return nil, err
		}
		list = append(list, h)
	}
	if len(list) == 0 {
		return nil, &syntax.Error{File: file, Pos: syntax.Pos{Line: 1, Col: 1}, Msg: "no handler: want topic, id, kind and options"}
	}
	if len(list) == 1 && list[0].ID == "" {
		name := filepath.Base(file)
		list[0].ID = strings.TrimSuffix(name, filepath.Ext(name))
	}
	return list, nil
}

func parseDocuments(file string, text []byte) ([]*yaml.Node, error) {
	if strings.EqualFold(filepath.Ext(file), ".json") {
		n, err := parseJSON(file, text)
		return []*yaml.Node{n}, err
	}
	var list []*yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		switch {
		case errors.Is(err, io.EOF):
			return list, nil
		case err != nil:
			return nil, yamlError(file, text, err)
		case len(doc.Content) > 0 && doc.Content[0].Tag != "!!null":
			list = append(list, doc.Content[0])
		}
	}
}

var yamlPlace = regexp.MustCompile(`^yaml: (?:line (\d+): )?(?s:(.*))$`)

// yamlError gives a mistake in the syntax its place: the parser knows the line only, so it is the
// first letter there.
func yamlError(file string, text []byte, err error) error {
	pos, msg := syntax.Pos{Line: 1, Col: 1}, err.Error()
	if m := yamlPlace.FindStringSubmatch(msg); m != nil {
		msg = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			pos.Line = n
		}
	}
	if lines := strings.Split(string(text), "\n"); pos.Line <= len(lines) {
		l := lines[pos.Line-1]
		pos.Col += utf8.RuneCountInString(l[:len(l)-len(strings.TrimLeft(l, " \t"))])
	}
	return &syntax.Error{File: file, Pos: pos, Msg: msg}
}

// readHandler makes a handler of a document.
func readHandler(file string, n *yaml.Node) (*TopicHandler, error) {
	h := &TopicHandler{Place: file, at: syntax.Pos{Line: n.Line, Col: n.Column}}
	places := map[string]*yaml.Node{}
	texts := map[string]*string{"topic": &h.Topic, "id": &h.ID, "kind": &h.Kind, "match": &h.Match}
	err := eachPair(file, n, func(key, value *yaml.Node) error {
		name := strings.ToLower(key.Value)
		p := texts[name]
		if p == nil && name != "options" {
			return fileError(file, key, "unknown key %q%s", key.Value, syntax.DidYouMean(key.Value, "", append(sorted(texts), "options")))
		}
		if places[name] != nil {
			return fileError(file, key, "%s stands there twice", name)
		}
		places[name] = value
		if p == nil || value.Tag == "!!null" {
			return nil
		}
		if value.Kind != yaml.ScalarNode {
			return fileError(file, value, "%s: want text, got %s", name, kindOf(value))
		}
		*p = value.Value
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"topic", "kind"} {
		if *texts[name] == "" {
			return nil, fileError(file, orNode(places[name], n), "%s is missing", name)
		}
	}
	options, err := h.Open()
	if err != nil {
		return nil, fileError(file, places["kind"], "%v", err)
	}
	if o := places["options"]; o != nil && o.Tag != "!!null" {
		names := OptionsOf(options)
		err := eachPair(file, o, func(key, value *yaml.Node) error {
			f, err := names.Find(key.Value)
			if err != nil {
				return fileError(file, key, "%s: %v", h.kind.Name, err)
			}
			if !f.CanSet() {
				return nil
			}
			if err := assignNode(f, value); err != nil {
				return fileError(file, value, "%s: %s: %v", h.kind.Name, key.Value, err)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if field, err := h.check(""); err != nil {
		var e *syntax.Error
		if errors.As(err, &e) {
			return nil, matchError(file, places["match"], e)
		}
		return nil, fileError(file, orNode(places[field], n), "%v", err)
	}
	return h, nil
}

func orNode(n, other *yaml.Node) *yaml.Node {
	if n == nil {
		return other
	}
	return n
}

// matchError gives a mistake in match its position in the file, as far as the text there is the
// expression itself.
func matchError(file string, n *yaml.Node, e *syntax.Error) error {
	pos := syntax.Pos{Line: n.Line, Col: n.Column}
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		if e.Pos.IsValid() && n.Style&yaml.LiteralStyle != 0 {
			pos.Line += e.Pos.Line
		}
	case e.Pos.Line == 1:
		pos.Col += e.Pos.Col - 1
		if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
			pos.Col++
		}
	}
	return &syntax.Error{File: file, Pos: pos, Msg: "match: " + e.Msg, Err: e}
}

func eachPair(file string, n *yaml.Node, f func(key, value *yaml.Node) error) error {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		return fileError(file, n, "want keys with values, got %s", kindOf(n))
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		value := n.Content[i+1]
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		if err := f(n.Content[i], value); err != nil {
			return err
		}
	}
	return nil
}

func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "keys with values"
	case n.Tag == "!!int" || n.Tag == "!!float":
		return "a number"
	case n.Tag == "!!bool":
		return "true or false"
	case n.Tag == "!!null":
		return "nothing"
	}
	return "text"
}

// assignNode sets an option. Durations are numbers of nanoseconds, as in Kapacitor, or text like 10s.
func assignNode(option reflect.Value, n *yaml.Node) error {
	if p, ok := option.Addr().Interface().(*time.Duration); ok {
		if n.Kind != yaml.ScalarNode || n.Tag == "!!float" {
			return fmt.Errorf("want a duration like 10s, got %s", kindOf(n))
		}
		if n.Tag == "!!int" {
			return n.Decode((*int64)(p))
		}
		var ok bool
		if *p, ok = parseDuration(n.Value); !ok {
			return fmt.Errorf("want a duration like 10s, got %q", n.Value)
		}
		return nil
	}
	var v any
	if err := n.Decode(&v); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	err = dec.Decode(option.Addr().Interface())
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		got := kindOf(n)
		if wrong.Field != "" || n.Kind != yaml.ScalarNode && option.Kind() != reflect.String {
			got = "a " + strings.Fields(wrong.Value)[0]
		}
		return fmt.Errorf("want %s, got %s", typeWord(wrong.Type), got)
	}
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

var days = regexp.MustCompile(`(\d+(?:\.\d+)?)d`)

// parseDuration reads a duration as Telegraf does: days are a unit, too, and a number has seconds.
func parseDuration(text string) (time.Duration, bool) {
	if text == "" {
		return 0, true
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return time.Duration(n * float64(time.Second)), true
	}
	text = days.ReplaceAllStringFunc(text, func(s string) string {
		n, _ := strconv.ParseFloat(strings.TrimSuffix(s, "d"), 64) // it is a number
		return strconv.FormatFloat(n*24, 'f', -1, 64) + "h"
	})
	v, err := time.ParseDuration(text)
	return v, err == nil
}

func typeWord(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "keys with values"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	}
	return t.String()
}

// parseJSON makes of a JSON document what the parser of YAML would, positions included.
func parseJSON(file string, text []byte) (*yaml.Node, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	p := jsonParser{dec: dec, text: text}
	n, err := p.value(0)
	if err == nil {
		if _, more := dec.Token(); more != io.EOF {
			err = errors.New("more than one value")
		}
	}
	if err != nil {
		var wrong *json.SyntaxError
		at := int(dec.InputOffset())
		if errors.As(err, &wrong) {
			// The position is that of the character, or behind it.
			at = int(wrong.Offset)
			if at >= len(text) || !strings.HasPrefix(err.Error(), "invalid character "+strconv.QuoteRune(rune(text[at]))) {
				at--
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			at, err = len(text), errors.New("the file ends in the midst of it")
		}
		pos := p.place(at)
		return nil, &syntax.Error{File: file, Pos: pos, Msg: err.Error()}
	}
	return n, nil
}

type jsonParser struct {
	dec  *json.Decoder
	text []byte
}

func (p *jsonParser) place(at int) syntax.Pos {
	before := p.text[:max(0, min(at, len(p.text)))]
	line := bytes.LastIndexByte(before, '\n') + 1
	return syntax.Pos{Line: bytes.Count(before, []byte{'\n'}) + 1, Col: utf8.RuneCount(before[line:]) + 1}
}

const maxDepth = 50

func (p *jsonParser) value(depth int) (*yaml.Node, error) {
	if depth > maxDepth {
		return nil, errors.New("too deep")
	}
	from := int(p.dec.InputOffset())
	for from < len(p.text) && bytes.IndexByte([]byte(" \t\r\n,:"), p.text[from]) >= 0 {
		from++
	}
	tok, err := p.dec.Token()
	if err != nil {
		return nil, err
	}
	pos := p.place(from)
	n := &yaml.Node{Kind: yaml.ScalarNode, Line: pos.Line, Column: pos.Col}
	switch tok := tok.(type) {
	case string:
		n.Tag, n.Value, n.Style = "!!str", tok, yaml.DoubleQuotedStyle
	case json.Number:
		n.Tag, n.Value = "!!int", tok.String()
		if strings.ContainsAny(n.Value, ".eE") {
			n.Tag = "!!float"
		}
	case bool:
		n.Tag, n.Value = "!!bool", strconv.FormatBool(tok)
	case nil:
		n.Tag = "!!null"
	case json.Delim:
		n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		if tok == '{' {
			n.Kind, n.Tag = yaml.MappingNode, "!!map"
		}
		for p.dec.More() {
			x, err := p.value(depth + 1)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, x)
		}
		if _, err := p.dec.Token(); err != nil {
			return nil, err
		}
	}
	return n, nil
}
