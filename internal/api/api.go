// Package api serves the engine's HTTP API, in the words of Kapacitor's API v1: the same paths,
// headers, bodies and errors, so that clients of Kapacitor find what they know. It knows nothing of
// tasks; an [Engine] does what is asked for.
//
// Served today: ping, sideload/reload, the data of httpOut nodes, and :routes. Any other path is
// answered 404, as is a known path with a method that it does not take.
package api

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Errors that an [Engine] returns, with the texts of Kapacitor.
var (
	ErrNoTask     = errors.New("no task exists")
	ErrNoEndpoint = errors.New("Not Found") //nolint:staticcheck // the text of the API
)

// An Engine does what the API is asked for. Its methods are safe for concurrent use.
type Engine interface {
	// ReloadSideload has the documents of all sideload nodes read anew; it does not wait for them.
	ReloadSideload()
	// HTTPOut returns the content of a task's httpOut node as result JSON. ErrNoTask and
	// ErrNoEndpoint say that there is none.
	HTTPOut(task, endpoint string) ([]byte, error)
}

// base is the path that everything stands below, preview the one of what was to come.
const (
	base    = "/kapacitor/v1"
	preview = "/kapacitor/v1preview"
)

// minGzip is the length from which an answer is worth compressing, in bytes.
const minGzip = 512

// An API is the handler of all requests.
type API struct {
	engine  Engine
	version string
	routes  []route
	mux     *http.ServeMux
}

// A route is one line of the API.
type route struct {
	method, path string // path below base, in the manner of http.ServeMux
	serve        func(w http.ResponseWriter, r *http.Request)
}

// New makes an API of the given version, which each answer names.
func New(e Engine, version string) *API {
	a := &API{engine: e, version: version, mux: http.NewServeMux()}
	a.routes = []route{
		{"GET", "/ping", a.ping}, // HEAD too
		{"POST", "/sideload/reload", a.reloadSideload},
		{"GET", "/tasks/{task}/{endpoint...}", a.httpOut},
		{"GET", "/:routes", a.listRoutes},
	}
	for _, r := range a.routes {
		a.mux.HandleFunc(r.method+" "+base+r.path, r.serve)
		a.mux.HandleFunc(r.method+" "+preview+r.path, r.serve)
	}
	a.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusNotFound, ErrNoEndpoint)
	})
	return a
}

// ServeHTTP answers a request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Request-Id", requestID())
	h.Set("X-Kapacitor-Version", a.version)
	if origin := r.Header.Get("Origin"); origin != "" {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Methods", "DELETE, GET, OPTIONS, POST, PATCH")
		h.Set("Access-Control-Allow-Headers", "Accept, Accept-Encoding, Authorization, Content-Length, Content-Type, X-CSRF-Token, X-HTTP-Method-Override")
	}
	if r.Method == http.MethodOptions {
		return
	}
	a.mux.ServeHTTP(w, r)
}

func (*API) ping(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

func (a *API) reloadSideload(w http.ResponseWriter, _ *http.Request) {
	a.engine.ReloadSideload()
	w.WriteHeader(http.StatusNoContent)
}

func (a *API) httpOut(w http.ResponseWriter, r *http.Request) {
	body, err := a.engine.HTTPOut(r.PathValue("task"), r.PathValue("endpoint"))
	switch {
	case errors.Is(err, ErrNoTask), errors.Is(err, ErrNoEndpoint):
		fail(w, http.StatusNotFound, err)
	case err != nil:
		fail(w, http.StatusInternalServerError, err)
	default:
		send(w, r, append(body, '\n'))
	}
}

// listRoutes answers with the methods that each path takes.
func (a *API) listRoutes(w http.ResponseWriter, r *http.Request) {
	methods := map[string][]string{}
	for _, x := range a.routes {
		methods[base+x.path] = append(methods[base+x.path], x.method)
	}
	var b bytes.Buffer
	b.WriteString("{")
	for i, path := range slices.Sorted(maps.Keys(methods)) {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, "\n    %q: %q", path, strings.Join(methods[path], ","))
	}
	b.WriteString("\n}")
	send(w, r, b.Bytes())
}

// send writes a body, compressed if the client takes it.
func send(w http.ResponseWriter, r *http.Request, body []byte) {
	if len(body) < minGzip || !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		_, _ = w.Write(body) // the client is gone: nobody is left to tell
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, _ = z.Write(body)
	_ = z.Close()
}

// fail answers with an error, under both of the keys that clients know.
func fail(w http.ResponseWriter, status int, err error) {
	text := err.Error()
	body, _ := json.MarshalIndent(struct { // strings can always be encoded
		Error   string `json:"error"`
		Message string `json:"message"`
	}{text, text}, "", "    ")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// requestID returns a random UUID (RFC 9562, version 4).
func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
