//go:build unix

package filewatch

import (
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Nobody waits for what comes out of a pipe.
func TestPipe(t *testing.T) {
	t.Chdir(t.TempDir())
	plant(t, "d/a.tick=1 d/c.tick->/dev/zero")
	require.NoError(t, syscall.Mkfifo("d/b.tick", 0o600))
	l, err := net.Listen("unix", "d/d.tick")
	require.NoError(t, err)
	defer l.Close()
	s := Set{Files: Files{Patterns: []string{"d"}, Is: isTick, MaxSize: 9}}
	x := s.Scan(false)
	require.Len(t, x.Files, 4)
	require.NoError(t, x.Files[0].Err)
	for i, want := range []string{"d/b.tick: not a regular file", "d/c.tick: not a regular file", "d/d.tick"} {
		require.ErrorContains(t, x.Files[i+1].Err, want)
		require.Empty(t, x.Files[i+1].Text)
	}
}
