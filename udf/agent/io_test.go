package agent_test

import (
	"bufio"
	"bytes"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/telegraf-tigk/telegraf-tigk/udf/agent"
)

func TestWriteMessage(t *testing.T) {
	for _, c := range []struct {
		msg  *agent.Request
		want string
	}{
		{&agent.Request{Message: &agent.Request_Info{Info: &agent.InfoRequest{}}}, "\x02\x0a\x00"},
		{&agent.Request{Message: &agent.Request_Keepalive{Keepalive: &agent.KeepaliveRequest{Time: 300}}}, "\x05\x1a\x03\x08\xac\x02"},
		{
			&agent.Request{Message: &agent.Request_Restore{Restore: &agent.RestoreRequest{Snapshot: make([]byte, 200)}}},
			"\xce\x01\x2a\xcb\x01\x0a\xc8\x01" + strings.Repeat("\x00", 200),
		},
		{
			&agent.Request{Message: &agent.Request_Point{Point: &agent.Point{ByName: true, FieldsBool: map[string]bool{"b": true}}}},
			"\x0c\x8a\x01\x09\x58\x01\x62\x05\x0a\x01b\x10\x01",
		},
	} {
		var out bytes.Buffer
		require.NoError(t, agent.WriteMessage(c.msg, &out))
		require.Equal(t, c.want, out.String())

		got := new(agent.Request)
		var buf []byte
		require.NoError(t, agent.ReadMessage(&buf, bufio.NewReader(&out), got))
		require.True(t, proto.Equal(c.msg, got))
	}
	tooLarge := &agent.RestoreRequest{Snapshot: make([]byte, agent.MaxMessage)}
	require.ErrorContains(t, agent.WriteMessage(tooLarge, io.Discard), "is larger than")
}

// TestReadLarge reads a message that comes in many pieces.
func TestReadLarge(t *testing.T) {
	want := &agent.RestoreRequest{Snapshot: bytes.Repeat([]byte("0123456789"), 100_000)}
	var out bytes.Buffer
	require.NoError(t, agent.WriteMessage(want, &out))
	got := new(agent.RestoreRequest)
	var buf []byte
	require.NoError(t, agent.ReadMessage(&buf, bufio.NewReaderSize(&out, 1000), got))
	require.True(t, proto.Equal(want, got))
}

// TestReadLie checks that a length costs no memory before its bytes are there.
func TestReadLie(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		var buf []byte
		err := agent.ReadMessage(&buf, bufio.NewReader(strings.NewReader("\x80\x80\x80\x20abc")), new(agent.Request))
		require.Equal(t, io.ErrUnexpectedEOF, err)
	}
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(100*256<<10))
}

func FuzzReadMessage(f *testing.F) {
	for _, s := range []string{"", "\x00", "\x02\x0a\x00", "\x80\x80\x80\x80\x10", "\x05\x1a\x03\x08\xac\x02\x02\x0a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		r := bufio.NewReader(strings.NewReader(in))
		var buf []byte
		for {
			m := new(agent.Request)
			if err := agent.ReadMessage(&buf, r, m); err != nil {
				return
			}
			var out bytes.Buffer
			require.NoError(t, agent.WriteMessage(m, &out))
			again := new(agent.Request)
			require.NoError(t, agent.ReadMessage(&buf, bufio.NewReader(&out), again))
			// Not proto.Equal: NaN is a value of a field.
			require.Equal(t, proto.Size(m), proto.Size(again))
		}
	})
}
