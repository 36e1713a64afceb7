package handler

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{
		Name:     "tcp",
		Parallel: 4,
		Options:  func() spec.Declarer { return &TCP{} },
		Config:   func() any { return &TCPConfig{} },
		Open:     open(func([]*TCPConfig) (Sender, error) { return tcpSender{}, nil }),
	})
}

// TCP is the options of the handler tcp.
type TCP struct {
	Address string `json:"address,omitempty" stays:"place"`
}

// Declare names the properties.
func (t *TCP) Declare(s *spec.Spec) {
	s.Doc("Connects, writes the alert data as one line of JSON followed by an empty line, and closes, for each event.")
	s.Arg(&t.Address, "address", "host:port")
}

// Destination is the address.
func (t *TCP) Destination() string { return t.Address }

// Local is true: there is no other address than theirs.
func (t *TCP) Local() bool { return true }

// TCPConfig is the section tcp.
type TCPConfig struct{ Section }

type tcpSender struct{ noClose }

func (tcpSender) Send(ctx context.Context, e *alert.Event, options spec.Declarer) (err error) {
	address := options.(*TCP).Address
	if address == "" {
		return Permanent(errors.New("tcp: no address"))
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("tcp: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if _, err = conn.Write(append(Body(e), '\n')); err != nil {
		conn.Close()
		return fmt.Errorf("tcp: %w", err)
	}
	if err := conn.Close(); err != nil {
		return fmt.Errorf("tcp: %w", err)
	}
	return nil
}
