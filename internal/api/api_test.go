package api_test

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/api"
)

// An engine has one task, cpu, with an httpOut node, top.
type engine struct {
	content string
	reloads int
}

func (e *engine) ReloadSideload() { e.reloads++ }

func (e *engine) HTTPOut(task, endpoint string) ([]byte, error) {
	switch {
	case task == "busy":
		return nil, errors.New("task busy has other things to do")
	case task != "cpu":
		return nil, api.ErrNoTask
	case endpoint != "top":
		return nil, api.ErrNoEndpoint
	}
	return []byte(e.content), nil
}

func TestRequests(t *testing.T) {
	const notFound = "{\n    \"error\": \"Not Found\",\n    \"message\": \"Not Found\"\n}"
	const noTask = "{\n    \"error\": \"no task exists\",\n    \"message\": \"no task exists\"\n}"
	for _, c := range []struct {
		request string
		status  int
		body    string
	}{
		{"GET /kapacitor/v1/ping", 204, ""},
		{"HEAD /kapacitor/v1/ping", 204, ""},
		{"GET /kapacitor/v1preview/ping", 204, ""},
		{"POST /kapacitor/v1/sideload/reload", 204, ""},
		{"GET /kapacitor/v1/tasks/cpu/top", 200, `{"series":null}` + "\n"},
		{"GET /kapacitor/v1/tasks/cpu/bottom", 404, notFound},
		{"GET /kapacitor/v1/tasks/mem/top", 404, noTask},
		{"GET /kapacitor/v1/tasks/busy/top", 500, "{\n    \"error\": \"task busy has other things to do\",\n    \"message\": \"task busy has other things to do\"\n}"},
		{"GET /kapacitor/v1/nothing", 404, notFound},
		{"GET /", 404, notFound},
		{"DELETE /kapacitor/v1/ping", 404, notFound},
		{"GET /kapacitor/v1/sideload/reload", 404, notFound},
		{"OPTIONS /kapacitor/v1/nothing", 200, ""},
	} {
		t.Run(strings.ReplaceAll(c.request, "/", "_"), func(t *testing.T) {
			e := &engine{content: `{"series":null}`}
			method, path, _ := strings.Cut(c.request, " ")
			w := httptest.NewRecorder()
			api.New(e, "1.2.3").ServeHTTP(w, httptest.NewRequest(method, path, http.NoBody))
			require.Equal(t, c.status, w.Code)
			require.Equal(t, c.body, w.Body.String())
			require.Equal(t, "application/json; charset=utf-8", w.Header().Get("Content-Type"))
			require.Equal(t, "1.2.3", w.Header().Get("X-Kapacitor-Version"))
			require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, w.Header().Get("Request-Id"))
			require.Equal(t, strings.HasSuffix(path, "reload") && method == "POST", e.reloads == 1)
		})
	}
}

func TestRoutes(t *testing.T) {
	w := httptest.NewRecorder()
	api.New(&engine{}, "").ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/kapacitor/v1/:routes", http.NoBody))
	require.JSONEq(t, `{
		"/kapacitor/v1/:routes": "GET",
		"/kapacitor/v1/ping": "GET",
		"/kapacitor/v1/sideload/reload": "POST",
		"/kapacitor/v1/tasks/{task}/{endpoint...}": "GET"
	}`, w.Body.String())
}

// TestBrowsers lets pages from elsewhere ask.
func TestBrowsers(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/kapacitor/v1/ping", http.NoBody)
	r.Header.Set("Origin", "http://example.com")
	w := httptest.NewRecorder()
	api.New(&engine{}, "").ServeHTTP(w, r)
	require.Equal(t, "http://example.com", w.Header().Get("Access-Control-Allow-Origin"))
	require.Equal(t, "DELETE, GET, OPTIONS, POST, PATCH", w.Header().Get("Access-Control-Allow-Methods"))
}

func TestCompression(t *testing.T) {
	long := `{"series":"` + strings.Repeat("x", 10_000) + `"}`
	r := httptest.NewRequest(http.MethodGet, "/kapacitor/v1/tasks/cpu/top", http.NoBody)
	r.Header.Set("Accept-Encoding", "gzip")
	w := httptest.NewRecorder()
	api.New(&engine{content: long}, "").ServeHTTP(w, r)
	require.Equal(t, "gzip", w.Header().Get("Content-Encoding"))
	require.Less(t, w.Body.Len(), 1000)
	z, err := gzip.NewReader(w.Body)
	require.NoError(t, err)
	text, err := io.ReadAll(z)
	require.NoError(t, err)
	require.Equal(t, long+"\n", string(text))
}
