package alerter

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/bus"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// A database is a server with as much of the API of InfluxDB as writing takes.
type database struct {
	*httptest.Server
	mu      sync.Mutex
	known   map[string]bool
	queries []string
	writes  map[string][]string // lines by db/rp or bucket
	auth    string
	answer  func(db string) (int, string)
}

func newDatabase(t *testing.T, known ...string) *database {
	t.Helper()
	d := &database{known: map[string]bool{}, writes: map[string][]string{}}
	for _, k := range known {
		d.known[k] = true
	}
	d.Server = httptest.NewServer(d)
	t.Cleanup(d.Close)
	return d
}

func (d *database) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	reply := func(code int, text string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		io.WriteString(w, text)
	}
	d.auth = r.Header.Get("Authorization")
	switch r.URL.Path {
	case "/query":
		q := r.FormValue("q")
		d.queries = append(d.queries, q)
		name := regexp.MustCompile(`^CREATE DATABASE "((?:[^"\\]|\\.)*)"`).FindStringSubmatch(q)[1]
		d.known[strings.ReplaceAll(name, `\"`, `"`)] = true
		reply(200, `{"results":[{"statement_id":0}]}`)
	case "/write", "/api/v2/write":
		var body io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(r.Body)
			if err != nil {
				reply(400, `{"error":"not gzip"}`)
				return
			}
			body = z
		}
		text, err := io.ReadAll(body)
		if err != nil {
			reply(400, `{"error":"bad body"}`)
			return
		}
		q := r.URL.Query()
		db := q.Get("db")
		if d.answer != nil {
			if code, text := d.answer(db); code != 0 {
				reply(code, text)
				return
			}
		}
		if r.URL.Path == "/write" && !d.known[db] {
			text, _ := json.Marshal(map[string]string{"error": `database not found: "` + db + `"`})
			reply(404, string(text))
			return
		}
		key := db + "/" + q.Get("rp") + q.Get("bucket")
		d.writes[key] = append(d.writes[key], strings.Split(strings.TrimSpace(string(text)), "\n")...)
		w.WriteHeader(204)
	default:
		reply(404, "{}")
	}
}

func (d *database) lines(key string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.writes[key])
}

func pointFor(db, rp string, v int) bus.Point {
	return bus.Point{Point: &point.Point{
		DB: db, RP: rp, Name: "m", Time: int64(v), Tags: []point.Tag{{Key: "host", Value: "a"}},
		Fields: []point.Field{{Key: "v", Value: point.IntValue(int64(v))}},
	}}
}

func TestInfluxCreatesDatabases(t *testing.T) {
	d := newDatabase(t)
	a, log := run(t, `
  [outputs.alerter.influxdb]
    urls = ["`+d.URL+`"]
    database = "def"
    username = "joe"
    password = "hunter2"
    flush_interval = "1ms"
`)
	a.Points([]bus.Point{pointFor("one", "rp", 1), pointFor("one", "", 2), pointFor("", "", 3), pointFor("one", "rp", 4)})
	eventually(t, func() bool { return a.count("delivered", "influxdb") == 4 })
	require.Equal(t, []string{"m,host=a v=1i 1", "m,host=a v=4i 4"}, d.lines("one/rp"))
	require.Equal(t, []string{"m,host=a v=2i 2"}, d.lines("one/"))
	require.Equal(t, []string{"m,host=a v=3i 3"}, d.lines("def/"))
	require.Contains(t, d.queries, `CREATE DATABASE "def"`)
	require.Contains(t, strings.Join(d.queries, "\n"), `CREATE DATABASE "one"`)
	require.Equal(t, "Basic am9lOmh1bnRlcjI=", d.auth)
	require.Empty(t, log.Errors())
}

func TestInfluxCreatesRetentionPolicy(t *testing.T) {
	d := newDatabase(t)
	a, _ := run(t, "[outputs.alerter.influxdb]\nurls = [\""+d.URL+"\"]\nflush_interval = \"1ms\"\n")
	a.Points([]bus.Point{pointFor(`we"ird`, "week", 1)})
	eventually(t, func() bool { return len(d.lines(`we"ird/week`)) == 1 })
	require.Equal(t, []string{`CREATE DATABASE "we\"ird" WITH NAME "week"`}, d.queries[:1])
}

func TestInfluxSkipCreation(t *testing.T) {
	d := newDatabase(t)
	a, log := run(t, "[outputs.alerter.influxdb]\nurls = [\""+d.URL+"\"]\nflush_interval = \"1ms\"\nskip_database_creation = true\n")
	a.Points([]bus.Point{pointFor("one", "", 1)})
	eventually(t, func() bool { return a.count("retried", "influxdb") >= 2 })
	d.mu.Lock()
	require.Empty(t, d.queries)
	d.known["one"] = true
	d.mu.Unlock()
	eventually(t, func() bool { return len(d.lines("one/")) == 1 })
	require.NotEmpty(t, log.Errors())
}

// TestInfluxDown fills the buffer while nothing can be written; another database goes on.
func TestInfluxDown(t *testing.T) {
	d := newDatabase(t, "good", "bad")
	down := true
	d.answer = func(db string) (int, string) {
		if db == "bad" && down {
			return 503, `{"error":"timeout"}`
		}
		return 0, ""
	}
	a, log := run(t, "[outputs.alerter.influxdb]\nurls = [\""+d.URL+"\"]\nflush_interval = \"1ms\"\nbatch_size = 10\nbuffer_limit = 50\n")
	for i := range 200 {
		a.Points([]bus.Point{pointFor("bad", "", i), pointFor("good", "", i)})
		if i%40 == 0 {
			eventually(t, func() bool { return len(d.lines("good/")) == i+1 })
		}
	}
	eventually(t, func() bool { return len(d.lines("good/")) == 200 })
	require.EqualValues(t, 150, a.count("dropped", "influxdb"))
	require.Len(t, log.Warnings(), 1)
	require.Contains(t, log.Warnings()[0], "buffer of 50 points is full")
	d.mu.Lock()
	down = false
	d.mu.Unlock()
	eventually(t, func() bool { return len(d.lines("bad/")) == 50 })
	require.Equal(t, "m,host=a v=150i 150", d.lines("bad/")[0])
	require.Equal(t, "m,host=a v=199i 199", d.lines("bad/")[49])
	eventually(t, func() bool { return a.count("queue_length", "influxdb") == 0 })
}

func TestInfluxCloseFlushes(t *testing.T) {
	d := newDatabase(t, "one")
	a, _ := run(t, "[outputs.alerter.influxdb]\nurls = [\""+d.URL+"\"]\nflush_interval = \"1h\"\n")
	a.Points([]bus.Point{pointFor("one", "", 1)})
	require.NoError(t, a.Close())
	require.Len(t, d.lines("one/"), 1)
}

func TestInfluxUnreachable(t *testing.T) {
	d := newDatabase(t)
	d.Close()
	start := time.Now()
	a, log := run(t, "close_timeout = \"1s\"\n[outputs.alerter.influxdb]\nurls = [\""+d.URL+"\"]\nflush_interval = \"1h\"\n[outputs.alerter.influxdb_v2]\nurls = [\""+d.URL+"\"]\nflush_interval = \"1h\"\n")
	a.Points([]bus.Point{pointFor("one", "", 1)})
	require.NoError(t, a.Close())
	require.Less(t, time.Since(start), 8*time.Second)
	require.Contains(t, log.Warnings()[0], "2 points that could not be written")
}

func TestInflux2(t *testing.T) {
	d := newDatabase(t)
	refuse := true
	d.answer = func(string) (int, string) {
		if refuse {
			refuse = false
			return 400, `{"code":"invalid","message":"field type conflict"}`
		}
		return 0, ""
	}
	a, _ := run(t, `
  [outputs.alerter.influxdb_v2]
    urls = ["`+d.URL+`"]
    token = "tok"
    organization = "org"
    buckets = {one = "uno"}
    flush_interval = "1ms"
`)
	a.Points([]bus.Point{pointFor("one", "", 1)})
	eventually(t, func() bool { return a.count("failed", "influxdb_v2") == 1 })
	a.Points([]bus.Point{pointFor("one", "x", 2), pointFor("two", "rp", 3)})
	eventually(t, func() bool { return a.count("delivered", "influxdb_v2") == 2 })
	require.Equal(t, []string{"m,host=a v=2i 2"}, d.lines("/uno"))
	require.Equal(t, []string{"m,host=a v=3i 3"}, d.lines("/two/rp"))
	require.Equal(t, "Token tok", d.auth)
}
