//go:build unix

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
)

// The weather decides whether a receiver takes what comes.
type weather struct {
	down  atomic.Bool  // it takes nothing for now
	rough atomic.Int32 // it refuses one in so many, at random; 0: none
}

func (w *weather) refuses() bool {
	n := w.rough.Load()
	return w.down.Load() || n > 0 && rand.N(n) == 0
}

// A mailbox is a real SMTP server that keeps what it gets.
type mailbox struct {
	addr string
	weather

	mu      sync.Mutex
	mails   []*received
	refused int
	open    int // sessions
}

type received struct {
	from    string
	to      []string
	subject string
	body    string
}

// startMailbox serves SMTP on addr until the test ends.
func startMailbox(t testing.TB, addr string) *mailbox {
	t.Helper()
	box := &mailbox{}
	server := smtp.NewServer(box)
	server.Domain = "localhost"
	server.ErrorLog = quiet{}
	l, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	box.addr = l.Addr().String()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // returns when it is closed
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return box
}

// emailSection returns the settings that have mails sent to the server at addr.
func emailSection(addr string) string {
	host, port, _ := strings.Cut(addr, ":")
	return `
  [outputs.alerter.email]
    host = "` + host + `"
    port = ` + port + `
    from = "Telegraf <telegraf@example.org>"
    to = ["ops@example.org"]
`
}

// quiet drops what the server says about clients that hang up.
type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

func (b *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open++
	return &mailSession{box: b}, nil
}

// counts returns the number of mails, and of those that were refused.
func (b *mailbox) counts() (mails, refused int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.mails), b.refused
}

// idle waits until no client is there any more.
func (b *mailbox) idle(t testing.TB) {
	t.Helper()
	eventually(t, func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.open > 0 {
			return fmt.Errorf("%d mail sessions", b.open)
		}
		return nil
	})
}

// wait waits for n mails.
func (b *mailbox) wait(t testing.TB, n int) []*received {
	t.Helper()
	var got []*received
	eventually(t, func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		got = b.mails
		if len(got) < n {
			return fmt.Errorf("%d mails, want %d", len(got), n)
		}
		return nil
	})
	return got
}

type mailSession struct {
	box  *mailbox
	mail received
}

func (s *mailSession) Reset() { s.mail = received{} }

func (s *mailSession) Logout() error {
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	s.box.open--
	return nil
}

func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	s.mail.from = from
	return nil
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mail.to = append(s.mail.to, to)
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	body := m.Body
	if m.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
		body = quotedprintable.NewReader(body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	got := s.mail
	got.subject, got.body = m.Header.Get("Subject"), string(text)
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	if s.box.refuses() {
		s.box.refused++
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Try again later"}
	}
	s.box.mails = append(s.box.mails, &got)
	return nil
}

// A hook is a real HTTP server that keeps the bodies that are posted to it.
type hook struct {
	*httptest.Server
	hang chan struct{} // if set, requests are not answered before it is closed
	weather

	mu      sync.Mutex
	begun   int
	refused int
	open    int // connections
	bodies  []string
	headers []http.Header
	arrived chan struct{}
}

func startHook(t testing.TB, hang chan struct{}) *hook { return startHookAt(t, "127.0.0.1:0", hang) }

// startHookAt serves HTTP on addr until the test ends.
func startHookAt(t testing.TB, addr string, hang chan struct{}) *hook {
	t.Helper()
	h := &hook{hang: hang, arrived: make(chan struct{}, 1)}
	h.Server = httptest.NewUnstartedServer(h)
	require.NoError(t, h.Listener.Close())
	var err error
	h.Listener, err = net.Listen("tcp", addr)
	require.NoError(t, err)
	h.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		h.mu.Lock()
		defer h.mu.Unlock()
		switch s {
		case http.StateNew:
			h.open++
		case http.StateClosed:
			h.open--
		}
	}
	h.Start()
	t.Cleanup(h.Close)
	return h
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	h.mu.Lock()
	h.begun++
	h.mu.Unlock()
	if h.hang != nil {
		<-h.hang
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuses() {
		h.refused++
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	h.bodies, h.headers = append(h.bodies, string(body)), append(h.headers, r.Header)
	select {
	case h.arrived <- struct{}{}:
	default:
	}
}

// counts returns the number of requests that have begun, and of those that were answered.
func (h *hook) counts() (begun, answered int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.begun, len(h.bodies)
}

// refusals returns the number of requests that were refused.
func (h *hook) refusals() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.refused
}

// idle waits until no client is there any more.
func (h *hook) idle(t testing.TB) {
	t.Helper()
	eventually(t, func() error {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.open > 0 {
			return fmt.Errorf("%d connections", h.open)
		}
		return nil
	})
}

// wait waits for n bodies.
func (h *hook) wait(t testing.TB, n int) []string {
	t.Helper()
	var got []string
	eventually(t, func() error {
		h.mu.Lock()
		defer h.mu.Unlock()
		got = h.bodies
		if len(got) < n {
			return fmt.Errorf("%d requests, want %d", len(got), n)
		}
		return nil
	})
	return got
}

// A mute accepts connections, and that is all it does.
type mute struct {
	addr    string
	clients atomic.Int64 // that have come
}

func startMute(t testing.TB) *mute {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	m := &mute{addr: l.Addr().String()}
	var conns []net.Conn
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns = append(conns, conn)
			m.clients.Add(1)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
		for _, conn := range conns {
			_ = conn.Close()
		}
	})
	return m
}

// An influx is a real InfluxDB 1.x.
type influx struct {
	t   testing.TB
	url string
}

// startInflux starts an InfluxDB of its own until the test ends.
func startInflux(t testing.TB) *influx {
	t.Helper()
	bin, err := exec.LookPath("influxd")
	if err != nil {
		t.Skip("NOT RUN: the points of influxDBOut against a real InfluxDB, since influxd is not installed; scripts/need-packages installs it")
	}
	f := newFolder(t)
	addr := local(freePort(t))
	f.write("influxdb.conf", `reporting-disabled = true
bind-address = "`+local(freePort(t))+`"
[meta]
  dir = "`+f.file("meta")+`"
[data]
  dir = "`+f.file("data")+`"
  wal-dir = "`+f.file("wal")+`"
[monitor]
  store-enabled = false
[http]
  bind-address = "`+addr+`"
  log-enabled = false
`)
	var log bytes.Buffer
	cmd := exec.Command(bin, "-config", f.file("influxdb.conf"))
	cmd.Stdout, cmd.Stderr = &log, &log
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL) // what it stored goes away with it
		<-ended
		if t.Failed() {
			t.Logf("log of influxd:\n%s", log.String())
		}
	})
	i := &influx{t, "http://" + addr}
	eventually(t, func() error {
		res, err := http.Get(i.url + "/ping")
		if err != nil {
			return err
		}
		return res.Body.Close()
	})
	return i
}

// series is a row of a query's result.
type series struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
	Values  [][]any  `json:"values"`
}

// query returns the rows of a query's result.
func (i *influx) query(db, q string) ([]series, error) {
	res, err := http.Get(i.url + "/query?" + url.Values{"db": {db}, "q": {q}, "epoch": {"ns"}}.Encode())
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var answer struct {
		Results []struct {
			Series []series `json:"series"`
			Error  string   `json:"error"`
		} `json:"results"`
	}
	d := json.NewDecoder(res.Body)
	d.UseNumber()
	if err := d.Decode(&answer); err != nil {
		return nil, err
	}
	if len(answer.Results) != 1 || answer.Results[0].Error != "" {
		return nil, fmt.Errorf("%s: %+v", q, answer)
	}
	return answer.Results[0].Series, nil
}
