package sideload

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/redact"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// timeout bounds a request with its response.
const timeout = 30 * time.Second

// get reads an object of objects from a server: each member is a document.
func (l *Loader) get(ctx context.Context, e Endpoint) reading {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.URL, nil)
	if err != nil {
		return unread(fmt.Errorf("source: %w", redact.Error(err)))
	}
	where := req.URL.Scheme + "://" + req.URL.Host + req.URL.Path // the query may hold a token
	if l.Client == nil {
		return unread(fmt.Errorf("source: %s is not read: there is no network here", where))
	}
	req.Header.Set("Accept", "application/json")
	if e.Prepare != nil {
		if err := e.Prepare(req); err != nil {
			return unread(fmt.Errorf("source: %s: %w", where, err))
		}
	}
	resp, err := l.Client.Do(req)
	if err != nil {
		return unread(fmt.Errorf("source: %s: %w", where, redact.Error(err)))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return unread(fmt.Errorf("source: %s: status %d", where, resp.StatusCode))
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBytes+1))
	switch {
	case err != nil:
		return unread(fmt.Errorf("source: %s: %w", where, redact.Error(err)))
	case len(text) > maxBytes:
		return unread(fmt.Errorf("source: %s: more than %d bytes", where, int64(maxBytes)))
	}
	return parseObjects(where, text)
}

// parseObjects parses an object of objects; where is its name in errors.
func parseObjects(where string, text []byte) reading {
	var members map[string]json.RawMessage
	if err := decodeJSON(text, &members); err != nil {
		return unread(locate(where, err))
	}
	if len(members) > maxDocuments {
		return unread(fmt.Errorf("%s: more than %d documents", where, maxDocuments))
	}
	r := reading{docs: make(spec.Documents, len(members))}
	for name, raw := range members {
		var values map[string]json.RawMessage
		if json.Unmarshal(raw, &values) != nil || values == nil {
			r.fail(name, fmt.Errorf("%s: %q: %w", where, name, errNotFlat))
			continue
		}
		r.docs[name] = jsonDocument(values)
	}
	return r
}
