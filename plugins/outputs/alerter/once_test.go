package alerter

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
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
	a, err := load(`
  [[outputs.alerter.handler]]
    topic = "tp"
    kind = "log"
    options = {path = "` + dir + `/topic.log"}
  [outputs.alerter.log]
    state_changes_only = true
`)
	require.NoError(t, err)
	require.NoError(t, a.Init())
	e := &alert.Event{ID: "x", Topic: "tp", Level: alert.Critical, Handlers: []alert.Handler{
		{Kind: "post", Options: json.RawMessage(`{"url":"` + receiver.URL + `"}`)},
		{Kind: "log", Options: json.RawMessage(`{"path":"` + dir + `/own.log"}`)},
		{Kind: "email"},
		{Kind: "hipChat"},
		{Kind: "emial"},
	}}
	var unavailable, failed []string
	for _, f := range a.Once(t.Context(), e) {
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
	require.Empty(t, a.Once(t.Context(), e))
	require.NoFileExists(t, filepath.Join(dir, "own.log"))
	require.NoError(t, a.Close())
}
