package handler

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/tlsconf"
)

// The test binary is also the program that exec runs.
func TestMain(m *testing.M) {
	switch os.Getenv("HANDLER_TEST_PROGRAM") {
	case "cat":
		out, err := os.OpenFile(os.Args[1], os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err == nil {
			_, err = io.Copy(out, os.Stdin)
		}
		_, secret := os.LookupEnv("HANDLER_TEST_SECRET")
		if err != nil || secret {
			os.Exit(1)
		}
		os.Exit(0)
	case "fail":
		os.Stderr.WriteString("no way\n")
		os.Exit(3)
	case "hang":
		time.Sleep(time.Hour)
	}
	os.Exit(m.Run())
}

func TestLog(t *testing.T) {
	s := opened(t, "log")
	path := filepath.Join(t.TempDir(), "alerts.log")
	o := &Log{Path: path, Mode: 0o640}
	require.NoError(t, send(t, s, o))
	require.NoError(t, send(t, s, o))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, bodyOf+bodyOf, string(text))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm())

	require.NoError(t, os.Rename(path, path+".1"))
	require.NoError(t, send(t, s, o))
	text, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, bodyOf, string(text), "after rotation")
}

func TestLogErrors(t *testing.T) {
	s := opened(t, "log")
	err := send(t, s, &Log{Path: "relative.log"})
	require.True(t, permanent(err), err)
	require.True(t, permanent(send(t, s, &Log{})))
	err = send(t, s, &Log{Path: filepath.Join(t.TempDir(), "missing", "a.log")})
	require.ErrorContains(t, err, "no such file")
	require.False(t, permanent(err), "the folder may still be made")
	_, err = Lookup("log").Open([]any{&LogConfig{Mode: "rw"}})
	require.ErrorContains(t, err, "octal")
	_, err = Lookup("log").Open([]any{&LogConfig{Section: Section{Global: true}}})
	require.Error(t, err)
}

func TestLogConfiguredPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "all.log")
	s := opened(t, "log", &LogConfig{Path: path, Mode: "0644"})
	require.NoError(t, send(t, s, &Log{}))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode().Perm())
	var out strings.Builder
	s.(*logSender).stdout = &out
	require.NoError(t, send(t, s, &Log{Path: "stdout"}))
	require.Equal(t, bodyOf, out.String())
}

func TestTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	got := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		text, _ := io.ReadAll(conn)
		got <- string(text)
	}()
	s := opened(t, "tcp")
	require.NoError(t, send(t, s, &TCP{Address: l.Addr().String()}))
	require.Equal(t, bodyOf+"\n", <-got)
	require.NoError(t, l.Close())
	err = send(t, s, &TCP{Address: l.Addr().String()})
	require.Error(t, err)
	require.False(t, permanent(err))
	require.True(t, permanent(send(t, s, &TCP{})))
}

func TestExec(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	out := filepath.Join(t.TempDir(), "out")
	t.Setenv("HANDLER_TEST_SECRET", "of the agent")
	s := opened(t, "exec", &ExecConfig{Environment: []string{"HANDLER_TEST_PROGRAM=cat"}})
	require.NoError(t, send(t, s, &Exec{Prog: self, Args: []string{out}}), "the program must not see the agent's environment")
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, bodyOf, string(text))

	s = opened(t, "exec", &ExecConfig{Environment: []string{"HANDLER_TEST_PROGRAM=fail"}})
	err = send(t, s, &Exec{Prog: self})
	require.ErrorContains(t, err, "exit status 3: no way")
	require.False(t, permanent(err))

	s = opened(t, "exec", &ExecConfig{Environment: []string{"HANDLER_TEST_PROGRAM=hang"}})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Send(ctx, event(), &Exec{Prog: self}), context.DeadlineExceeded)

	require.True(t, permanent(send(t, s, &Exec{Prog: "/does/not/exist"})))
	require.True(t, permanent(send(t, s, &Exec{Prog: "no-such-program-anywhere"})))
	if runtime.GOOS != "windows" {
		plain := filepath.Join(t.TempDir(), "plain")
		require.NoError(t, os.WriteFile(plain, nil, 0o600))
		require.True(t, permanent(send(t, s, &Exec{Prog: plain})))
	}
}

// A request is what a server got.
type request struct {
	method, path, body string
	header             http.Header
}

func serve(t *testing.T, answer func(w http.ResponseWriter)) (*httptest.Server, chan request) {
	t.Helper()
	got := make(chan request, 16)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got <- request{r.Method, r.URL.RequestURI(), string(text), r.Header}
		if answer != nil {
			answer(w)
		}
	}))
	t.Cleanup(s.Close)
	return s, got
}

func TestPost(t *testing.T) {
	server, got := serve(t, nil)
	s := opened(t, "post")
	require.NoError(t, send(t, s, &Post{URL: server.URL + "/{{ .Level }}?x={{ .PreviousLevel }}", Headers: map[string]string{"X-Token": "abc"}}))
	r := <-got
	require.Equal(t, "/CRITICAL?x=OK", r.path)
	require.Equal(t, bodyOf, r.body)
	require.Equal(t, "application/json", r.header.Get("Content-Type"))
	require.Equal(t, "abc", r.header.Get("X-Token"))
}

func TestPostEndpoint(t *testing.T) {
	server, got := serve(t, nil)
	file := filepath.Join(t.TempDir(), "body.tmpl")
	require.NoError(t, os.WriteFile(file, []byte(`{{ .ID }}!`), 0o600))
	s := opened(t, "post",
		&PostConfig{
			Endpoint: "a", URL: server.URL + "/a", Username: TextSecret("u"), Password: TextSecret("p"),
			Headers: map[string]Secret{"X-A": TextSecret("1"), "X-B": TextSecret("2")}, AlertTemplate: `{{ jsonCompact .Message }}`,
		},
		&PostConfig{Endpoint: "b", URL: server.URL + "/b", AlertTemplateFile: file},
	)
	require.NoError(t, send(t, s, &Post{Endpoint: "a", URL: "http://127.0.0.1:1/never", Headers: map[string]string{"X-B": "3"}}))
	r := <-got
	require.Equal(t, "/a", r.path)
	require.Equal(t, `"cpu:host=a is CRITICAL"`, r.body)
	require.Equal(t, "Basic dTpw", r.header.Get("Authorization"))
	require.Equal(t, "1", r.header.Get("X-A"))
	require.Equal(t, "3", r.header.Get("X-B"))
	require.Empty(t, r.header.Get("Content-Type"))
	require.NoError(t, send(t, s, &Post{Endpoint: "b"}))
	require.Equal(t, "cpu:host=a!", (<-got).body)
	err := send(t, s, &Post{Endpoint: "c"})
	require.True(t, permanent(err))
	require.ErrorContains(t, err, `unknown endpoint "c"`)

	for want, c := range map[string]*PostConfig{
		"url is missing":   {Endpoint: "x"},
		"exclude":          {Endpoint: "x", URL: "http://a", AlertTemplate: "a", AlertTemplateFile: "/b"},
		"absolute":         {Endpoint: "x", URL: "http://a", AlertTemplateFile: "b"},
		"no such file":     {Endpoint: "x", URL: "http://a", AlertTemplateFile: "/does/not/exist"},
		"endpoint, the":    {URL: "http://a"},
		"unclosed action":  {Endpoint: "x", URL: "http://{{"},
		"tls_cert and tls": {Endpoint: "x", URL: "http://a", TLS: tlsconf.TLS{Cert: "/x"}},
	} {
		_, err := Lookup("post").Open([]any{c})
		require.ErrorContains(t, err, want)
	}
	_, err = Lookup("post").Open([]any{&PostConfig{Endpoint: "x", URL: "http://a"}, &PostConfig{Endpoint: "x", URL: "http://b"}})
	require.ErrorContains(t, err, "twice")
}

func TestPostStatus(t *testing.T) {
	for _, c := range []struct {
		status    int
		retry     string
		ok        bool
		permanent bool
		after     time.Duration
	}{
		{status: 200, ok: true},
		{status: 204, ok: true},
		{status: 202, ok: true},
		{status: 400, permanent: true},
		{status: 404, permanent: true},
		{status: 401, permanent: true},
		{status: 304, permanent: true},
		{status: 408},
		{status: 425},
		{status: 500},
		{status: 502},
		{status: 429, retry: "9", after: 9 * time.Second},
		{status: 503, retry: "2", after: 2 * time.Second},
	} {
		server, _ := serve(t, func(w http.ResponseWriter) {
			if c.retry != "" {
				w.Header().Set("Retry-After", c.retry)
			}
			w.WriteHeader(c.status)
			if c.status >= 400 {
				io.WriteString(w, "why")
			}
		})
		s := opened(t, "post")
		err := send(t, s, &Post{URL: server.URL})
		if c.ok {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, "captureResponse()")
		require.Equal(t, c.permanent, permanent(err), c.status)
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, c.after, e.After)
		if c.status >= 400 {
			require.ErrorContains(t, send(t, s, &Post{URL: server.URL, CaptureResponse: true}), "why")
		}
	}
}

func TestPostFailures(t *testing.T) {
	server, _ := serve(t, nil)
	server.Close()
	s := opened(t, "post")
	err := send(t, s, &Post{URL: server.URL + "/secret-token"})
	require.Error(t, err)
	require.False(t, permanent(err))
	require.NotContains(t, err.Error(), "secret-token", "a URL may be a secret")
	for _, bad := range []string{"", "example.org", "ftp://x/y", "http://", "http://a b/", "http://x/{{ .Nope }}"} {
		require.True(t, permanent(send(t, s, &Post{URL: bad})), bad)
	}
	release := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer hanging.Close()
	defer close(release)
	err = send(t, s, &Post{URL: hanging.URL, Timeout: 20 * time.Millisecond})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestPostTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	s := opened(t, "post")
	require.ErrorContains(t, send(t, s, &Post{URL: server.URL}), "certificate")
	require.NoError(t, send(t, s, &Post{URL: server.URL, SkipSSLVerification: true}))
}

func TestSecretFailure(t *testing.T) {
	server, _ := serve(t, nil)
	broken := NewSecret(func() (string, error) { return "", errors.New("store is locked") })
	s := opened(t, "post", &PostConfig{Endpoint: "a", URL: server.URL, Headers: map[string]Secret{"A": broken}})
	err := send(t, s, &Post{Endpoint: "a"})
	require.ErrorContains(t, err, "store is locked")
	require.False(t, permanent(err))
}

// The body is one line of JSON, whatever the event has.
func TestBodyIsJSON(t *testing.T) {
	require.Equal(t, bodyOf, string(Body(event())))
	for _, data := range []string{"", "{", "x", `{"series":[{]}`} {
		e := event()
		e.Data, e.Message, e.Time = []byte(data), "a\n\xff\x00", math.MaxInt64
		got := Body(e)
		require.True(t, json.Valid(got), data)
		require.Equal(t, len(got)-1, bytes.IndexByte(got, '\n'), data)
		require.Contains(t, string(got), `"message":"a\n\ufffd\u0000"`, data)
		require.Contains(t, string(got), `"time":"2262-04-11T23:47:16.854775807Z"`, data)
		require.Contains(t, string(got), `"data":{"series":null}`, data)
	}
}
