package handler

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/textproto"
	"strings"
	"sync"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/tlsconf"
)

func init() {
	Register(Kind{
		Name:     "email",
		Aliases:  []string{"smtp"},
		Required: true,
		Nodewide: true,
		Options:  func() spec.Declarer { return &Email{} },
		Config: func() any {
			return &EmailConfig{Host: "localhost", Encryption: "auto", Auth: "auto", IdleTimeout: 30 * time.Second}
		},
		Open: open(openEmail),
	})
}

// Email is the options of the handler email.
type Email struct {
	To          []string `json:"to,omitempty"`
	ToTemplates []string `json:"to-templates,omitempty" also:"to-field"`
}

// Declare names the properties.
func (m *Email) Declare(s *spec.Spec) {
	s.Doc("Sends an email whose subject is the message and whose HTML body is the details.")
	add := func(to ...string) error { m.To = append(m.To, to...); return nil }
	s.Arg(&m.To, "to", "recipients; without any the configured ones get it")
	s.Func("to", "add recipients", add, "address")
	s.Prop(&m.ToTemplates, "toTemplates", "templates that make further recipients from the event")
	s.Check(func() error {
		for _, t := range m.ToTemplates {
			if err := checkTemplates("toTemplates", t); err != nil {
				return err
			}
		}
		return nil
	})
}

// EmailConfig is the section email: the mail server.
type EmailConfig struct {
	Section
	tlsconf.TLS
	Host        string        `toml:"host"`
	Port        int           `toml:"port"`
	Encryption  string        `toml:"tls"`
	Auth        string        `toml:"auth"`
	Username    Secret        `toml:"username"`
	Password    Secret        `toml:"password"`
	Hello       string        `toml:"hello"`
	From        string        `toml:"from"`
	To          []string      `toml:"to"`
	ToTemplates []string      `toml:"to_templates"`
	IdleTimeout time.Duration `toml:"idle_timeout"`
}

// encryptions are the values of the option tls.
var encryptions = map[string]mail.TLSPolicy{
	"auto": mail.TLSOpportunistic, "starttls": mail.TLSMandatory, "implicit": mail.NoTLS, "none": mail.NoTLS,
}

// auths are the values of the option auth. The automatic choice never shows a password to who
// listens on the line; plain and login do, if there is no TLS, because they were asked for.
var auths = map[string]mail.SMTPAuthType{
	"auto": mail.SMTPAuthAutoDiscover, "plain": mail.SMTPAuthPlainNoEnc, "login": mail.SMTPAuthLoginNoEnc,
	"cram-md5": mail.SMTPAuthCramMD5, "scram-sha-256": mail.SMTPAuthSCRAMSHA256, "none": mail.SMTPAuthNoAuth,
}

// emailSender keeps one connection open between mails.
type emailSender struct {
	config *EmailConfig
	from   *netmail.Address
	tls    *tls.Config

	mu   sync.Mutex
	conn *smtpConn
	idle *time.Timer
}

// smtpConn is a session with the server. A context that ends closes raw, which fails whatever the
// session is doing.
type smtpConn struct {
	*smtp.Client
	raw net.Conn
}

func openEmail(configs []*EmailConfig) (Sender, error) {
	if len(configs) == 0 {
		return nil, errors.New("email: no section")
	}
	c := configs[0]
	if c.Host == "" {
		return nil, errors.New("email: host is missing")
	}
	if _, ok := encryptions[c.Encryption]; !ok {
		return nil, fmt.Errorf("email: tls: want auto, starttls, implicit or none, got %q", c.Encryption)
	}
	if _, ok := auths[c.Auth]; !ok {
		return nil, fmt.Errorf("email: auth: want auto, plain, login, cram-md5, scram-sha-256 or none, got %q", c.Auth)
	}
	if c.Port == 0 {
		c.Port = 25
		if c.Encryption == "implicit" {
			c.Port = 465
		}
	}
	if c.Port < 1 || c.Port > 65535 {
		return nil, fmt.Errorf("email: port %d is out of range", c.Port)
	}
	if c.Encryption == "auto" && c.Port == 465 {
		c.Encryption = "implicit"
	}
	if c.IdleTimeout < 0 {
		return nil, errors.New("email: idle_timeout must not be negative")
	}
	if c.From == "" {
		return nil, errors.New("email: from is missing")
	}
	from, err := netmail.ParseAddress(c.From)
	if err != nil {
		return nil, fmt.Errorf("email: from: %w", err)
	}
	for _, to := range c.To {
		if _, err := netmail.ParseAddress(to); err != nil {
			return nil, fmt.Errorf("email: to: %q: %w", to, err)
		}
	}
	for _, t := range c.ToTemplates {
		if err := checkTemplates("to_templates", t); err != nil {
			return nil, fmt.Errorf("email: %w", err)
		}
	}
	s := &emailSender{config: c, from: from}
	if s.tls, err = c.LoadTLS(); err != nil {
		return nil, fmt.Errorf("email: %w", err)
	}
	if s.tls.ServerName == "" {
		s.tls.ServerName = c.Host
	}
	return s, nil
}

func (s *emailSender) Send(ctx context.Context, e *alert.Event, options spec.Declarer) error {
	to, err := s.recipients(e, options.(*Email))
	if err != nil {
		return err
	}
	msg := s.message(e, to)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idle != nil {
		s.idle.Stop()
	}
	if s.conn != nil && s.conn.Noop() != nil { // the server has hung up meanwhile
		s.drop()
	}
	if s.conn == nil {
		if err := s.connect(ctx); err != nil {
			return fmt.Errorf("email: %w", s.explain(err))
		}
	}
	if err := s.transact(ctx, msg, to); err != nil {
		var re *Error
		if !errors.As(err, &re) {
			s.drop()
			return fmt.Errorf("email: %w", err)
		}
		s.park()
		return err
	}
	s.park()
	return nil
}

// recipients returns the addresses, each once.
func (s *emailSender) recipients(e *alert.Event, o *Email) ([]*netmail.Address, error) {
	list, err := expand(o.To, o.ToTemplates, e)
	if err == nil && len(list) == 0 {
		list, err = expand(s.config.To, s.config.ToTemplates, e)
	}
	if err != nil {
		return nil, err
	}
	var to []*netmail.Address
	seen := map[string]bool{}
	var bad error
	for _, text := range list {
		a, err := netmail.ParseAddress(text)
		if err != nil {
			bad = fmt.Errorf("email: invalid recipient %q: %w", text, err)
			continue
		}
		if !seen[a.Address] {
			seen[a.Address] = true
			to = append(to, a)
		}
	}
	switch {
	case len(to) > 0:
		return to, nil
	case bad != nil:
		return nil, Permanent(bad)
	}
	return nil, Permanent(errors.New("email: not sending email, no recipients defined"))
}

func expand(to, templates []string, e *alert.Event) ([]string, error) {
	var list []string
	for _, t := range to {
		if t = strings.TrimSpace(t); t != "" {
			list = append(list, t)
		}
	}
	for _, t := range templates {
		text, err := render("toTemplates", t, eventDataOf(e))
		if err != nil {
			return nil, err
		}
		if text = strings.TrimSpace(text); text != "" {
			list = append(list, text)
		}
	}
	return list, nil
}

// message builds the mail. A repeat of the same event has the same Message-ID, so that mailboxes
// that drop duplicates can.
func (s *emailSender) message(e *alert.Event, to []*netmail.Address) *mail.Msg {
	m := mail.NewMsg(mail.WithEncoding(mail.EncodingQP), mail.WithCharset(mail.CharsetUTF8), mail.WithNoDefaultUserAgent())
	m.FromMailAddress(s.from)
	m.ToMailAddress(to...)
	m.Subject(strings.Join(strings.Fields(e.Message), " "))
	m.SetDate()
	if e.EventID != "" {
		_, domain, _ := strings.Cut(s.from.Address, "@")
		m.SetMessageIDWithValue(messageID(e.EventID) + "@" + domain)
	}
	m.SetBodyString(mail.TypeTextHTML, e.Details)
	return m
}

// messageID keeps of an event ID what an address may contain.
func messageID(id string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '.' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, id)
}

func (s *emailSender) connect(ctx context.Context) error {
	c := s.config
	var raw net.Conn
	stop := func() bool { return true }
	dial := func(dialing context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(dialing, network, address)
		if err != nil {
			return nil, err
		}
		raw, stop = conn, context.AfterFunc(ctx, func() { conn.Close() })
		if c.Encryption != "implicit" {
			return conn, nil
		}
		t := tls.Client(conn, s.tls)
		if err := t.HandshakeContext(dialing); err != nil {
			conn.Close()
			return nil, err
		}
		return t, nil
	}
	options := []mail.Option{
		mail.WithPort(c.Port), mail.WithTLSConfig(s.tls), mail.WithTLSPolicy(encryptions[c.Encryption]),
		mail.WithTimeout(24 * time.Hour), // ctx is the limit
	}
	if c.Encryption == "implicit" {
		options = append(options, mail.WithSSL())
	}
	options = append(options, mail.WithDialContextFunc(dial))
	if c.Hello != "" {
		options = append(options, mail.WithHELO(c.Hello))
	}
	if !c.Username.Empty() && c.Auth != "none" {
		user, err := c.Username.Get()
		if err != nil {
			return err
		}
		password, err := c.Password.Get()
		if err != nil {
			return err
		}
		if user != "" {
			options = append(options, mail.WithUsername(user), mail.WithPassword(password), mail.WithSMTPAuth(auths[c.Auth]))
		}
	}
	client, err := mail.NewClient(c.Host, options...)
	if err != nil {
		return Permanent(err)
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		if raw != nil {
			raw.Close()
		}
		return err
	}
	s.conn = &smtpConn{Client: session, raw: raw}
	return nil
}

// transact sends one mail. Recipients that the server refuses for good are given up, the others get
// it; those that it refuses for now remain to be done. An error that is no *Error has broken the session.
func (s *emailSender) transact(ctx context.Context, msg *mail.Msg, to []*netmail.Address) error {
	conn := s.conn
	stop := context.AfterFunc(ctx, func() { conn.raw.Close() })
	defer stop()
	if err := conn.Mail(bare(s.from)); err != nil {
		return s.refused(err)
	}
	var later, never []error
	var rest []string
	accepted := 0
	for _, a := range to {
		err := conn.Rcpt(bare(a))
		switch code := replyCode(err); {
		case err == nil:
			accepted++
		case code >= 500:
			never = append(never, fmt.Errorf("%s: %w", a.Address, err))
		case code >= 400:
			later = append(later, fmt.Errorf("%s: %w", a.Address, err))
			rest = append(rest, a.String())
		default:
			return err
		}
	}
	if accepted == 0 {
		if err := conn.Reset(); err != nil {
			return err
		}
		if len(rest) == 0 {
			return Permanent(fmt.Errorf("email: %w", errors.Join(never...)))
		}
		return &Error{Err: fmt.Errorf("email: %w", errors.Join(append(later, never...)...)), Rest: &Email{To: rest}}
	}
	w, err := conn.Data()
	if err != nil {
		return s.refused(err)
	}
	if _, err := msg.WriteTo(w); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return s.refused(err)
	}
	switch {
	case len(rest) > 0:
		return &Error{Err: fmt.Errorf("email: %w", errors.Join(append(later, never...)...)), Rest: &Email{To: rest}}
	case len(never) > 0:
		return Permanent(fmt.Errorf("email: %w", errors.Join(never...)))
	}
	return nil
}

// refused sorts an answer to a command: one of 5xx is final, one of 4xx leaves the session usable,
// anything else has broken it.
func (s *emailSender) refused(err error) error {
	code := replyCode(err)
	if code < 400 {
		return err
	}
	if rerr := s.conn.Reset(); rerr != nil {
		return err
	}
	return &Error{Err: fmt.Errorf("email: %w", err), Permanent: code >= 500}
}

func replyCode(err error) int {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return reply.Code
	}
	return 0
}

// explain says what to do about failures to log in. They are no permanent errors: the server, or the
// secret, may be mended.
func (s *emailSender) explain(err error) error {
	code := replyCode(err)
	switch {
	case code == 534 || code == 535:
		return fmt.Errorf("%s:%d refuses the user name or password: %w", s.config.Host, s.config.Port, err)
	case errors.Is(err, mail.ErrNoSupportedAuthDiscovered):
		return fmt.Errorf(`%s:%d offers no login that hides the password: set tls, or auth = "plain"`, s.config.Host, s.config.Port)
	}
	return err
}

// park keeps the connection for the next mail, for a while.
func (s *emailSender) park() {
	if s.conn == nil {
		return
	}
	if s.config.IdleTimeout == 0 {
		s.quit()
		return
	}
	if s.idle == nil {
		s.idle = time.AfterFunc(s.config.IdleTimeout, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.quit()
		})
		return
	}
	s.idle.Reset(s.config.IdleTimeout)
}

func (s *emailSender) quit() {
	if s.conn == nil {
		return
	}
	// A server that does not answer must not hold us.
	_ = s.conn.raw.SetDeadline(time.Now().Add(time.Second))
	_ = s.conn.Quit()
	s.drop()
}

func (s *emailSender) drop() {
	if s.conn != nil {
		s.conn.raw.Close()
		s.conn = nil
	}
}

func (s *emailSender) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idle != nil {
		s.idle.Stop()
	}
	s.quit()
	return nil
}

// bare returns an address as the commands of SMTP take it: in angle brackets, without a name.
func bare(a *netmail.Address) string { return (&netmail.Address{Address: a.Address}).String() }
