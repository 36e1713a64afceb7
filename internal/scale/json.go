package scale

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// This file reads and changes single values in the JSON of an API. Everything else stays as it came,
// whatever the version of the API: what is sent back must not lose what we do not know.

// object returns the members of a JSON object.
func object(raw json.RawMessage) (map[string]json.RawMessage, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	if m == nil {
		return nil, fmt.Errorf("want an object, got null")
	}
	return m, nil
}

// value returns what stands at a path below an object, nil if there is nothing.
func value(raw json.RawMessage, path ...string) (json.RawMessage, error) {
	for _, key := range path {
		m, err := object(raw)
		if err != nil {
			return nil, fmt.Errorf("in the response, above %s: %w", key, err)
		}
		raw = m[key]
		if raw == nil {
			return nil, nil
		}
	}
	return raw, nil
}

// number returns the integer at a path; missing is its value if nothing stands there.
func number(raw json.RawMessage, missing int64, path ...string) (int64, error) {
	v, err := value(raw, path...)
	if err != nil || v == nil {
		return missing, err
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s in the response is no integer", strings.Join(path, "."))
	}
	return n, nil
}

// with returns raw with the number at a path set to n.
func with(raw json.RawMessage, n int64, path ...string) (json.RawMessage, error) {
	if len(path) == 0 {
		return strconv.AppendInt(nil, n, 10), nil
	}
	m := map[string]json.RawMessage{}
	if len(raw) > 0 && string(raw) != "null" {
		var err error
		if m, err = object(raw); err != nil {
			return nil, fmt.Errorf("in the response, above %s: %w", path[0], err)
		}
	}
	v, err := with(m[path[0]], n, path[1:]...)
	if err != nil {
		return nil, err
	}
	m[path[0]] = v
	return json.Marshal(m)
}

// message returns what an error response says: its member message, or its beginning.
func message(text []byte) string {
	var m struct {
		Message string `json:"message"`
	}
	s := strings.TrimSpace(string(text[:min(len(text), maxMessage)]))
	if json.Unmarshal(text, &m) == nil && m.Message != "" {
		s = m.Message[:min(len(m.Message), maxMessage)]
	}
	return strings.ToValidUTF8(s, "")
}
