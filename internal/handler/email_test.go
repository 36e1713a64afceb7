package handler

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
)

// mailServer is a real SMTP server whose answers a test can choose.
type mailServer struct {
	*smtp.Server
	addr *net.TCPAddr

	mu       sync.Mutex
	sessions int
	mails    []received
	mechs    []string
	rcpt     func(to string) error
	data     func() error
}

type received struct {
	from string
	to   []string
	tls  bool
	user string
	text string
}

func (m *mailServer) NewSession(c *smtp.Conn) (smtp.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions++
	return &mailSession{server: m, conn: c}, nil
}

func (m *mailServer) got() []received {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mails
}

type mailSession struct {
	server *mailServer
	conn   *smtp.Conn
	mail   received
	user   string
}

func (s *mailSession) Reset()                   { s.mail = received{} }
func (s *mailSession) Logout() error            { return nil }
func (s *mailSession) AuthMechanisms() []string { return s.server.mechs }

func (s *mailSession) Auth(mech string) (sasl.Server, error) {
	check := func(user, password string) error {
		if user != "joe" || password != "hunter2" {
			return smtp.ErrAuthFailed
		}
		s.user = user
		return nil
	}
	switch mech {
	case sasl.Plain:
		return sasl.NewPlainServer(func(_, user, password string) error { return check(user, password) }), nil
	case sasl.Login:
		return &loginServer{check: check}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

// loginServer is the server's side of AUTH LOGIN.
type loginServer struct {
	step  int
	user  string
	check func(user, password string) error
}

func (l *loginServer) Next(response []byte) ([]byte, bool, error) {
	l.step++
	switch l.step {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.user = string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(l.user, string(response))
}

func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	if len(s.server.mechs) > 0 && s.user == "" {
		return smtp.ErrAuthRequired
	}
	s.mail = received{from: from, user: s.user}
	_, s.mail.tls = s.conn.TLSConnectionState()
	return nil
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	if s.server.rcpt != nil {
		if err := s.server.rcpt(to); err != nil {
			return err
		}
	}
	s.mail.to = append(s.mail.to, to)
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	if s.server.data != nil {
		if err := s.server.data(); err != nil {
			return err
		}
	}
	s.mail.text = string(text)
	s.server.mails = append(s.server.mails, s.mail)
	return nil
}

func mailAt(t *testing.T, addr string, set func(*mailServer)) *mailServer {
	t.Helper()
	m := &mailServer{}
	m.Server = smtp.NewServer(m)
	m.Domain = "mx.example.org"
	m.ReadTimeout, m.WriteTimeout = 10*time.Second, 10*time.Second
	m.ErrorLog = quiet{}
	if set != nil {
		set(m)
	}
	l, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	m.addr = l.Addr().(*net.TCPAddr)
	go func() { _ = m.Serve(l) }()
	t.Cleanup(func() { m.Close() })
	return m
}

func newMailServer(t *testing.T, set func(*mailServer)) *mailServer {
	t.Helper()
	return mailAt(t, "127.0.0.1:0", set)
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

func emailConfig(m *mailServer) *EmailConfig {
	c := Lookup("email").Config().(*EmailConfig)
	c.Host, c.Port, c.From = "127.0.0.1", m.addr.Port, "Ops <ops@example.org>"
	return c
}

// certificate makes one for 127.0.0.1 and returns it and the file of its authority.
func certificate(t *testing.T) (*tls.Config, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, ca
}

func TestEmail(t *testing.T) {
	m := newMailServer(t, nil)
	s := opened(t, "email", emailConfig(m))
	o := &Email{To: []string{"a@example.org", "B <b@example.org>", "a@example.org"}, ToTemplates: []string{`{{ index .Tags "host" }}@hosts.example.org`, `{{ index .Tags "no" }}`}}
	require.NoError(t, send(t, s, o))
	got := m.got()[0]
	require.Equal(t, "ops@example.org", got.from)
	require.Equal(t, []string{"a@example.org", "b@example.org", "a@hosts.example.org"}, got.to)
	msg, err := netmail.ReadMessage(strings.NewReader(got.text))
	require.NoError(t, err)
	require.Equal(t, "1.0", msg.Header.Get("Mime-Version"))
	require.Equal(t, `"Ops" <ops@example.org>`, msg.Header.Get("From"))
	require.Equal(t, `<a@example.org>, "B" <b@example.org>, <a@hosts.example.org>`, msg.Header.Get("To"))
	require.Equal(t, "cpu:host=a is CRITICAL", msg.Header.Get("Subject"))
	require.Equal(t, "text/html; charset=UTF-8", msg.Header.Get("Content-Type"))
	require.Equal(t, "quoted-printable", msg.Header.Get("Content-Transfer-Encoding"))
	require.Equal(t, "<cpu_alert2_7@example.org>", msg.Header.Get("Message-Id"))
	_, err = msg.Header.Date()
	require.NoError(t, err)
	body, err := io.ReadAll(quotedprintable.NewReader(msg.Body))
	require.NoError(t, err)
	require.Equal(t, "<b>D</b>", strings.TrimSpace(string(body)))
}

func TestEmailOddText(t *testing.T) {
	m := newMailServer(t, nil)
	s := opened(t, "email", emailConfig(m))
	e := event()
	e.Message = "Störung\r\nBcc: x@example.org"
	e.Details = strings.Repeat("=ü ", 500) + "\n.\r\nMAIL FROM:<x>\n"
	require.NoError(t, s.Send(t.Context(), e, &Email{To: []string{"a@example.org"}}))
	msg, err := netmail.ReadMessage(strings.NewReader(m.got()[0].text))
	require.NoError(t, err)
	require.Empty(t, msg.Header.Get("Bcc"))
	body, err := io.ReadAll(quotedprintable.NewReader(msg.Body))
	require.NoError(t, err)
	require.Equal(t, strings.ReplaceAll(e.Details, "\r\n", "\n"), strings.ReplaceAll(string(body), "\r\n", "\n"))
}

func TestEmailRecipients(t *testing.T) {
	m := newMailServer(t, nil)
	c := emailConfig(m)
	s := opened(t, "email", c)
	err := send(t, s, &Email{})
	require.ErrorContains(t, err, "no recipients defined")
	require.True(t, permanent(err))
	err = send(t, s, &Email{To: []string{"not an address"}})
	require.ErrorContains(t, err, `invalid recipient "not an address"`)
	require.True(t, permanent(err))
	c.To = []string{"default@example.org"}
	require.NoError(t, send(t, s, &Email{}))
	require.Equal(t, []string{"default@example.org"}, m.got()[0].to)
	require.NoError(t, send(t, s, &Email{To: []string{"bad", "a@example.org"}}))
	require.Equal(t, []string{"a@example.org"}, m.got()[1].to)
}

func TestEmailReusesConnection(t *testing.T) {
	m := newMailServer(t, nil)
	c := emailConfig(m)
	s := opened(t, "email", c)
	for range 3 {
		require.NoError(t, send(t, s, &Email{To: []string{"a@example.org"}}))
	}
	require.Equal(t, 1, m.sessions)
	c.IdleTimeout = time.Millisecond
	require.NoError(t, send(t, s, &Email{To: []string{"a@example.org"}}))
	require.Eventually(t, func() bool {
		sender := s.(*emailSender)
		sender.mu.Lock()
		defer sender.mu.Unlock()
		return sender.conn == nil
	}, 5*time.Second, time.Millisecond)
	require.NoError(t, send(t, s, &Email{To: []string{"a@example.org"}}))
	require.Equal(t, 2, m.sessions)
}

func TestEmailServerRestarts(t *testing.T) {
	m := newMailServer(t, nil)
	s := opened(t, "email", emailConfig(m))
	require.NoError(t, send(t, s, &Email{To: []string{"a@example.org"}}))
	require.NoError(t, m.Close())
	err := send(t, s, &Email{To: []string{"a@example.org"}})
	require.Error(t, err)
	require.False(t, permanent(err))
	again := mailAt(t, m.addr.String(), nil)
	require.NoError(t, send(t, s, &Email{To: []string{"a@example.org"}}))
	require.Len(t, again.got(), 1)
}

func TestEmailReplies(t *testing.T) {
	busy := &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "greylisted"}
	gone := &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
	answers := map[string]error{"busy@example.org": busy, "gone@example.org": gone}
	m := newMailServer(t, func(m *mailServer) { m.rcpt = func(to string) error { return answers[to] } })
	s := opened(t, "email", emailConfig(m))

	err := send(t, s, &Email{To: []string{"gone@example.org"}})
	require.True(t, permanent(err))
	require.ErrorContains(t, err, "no such user")
	err = send(t, s, &Email{To: []string{"busy@example.org"}})
	require.False(t, permanent(err))
	require.ErrorContains(t, err, "greylisted")
	require.Empty(t, m.got())

	err = send(t, s, &Email{To: []string{"a@example.org", "busy@example.org", "gone@example.org"}})
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, []string{"a@example.org"}, m.got()[0].to, "the good one gets it at once")
	require.False(t, e.Permanent)
	require.Equal(t, &Email{To: []string{"<busy@example.org>"}}, e.Rest, "only the busy one is left")
	delete(answers, "busy@example.org")
	require.NoError(t, send(t, s, e.Rest))
	require.Equal(t, []string{"busy@example.org"}, m.got()[1].to)
	require.Equal(t, 1, m.sessions, "refusals leave the session usable")

	m.data = func() error { return &smtp.SMTPError{Code: 452, Message: "disk full"} }
	require.False(t, permanent(send(t, s, &Email{To: []string{"a@example.org"}})))
	m.data = func() error { return &smtp.SMTPError{Code: 554, Message: "spam"} }
	require.True(t, permanent(send(t, s, &Email{To: []string{"a@example.org"}})))
}

func TestEmailTLS(t *testing.T) {
	config, ca := certificate(t)
	m := newMailServer(t, func(m *mailServer) { m.TLSConfig = config })
	c := emailConfig(m)
	require.ErrorContains(t, send(t, opened(t, "email", c), &Email{To: []string{"a@example.org"}}), "certificate")
	c.CA = ca
	require.NoError(t, send(t, opened(t, "email", c), &Email{To: []string{"a@example.org"}}))
	require.True(t, m.got()[0].tls, "STARTTLS if offered")
	c.Encryption = "none"
	require.NoError(t, send(t, opened(t, "email", c), &Email{To: []string{"a@example.org"}}))
	require.False(t, m.got()[1].tls)

	plain := newMailServer(t, nil)
	c = emailConfig(plain)
	c.Encryption = "starttls"
	require.ErrorContains(t, send(t, opened(t, "email", c), &Email{To: []string{"a@example.org"}}), "STARTTLS")
	require.Empty(t, plain.got())
}

func TestEmailImplicitTLS(t *testing.T) {
	config, ca := certificate(t)
	m := &mailServer{}
	m.Server = smtp.NewServer(m)
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	require.NoError(t, err)
	m.addr = l.Addr().(*net.TCPAddr)
	m.ErrorLog = quiet{}
	go func() { _ = m.Serve(l) }()
	defer m.Close()
	c := emailConfig(m)
	c.Encryption, c.CA = "implicit", ca
	require.NoError(t, send(t, opened(t, "email", c), &Email{To: []string{"a@example.org"}}))
	require.True(t, m.got()[0].tls)
}

func TestEmailAuth(t *testing.T) {
	config, ca := certificate(t)
	for _, c := range []struct {
		name   string
		mechs  []string
		secure bool
		auth   string
		pass   string
		want   string
	}{
		{"plain over TLS", []string{sasl.Plain}, true, "auto", "hunter2", ""},
		{"login over TLS", []string{sasl.Login}, true, "auto", "hunter2", ""},
		{"wrong", []string{sasl.Plain}, true, "auto", "nope", "refuses the user name or password"},
		{"no password in clear text", []string{sasl.Plain}, false, "auto", "hunter2", "offers no login that hides the password"},
		{"unless told to", []string{sasl.Plain}, false, "plain", "hunter2", ""},
		{"login, told to", []string{sasl.Login}, false, "login", "hunter2", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMailServer(t, func(m *mailServer) {
				m.mechs, m.AllowInsecureAuth = c.mechs, true
				if c.secure {
					m.TLSConfig = config
				}
			})
			cfg := emailConfig(m)
			cfg.CA, cfg.Auth, cfg.Username, cfg.Password = ca, c.auth, TextSecret("joe"), TextSecret(c.pass)
			err := send(t, opened(t, "email", cfg), &Email{To: []string{"a@example.org"}})
			if c.want != "" {
				require.ErrorContains(t, err, c.want)
				require.NotContains(t, err.Error(), c.pass)
				require.False(t, permanent(err), "the password may be mended")
				return
			}
			require.NoError(t, err)
			require.Equal(t, "joe", m.got()[0].user)
		})
	}
}

func TestEmailHangingServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	s := opened(t, "email", emailConfig(&mailServer{addr: l.Addr().(*net.TCPAddr)}))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	err = s.Send(ctx, event(), &Email{To: []string{"a@example.org"}})
	require.Error(t, err)
	require.False(t, permanent(err))
	require.Less(t, time.Since(start), 5*time.Second)
}

func TestEmailConfig(t *testing.T) {
	for want, set := range map[string]func(*EmailConfig){
		"from is missing": func(c *EmailConfig) { c.From = "" },
		"from:":           func(c *EmailConfig) { c.From = "nobody" },
		`to: "x"`:         func(c *EmailConfig) { c.To = []string{"x"} },
		"host is missing": func(c *EmailConfig) { c.Host = "" },
		"out of range":    func(c *EmailConfig) { c.Port = 70000 },
		"tls: want":       func(c *EmailConfig) { c.Encryption = "ssl" },
		"auth: want":      func(c *EmailConfig) { c.Auth = "md5" },
		"idle_timeout":    func(c *EmailConfig) { c.IdleTimeout = -1 },
		"tls_ca":          func(c *EmailConfig) { c.CA = "/does/not/exist" },
		"to_templates":    func(c *EmailConfig) { c.ToTemplates = []string{"{{"} },
	} {
		c := emailConfig(&mailServer{addr: &net.TCPAddr{}})
		set(c)
		_, err := Lookup("email").Open([]any{c})
		require.ErrorContains(t, err, want)
	}
	c := emailConfig(&mailServer{addr: &net.TCPAddr{Port: 465}})
	_, err := Lookup("email").Open([]any{c})
	require.NoError(t, err)
	require.Equal(t, "implicit", c.Encryption)
}
