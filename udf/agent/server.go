package agent

import (
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// Accepter takes the connections of a Server.
type Accepter interface {
	// Accept makes an Agent for the connection, starts it and returns: it is called for one
	// connection after the other.
	Accept(net.Conn)
}

// Server accepts the connections of a function that serves a socket.
type Server struct {
	listener net.Listener
	accepter Accepter
	once     sync.Once
	stopped  chan struct{}
}

// NewServer returns a Server that takes connections from l and hands them to a.
func NewServer(l net.Listener, a Accepter) *Server {
	return &Server{listener: l, accepter: a, stopped: make(chan struct{})}
}

// Serve accepts connections until Stop is called.
func (s *Server) Serve() error {
	defer s.Stop()
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			select {
			case <-s.stopped:
				return nil
			default:
				return err
			}
		}
		s.accepter.Accept(conn)
	}
}

// Stop closes the listener and makes Serve return. Connections that are open stay open.
func (s *Server) Stop() {
	s.once.Do(func() {
		close(s.stopped)
		_ = s.listener.Close() // removes the socket's file; there is nothing to be done if it does not
	})
}

// StopOnSignals makes the signals stop the Server, the interrupt and SIGTERM if none are named.
func (s *Server) StopOnSignals(signals ...os.Signal) {
	if len(signals) == 0 {
		signals = []os.Signal{os.Interrupt, syscall.SIGTERM}
	}
	c := make(chan os.Signal, 1)
	signal.Notify(c, signals...)
	go func() {
		defer signal.Stop(c)
		select {
		case <-c:
			s.Stop()
		case <-s.stopped:
		}
	}()
}
