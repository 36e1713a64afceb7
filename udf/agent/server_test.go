//go:build unix

package agent_test

import (
	"bufio"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/udf/agent"
)

// TestServer talks to two functions at a time and then stops the server.
func TestServer(t *testing.T) {
	for name, stop := range map[string]func(*agent.Server){
		"stop":   func(s *agent.Server) { s.Stop(); s.Stop() },
		"signal": func(*agent.Server) { _ = syscall.Kill(os.Getpid(), syscall.SIGUSR1) },
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
			require.NoError(t, err)
			ended := make(chan error, 2)
			s := agent.NewServer(l, acceptFunc(func(c net.Conn) {
				a := agent.New(c, c)
				a.Handler = &recorder{agent: a}
				_ = a.Start()
				go func() { ended <- a.Wait() }()
			}))
			s.StopOnSignals(syscall.SIGUSR1)
			done := make(chan error, 1)
			go func() { done <- s.Serve() }()

			talk := func(c net.Conn) {
				require.NoError(t, agent.WriteMessage(&agent.Request{Message: &agent.Request_Info{Info: &agent.InfoRequest{}}}, c))
				var buf []byte
				got := new(agent.Response)
				require.NoError(t, agent.ReadMessage(&buf, bufio.NewReader(c), got))
				require.Equal(t, agent.EdgeType_BATCH, got.GetInfo().Provides)
			}
			first, err := net.Dial("unix", l.Addr().String())
			require.NoError(t, err)
			second, err := net.Dial("unix", l.Addr().String())
			require.NoError(t, err)
			talk(second)
			talk(first)
			stop(s)
			require.NoError(t, <-done)
			talk(first)
			require.NoError(t, first.Close())
			require.NoError(t, second.Close())
			require.NoError(t, <-ended)
			require.NoError(t, <-ended)
			_, err = net.Dial("unix", l.Addr().String())
			require.Error(t, err)
		})
	}
}

// TestServerFails returns the error of a listener that nobody has stopped.
func TestServerFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.ErrorIs(t, agent.NewServer(l, nil).Serve(), net.ErrClosed)
}
