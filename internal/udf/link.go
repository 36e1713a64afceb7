package udf

import (
	"context"
	"io"
	"net"
	"time"
)

// This file connects to functions that listen on a socket.

// A link carries the bytes of one conversation: a connection, or the pipes of a child process.
type link interface {
	io.ReadWriter
	// CloseWrite tells the function that nothing more comes.
	CloseWrite() error
	// End ends the link, from any goroutine: Read and Write return. A process has the grace to exit by
	// itself. The error is what is wrong with how the process ended. Further calls do nothing.
	End(grace time.Duration) error
}

// A socketLink is a link over a connection.
type socketLink struct{ net.Conn }

func (s *socketLink) CloseWrite() error {
	return s.Conn.(interface{ CloseWrite() error }).CloseWrite() //nolint:forcetypeassert // dialSocket makes connections of no other kind
}

func (s *socketLink) End(time.Duration) error {
	_ = s.Close() // the conversation is over
	return nil
}

func dialSocket(ctx context.Context, socket string) (link, error) {
	network, addr, err := address(socket)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &socketLink{c}, nil
}
