package delivery

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
)

// TestOnce wants every handler of an event to be tried once, in the caller's time, and each failure
// to say whether it is for want of settings.
func TestOnce(t *testing.T) {
	requests := 0
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests++
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer receiver.Close()
	dir := t.TempDir()
	c := config(&logbook{}, &tallies{})
	k := handler.Lookup("log")
	section := k.Config().(*handler.LogConfig)
	section.StateChangesOnly = true
	c.Sections = map[*handler.Kind][]any{k: {section}}
	var err error
	c.Topics, err = readHandlers("topics.yaml", []byte("topic: tp\nkind: log\noptions: {path: "+dir+"/topic.log}"))
	require.NoError(t, err)
	d, err := New(c)
	require.NoError(t, err)
	e := &alert.Event{ID: "x", Topic: "tp", Level: alert.Critical, Handlers: []alert.Handler{
		{Kind: "post", Options: json.RawMessage(`{"url":"` + receiver.URL + `"}`)},
		{Kind: "log", Options: json.RawMessage(`{"path":"` + dir + `/own.log"}`)},
		{Kind: "email"},
		{Kind: "hipChat"},
		{Kind: "emial"},
	}}
	var unavailable, failed []string
	for _, f := range d.Once(t.Context(), e) {
		require.Error(t, f.Err)
		if errors.Is(f.Err, ErrUnavailable) {
			unavailable = append(unavailable, f.Kind)
		} else {
			failed = append(failed, f.Kind)
		}
	}
	require.Equal(t, []string{"email", "hipChat"}, unavailable)
	require.Equal(t, []string{"emial", "post"}, failed)
	require.Equal(t, 1, requests)
	require.FileExists(t, filepath.Join(dir, "topic.log"))
	require.FileExists(t, filepath.Join(dir, "own.log"))

	// The section's state_changes_only holds here too.
	require.NoError(t, os.Remove(filepath.Join(dir, "own.log")))
	e.Previous, e.NodePrevious, e.Handlers = e.Level, e.Level, e.Handlers[1:2]
	require.Empty(t, d.Once(t.Context(), e))
	require.NoFileExists(t, filepath.Join(dir, "own.log"))
	_, _, err = d.Close(time.Now())
	require.NoError(t, err)
}
