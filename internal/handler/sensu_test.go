package handler

import (
	"bufio"
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
)

// sensuClient accepts one connection, reads a line and answers.
func sensuClient(t *testing.T, answer func(net.Conn)) (addr string, got chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	got = make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		line, _ := bufio.NewReader(conn).ReadString('\n')
		got <- line
		answer(conn)
	}()
	return l.Addr().String(), got
}

func say(text string) func(net.Conn) {
	return func(c net.Conn) { _, _ = c.Write([]byte(text)) }
}

func TestSensu(t *testing.T) {
	for _, c := range []struct {
		name    string
		config  SensuConfig
		options Sensu
		level   alert.Level
		want    string
	}{
		{
			"plain",
			SensuConfig{Source: "Kapacitor"},
			Sensu{},
			alert.Critical,
			`{"handlers":null,"name":"cpu.a","output":"cpu:host=a is CRITICAL","source":"Kapacitor","status":2}`,
		},
		{
			"options",
			SensuConfig{Source: "Kapacitor", Handlers: []string{"c"}},
			Sensu{Source: "{{ .Name }}", Handlers: []string{"a", "b"}, Metadata: map[string]any{"k": 1, "status": "mine"}},
			alert.Warning,
			`{"handlers":["a","b"],"k":1,"name":"cpu.a","output":"cpu:host=a is CRITICAL","source":"cpu","status":1}`,
		},
		{
			"OK",
			SensuConfig{Source: "x", Handlers: []string{"c"}},
			Sensu{},
			alert.OK,
			`{"handlers":["c"],"name":"cpu.a","output":"cpu:host=a is CRITICAL","source":"x","status":0}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr, got := sensuClient(t, say("ok"))
			c.config.Addr = addr
			e := event()
			e.ID, e.Level = "cpu.a", c.level
			require.NoError(t, opened(t, "sensu", &c.config).Send(t.Context(), e, &c.options))
			require.Equal(t, c.want+"\n", <-got)
		})
	}
}

func TestSensuFaults(t *testing.T) {
	e := event()
	e.ID = "cpu"
	addr, _ := sensuClient(t, say("invalid"))
	err := opened(t, "sensu", &SensuConfig{Addr: addr}).Send(t.Context(), e, &Sensu{})
	require.ErrorContains(t, err, "refused: invalid")
	require.True(t, permanent(err))

	addr, _ = sensuClient(t, func(net.Conn) {})
	err = opened(t, "sensu", &SensuConfig{Addr: addr}).Send(t.Context(), e, &Sensu{})
	require.ErrorContains(t, err, "no answer")
	require.False(t, permanent(err))

	ctx, cancel := context.WithCancel(t.Context())
	addr, _ = sensuClient(t, func(c net.Conn) { cancel(); _, _ = c.Read(make([]byte, 1)) })
	err = opened(t, "sensu", &SensuConfig{Addr: addr}).Send(ctx, e, &Sensu{})
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, permanent(err))

	err = opened(t, "sensu", &SensuConfig{Addr: "127.0.0.1:1"}).Send(t.Context(), e, &Sensu{})
	require.ErrorContains(t, err, "refused")
	require.False(t, permanent(err))

	err = send(t, opened(t, "sensu", &SensuConfig{Addr: addr}), &Sensu{})
	require.ErrorContains(t, err, `the ID "cpu:host=a" cannot name a check`)
	require.True(t, permanent(err))
	_, err = Lookup("sensu").Open([]any{&SensuConfig{}})
	require.ErrorContains(t, err, "addr is missing")
}
