package sideload_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/sideload"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// write makes files in a new folder, or in dir if that is not empty.
func write(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return dir
}

func texts(errs []error) string {
	var out []string
	for _, err := range errs {
		out = append(out, err.Error())
	}
	return strings.Join(out, "\n")
}

func TestFolder(t *testing.T) {
	dir := write(t, "", map[string]string{
		"default.yml":     "f: 50.5\ni: 7\ns: text\nq: \"8\"\nb: true\nn: null\nd: 2024-01-01\nmap: {a: 1}\nlist: [1]\nbig: 99999999999999999999\n5: five\n",
		"host/a.yaml":     "base: &b {x: 1}\nsame: &s 3\nalias: *s\n",
		"host/m.yml":      "<<: {x: 1, y: 2}\ny: 3\n",
		"j.json":          `{"f": 1.5, "i": 3, "e": 1e3, "s": "t", "b": false, "n": null, "o": {}, "a": [1], "big": 12345678901234567890}`,
		"empty.yml":       "",
		"comment.yml":     "# nothing\n",
		"notes.txt":       "not: read",
		"..data/v/x.yml":  "hidden: 1",
		"deep/er/one.yml": "v: 1",
	})
	require.NoError(t, os.Symlink(filepath.Join(dir, "..data/v/x.yml"), filepath.Join(dir, "link.yml")))
	docs, errs := new(sideload.Loader).Load(context.Background(), "file://"+dir)
	require.Empty(t, errs)
	f, i, s, b, null := point.FloatValue, point.IntValue, point.StringValue, point.BoolValue, point.NullValue()
	require.Equal(t, spec.Documents{
		"default.yml":     {"f": f(50.5), "i": i(7), "s": s("text"), "q": s("8"), "b": b(true), "n": null, "d": s("2024-01-01"), "map": null, "list": null, "big": f(1e20), "5": s("five")},
		"host/a.yaml":     {"base": null, "same": i(3), "alias": i(3)},
		"host/m.yml":      {"x": i(1), "y": i(3)},
		"j.json":          {"f": f(1.5), "i": i(3), "e": f(1000), "s": s("t"), "b": b(false), "n": null, "o": null, "a": null, "big": f(12345678901234567890)},
		"empty.yml":       {},
		"comment.yml":     {},
		"link.yml":        {"hidden": i(1)},
		"deep/er/one.yml": {"v": i(1)},
	}, docs)
}

func TestBroken(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a.yml", "v: 1\nw: x: 2\n", ":2: mapping values are not allowed"},
		{"a.yml", "[1\n", ":2: did not find expected ',' or ']'"},
		{"a.yml", "v: 1\nw: 2\n}\n", ":3: did not find expected"},
		{"a.yml", "v: 1\nw: [1\n", ":2: did not find expected ',' or ']'"},
		{"a.yml", "- 1\n", ":1: want a map from keys to values"},
		{"a.yml", "# list\n\njust text\n", ":3: want a map"},
		{"a.yml", "v: 1\nv: 2\n", ":2: mapping key \"v\" already defined at line 1"},
		{"a.yml", "\tv: 1\n", ":1: found character that cannot start any token"},
		{"a.yml", "a: &a\n  <<: *a\n<<: 5\n", "map merge requires"},
		{"a.json", "{\n \"v\": 1,\n}\n", ":3: invalid character '}'"},
		{"a.json", "\n[1]", ":2: want a map from keys to values"},
		{"a.json", "", ":1: unexpected end of JSON input"},
		{"a.json", "null", ":1: want a map"},
		{"a.json", "{\"v\": 1}\n{}", ":2: invalid character '{'"},
	} {
		dir := write(t, "", map[string]string{c.name: c.text, "good.yml": "v: 1"})
		docs, errs := new(sideload.Loader).Load(context.Background(), "file://"+dir)
		require.Len(t, errs, 1, "%q", c.text)
		require.Contains(t, errs[0].Error(), filepath.Join(dir, c.name)+":", "%q", c.text)
		require.Contains(t, errs[0].Error(), c.want, "%q", c.text)
		require.Equal(t, spec.Documents{"good.yml": {"v": point.IntValue(1)}}, docs, "%q", c.text)
	}
}

func TestBadSource(t *testing.T) {
	dir := write(t, "", map[string]string{"a.yml": "v: 1"})
	for source, want := range map[string]string{
		"file://" + dir + "/none":            "no such file",
		"file://" + dir + "/a.yml":           "is no folder",
		"file://relative":                    "absolute path",
		"nobody":                             "endpoint 'nobody' does not exist",
		"http://localhost:1/in?token=s3cret": "source: http://localhost:1/in is not read",
	} {
		docs, errs := new(sideload.Loader).Load(context.Background(), source)
		require.Nil(t, docs)
		require.ErrorContains(t, errors.Join(errs...), want)
		require.NotContains(t, texts(errs), "s3cret")
	}
}

func TestEscapedPath(t *testing.T) {
	dir := write(t, "", map[string]string{"a b/x.yml": "v: 1"})
	docs, errs := new(sideload.Loader).Load(context.Background(), "file://"+dir+"/a%20b")
	require.Empty(t, errs)
	require.Len(t, docs, 1)
}

// What is not a file must not be opened: a named pipe would wait for its writer.
func TestNoFile(t *testing.T) {
	dir := write(t, "", map[string]string{"a.yml": "v: 1"})
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe.yml"), 0o600))
	require.NoError(t, os.Symlink(filepath.Join(dir, "none"), filepath.Join(dir, "lost.yml")))
	docs, errs := new(sideload.Loader).Load(context.Background(), "file://"+dir)
	require.Len(t, docs, 1)
	require.Len(t, errs, 2)
	require.Contains(t, texts(errs), "pipe.yml is no regular file")
	require.Contains(t, texts(errs), "lost.yml: no such file")
}

func TestManyBroken(t *testing.T) {
	files := map[string]string{}
	for i := range 30 {
		files[string(rune('a'+i))+".yml"] = "["
	}
	_, errs := new(sideload.Loader).Load(context.Background(), "file://"+write(t, "", files))
	require.Len(t, errs, 11)
	require.EqualError(t, errs[10], "20 more documents are broken")
}

// The last good version stays: of the whole source, or of one document.
func TestReload(t *testing.T) {
	dir := write(t, "", map[string]string{"a.yml": "v: 1", "b.yml": "v: 1", "c.yml": "v: 1"})
	var l sideload.Loader
	first, errs := l.Load(context.Background(), "file://"+dir)
	require.Empty(t, errs)

	write(t, dir, map[string]string{"a.yml": "v: [", "b.yml": "v: 2"})
	require.NoError(t, os.Remove(filepath.Join(dir, "c.yml")))
	docs, errs := l.Load(context.Background(), "file://"+dir)
	require.Len(t, errs, 1)
	want := spec.Documents{"a.yml": {"v": point.IntValue(1)}, "b.yml": {"v": point.IntValue(2)}}
	require.Equal(t, want, docs)
	require.Len(t, first, 3, "documents that were handed out do not change")

	docs, errs = l.Load(context.Background(), "file://"+dir)
	require.Len(t, errs, 1)
	require.Equal(t, want, docs)

	require.NoError(t, os.RemoveAll(dir))
	docs, errs = l.Load(context.Background(), "file://"+dir)
	require.Len(t, errs, 1)
	require.Equal(t, want, docs)
}

func TestHTTP(t *testing.T) {
	status, body := http.StatusOK, `{"a": {"v": 1.5}, "b": {"v": 2}, "c": {}}`
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Token") != "s3cret" {
			status = http.StatusUnauthorized
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	defer s.Close()
	l := sideload.Loader{Client: s.Client(), Endpoints: map[string]sideload.Endpoint{"limits": {URL: s.URL + "/x", Prepare: func(r *http.Request) error {
		r.Header.Set("X-Token", "s3cret")
		return nil
	}}}}
	load := func() (spec.Documents, string) {
		docs, errs := l.Load(context.Background(), "limits")
		return docs, texts(errs)
	}
	good := spec.Documents{"a": {"v": point.FloatValue(1.5)}, "b": {"v": point.IntValue(2)}, "c": {}}
	docs, msg := load()
	require.Empty(t, msg)
	require.Equal(t, good, docs)

	body = "{\"a\": {\"v\": 2},\n \"b\": 3}"
	docs, msg = load()
	require.Contains(t, msg, `/x: "b": want a map`)
	good = spec.Documents{"a": {"v": point.IntValue(2)}, "b": good["b"]}
	require.Equal(t, good, docs)

	body = "{\"a\":\n{"
	docs, msg = load()
	require.Contains(t, msg, "/x:2: unexpected end of JSON input")
	require.Equal(t, good, docs)

	status = http.StatusInternalServerError
	docs, msg = load()
	require.Contains(t, msg, "/x: status 500")
	require.Equal(t, good, docs)

	_, errs := l.Load(context.Background(), s.URL+"/x?p=s3cret")
	require.Contains(t, texts(errs), "status 401")
	require.NotContains(t, texts(errs), "s3cret")

	s.Close()
	docs, msg = load()
	require.Contains(t, msg, "refused")
	require.Equal(t, good, docs)
}

func FuzzDocuments(f *testing.F) {
	for _, s := range []string{"v: 1", "a: &a\n  <<: *a", "{\"v\": 1}", "&x [*x]: *x", "? [a]\n: b", "!!int x: !!float y"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		for _, name := range []string{"a.yml", "a.json"} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
		}
		docs, errs := new(sideload.Loader).Load(context.Background(), (&url.URL{Scheme: "file", Path: dir}).String())
		require.Equal(t, 2, len(docs)+len(errs))
	})
}
